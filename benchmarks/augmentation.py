"""Chapter 8's smaller experiments for several seeds: few images, changed ones, strong changes.

    make bench, or: python benchmarks/augmentation.py [--seeds 3]

Writes helpers/measured/augmentation.json, whose ranges the chapter cites. The ladder's last rung
has a benchmark of its own, ladder.py.
"""

from cells import measure


def collect(names: dict) -> dict:
    """Return the accuracies of all experiments."""
    run = {f"few, {name}": {"training": history.train_accuracy[-1],
                            "validation": history.val_accuracy[-1]}
           for name, history in names["by_few"].items()}
    run["under changes"] = names["by_change"]
    run["asked"] = {"once": names["once"], "twice": names["twice"]}
    run["three epochs"] = names["by_strength"]
    speeds = list(names["speeds"].values())
    run["times as fast in memory"] = speeds[1] / speeds[0]
    return run


if __name__ == "__main__":
    measure(__doc__, "08", ["set-up", "photographs"],
            ["few", "speeds", "accuracy-under", "by-change", "flip-average", "by-strength"],
            collect, "augmentation.json")
