"""Whether what a file says is the whole of a run, and of this run."""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from .history import History
from .settings import chosen_by

PARTS = ("model", "optimizer", "scheduler", "batch_scheduler", "scaler")
_NUMBERS = (bool, int, float)
_MOST = 1 << 53  # above it, whole numbers are no longer exact as floats
_OWN_SHAPES = {"LBFGS", "Adafactor"}  # optimizers of PyTorch that keep more than a copy a parameter


def is_damaged(content: dict, mine: dict) -> bool:
    """Whether `content` is not what a checkpoint holds; `mine` is what this run's would."""
    history, counts = content["history"], [content["epoch"], content["batch"]]
    return (content.keys() - {*PARTS} != mine.keys() - {*PARTS}
            or not all(type(count) is int and 0 <= count < _MOST for count in counts)
            or not all(type(content[name]) is dict for name in ("meter", "settings", "start",
                                                                  "memory"))
            or type(content["meter"].get("losses", [])) is not list
            or not _is_list(content["mark"], float) or not _are_states(content["now"], mine["now"])
            or (content["start"] != {} and not _are_states(content["start"], mine["now"]))
            or history.keys() != {field.name for field in fields(History)}
            or not all(_is_history(name, value) for name, value in history.items()))


def misfit(content: dict, mine: dict, parts: Mapping[str, Any]) -> str:
    """Say why a whole checkpoint is not one of the run of these parts; "" where it is."""
    # a device with another half precision needs no scaler, or begins with a new one
    found, wanted = (one.keys() & {*PARTS} - {"scaler"} for one in (content, mine))
    if found != wanted:
        return f"was saved with {_listed(found)}, but this run has {_listed(wanted)}"
    best = content["history"]["best_weights"]
    if not alike(content["model"], mine["model"]) or (
            best and not alike(best, mine["model"])):
        return "holds another network than yours"
    changed = {"device"}  # is told, and half precision goes with it
    if content["settings"].get("device") != mine["settings"].get("device"):
        changed |= {"autocast"}
    for name, value in mine["settings"].items():
        there = content["settings"].get(name)
        if name not in changed and None not in (value, there) and not _equal(value, there):
            return (f"is of a run whose {name} is {there}, but yours is {value}"
                    if len(f"{there}{value}") < 80 else f"is of a run with another {name}")
    there, here = (len(one["now"]["own"]) for one in (content, mine))
    if there != here:
        return (f"is of a run with {there} random generators or counters of epochs of its own, but "
                f"yours has {here}")
    for name in sorted(wanted - {"model"}):
        fits = _is_optimizer if name == "optimizer" else _is_schedule
        if not fits(content[name], mine[name], parts[name]):
            return f"does not fit: its {name} is another one than yours"
    if {*content} & {*mine} >= {"scaler"} and not alike(content["scaler"], mine["scaler"]):
        return "does not fit: its scaler is another one than yours"
    return ""


def alike(found: Any, mine: Any) -> bool:
    """Whether a value of a file can stand where `mine` stands: types, keys, lengths, shapes."""
    if isinstance(mine, Tensor):
        return (isinstance(found, Tensor) and found.shape == mine.shape
                and found.dtype == mine.dtype)
    if isinstance(mine, dict):
        return (type(found) is type(mine) and found.keys() == mine.keys()
                and all(alike(found[key], part) for key, part in mine.items()))
    if isinstance(mine, list | tuple):
        return (type(found) is type(mine) and len(found) == len(mine)
                and all(map(alike, found, mine)))
    kinds = {type(found), type(mine)}
    return len(kinds) == 1 or kinds <= {int, float} or (mine is None and type(found) in _NUMBERS)


def state_for(name: str, state: dict, part: Any) -> dict:
    """Return a state of a file as `part` takes it."""
    if name == "model":
        state = OrderedDict(state)
        state._metadata = getattr(part.state_dict(), "_metadata", None)  # pyright: ignore
    elif name == "optimizer":  # options that this version has, and the file's did not
        groups = zip(state["param_groups"], part.state_dict()["param_groups"], strict=True)
        state = {**state, "param_groups": [own | group for group, own in groups]}
    return state


def marks(batch: tuple[Tensor, Tensor]) -> list[float]:
    """Return a few numbers by which a batch is known again: how many, which, in which order."""
    found = [float(len(batch[1]))]
    for values in batch:
        rows = values.detach().cpu().double().reshape(len(values), -1).mean(1)
        order = torch.linspace(1, 2, len(rows), dtype=torch.float64)
        found += [rows.mean().item(), (rows * order).mean().item()]
    return found


def same_batch(one: list[float], other: list[float]) -> bool:
    """Whether two batches are the same, up to the rounding of another device."""
    return len(one) == len(other) and torch.allclose(
        torch.tensor(one), torch.tensor(other), rtol=1e-4, atol=1e-6, equal_nan=True)


def _is_list(value: Any, kind: type) -> bool:
    return type(value) is list and all(type(part) is kind for part in value)


def _is_history(name: str, value: Any) -> bool:
    if name in ("best_weights", "source"):
        return type(value) is (dict if name == "best_weights" else str)
    return _is_list(value, int if name == "images" else float) and (
        name != "images" or all(0 <= count < _MOST for count in value))


def _are_states(found: Any, mine: dict) -> bool:
    """Whether these are states of random generators; devices and own ones may be others."""
    return (found.keys() == mine.keys()
            and _is_state(found["python"], mine["python"])
            and all(alike(found[name], mine[name]) for name in ("numpy", "torch"))
            and all(_is_list(found[name], Tensor) for name in ("cuda", "mps"))
            and type(found["kept"]) is dict
            and type(found["own"]) is list and (len(found["own"]) != len(mine["own"])
                                                or all(map(_is_state, found["own"], mine["own"]))))


def _is_state(found: Any, mine: Any) -> bool:
    """Whether this is the state of such a generator; the last of Python's may be none yet."""
    if type(mine) is list and type(found) is list and len(mine) == 3:
        return alike(found[:2], mine[:2]) and type(found[2]) in (type(None), float)
    return alike(found, mine)


def _is_optimizer(found: Any, mine: dict, optimizer: Any) -> bool:
    """Whether this can be the state of `optimizer`, with what it keeps for each parameter."""
    groups, own = found["param_groups"], mine["param_groups"]
    params = [p for group in optimizer.param_groups for p in group["params"]]
    free = (type(optimizer).__name__ in _OWN_SHAPES
            or not type(optimizer).__module__.startswith("torch.optim."))
    return (found.keys() == mine.keys() and type(groups) is list and len(groups) == len(own)
            and all(type(group) is dict and group["params"] == one["params"]
                    and all(alike(group[key], one[key]) for key in one.keys() & group.keys())
                    for group, one in zip(groups, own, strict=True))
            and all(type(at) is int and 0 <= at < len(params) and type(kept) is dict
                    and all(free or _is_kept(value, params[at]) for value in kept.values())
                    for at, kept in found["state"].items()))


def _is_kept(value: Any, param: Tensor) -> bool:
    """Whether an optimizer can keep this for a parameter: a number, or a tensor of its shape."""
    if isinstance(value, Tensor):
        return value.shape in (param.shape, torch.Size())
    return value is None or type(value) in _NUMBERS


def _is_schedule(found: Any, mine: dict, schedule: Any) -> bool:
    """Whether this can be the state of a schedule; one may learn names as it goes on."""
    chosen, several = {*chosen_by(schedule)} & mine.keys(), "_schedulers"
    return (type(found) is dict and mine.keys() <= found.keys()
            and all(alike(found[key], mine[key]) for key in mine.keys() - chosen - {several})
            and all(_equal(found[key], mine[key]) for key in chosen - {several})
            and (several not in mine or (len(found[several]) == len(mine[several]) and all(
                map(_is_schedule, found[several], mine[several], schedule._schedulers))))
            and not any(hasattr(type(schedule), key) for key in found.keys() - mine.keys()))


def _equal(one: Any, other: Any) -> bool:
    """Whether two settings are the same, up to the last bits of a number."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9) or (one != one and other != other)
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and bool((one == other).all())
    return type(one) is type(other) and one == other


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names, key=PARTS.index)) or "nothing"
