"""Checks which parameters are trained: they need a gradient and an optimizer. See `diagnose`."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from .case import Case
from .finding import Finding
from .restore import restored_afterwards


def held_by(optimizers: Iterable[Optimizer]) -> set[Tensor]:
    """Return the parameters that the optimizers train."""
    return {p for optimizer in optimizers for group in optimizer.param_groups
            for p in group["params"]}


def check_parameters(case: Case) -> Iterator[Finding]:
    """Yield which parameters stay as they are, unless that is meant, as far as can be seen.

    Meant is what has no gradient, and is in no optimizer either.
    """
    named = dict(case.model.named_parameters())
    held = held_by(case.moving)
    free = {name for name, p in named.items() if case.moving and p not in held}
    yield from _frozen(case, named, free)
    wanted = {name: p for name, p in named.items() if p.requires_grad}
    reached = case.trace.seen.reached if case.trace else set()
    without = [name for name, p in wanted.items() if name not in free and id(p) not in reached
               and case.gradients.get(name, 0) is None]
    if without:
        yield Finding("no gradient", f"{len(without)} of {len(wanted)} parameters get no gradient, "
            f"{without[0]} for one: forward does not use them, or detach(), .data, numpy or "
            "no_grad cuts the graph behind them. They stay as they are.")
    trained = held_by(case.optimizers or case.moving)
    if case.moving and wanted and not trained & {*wanted.values()}:
        yield Finding("parameters not in the optimizer", "None of the model's parameters is in the "
            "optimizer, and what is not there is never changed. Was the model made anew after the "
            "optimizer? Make the optimizer last, from model.parameters() of this model.")
        return
    changed = case.trace.changed if case.trace else set()
    missing = [name for name in wanted if name in free and id(wanted[name]) not in changed
               and (not reached or id(wanted[name]) in reached)
               and case.gradients.get(name, 0) is not None]
    if missing:
        yield Finding("parameters not in the optimizer", f"{len(missing)} of the model's "
            f"{len(wanted)} parameters, {missing[0]} for one, are not in the optimizer, and what "
            "is not there is never changed. Give it model.parameters(), all of them, unless those "
            "are to stay as they are.")


def _frozen(case: Case, named: Mapping[str, Tensor], free: set[str]) -> Iterator[Finding]:
    frozen = [name for name, p in named.items() if not p.requires_grad]
    what = (f"{len(frozen)} of {len(named)} parameters have requires_grad=False, "
            f"{frozen[0]} for one, and no step changes them") if frozen else ""
    # What is taken over trained comes first: a frozen end is hardly meant.
    if frozen and (not case.moving or len(frozen) == len(named) or (
            {*frozen} - free and _frozen_end(case))):
        yield Finding("frozen parameters", f"{what}. That is right for layers that you took over "
            "trained; else call requires_grad_(True) on them.")
    elif not {*frozen} <= free:
        case.unseen.append(f"whether that is meant: {what}")


def _frozen_end(case: Case) -> bool:
    """Return whether what the model gives comes straight out of a layer that is frozen."""
    given = []
    with restored_afterwards(case.model) as undo, torch.no_grad(), contextlib.suppress(Exception):
        for module in case.model.modules():
            own = list(module.parameters(recurse=False))
            if own and not any(p.requires_grad for p in own):
                undo.callback(module.register_forward_hook(
                    lambda _, __, output: given.append(output)).remove)
        outputs = case.model.eval()(case.few[:2].clone())
        return any(outputs is each for each in given)
    return False
