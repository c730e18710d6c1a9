"""The patients of the figure `Clinic`: small trainings with one fault each, measured once.

    make bench, or: python benchmarks/clinic.py

Writes helpers/measured/clinic.json, on the real CIFAR-10, in about five minutes on one core.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import measured_on
from torch import Tensor, nn

from helpers import BNLeNet, LeNet, load_cifar10, set_seed
from helpers.data import STAND_IN

OUTPUT = Path(__file__).parent.parent / "helpers" / "measured" / "clinic.json"
IMAGES, EPOCHS, VALIDATION, POINTS, SEED = 6_000, 8, 2_000, 120, 0
MOST = 1e3  # what is larger than this is not drawn

Batches = Iterable[tuple[Tensor, Tensor]]


class Run:
    """A healthy training of LeNet; a patient does one thing otherwise."""

    lr, epochs, each, size, shuffled = 0.05, EPOCHS, 1, 100, True

    def __init__(self, data):
        set_seed(SEED)
        self.train, self.val = self.choose(data.train), data.val.take(VALIDATION)
        self.model = self.network()
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(parameters, lr=self.lr, momentum=0.9)

    def choose(self, train):
        """Return the training images."""
        return train.take(IMAGES)

    def network(self) -> nn.Module:
        """Return a new network."""
        return LeNet()

    def input(self, images: Tensor) -> Tensor:
        """Return bytes as the network gets them."""
        return self.train.normalize(images)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch."""
        count = len(self.train)
        order = torch.randperm(count) if self.shuffled else torch.arange(count)
        for some in order.split(self.size):
            yield self.input(self.train.images[some]), self.train.labels[some]

    def validate(self) -> Batches:
        """Yield the batches of the validation."""
        self.model.eval()
        for images, labels in zip(self.val.images.split(500), self.val.labels.split(500),
                                  strict=True):
            yield self.input(images), labels

    def measured(self) -> dict:
        """Train and return the curves: points of batches, and one of each `each` epochs."""
        losses, rows = [], []
        for epoch in range(1, self.epochs + 1):
            self.model.train()
            hits = seen = 0
            for images, labels in self.batches():
                logits = self.model(images)
                loss = F.cross_entropy(logits, labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
                hits += (logits.argmax(1) == labels).sum().item()
                seen += len(labels)
            if epoch % self.each == 0:
                done = losses[-self.each * (len(losses) // epoch):]
                rows.append((sum(done) / len(done), hits / seen, *self.looked()))
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        curves = {name: [cut(value, 3) for value in column]
                  for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        # first ones of equal parts, not means: how they jump is a sign, too
        batches = [cut(losses[i * len(losses) // POINTS], 2) for i in range(POINTS)]
        return {"epochs": self.epochs, "batch_loss": batches, **curves}

    @torch.no_grad()
    def looked(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation images."""
        total, hits, count = 0.0, 0, 0
        for images, labels in self.validate():
            logits = self.model(images)
            total += F.cross_entropy(logits, labels, reduction="sum").item()
            hits += (logits.argmax(1) == labels).sum().item()
            count += len(labels)
        return total / count, hits / count


class Normed(Run):
    """The same with batch normalization."""

    def network(self):
        return BNLeNet()


class TooHigh(Run):
    lr = 0.3


class TooLow(Normed):
    lr = 0.0003


class Overfit(Normed):
    epochs, each = 40, 4

    def choose(self, train):
        return train.take(1_000)


class MoreData(Normed):
    """As many steps as `Overfit`, on ten times as many images."""

    epochs, each = 4, 1

    def choose(self, train):
        return train.take(10_000)


class Shuffled(Normed):
    def choose(self, train):
        some = train.take(IMAGES)
        return replace(some, labels=some.labels[torch.randperm(len(some))])


class InAnyOrder(Run):
    lr, epochs, size = 0.005, 3, 20


class Sorted(InAnyOrder):
    shuffled = False

    def choose(self, train):
        some = train.take(IMAGES)
        order = some.labels.argsort(stable=True)
        return replace(some, images=some.images[order], labels=some.labels[order])


class Softmax(Normed):
    def network(self):
        return nn.Sequential(BNLeNet(), nn.Softmax(dim=1))


class NoEval(Normed):
    def validate(self):
        for number in range(10):
            yield (self.input(self.val.images[self.val.labels == number]),
                   self.val.labels[self.val.labels == number])


class Bytes(Run):
    def input(self, images):
        return images.float()


RUNS: dict[str, Callable] = {
    "healthy": Run, "healthy, normed": Normed, "more data": MoreData, "any order": InAnyOrder,
    "too high": TooHigh, "too low": TooLow, "overfitting": Overfit, "shuffled": Shuffled,
    "sorted": Sorted, "softmax": Softmax, "eval": NoEval, "bytes": Bytes}


def cut(value: float, digits: int) -> float | None:
    """Return a number in few digits, None where it is too large to be drawn or none at all."""
    return round(value, digits) if math.isfinite(value) and value < MOST else None


def main() -> int:
    """Measure all."""
    data = load_cifar10()
    if data.source == STAND_IN:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    runs = {}
    for name, make in RUNS.items():
        runs[name] = make(data).measured()
        print(name, *(f"{one}: {values}" for one, values in runs[name].items()), sep="\n  ",
              flush=True)
    record = {**measured_on(), "source": data.source, "seed": SEED, "images": IMAGES,
              "validation images": VALIDATION, "runs": runs}
    OUTPUT.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
