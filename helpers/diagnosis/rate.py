"""Checks of the optimizer: what it trains, and whether its learning rate is far off."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .case import Case
from .finding import Finding, stopped
from .restore import draw_weights, restored_afterwards

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


def check_optimizer(case: Case) -> Iterator[Finding]:
    """Yield whether the optimizers train the parameters of this model."""
    wanted = [name for name, p in case.model.named_parameters() if p.requires_grad]
    for optimizer in case.optimizers:
        held = _trained_by(case.model, optimizer)
        missing = [name for name in wanted if name not in held]
        if len(missing) == len(wanted) > 0:
            yield Finding("parameters not in the optimizer", "None of the model's parameters is in "
                "the optimizer, and what is not there is never changed. Was the model made anew "
                "after the optimizer? Make the optimizer last, from model.parameters() of this "
                "model.")
        elif missing:
            yield Finding("parameters not in the optimizer", f"{len(missing)} of the model's "
                f"{len(wanted)} parameters, {missing[0]} for one, are not in the optimizer, and "
                "what is not there is never changed. Give it model.parameters(), all of them, "
                "unless those are to stay as they are.")


def _trained_by(model: nn.Module, optimizer: Optimizer) -> set[str]:
    """Return the names of the parameters of `model` that the optimizer holds."""
    held = {p for group in optimizer.param_groups for p in group["params"]}
    return {name for name, p in model.named_parameters() if p in held}


def check_rate(case: Case) -> Iterator[Finding]:
    """Yield whether a learning rate is far too high or low, from a few steps on one batch."""
    if case.optimizer is None and case.step is None:
        case.unseen.append("the learning rate: pass optimizer=…")
    for optimizer in case.optimizers:
        if not case.ready or not _trained_by(case.model, optimizer):
            continue
        try:
            found = wrong_rate(case, optimizer)
        except Exception as problem:
            yield stopped("the optimizer raises", "A step of the optimizer", problem, "Is it one "
                "of PyTorch's, made for this model, with step(closure=None)?")
            continue
        # Little change has other reasons, too, if anything else is wrong.
        if found and (found.name == "learning rate too high" or not case.findings):
            yield found


def wrong_rate(case: Case, optimizer: Optimizer) -> Finding | None:
    """Return what is wrong with the learning rate.

    A model of which `consequences` are known, whose outputs are nan or all the same, cannot show
    it: such a one starts anew.

    Too high: the loss rises tenfold (from that of a guess, if it is lower), or a step changes the
    weights by so much that it rises half as high again, or does not fall by a tenth. Too low: no
    step changes the weights by 1/20,000. On fewer than 64 images, which a network learns by heart
    in a few steps, only the tenfold rise counts.
    """
    assert case.width is not None
    model, anew, chance = case.model, bool(case.consequences), math.log(case.width)
    with restored_afterwards(model, optimizer):
        if anew:
            optimizer.state.clear()
            draw_weights(model)
        losses, changes = _tried(case, optimizer)
    lr = float(optimizer.param_groups[0]["lr"])
    height = max(losses, key=lambda loss: loss if math.isfinite(loss) else math.inf)
    change, rise, count = max(changes, default=0.0), height / max(losses[0], chance), len(case.few)
    start = (f"{'From new weights, ' if anew else ''}{len(losses)} steps on the same "
             f"{min(count, TRIED)} images with lr = {lr:g} take the loss from")
    leaps = (change > LARGE_CHANGE and rise > LARGE_RISE) or (
        change > LEAPING_CHANGE and losses[-1] > LEAPING_FALL * losses[0])
    if not rise < RISE or (leaps and count >= TRIED):  # a rise of nan is not below it, either
        return Finding("learning rate too high", f"{start} {losses[0]:.2f} to {height:.3g}, where "
            f"it should fall. One step changes the weights by up to {100 * change:.3g} %; 0.1 to 1 "
            "% is usual. Each step leaps over the valley: try a tenth of it, and again. (Warm-up, "
            "a schedule that begins low, lets a network bear more.)")
    if not anew and changes and change < SMALL_CHANGE and losses[0] > SMALL_LOSS * chance:
        return Finding("learning rate too low", f"{start} {losses[0]:.4f} to {losses[-1]:.4f}. One "
            f"step changes the weights by {100 * change:.1g} %, where 0.1 to 1 % is usual: nothing "
            "is broken, but it would take for ever. Try ten times as much, and again. (At the end "
            "of a schedule that is as it should be.)")
    return None


def _tried(case: Case, optimizer: Optimizer) -> tuple[list[float], list[float]]:
    """Return the losses of a few steps on one batch, and by what part each changed the weights."""
    model, images, labels = case.model.train(), case.few[:TRIED], case.few_labels[:TRIED]
    weights = [p for p in model.parameters() if p.ndim > 1 and p.requires_grad]
    losses, changes = [], []

    def closure() -> Any:
        torch.manual_seed(0)  # the same units dropped each time, so that losses can be compared
        optimizer.zero_grad()
        loss = case.loss_fn(model(images.clone()), labels)
        loss.backward()
        return loss

    for _ in range(STEPS):
        before = [w.detach().clone() for w in weights]
        loss: Any = optimizer.step(closure)
        losses.append(loss.item())
        steps = [w.detach() - old for w, old in zip(weights, before, strict=True)]
        changes.append(_length(steps) / max(_length(before), 1e-12))
        if not math.isfinite(losses[-1] + changes[-1]):
            break
    return losses, changes


def _length(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(t.square().sum().item() for t in tensors))
