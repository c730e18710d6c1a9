"""LeNet on CIFAR-10: the classic loop against ours, in turn, on the same images, several seeds.

    make bench, or: python benchmarks/lenet.py [--seeds 3]

* classic: batches of 4 from a DataLoader with 2 workers and torchvision's transforms, SGD 0.001
  with momentum 0.9, 2 epochs over the 50,000 training images. The recipe of the best-known PyTorch
  tutorial.
* without workers: the same, with the images made in the training process itself.
* ours: the same network class through `load_cifar10`, `batches` and `fit`, as chapter 5 calls them
  (`helpers.lenet_recipe`), on 45,000 of those images: the other 5,000 are for validation,
  which is timed too.
* bare: what `fit` does, written as a bare loop over the same batches. How much does `fit` cost?

Writes helpers/measured/lenet.json, which the chapters cite.
"""

import json
import statistics
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import measured_on
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from helpers import LeNet, class_accuracy, fit, lenet_recipe, predict, set_seed
from helpers.data import STAND_IN, load_cifar10

RESULT = Path(__file__).parent.parent / "helpers" / "measured" / "lenet.json"


class ClassicDataset(Dataset):
    """One image at a time through PIL and transforms, as torchvision.datasets.CIFAR10 does it."""

    def __init__(self, *splits):
        self.images = torch.cat([s.images for s in splits]).permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = torch.cat([s.labels for s in splits]).tolist()
        self.transform = transforms.Compose([transforms.ToTensor(),
                                             transforms.Normalize((0.5,) * 3, (0.5,) * 3)])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def marks(model, test, labels) -> dict:
    """Return the accuracy on the images `test`, whole and by class."""
    preds = predict(model, test).argmax(1)
    return {"accuracy": int((preds == labels).sum()) / len(labels),
            "per_class": class_accuracy(preds, labels, 10).tolist()}


def classic(data, seed: int, workers: int = 2) -> dict:
    """Train as the classic tutorial does; time the training alone."""
    set_seed(seed)
    loader = DataLoader(ClassicDataset(data.train, data.val), batch_size=4, shuffle=True,
                        num_workers=workers)
    model = LeNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    started = time.perf_counter()
    for _ in range(2):
        running = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
    seconds = time.perf_counter() - started
    test = DataLoader(ClassicDataset(data.test), batch_size=1000)
    return {"seconds": seconds, "images": 100_000, **marks(model, test, data.test.labels)}


def ours(data, seed: int) -> dict:
    """Train as chapter 5 does; time `fit` whole, validation included."""
    set_seed(seed)
    model = LeNet()
    train = data.train.batches(64, num_samples=15_000)
    started = time.perf_counter()
    fit(model, train, data.val, epochs=4, verbose=False, **lenet_recipe(model, 4 * len(train)))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "images": 60_000, **marks(model, data.test, data.test.labels)}


def overhead(data, seed: int, pairs: int = 12) -> float:
    """Return the time of an epoch by `fit` (without validation) over that of the bare loop.

    The median over pairs, one right after the other: the machine's own drift cancels.
    """
    def epoch(kind: str) -> float:
        set_seed(seed)
        model = LeNet()
        train = data.train.batches(64, num_samples=15_000)
        recipe = lenet_recipe(model, len(train))
        started = time.perf_counter()
        if kind == "fit":
            fit(model, train, epochs=1, verbose=False, **recipe)
        else:
            model.train()
            for images, labels in train:
                loss = F.cross_entropy(model(images), labels)
                recipe["optimizer"].zero_grad()
                loss.backward()
                recipe["optimizer"].step()
                recipe["batch_scheduler"].step()
        return time.perf_counter() - started

    ratios = []
    for pair in range(pairs):
        kinds = ("fit", "bare") if pair % 2 else ("bare", "fit")
        times = {kind: epoch(kind) for kind in kinds}  # in this order
        ratios.append(times["fit"] / times["bare"])
    return statistics.median(ratios)


def averaged(runs: list[dict]) -> dict:
    """Return the means of one contestant's runs over the seeds, and the spread of accuracy."""
    by_class = zip(*(run["per_class"] for run in runs), strict=True)
    return {"seconds": statistics.mean(run["seconds"] for run in runs),
            "accuracy": statistics.mean(run["accuracy"] for run in runs),
            "accuracy_spread": statistics.pstdev(run["accuracy"] for run in runs),
            "images": runs[0]["images"], "per_class": list(map(statistics.mean, by_class))}


def main() -> None:
    """Run all, print, and write the result."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    data = load_cifar10()
    contestants = {"classic": classic, "without workers": partial(classic, workers=0), "ours": ours}
    runs = {name: [] for name in contestants}
    warm = LeNet()  # the first steps of a process prepare kernels; neither side shall pay for that
    for size in (4, 64, 1000):
        fit(warm, data.train.batches(size, num_samples=5 * size), epochs=1, verbose=False,
            optimizer=torch.optim.SGD(warm.parameters(), lr=0.001, fused=True))
    for seed in seeds:
        for name, train in contestants.items():
            runs[name].append(run := train(data, seed))
            print(f"seed {seed}  {name:16} {run['seconds']:6.1f} s   {run['accuracy']:.2%}",
                  flush=True)
    costs = [overhead(data, seed) for seed in seeds]

    means = {name: averaged(found) for name, found in runs.items()}
    ratio = means["classic"]["seconds"] / means["ours"]["seconds"]
    result = {**measured_on(), "source": data.source, "seeds": len(seeds), "ratio": ratio,
              "fit_over_bare": statistics.median(costs), **means}
    print(f"ours in 1/{ratio:.1f} of the time of classic; fit over the bare loop: {costs}")
    if data.source == STAND_IN:
        print("Not stored: this was the stand-in.")
    else:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
