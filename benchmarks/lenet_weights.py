"""Train the LeNet that the site opens in the browser, and keep its weights in half precision.

    COURSE_DATA=… python benchmarks/lenet_weights.py [--epochs 12] [--seed 0]

The network and the recipe of chapter 5 (`LeNet`, `fit`, `lenet_recipe`, batches of 64), for more
epochs, on all training images, with the random flips of chapter 8 and a lower highest rate, as a
longer run wants it. Minutes on one core.

Writes helpers/measured/lenet_weights.json: the weights as float16 in base64, in the order of
`LeNet().state_dict()`, and the accuracy on the test images that these rounded numbers reach.
`helpers.models.trained_lenet()` reads it.
"""

import base64
import json
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import numpy as np
from machine import measured_on

from helpers import (
    LeNet,
    class_accuracy,
    evaluate,
    fit,
    lenet_recipe,
    predict,
    random_flip,
    set_seed,
)
from helpers.data import STAND_IN, load_cifar10

RESULT = Path(__file__).parent.parent / "helpers" / "measured" / "lenet_weights.json"
MAX_LR = 0.025


def rounded(model: LeNet) -> bytes:
    """Round the weights of `model` to half precision, in place, and return them in their order."""
    state = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict({name: value.float() for name, value in state.items()})
    return np.concatenate([value.numpy().ravel() for value in state.values()]).tobytes()


def main() -> None:
    """Train, round, measure, and write the result."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data = load_cifar10()
    set_seed(asked.seed)
    model = LeNet()
    train = data.train.batches(64, augment=[random_flip])
    started = time.perf_counter()
    fit(model, train, data.val, epochs=asked.epochs,
        **lenet_recipe(model, asked.epochs * len(train), max_lr=MAX_LR))
    seconds = time.perf_counter() - started
    exact = evaluate(model, data.test)[1]
    weights = rounded(model)
    preds = predict(model, data.test).argmax(1)
    accuracy = (preds == data.test.labels).float().mean().item()
    print(f"{exact:.2%} of the test images, {accuracy:.2%} after rounding; {seconds:.0f} s")
    if data.source == STAND_IN:
        return print("Not stored: this was the stand-in.")
    by_class = class_accuracy(preds, data.test.labels, 10).tolist()
    result = {**measured_on(), "source": data.source, "command": " ".join(
                  ["python", "benchmarks/lenet_weights.py", *sys.argv[1:]]),
              "seed": asked.seed, "epochs": asked.epochs, "max_lr": MAX_LR,
              "seconds": round(seconds),
              "accuracy": round(accuracy, 4), "before rounding": round(exact, 4),
              "per_class": [round(one, 3) for one in by_class], "classes": data.classes,
              "mean": data.mean.tolist(), "std": data.std.tolist(),
              "weights": base64.b64encode(weights).decode()}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
