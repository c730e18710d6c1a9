"""The ladder: what each change of the course buys, on the same images, for several seeds.

    make bench, or: python benchmarks/ladder.py [--seeds 3] [--parts speed rungs final textbook]
    [--stand-in]

Rungs: each network, 10 epochs on the 45,000 training images, accuracy on the 5,000 validation
images, one training on each processor at a time. The images per second are measured apart from that
(speed), with all threads, in turn. Final: the last rung, longer, on training and validation images
together, accuracy on the 10,000 test images, clocked. Textbook: torchvision's ResNet-18 as
textbooks train it, until the final run's seconds are over.

On the real CIFAR-10 it writes helpers/measured/ladder.json, part by part; the chapters cite its
rows. `--stand-in` does four rungs on the drawn images, 20 epochs on the first 5,000 of them, since
they are easier than photographs, and writes ladder_standin.json.
"""

import dataclasses
import json
import os
import statistics
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import measured_on
from torch import nn

from helpers import History, ImageSet, evaluate, fit, load_cifar10, random_flip, recipes, set_seed
from helpers.data import STAND_IN
from helpers.models import BNLeNet, FastResNet, FlipAverage, LeNet, count_parameters
from helpers.recipes import AUGMENT, FINAL_EPOCHS, lenet_recipe, merged, resnet_recipe

FOLDER = Path(__file__).parent.parent / "helpers" / "measured"
EPOCHS = 10


@dataclasses.dataclass
class Rung:
    """One row of the ladder: a network, and how it is trained."""

    network: Callable[[], nn.Module]
    recipe: Callable[[nn.Module, int], dict]
    batch_size: int = 250
    augment: Sequence = ()
    settings: dict = dataclasses.field(default_factory=dict)  # of `fit`, over those of the recipe

    def train(self, model: nn.Module, images: ImageSet, epochs: int) -> History:
        """Train a network of this rung on the images."""
        train = images.batches(self.batch_size, augment=self.augment)
        recipe = self.recipe(model, epochs * len(train)) | self.settings
        return fit(model, train, epochs=epochs, verbose=False, **recipe)


hard = partial(resnet_recipe, label_smoothing=0)  # labels of 0 and 1
LADDER = {  # LeNets at the highest rates that suit them
    "LeNet": Rung(LeNet, partial(lenet_recipe, max_lr=0.05), 64),
    "BN-LeNet": Rung(BNLeNet, partial(lenet_recipe, max_lr=0.2), 64),
    "ResNet": Rung(FastResNet, hard, settings={"autocast": None}),
    "in bfloat16": Rung(FastResNet, hard),
    "crop and flip": Rung(FastResNet, hard, augment=AUGMENT),
    "label smoothing": Rung(FastResNet, resnet_recipe, augment=AUGMENT),
}
LAST = "label smoothing"
STAND_IN_RUN = {"names": ("LeNet", "BN-LeNet", "ResNet", "crop and flip"), "few": 5_000,
                "epochs": 20}


def fresh(rung: Rung, seed: int) -> nn.Module:
    """Return the rung's network with the first weights of this seed."""
    set_seed(seed)
    model = rung.network()
    kept = rung.network in (LeNet, BNLeNet)
    return model if kept else model.to(memory_format=torch.channels_last)


def speeds(data) -> dict[str, float]:
    """Images per second of each rung: the fastest of five short trainings, all rungs in turn."""
    found = {name: [] for name in LADDER}
    for _ in range(5):
        for name, rung in LADDER.items():
            history = rung.train(fresh(rung, 0), data.train.take(6_000), 1)
            found[name].append(history.images_per_second)
    return {name: max(values) for name, values in found.items()}


def climb(name: str, seed: int, few: int | None, epochs: int) -> dict[str, float]:
    """Train one rung on one thread; return its accuracy, for the last one also asked twice."""
    torch.set_num_threads(1)
    data = load_cifar10(verbose=False)
    train, rung = data.train.take(few or len(data.train)), LADDER[name]
    model = fresh(rung, seed)
    rung.train(model, train, epochs)
    found = {name: evaluate(model, data.val)[1]}
    if name == LAST:
        found["asked twice"] = evaluate(FlipAverage(model), data.val)[1]
    print(seed, found, flush=True)
    return found


def rungs(seeds: int, names=tuple(LADDER), few: int | None = None,
          epochs: int = EPOCHS) -> dict[str, dict]:
    """Validation accuracy of each rung over the seeds, one training on each processor at a time."""
    found = {}
    with ProcessPoolExecutor(torch.get_num_threads(), mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(climb, name, seed, few, epochs) for seed in range(seeds)
                for name in names]
        for job in jobs:
            for name, accuracy in job.result().items():
                found.setdefault(name, []).append(accuracy)
    return {name: {"parameters": count_parameters(LADDER.get(name, LADDER[LAST]).network()),
                   "accuracy": statistics.mean(values), "accuracy_spread": statistics.stdev(values),
                   "by_seed": values} for name, values in found.items()}


def final(data, seeds: int) -> dict:
    """Train the last rung longer, on all but the test images; test accuracy and seconds by seed."""
    train, found = merged(data), []
    for seed in range(seeds):
        model = fresh(LADDER[LAST], seed)
        started = time.perf_counter()
        history = LADDER[LAST].train(model, train, FINAL_EPOCHS)
        seconds = time.perf_counter() - started
        found.append({"accuracy": evaluate(FlipAverage(model), data.test)[1],
                      "asked once": evaluate(model, data.test)[1], "seconds": seconds,
                      "images": sum(history.images)})
        print("final", seed, found[-1], flush=True)
    return {"epochs": FINAL_EPOCHS, "train_images": len(train), "runs": found,
            **{f"{name}_{f.__name__}": f(run[name] for run in found)
               for name in ("accuracy", "seconds") for f in (statistics.mean, statistics.stdev)},
            "images_per_second": statistics.mean(run["images"] / run["seconds"] for run in found)}


def textbook(data, seconds: float) -> dict:
    """Train ResNet-18 by the textbook, in float32, for `seconds`; what it has learned by then."""
    set_seed(0)
    model = recipes.textbook_resnet18()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    started, images_seen = time.perf_counter(), 0
    batches = merged(data).batches(256, augment=[random_flip])
    while (took := time.perf_counter() - started) < seconds:
        for images, labels in batches:
            model.train()
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            images_seen += len(labels)
            if (took := time.perf_counter() - started) >= seconds:
                break
    part = data.test.take(2_000)  # at its speed, all 10,000 would take minutes
    return {"images": images_seen, "seconds": took, "images_per_second": images_seen / took,
            "accuracy": evaluate(model, part)[1], "test_images": len(part)}


def main() -> None:
    """Run the parts, print, and write the result after each."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=["speed", "rungs", "final", "textbook"])
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--output", type=Path,
                        help="where to write instead of helpers/measured/ladder….json")
    arguments = parser.parse_args()
    if arguments.stand_in:
        os.environ["COURSE_DATA"], arguments.parts = "stand-in", ["rungs"]
    data = load_cifar10()
    if (data.source == STAND_IN) != arguments.stand_in:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    path = arguments.output or FOLDER / f"ladder{'_standin' if arguments.stand_in else ''}.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    special = STAND_IN_RUN if arguments.stand_in else {}
    work = {"speed": partial(speeds, data), "rungs": partial(rungs, arguments.seeds, **special),
            "final": partial(final, data, arguments.seeds),
            "textbook": lambda: textbook(data, record["final"]["seconds_mean"])}
    for part in arguments.parts:
        record[part] = work[part]()
        record |= {**measured_on(), "source": data.source, "seeds": arguments.seeds,
                   "epochs": special.get("epochs", EPOCHS)}
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(part, json.dumps(record[part]), flush=True)


if __name__ == "__main__":
    main()
