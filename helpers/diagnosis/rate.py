"""The check whether a learning rate is far off. See `diagnose`."""

import math
from collections.abc import Iterator

from torch.optim import Optimizer

from .case import Case
from .finding import Finding, stopped
from .parameters import held_by
from .trace import TRIED, Trial
from .trial import try_out


def check_rate(case: Case) -> Iterator[Finding]:
    """Yield whether a learning rate is far too high or low, from a few steps on one batch."""
    wanted = {p for p in case.model.parameters() if p.requires_grad}
    optimizers = [o for o in case.moving if wanted & held_by([o])]
    if not case.moving and case.step is None:
        case.unseen.append("the learning rate: pass optimizer=…")
    if not (case.ready and optimizers) or case.has(
            "weight decay too high", "the loss is maximized", "images not normalized"):
        return
    try:
        found = wrong_rate(case, optimizers)
    except Exception as problem:
        if case.trace is None:
            yield stopped("the optimizer raises", "A step of the optimizer", problem, "Is it one "
                "of PyTorch's, made for this model, with step(closure=None)?")
        else:
            case.unseen.append("the learning rate: the optimizer works in your step only")
        return
    # Little change has other reasons, too, if anything else is wrong.
    if found and (found.name != "learning rate too low" or not case.findings):
        yield found


def wrong_rate(case: Case, optimizers: list[Optimizer]) -> Finding | None:
    """Return what is wrong with the learning rate.

    A model of which `consequences` are known, whose outputs are nan or all the same, cannot show
    it: such a one starts anew.

    Too high: the loss rises tenfold (from that of a guess, if it is lower), or a step changes the
    weights by so much that it rises half as high again, or does not fall by a tenth. Too low: no
    step changes the weights by 1/20,000, not at the height of a schedule either. On fewer than 64
    images, which a network learns by heart in a few steps, only the tenfold rise counts.
    """
    case.trial = trial = try_out(case, optimizers)
    anew = bool(case.consequences)
    count = min(len(case.few), TRIED)
    if not math.isfinite(trial.losses[0]):  # that is no fault of the steps
        return None
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    rates = " and ".join(f"{lr:g}" for lr in dict.fromkeys(float(g["lr"]) for g in groups))
    start = (f"{'From new weights, ' if anew else ''}{len(trial.losses)} steps on the same {count} "
             f"images with lr = {rates} take the loss from {trial.losses[0]:.4g} to")
    if trial.too_high(count):
        if case.factor < 1 and not try_out(case, optimizers, clipped=True).too_high(count):
            return None
        return _too_high(case, trial, f"{start} {trial.height:.3g}")
    highest = [max(float(group[name]) for name in ("lr", "initial_lr", "max_lr") if name in group)
               for group in groups]
    scheduled = any(high > float(g["lr"]) for high, g in zip(highest, groups, strict=True))
    if not anew and trial.too_low and not (
            scheduled and not try_out(case, optimizers, rates=highest).too_low):
        return Finding("learning rate too low", f"{start} {trial.losses[-1]:.4g}. One step changes "
            f"the weights by {100 * trial.change:.1g} %, where 0.1 to 1 % is usual: nothing is "
            "broken, but it would take for ever. Try ten times as much, and again. (At the end of "
            "a schedule, or at the beginning of a warm-up, that is as it should be.)")
    return None


def _too_high(case: Case, trial: Trial, start: str) -> Finding:
    what = (f"{start}, where it should fall. One step changes the weights by up to "
            f"{100 * trial.change:.3g} %; 0.1 to 1 % is usual. ")
    if case.summed or case.summed_in_step:
        count = len(case.images)
        return Finding("learning rate too high", "The loss is a sum over the images of a batch, "
            f"not their mean, and gradients are {count} times as large for a batch of {count}. "
            f'{what}Take the mean, which is what reduction="mean" does, or divide the rate by the '
            "size of the batch.")
    return Finding("learning rate too high", f"{what}Each step leaps over the valley: try a tenth "
        "of it, and again. (Warm-up, a schedule that begins low, lets a network bear more.)")
