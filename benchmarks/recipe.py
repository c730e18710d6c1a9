"""Chapter 9's experiments for several seeds: schedules, warm-up, and one change at a time.

    make bench, or: python benchmarks/recipe.py [--seeds 3]

Writes helpers/measured/recipe.json, whose ranges the chapter cites.
"""

from cells import measure

LONGER = 5, 12_000  # epochs, and images in each


def collect(names: dict) -> dict:
    """Return the accuracies of all experiments, the last one also in longer runs."""
    runs = {"schedules": names["by_schedule"] | {"always 0.01": names["by_rate"]["always 0.01"]},
            "warm-up": names["warmed"]}
    found = {part: {name: run.val_accuracy[-1] for name, run in of.items()}
             for part, of in runs.items()}
    found["after one epoch"] = {name: run.val_accuracy[0] for name, run in names["by_rate"].items()}
    names["epochs_each"], names["images_each"] = LONGER
    longer = {name: names["recipe"](**change) for name, change in names["changes"].items()}
    for part, pairs in (("short", names["bought"]), ("longer", longer)):
        found[part] = {name: validation for name, (_, validation) in pairs.items()}
        found[f"{part}, training"] = {name: training for name, (training, _) in pairs.items()}
    return found


if __name__ == "__main__":
    measure(__doc__, "09", ["set-up", "warmup-cosine"],
            ["schedules-set-up", "schedules", "warm-up", "recipe", "bought"], collect,
            "recipe.json")
