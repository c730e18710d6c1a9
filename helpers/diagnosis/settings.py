"""Checks of what an optimizer and its schedule are set to. See `diagnose`."""

from collections.abc import Iterator

from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, ReduceLROnPlateau

from .case import Case
from .finding import Finding
from .restore import restored_afterwards

AGAINST = -0.5  # cosine of gradients that lead uphill
# Part of the weights that a step may take away, and the largest weight decay of optimizers that
# divide it by the gradient's size; usual are 1e-5 and 1e-2.
SHRINKS, DECAY = 5e-3, 0.5
# A rate that shrinks to a thousandth in this many batches is one of epochs, and so is a cosine or a
# patience that is over after so few.
BATCHES, SHARE, SHORT = 300, 1e-3, 50


def check_direction(case: Case) -> Iterator[Finding]:
    """Yield whether training makes the loss larger."""
    groups = [group for optimizer in case.moving for group in optimizer.param_groups]
    signs = {"the loss is larger for right answers than for wrong ones": case.reversed,
             "the step goes against the gradients of the loss":
                 case.trace is not None and case.trace.direction < AGAINST,
             "the optimizer has maximize=True":
                 bool(groups) and all(group.get("maximize") for group in groups)}
    if sum(signs.values()) % 2:
        why = " and ".join(what for what, is_so in signs.items() if is_so)
        yield Finding("the loss is maximized", f"Training makes it worse on purpose: {why}. "
            "Backward and step take the loss downhill by themselves: leave the minus and "
            "maximize=True out.")


def check_decay(case: Case) -> Iterator[Finding]:
    """Yield whether weight decay takes the weights away faster than they can learn."""
    for optimizer in case.moving:
        for group in optimizer.param_groups:
            decay, lr = float(group.get("weight_decay", 0)), float(group["lr"])
            adaptive = not isinstance(optimizer, SGD | AdamW) and not group.get(
                "decoupled_weight_decay") and "betas" in group
            if (decay >= DECAY if adaptive else decay * lr >= SHRINKS):
                part = "" if adaptive else (
                    f", of which a step with lr = {lr:g} takes {100 * decay * lr:.2g} % away from "
                    "each weight")
                yield Finding("weight decay too high", f"The optimizer has weight_decay={decay:g}"
                    f"{part}: weights shrink to 0 faster than they can learn. 0.0001 to 0.01 is "
                    "usual, for AdamW up to 0.1.")
                return


def check_schedule(case: Case) -> Iterator[Finding]:
    """Yield whether a schedule that steps in the learner's step counts batches as epochs."""
    for schedule in case.trace.schedules if case.trace else []:
        groups = {id(group) for optimizer in case.moving for group in optimizer.param_groups}
        if groups and not groups & {id(group) for group in schedule.optimizer.param_groups}:
            yield Finding("schedule of another optimizer", f"Your step moves a "
                f"{type(schedule).__name__} of an optimizer that is not used there, so that the "
                "rate stays as it is. Make the schedule after the optimizer, and from it.")
        elif happens := _too_fast(case, schedule):
            yield Finding("schedule of epochs in the step", f"Your step moves a "
                f"{type(schedule).__name__} with each batch, and {happens}. Its numbers are those "
                "of epochs: call scheduler.step() once an epoch, after the loop over batches, or "
                "give it numbers of batches. (If your whole run has hardly more batches, that is "
                "as it should be.)")


def _too_fast(case: Case, schedule: LRScheduler) -> str:
    """Return what the schedule does within a few batches, if that is too fast."""
    optimizer: Optimizer = schedule.optimizer
    if isinstance(schedule, ReduceLROnPlateau):
        return (f"lowers the rate after {schedule.patience} batches without a new best"
                if schedule.patience < SHORT else "")
    if isinstance(schedule, CosineAnnealingLR):
        return (f"the rate is at its lowest after {schedule.T_max} batches and rises again"
                if schedule.T_max < SHORT else "")
    with restored_afterwards(case.model, [optimizer], lambda: schedule):
        start = float(optimizer.param_groups[0]["lr"])
        try:
            for _ in range(BATCHES):
                schedule.step()
        except Exception:  # it is over, as a OneCycleLR is
            return ""
        end = float(optimizer.param_groups[0]["lr"])
    # One that ends in a straight line, or in none, is at 0.
    return (f"after {BATCHES} batches the rate has gone from {start:.2g} to {end:.2g}"
            if 0 < end < SHARE * start else "")
