# ruff: noqa: D101, D102
# A class here says what is done otherwise than in `Patient`, where everything is described.
"""Eight training loops for the clinic of chapter 9: one is healthy, the others have one fault each.

Look at their curves before you read on: the faults are in plain sight here.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import ImageData
from ..device import set_seed
from ..models import BNLeNet, LeNet
from ..training.fit import evaluate
from ..training.history import History

BATCH = 100


class Listed(list):
    """Images and labels in memory, cut into batches that are put into a new order in each epoch."""

    def __init__(self, images: Tensor, labels: Tensor):
        super().__init__(zip(images.split(BATCH), labels.split(BATCH), strict=True))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[i] for i in torch.randperm(len(self)).tolist())


class Patient:
    """A training loop as a learner wrote it, on `count` images an epoch."""

    Net = LeNet
    lr = 0.05

    def __init__(self, data: ImageData, count: int):
        self.data = data
        self.model = self.new_model().to(data.train.images.device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.lr, momentum=0.9)
        self.batches = self.cut(count)

    def new_model(self) -> nn.Module:
        """Return an untrained network."""
        return self.Net()

    def cut(self, count: int) -> Iterable[tuple[Tensor, Tensor]]:
        """Return the batches of an epoch."""
        return self.data.train.batches(BATCH, num_samples=count)

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Train on one batch and return its loss."""
        self.model.train()
        loss = F.cross_entropy(self.model(images), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def test(self) -> float:
        """Return the accuracy on the validation images."""
        return evaluate(self.model, self.data.val)[1]

    @property
    def batch(self) -> tuple[Tensor, Tensor]:
        """Ten batches in one, 1,000 images: what `diagnose` looks at."""
        images, labels = zip(*islice(self.batches, 10), strict=True)
        return torch.cat(images), torch.cat(labels)


class PatientA(Patient):
    def new_model(self):
        return nn.Sequential(LeNet(), nn.Softmax(dim=1))


class PatientB(Patient):
    def step(self, images, labels):
        self.model.train()
        loss = F.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss


class PatientC(Patient):
    Net = BNLeNet

    def test(self):
        val = self.data.val
        images, hits = val.normalize(val.images), 0
        with torch.no_grad():
            for number in range(len(val.classes)):    # class by class, to print it
                preds = self.model(images[val.labels == number]).argmax(1)
                hits += (preds == number).sum().item()
        return hits / len(val)


class PatientD(Patient):
    Net = BNLeNet

    def prepare(self, images):    # uint8, as the data set stores them
        return (images - 128) / 64

    def cut(self, count):
        train = self.data.train.take(count)
        return Listed(self.prepare(train.images), train.labels)

    def test(self):
        val = self.data.val
        return evaluate(self.model, [(self.prepare(val.images), val.labels)])[1]


class PatientE(Patient):
    Net = BNLeNet


class PatientF(Patient):
    def step(self, images, labels):
        self.model.train()
        log_probabilities = F.log_softmax(self.model(images), dim=0)
        loss = F.cross_entropy(log_probabilities, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss


class PatientG(Patient):
    Net = BNLeNet

    def cut(self, count):
        train = self.data.train.take(count)
        order = torch.randperm(len(train), device=train.labels.device)
        return Listed(train.normalize(train.images[order]), train.labels)


class PatientH(Patient):
    lr = 1.0


PATIENTS = {"A": PatientA, "B": PatientB, "C": PatientC, "D": PatientD,
            "E": PatientE, "F": PatientF, "G": PatientG, "H": PatientH}


def train_patient(make: Callable[[ImageData, int], Patient], data: ImageData, *, epochs: int,
                  images: int) -> History:
    """Train a patient on `images` images for `epochs`; return its curves, those of batches too."""
    set_seed(0)
    patient, history = make(data, images), History(source=data.source)
    for _ in range(epochs):
        losses = [patient.step(images, labels).item() for images, labels in patient.batches]
        history.batch_loss += losses
        history.train_loss.append(sum(losses) / len(losses))
        history.val_accuracy.append(patient.test())
    return history
