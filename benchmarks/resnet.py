"""Chapter 7's experiments for several seeds: networks by depth, and with blocks taken out.

    make bench, or: python benchmarks/resnet.py [--seeds 3]

Writes helpers/measured/resnet.json, whose ranges the chapter cites.
"""

from cells import measure


def collect(names: dict) -> dict:
    """Return losses and accuracies by depth, and what is left without a block."""
    run = {f"{kind}, {depth}": {"training loss": history.train_loss[-1],
                                "accuracy": history.val_accuracy[-1]}
           for (kind, depth), history in names["runs"].items()}
    for kind, left in names["left"].items():
        whole, *cut = left
        run[f"without a block, {kind}"] = {"whole": whole, "best": max(cut), "worst": min(cut)}
    run["one pass over half"] = names["history"].val_accuracy[-1]
    return run


if __name__ == "__main__":
    measure(__doc__, "07", ["set-up", "residual-block"],
            ["stack", "depths", "residual-depths", "without", "one-pass"], collect, "resnet.json")
