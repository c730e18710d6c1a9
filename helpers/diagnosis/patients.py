"""Eight training loops for the clinic of chapter 9: one is healthy, the others have one fault each.

Look at their curves before you read on: the faults are in plain sight here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models import BNLeNet, LeNet
from ..training.fit import evaluate

BATCH = 100


@dataclass
class Patient:
    """A training loop as a learner wrote it.

    `step(images, labels)` trains on one batch and returns its loss; `test()` returns the accuracy
    on the validation images.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    step: Callable[[Tensor, Tensor], Tensor]
    test: Callable[[], float]
    batches: Iterable

    @property
    def batch(self) -> tuple[Tensor, Tensor]:
        """Ten batches in one, 1,000 images: what `diagnose` looks at."""
        images, labels = zip(*islice(self.batches, 10), strict=True)
        return torch.cat(images), torch.cat(labels)


def patient_a(data, count):
    """Return loop A."""
    model = nn.Sequential(LeNet(), nn.Softmax(dim=1)).to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Patient(model, optimizer, step, lambda: evaluate(model, data.val)[1],
                   data.train.batches(BATCH, num_samples=count))


def patient_b(data, count):
    """Return loop B."""
    model = LeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return Patient(model, optimizer, step, lambda: evaluate(model, data.val)[1],
                   data.train.batches(BATCH, num_samples=count))


def patient_c(data, count):
    """Return loop C."""
    model = BNLeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def test():
        images, labels = data.val.normalize(data.val.images), data.val.labels
        hits = 0
        with torch.no_grad():
            for number in range(len(data.classes)):    # class by class, to print it
                hits += (model(images[labels == number]).argmax(1) == number).sum().item()
        return hits / len(labels)

    return Patient(model, optimizer, step, test, data.train.batches(BATCH, num_samples=count))


class Listed(list):
    """Images and labels in memory, cut into batches that are put into a new order in each epoch."""

    def __iter__(self):
        return (self[i] for i in torch.randperm(len(self)).tolist())


def patient_d(data, count):
    """Return loop D."""
    model = BNLeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def prepare(images):    # uint8, as the data set stores them
        return (images - 128) / 64

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    train = data.train.take(count)
    batches = Listed(zip(prepare(train.images).split(BATCH), train.labels.split(BATCH),
                         strict=True))
    val = [(prepare(data.val.images), data.val.labels)]
    return Patient(model, optimizer, step, lambda: evaluate(model, val)[1], batches)


def patient_e(data, count):
    """Return loop E."""
    model = BNLeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Patient(model, optimizer, step, lambda: evaluate(model, data.val)[1],
                   data.train.batches(BATCH, num_samples=count))


def patient_f(data, count):
    """Return loop F."""
    model = LeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images, labels):
        model.train()
        log_probabilities = F.log_softmax(model(images), dim=0)
        loss = F.cross_entropy(log_probabilities, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Patient(model, optimizer, step, lambda: evaluate(model, data.val)[1],
                   data.train.batches(BATCH, num_samples=count))


def patient_g(data, count):
    """Return loop G."""
    model = BNLeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    train = data.train.take(count)
    order = torch.randperm(len(train.labels), device=train.labels.device)
    images = train.normalize(train.images[order])
    batches = Listed(zip(images.split(BATCH), train.labels.split(BATCH), strict=True))
    return Patient(model, optimizer, step, lambda: evaluate(model, data.val)[1], batches)


def patient_h(data, count):
    """Return loop H."""
    model = LeNet().to(data.train.images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)

    def step(images, labels):
        model.train()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Patient(model, optimizer, step, lambda: evaluate(model, data.val)[1],
                   data.train.batches(BATCH, num_samples=count))


PATIENTS = {"A": patient_a, "B": patient_b, "C": patient_c, "D": patient_d,
            "E": patient_e, "F": patient_f, "G": patient_g, "H": patient_h}
