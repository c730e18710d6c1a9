"""A few steps on one batch, on trial: what they do to the loss and to the weights."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .case import Case
from .parameters import held_by
from .restore import draw_weights, length, restored_afterwards
from .trace import TRIED, Trial

STEPS = 12   # on one batch: momentum has built up after ten


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
            optimizer.step(loss.item)  # LBFGS, for one, wants a closure
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
