"""A few steps on one batch, on trial: what they do to the loss and to the weights."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .case import Case
from .parameters import held_by
from .restore import draw_weights, length, restored_afterwards

TRIED = 64   # images with which a learning rate is tried
STEPS = 12   # on one batch: momentum has built up after ten
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


def try_out(case: Case, optimizers: list[Optimizer], *, rates: list[float] | None = None,
            clipped: bool = False) -> Trial:
    """Let the optimizers make a few steps on one batch, all together, and take them back.

    A model with consequences of a fault starts from new weights. `rates`: of each group, in place
    of its own. `clipped`: with gradients that are no longer than those in the learner's step.
    """
    count = min(len(case.few), TRIED)
    trial = Trial(math.log(case.width or 1) * (count if case.summed else 1))
    with restored_afterwards(case.model, optimizers):
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        for group, rate in zip(groups, rates or [], strict=False):
            group["lr"] = rate
        if case.consequences:
            for optimizer in optimizers:
                optimizer.state.clear()
            draw_weights(case.model)
        _run(case, optimizers, trial, clipped)
    return trial


def _run(case: Case, optimizers: list[Optimizer], trial: Trial, clipped: bool) -> None:
    model, images, labels = case.model.train(), case.few[:TRIED], case.few_labels[:TRIED]
    held = held_by(optimizers)
    weights = [p for p in model.parameters() if p.ndim > 1 and p.requires_grad and p in held]

    def closure() -> Any:
        torch.manual_seed(0)  # the same units dropped each time, so that losses can be compared
        model.zero_grad()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = case.loss_fn(model(images.clone()), labels)
        loss.backward()
        _rescale(case, [p.grad for p in held if p.grad is not None], len(images), clipped)
        return loss

    for _ in range(STEPS):
        before = [w.detach().clone() for w in weights]
        loss: Any = optimizers[0].step(closure)
        for optimizer in optimizers[1:]:
            optimizer.step(lambda: loss)
        trial.losses.append(loss.item())
        steps = [w.detach() - old for w, old in zip(weights, before, strict=True)]
        if weights:
            trial.changes.append(length(steps) / max(length(before), 1e-12))
        if not math.isfinite(trial.losses[-1] + trial.change):
            break


def _rescale(case: Case, gradients: list[Tensor], count: int, clipped: bool) -> None:
    """Make gradients as long as those in the learner's step, if they are the same but for that."""
    if case.factor > 1:
        factor = count if case.summed_in_step else case.factor
    elif clipped and case.trace:
        longest = length([g for g in case.trace.gradients or [] if g is not None])
        factor = min(1, longest / max(length(gradients), 1e-30))
    else:
        return
    for gradient in gradients:
        gradient.mul_(factor)
