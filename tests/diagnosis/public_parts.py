"""What the programs of `public_healthy` and `public_faulty` are made of, and their tables.

They were written without a look at `helpers.diagnosis`, after what people publish: tutorials,
homework, kernels of competitions, scripts of libraries, threads in forums. Each is a function of
raw images (uint8) and labels (int64) that gives the keyword arguments its writer would pass to
`diagnose`; the first `TRAIN` images are the batch, the rest is for the evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

TRAIN = 256
HEALTHY: dict[str, "Healthy"] = {}
FAULTY: dict[str, "Faulty"] = {}


@dataclass(frozen=True)
class Healthy:
    write: Callable[..., dict]
    steps: int   # of its own, after which
    falls: float  # the loss on the batch is below this part of what it was


@dataclass(frozen=True)
class Faulty:
    """A program that takes `mended=True` too, and is then right."""

    write: Callable[..., dict]
    expected: str | tuple | None  # a name of NAMES, or several that would all be right
    # None: there is none yet (see `new`), or it cannot be known
    new: str | None       # what the finding would be called, where NAMES has no name for it
    says: str             # a regular expression that the printed text must match
    never: str            # one that it must not match: wrong advice
    also: tuple           # names that are consequences, and not wrong beside the expected one
    harm: str | Callable  # how it shows that the fault is one
    steps: int


def healthy(steps=20, falls=0.95):
    """Put a program into the table of healthy ones, its name for an id."""
    def put(write):
        HEALTHY[write.__name__] = Healthy(write, steps, falls)
        return write
    return put


def faulty(expected=None, *, new=None, says="", never="", also=(), harm="learns less", steps=25):
    """Put a program into the table of faulty ones.

    harm: "learns less", "raises" (and the mended one does not), "evaluates otherwise" (after the
    same training), "changed by the evaluation", or a function of the faulty and the mended
    program's arguments that is true.
    """
    def put(write):
        FAULTY[write.__name__] = Faulty(write, expected, new, says, never, also, harm, steps)
        return write
    return put


def standardized(images):
    """To mean 0 and deviation 1 per channel, as Normalize after ToTensor."""
    pixels = images.float() / 255
    mean, std = pixels.mean((0, 2, 3), keepdim=True), pixels.std((0, 2, 3), keepdim=True)
    return (pixels - mean) / std


def split(images, labels):
    """Images and labels of the batch, then those of the test."""
    return images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:]


def ready(images, labels):
    return split(standardized(images), labels)


def asked(model, batch, **more):
    """What is passed to `diagnose`."""
    return {"model": model, "batch": batch, **more}


def conv_net(outputs=10, channels=3):
    """A small convolutional network, quick on a CPU."""
    return nn.Sequential(nn.Conv2d(channels, 8, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, outputs))


def bn_net(outputs=10):
    """The same size with batch normalization."""
    return nn.Sequential(nn.Conv2d(3, 12, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(12),
                         nn.ReLU(), nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
                         nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(384, outputs))


def dense_net(outputs=10, *between):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), nn.ReLU(), *between,
                         nn.Linear(64, outputs))


def tested(model, images, labels):
    """The evaluation that most people write: a function without arguments, the accuracy."""
    def evaluate():
        model.eval()
        with torch.no_grad():
            return (model(images).argmax(1) == labels).float().mean().item()
    return evaluate


def plain_step(model, optimizer, criterion=F.cross_entropy):
    """The step that most people write."""
    def step(images, labels):
        model.train()
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step
