"""What must be the same in two runs, for one to go on where the other stopped."""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from operator import length_hint
from typing import Any

import torch.distributed as dist
from torch import nn

from .forms import device_of
from .plain import plain

_MOMENTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
# Of an optimizer's options: how it computes; and what schedules change.
_HOW = {"params", "foreach", "fused", "capturable", "differentiable"}
_CHANGED = {"lr", "momentum", "betas"}


def settings(train: Any, autocast: Any = None, *, model: nn.Module, optimizer: Any = None,
             scheduler: Any = None, batch_scheduler: Any = None, **_: Any) -> dict[str, Any]:
    """Return by name what the learner has chosen for a run, as numbers, texts and lists.

    What changes while training goes on is not in it, so that the same objects give the same
    settings at any moment. None is what nobody knows.
    """
    ranks = dist.is_available() and dist.is_initialized()  # each draws and reads its own
    found = {"rank": dist.get_rank() if ranks else 0,
             "number of ranks": dist.get_world_size() if ranks else 1,
             "device": getattr(device_of(model), "type", None),
             "number of batches in an epoch": length_hint(train) or None,
             "batch_size": getattr(train, "batch_size", None),
             "number of images": length_hint(getattr(train, "dataset", ())) or None,
             "autocast": str(autocast),
             "list of frozen parameters": [
                 name for name, p in model.named_parameters() if not p.requires_grad]}
    if optimizer is not None:
        names = {id(p): name for name, p in model.named_parameters()}
        found["optimizer"] = type(optimizer).__name__
        found["list of the optimizer's parameters"] = [
            [names.get(id(p), "") for p in group["params"]] for group in optimizer.param_groups]
        leave = _HOW | (_CHANGED if scheduler or batch_scheduler else set())
        found |= {f"optimizer's {name}": [group.get(name) for group in optimizer.param_groups]
                  for name in optimizer.param_groups[0] if name not in leave}
    for name, schedule in (("scheduler", scheduler), ("batch_scheduler", batch_scheduler)):
        if schedule is not None:
            found[name] = type(schedule).__name__
            found |= {f"{name}'s {key}": value for key, value in _of_schedule(schedule)}
    return {name: _simple(value) for name, value in found.items()}


def chosen_by(schedule: Any) -> Iterator[str]:
    """Yield the names of attributes that hold what a schedule was made with."""
    chosen = {*inspect.signature(type(schedule).__init__).parameters} - {
        "self", "optimizer", "last_epoch", "verbose"}
    for name in (*sorted(chosen), "base_lrs", "schedule_phases"):
        yield from (name, f"_{name}")


def _of_schedule(schedule: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a schedule was made with, as far as it remembers it."""
    for name in chosen_by(schedule):
        if name in vars(schedule) and not callable(vars(schedule)[name]):
            yield name.strip("_"), vars(schedule)[name]
    for at, function in enumerate(getattr(schedule, "lr_lambdas", ())):
        for moment in _MOMENTS:
            with suppress(Exception):  # not made for so many steps
                yield f"lr_lambda {at} after {moment} steps", float(function(moment))
    for at, part in enumerate(getattr(schedule, "_schedulers", ())):
        for name, value in _of_schedule(part):
            yield f"part {at}: {name}", value


def _simple(value: Any) -> Any:
    """Return a value as a file holds it, or None."""
    with suppress(TypeError):
        return plain(value, "")
    return None
