"""Chapter 6's experiments for several seeds: learning rates that work, and a longer race.

    make bench, or: python benchmarks/batch_norm.py [--seeds 3]

Writes helpers/measured/batch_norm.json, whose ranges the chapter cites.
"""

from cells import measure


def collect(names: dict) -> dict:
    """Return the accuracies of all experiments, and what the walks along the gradient found."""
    evaluate, val = names["evaluate"], names["val"]
    run = {f"{kind} at {rate}": accuracy for kind, found in names["by_rate"].items()
           for rate, accuracy in zip(names["rates"], found, strict=True)}
    run["sigmoids"] = evaluate(names["trained"][False], val)[1]
    run["sigmoids, normalized"] = evaluate(names["trained"][True], val)[1]
    run["after the activation"] = evaluate(names["late"], val)[1]
    for name, (losses, cosines, length) in names["walks"].items():
        run[f"{name}, loss falls by"] = losses[0] - min(losses)
        run[f"{name}, cosine at 0.1"] = cosines[2]
        run[f"{name}, gradient's length"] = length
    return run | {f"{name}, 8 epochs": history.val_accuracy[-1]
                  for name, history in names["race"].items()}


if __name__ == "__main__":
    measure(__doc__, "06", ["set-up", "sigmoid-lenet", "bn-lenet"],
            ["sigmoids", "late", "walk", "walks", "rates", "race"], collect, "batch_norm.json",
            changes={"evaluate(model, val)": "(0, 0)"})  # it prints only
