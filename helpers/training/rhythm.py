"""Before the first epoch: whose the optimizer is, and how often the rate is to change."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer, lr_scheduler

TINY = 1e-6  # of the highest rate: nothing is learned with it
_WAVES = lr_scheduler.OneCycleLR | lr_scheduler.CosineAnnealingLR
_FALLING = lr_scheduler.StepLR | lr_scheduler.MultiStepLR | lr_scheduler.ExponentialLR


def mistake(model: nn.Module, optimizer: Optimizer, scheduler: Any, batch_scheduler: Any) -> str:
    """Say what makes a training with these parts senseless; "" where nothing does."""
    theirs, own = _parameters(optimizer), {id(p) for p in model.parameters()}
    if not own:
        return ("the model has no parameters, so there is nothing to train. Layers in a Python "
                "list are not seen: put them into nn.ModuleList or nn.Sequential.")
    if not theirs & own:
        return ("the optimizer holds no parameter of this model, so nothing would be trained. Make "
                "it from model.parameters(), after the last change of the model.")
    if not any(p.requires_grad for group in optimizer.param_groups for p in group["params"]):
        return ("all parameters in the optimizer are frozen (requires_grad=False), so nothing "
                "would be trained. Call requires_grad_(True) on what is to learn.")
    for each in (scheduler, batch_scheduler):
        found = getattr(each, "optimizer", None)
        if isinstance(found, Optimizer) and not theirs & _parameters(found):
            return (f"{type(each).__name__} belongs to another optimizer, so the rate of this one "
                    "would stay as it is. Make it from the optimizer that you pass.")
    if scheduler is not None and scheduler is batch_scheduler:
        return ("the same schedule is scheduler, which steps once an epoch, and batch_scheduler, "
                "which steps once a batch. Choose one.")
    return ""


def forgotten(model: nn.Module, optimizer: Optimizer) -> str:
    """Say where the optimizer seems to hold what the model had before a change; "" where not."""
    theirs, own = _parameters(optimizer), {id(p) for p in model.parameters()}
    left = [name for name, p in model.named_parameters()
            if p.requires_grad and id(p) not in theirs]
    if not left or theirs <= own:
        return ""
    return (f"{len(left)} parameters of the model, {left[0]} for one, are not in the optimizer and "
            "stay as they are, while it holds some that are not the model's. Has a layer been "
            "replaced? Make the optimizer after the last change of the model.")


def _parameters(optimizer: Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def doubts(scheduler: Any, batch_scheduler: Any, epochs: int, per_epoch: int,
           over: int = 0) -> Iterator[str]:
    """Say where a schedule seems to count epochs as batches, or batches as epochs.

    epochs: those still to be done. per_epoch: batches in one, 0 where nobody knows. over: how many
    of the first epoch's are done.
    """
    kinds = [(scheduler, epochs, False)]
    if per_epoch:
        kinds.append((batch_scheduler, epochs * per_epoch - over, True))
    for schedule, steps, by_batch in kinds:
        if steps <= 0:  # all is done
            continue
        if isinstance(schedule, _WAVES):
            doubt = _of_waves(schedule, steps, per_epoch, by_batch)
        elif isinstance(schedule, _FALLING):
            doubt = _of_falls(schedule, steps, per_epoch, by_batch)
        else:
            continue
        if doubt:
            yield (f"{type(schedule).__name__} steps {steps} times in this run, once "
                   f"{'a batch' if by_batch else 'an epoch'}, {doubt}")


def has_vanished(rates: Sequence[float], first: float) -> bool:
    """Whether the last two of an epoch's `rates` are next to nothing beside the highest one."""
    return len(rates) > 1 and max(rates[-2:]) < TINY * max(first, *rates)


def _of_waves(schedule: Any, steps: int, per_epoch: int, by_batch: bool) -> str:
    """Doubts about schedules that are made for a number of steps."""
    one_cycle = isinstance(schedule, lr_scheduler.OneCycleLR)
    left = (schedule.total_steps if one_cycle else schedule.T_max) - schedule.last_epoch
    counts_batches = not by_batch and per_epoch and left >= 0.5 * steps * per_epoch
    hint = ("Give it the number of its steps: epochs * len(train) as batch_scheduler, epochs as "
            "scheduler.")
    if left > 2 * steps + 2 and (one_cycle or counts_batches):
        return f"but is made for {left}, so the rate stays near where it begins. {hint}"
    if one_cycle and left < steps:
        return f"but has {left} left, and PyTorch stops there. {hint}"
    if not one_cycle and left > 0 and steps >= max(left + 2, 1.5 * left):
        return f"but is at its lowest rate after {left}, and rises again from there. {hint}"
    return ""


def _of_falls(schedule: Any, steps: int, per_epoch: int, by_batch: bool) -> str:
    """Doubts about schedules that fall again and again, or at some steps."""
    done = schedule.last_epoch
    other = ("Does it count epochs? Then pass it as scheduler." if by_batch else
             "Does it count batches? Then pass it as batch_scheduler.")
    if isinstance(schedule, lr_scheduler.MultiStepLR):
        places = sorted(place - done for place in schedule.milestones.elements() if place > done)
    else:
        every = getattr(schedule, "step_size", 1)
        places = range(every - done % every, max(steps, every) + 1, every)
    falls = sum(place <= steps for place in places)
    share = schedule.gamma ** falls if 0 < schedule.gamma < 1 else 1
    if share < TINY:
        return f"by which the rate falls to {share:.0e} of what it is. {other if by_batch else ''}"
    if not places:
        return ""
    if not by_batch and per_epoch and places[0] > max(steps, per_epoch):
        return f"but changes the rate after {places[0]} only. {other}"
    if by_batch and isinstance(schedule, lr_scheduler.MultiStepLR) and steps > per_epoch and (
            places[-1] <= min(steps / per_epoch, per_epoch)):
        return f"and changes the rate for the last time after {places[-1]}. {other}"
    return ""
