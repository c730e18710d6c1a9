"""What a few calls of a learner's step have shown, and a few steps of an optimizer alone."""

import math
from dataclasses import dataclass, field

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .record import Recorder

TRIED = 64   # images with which a learning rate is tried
# Bounds of what a rate may do to loss and weights; `wrong_rate` says how each is used. Measured
# over 12 seeds on CIFAR-10, with LeNet, BNLeNet, FastResNet and a ResNet-8: with momentum, rates of
# 0.01 to 0.1 and Adam's of 0.0003 to 0.003 change weights by 0.0007 to 0.1, and none is called too
# high or low. 3 is called too high on all, 0.5 on the plain LeNet (11 of 12) and FastResNet: batch
# normalization bears more. 1e-6 is called too low on all, and nearly always 1e-5.
RISE = 10
LARGE_CHANGE, LARGE_RISE = 0.3, 1.5
LEAPING_CHANGE, LEAPING_FALL = 0.2, 0.9
SMALL_CHANGE, SMALL_LOSS = 5e-5, 0.2


@dataclass
class Trace:
    """What a few calls of a step have shown: `seen` by a recorder, and made of that."""

    seen: Recorder
    moved: bool = False   # some weight has changed, or an optimizer has made a step
    gradients: list[Tensor | None] | None = None  # the model's before an optimizer's first step
    alike: float = 0.0    # the cosine of a mark and the later gradients
    left: float = 0.0     # what part of the mark was in them
    direction: float = 0.0  # the cosine of `gradients` and those of the loss that was passed
    factor: float = 0.0   # how long they are along these
    # Of the gradients that are left after each call, until something moved
    lengths: list[float] = field(default_factory=list)
    calls: int = 0        # until something moved
    schedules: list[LRScheduler] = field(default_factory=list)  # those that have moved
    change: float = 0.0   # by what part the first move has changed the weights
    lost: float = 0.0     # which part of weights in half precision has stayed the same
    changed: set[int] = field(default_factory=set)  # numbers (`id`) of parameters that have moved

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those that moved."""
        return self.seen.optimizers


@dataclass
class Trial:
    """Losses of steps on the same images, and by what part each step changed the weights."""

    guess: float  # the loss of one that knows nothing
    losses: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)

    @property
    def change(self) -> float:
        """The largest change of a step."""
        return max(self.changes, default=0.0)

    @property
    def height(self) -> float:
        """The largest loss, infinite where it is no number."""
        return max(loss if math.isfinite(loss) else math.inf for loss in self.losses)

    def too_high(self, count: int) -> bool:
        """Return whether the rate was too high for `count` images."""
        losses, change = self.losses, self.change
        rise = self.height / max(losses[0], self.guess, 1e-12)
        leaps = (change > LARGE_CHANGE and rise > LARGE_RISE) or (
            change > LEAPING_CHANGE and losses[-1] > LEAPING_FALL * losses[0])
        return rise >= RISE or (leaps and count >= TRIED)

    @property
    def too_low(self) -> bool:
        """Whether the rate was too low; what has been learned changes little, too."""
        return (bool(self.changes) and self.change < SMALL_CHANGE
                and self.losses[0] > SMALL_LOSS * self.guess)
