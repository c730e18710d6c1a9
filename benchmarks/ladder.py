"""The ladder: what each change of the course buys, on the same images, for several seeds.

    make bench, or: python benchmarks/ladder.py [--seeds 3]

Trains each network for 10 epochs on the 45,000 training images of the real CIFAR-10. The accuracy is that on the
5,000 validation images; seconds are those of training alone. Writes helpers/measured_ladder.json, whose rows the
chapters cite.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from machine import measured_on

from helpers import BNLeNet, LeNet, count_parameters, fit, lenet_run, load_cifar10, set_seed
from helpers.data import STAND_IN

RESULT = Path(__file__).parent.parent / "helpers" / "measured_ladder.json"
EPOCHS = 10
# Each network with the highest rate that chapter 6 found to suit it.
NETWORKS = {"LeNet": (LeNet, 0.05), "BN-LeNet": (BNLeNet, 0.2)}


def train(name: str, data, seed: int) -> dict:
    """Train one network; return its accuracy, seconds and images."""
    network, rate = NETWORKS[name]
    set_seed(seed)
    model = network()
    run = lenet_run(model, data.train, EPOCHS, num_samples=len(data.train), max_lr=rate)
    history = fit(model, val=data.val, verbose=False, **run)
    return {"accuracy": history.val_accuracy[-1], "seconds": sum(history.seconds), "images": sum(history.images),
            "parameters": count_parameters(model)}


def main() -> None:
    """Run all, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    data = load_cifar10()
    if data.source == STAND_IN:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    runs = {name: [] for name in NETWORKS}
    for seed in range(seeds):
        for name in NETWORKS:  # in turn: what disturbs the machine disturbs all
            runs[name].append(train(name, data, seed))
            print(seed, name, runs[name][-1], flush=True)
    rows = {}
    for name, found in runs.items():
        accuracies = [run["accuracy"] for run in found]
        rows[name] = {"parameters": found[0]["parameters"], "accuracy": statistics.mean(accuracies),
                      "accuracy_spread": statistics.stdev(accuracies),
                      "seconds": statistics.mean(run["seconds"] for run in found),
                      "images_per_second": statistics.mean(run["images"] / run["seconds"] for run in found)}
    record = {**measured_on(), "source": data.source, "seeds": seeds, "epochs": EPOCHS, "rows": rows}
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
