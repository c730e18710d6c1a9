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
from collections.abc import Callable, Iterable, Mapping
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
from helpers.timing import wait_for

RESULT = Path(__file__).parent.parent / "helpers" / "measured" / "lenet.json"


class ClassicDataset(Dataset):
    """One image at a time through PIL and transforms, as torchvision.datasets.CIFAR10 does it."""

    def __init__(self, *splits):
        images = torch.cat([s.images for s in splits]).permute(0, 2, 3, 1)
        self.images = images.contiguous().cpu().numpy()
        self.labels = torch.cat([s.labels for s in splits]).tolist()
        self.transform = transforms.Compose([transforms.ToTensor(),
                                             transforms.Normalize((0.5,) * 3, (0.5,) * 3)])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def marks(model, test, labels) -> dict:
    """Return the accuracy on the images `test`, whole and by class."""
    preds, labels = predict(model, test).argmax(1), labels.cpu()
    return {"accuracy": int((preds == labels).sum()) / len(labels),
            "per_class": class_accuracy(preds, labels, 10).tolist()}


def classic(data, seed: int, workers: int = 2) -> dict:
    """Train as the classic tutorial does, where the data are; time the training alone."""
    set_seed(seed)
    device = data.train.images.device
    loader = DataLoader(ClassicDataset(data.train, data.val), batch_size=4, shuffle=True,
                        num_workers=workers)
    model = LeNet().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    started = time.perf_counter()
    for _ in range(2):
        running = 0.0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
    seconds = time.perf_counter() - started
    test = DataLoader(ClassicDataset(data.test), batch_size=1000)
    return {"seconds": seconds, "images": 2 * len(loader.dataset),
            **marks(model, test, data.test.labels)}


def ours(data, seed: int) -> dict:
    """Train as chapter 5 does; time `fit` whole, validation included."""
    set_seed(seed)
    model = LeNet().to(data.train.images.device)
    train = data.train.batches(64, num_samples=min(15_000, len(data.train)))
    started = time.perf_counter()
    fit(model, train, data.val, epochs=4, verbose=False, **lenet_recipe(model, 4 * len(train)))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "images": 4 * train.epoch_size,
            **marks(model, data.test, data.test.labels)}


def bare(model, train: Iterable, *, epochs: int, optimizer, batch_scheduler,
         loss_fn=F.cross_entropy, autocast: torch.dtype | None = None) -> None:
    """Do what `fit` does to the network, and nothing else."""
    device = next(model.parameters()).device.type
    scaler = torch.amp.GradScaler(device) if autocast is torch.float16 else None
    for _ in range(epochs):
        model.train()
        for images, labels in train:
            if autocast is None:
                loss = loss_fn(model(images), labels)
            else:
                with torch.autocast(device, autocast):
                    logits = model(images)
                loss = loss_fn(logits.float(), labels)
            optimizer.zero_grad()
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            batch_scheduler.step()


def fit_over_bare(start: Callable[[], tuple], pairs: int = 12) -> dict[str, float | list[float]]:
    """Return the time of a run by `fit` (without validation) over that of the bare loop.

    start: makes, each time alike, a network, its batches, and what else both take by name.
    """
    def seconds(kind: str) -> float:
        model, train, settings = start()
        device = next(model.parameters()).device
        wait_for(device)
        started = time.perf_counter()
        if kind == "fit":
            fit(model, train, verbose=False, **settings)
        else:
            bare(model, train, **settings)
        wait_for(device)
        return time.perf_counter() - started

    times = {"fit": [], "bare": []}
    for pair in range(pairs):
        for kind in ("fit", "bare") if pair % 2 else ("bare", "fit"):
            times[kind].append(seconds(kind))
    # pairs stand right after one another, so that the machine's own drift cancels
    ratios = [mine / theirs for mine, theirs in zip(times["fit"], times["bare"], strict=True)]
    return {"ratio": statistics.median(ratios), "ratios": ratios,
            **{f"{kind}_seconds": statistics.median(found) for kind, found in times.items()}}


def overhead(data, seed: int, pairs: int = 12) -> float:
    """Return the time of LeNet's epoch by `fit` over that of the bare loop."""
    def start() -> tuple[LeNet, Iterable, Mapping]:
        set_seed(seed)
        model = LeNet().to(data.train.images.device)
        train = data.train.batches(64, num_samples=min(15_000, len(data.train)))
        return model, train, {"epochs": 1, **lenet_recipe(model, len(train))}

    return fit_over_bare(start, pairs)["ratio"]


def averaged(runs: list[dict]) -> dict:
    """Return the means of one contestant's runs over the seeds, and the spread of accuracy."""
    by_class = zip(*(run["per_class"] for run in runs), strict=True)
    return {"seconds": statistics.mean(run["seconds"] for run in runs),
            "accuracy": statistics.mean(run["accuracy"] for run in runs),
            "accuracy_spread": statistics.pstdev(run["accuracy"] for run in runs),
            "images": runs[0]["images"], "per_class": list(map(statistics.mean, by_class))}


def contest(data, seeds: Iterable[int], contestants: Mapping[str, Callable]) -> dict:
    """Let all train in turn, for each seed; return their means, and how much faster ours is."""
    runs = {name: [] for name in contestants}
    # the first steps of a process prepare kernels; neither side shall pay for that
    warm = LeNet().to(data.train.images.device)
    for size in (4, 64, 1000):
        some = min(5 * size, len(data.train))
        fit(warm, data.train.batches(size, num_samples=some), epochs=1, verbose=False,
            optimizer=torch.optim.SGD(warm.parameters(), lr=0.001, fused=True))
    for seed in seeds:
        for name, train in contestants.items():
            runs[name].append(run := train(data, seed))
            print(f"seed {seed}  {name:16} {run['seconds']:6.1f} s   {run['accuracy']:.2%}",
                  flush=True)
    means = {name: averaged(found) for name, found in runs.items()}
    ratio = means["classic"]["seconds"] / means["ours"]["seconds"]
    print(f"ours in 1/{ratio:.1f} of the time of classic")
    return {"ratio": ratio, **means}


def main() -> None:
    """Run all, print, and write the result."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    data = load_cifar10()
    found = contest(data, seeds, {
        "classic": classic, "without workers": partial(classic, workers=0), "ours": ours})
    costs = [overhead(data, seed) for seed in seeds]
    result = {**measured_on(), "source": data.source, "seeds": len(seeds),
              "ratio": found.pop("ratio"), "fit_over_bare": statistics.median(costs), **found}
    print(f"fit over the bare loop: {costs}")
    if data.source == STAND_IN:
        print("Not stored: this was the stand-in.")
    else:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
