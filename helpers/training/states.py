"""The states of all random generators that a run draws from, to be saved and brought back."""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from .plain import plain

_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_PYTHON, _NUMPY = random.getstate.__self__, np.random.get_state.__self__  # the common ones
LOADERS = (nn.Module, DataLoader, Dataset, Sampler)
_LIBRARIES = sys.stdlib_module_names | {"torch", "torchvision", "numpy", "scipy", "helpers"}
_MOST, _FEW = 20_000, 1_000  # objects looked at, and entries of a list that is no data


def random_states(own: Sequence = ()) -> dict:
    """Return the states of the generators that training draws from, on each device.

    own: those of the run's own, as `own_generators` finds them.
    """
    # tensors, not NumPy arrays: to read a file then needs to trust no code
    return {"python": _state(_PYTHON), "numpy": _state(_NUMPY), "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "mps": [torch.mps.get_rng_state()] if torch.backends.mps.is_available() else [],
            "own": [_state(one) for one in own]}


def set_random_states(states: dict, own: Sequence = ()) -> None:
    """Put the generators back to `states`, so that they draw the same numbers again."""
    for one, state in zip((_PYTHON, _NUMPY, *own),
                          (states["python"], states["numpy"], *states["own"]), strict=True):
        _set_state(one, state)
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    if states["mps"] and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"][0])


def own_generators(*roots: object) -> list:
    """Return the generators that the parts of a run keep for themselves, in a fixed order.

    roots: its loader, its loss, its model. Generators of PyTorch, of NumPy and of Python's random
    are found in their attributes and methods, in those of what is found there, and in what
    functions use; and so is what draws its order by the number of an epoch, `epoch`.
    """
    found, seen, kept = [], {id(_PYTHON), id(_NUMPY)}, []
    waiting = list(reversed(roots))
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        kept.append(one)  # alive, so that no other gets its id
        with suppress(Exception):  # an object that does not like to be looked at
            if isinstance(one, _GENERATORS) or _counts_epochs(one):
                found.append(one)
            waiting.extend(reversed([*_parts(one)]))
    return found


def out_of_reach(train: object, parts: Mapping[str, object]) -> str:
    """Say what lives where no checkpoint can reach it: a loader's random states, a part's own."""
    for name, part in parts.items():
        if not hasattr(part, "state_dict"):
            return (f"the {name}, a {type(part).__name__}, has no state_dict(), so that nobody "
                    "knows what is to be kept of it. Give it state_dict and load_state_dict")
    if isinstance(train, DataLoader) and train.persistent_workers:
        return ("the DataLoader has persistent_workers=True, and what these have drawn is known to "
                "them alone. Leave that out")
    return ""


def _counts_epochs(one: object) -> bool:
    return (hasattr(one, "__iter__") and hasattr(one, "__dict__")
            and type(vars(one).get("epoch")) is int)


def _parts(one: object) -> Iterator[Any]:
    """What an object is made of, as far as it can hold a generator."""
    if isinstance(one, dict | list | tuple | set):
        if len(one) <= _FEW:  # else it holds data
            yield from one.values() if isinstance(one, dict) else one
    elif isinstance(one, partial):
        yield from (one.func, one.args, one.keywords)
    elif (bound := getattr(one, "__self__", None)) is not None:  # a method
        yield from (bound, getattr(one, "__func__", None))
    elif isinstance(one, FunctionType) and not is_known(one.__module__):
        yield from (one.__defaults__, one.__kwdefaults__)
        yield from (one.__globals__.get(name) for name in one.__code__.co_names)
        for cell in one.__closure__ or ():
            with suppress(ValueError):  # not yet filled
                yield cell.cell_contents
    elif hasattr(one, "__dict__") and not isinstance(one, type | ModuleType | FunctionType):
        known = is_known(type(one).__module__)
        if not known or isinstance(one, LOADERS) or type(one).__module__.startswith("helpers."):
            yield from vars(one).values()
        if not known:
            yield from (part for part in vars(type(one)).values() if isinstance(part, FunctionType))


def is_known(module: str | None) -> bool:
    """Whether this is a module of a library that draws from the common generators only."""
    return (module or "").partition(".")[0] in _LIBRARIES


def _state(one: object) -> Any:
    """Return the state of one generator, of numbers, lists and tensors."""
    if isinstance(one, torch.Generator):
        return one.get_state()
    if isinstance(one, random.Random):
        version, numbers, gauss = one.getstate()
        return [version, torch.tensor(numbers), gauss]
    if isinstance(one, np.random.RandomState):
        kind, keys, *rest = one.get_state()
        return [str(kind), torch.tensor(np.asarray(keys, dtype=np.int64)), *rest]
    if isinstance(one, np.random.Generator):
        return plain(one.bit_generator.state, "numpy.random")
    return vars(one)["epoch"]


def _set_state(one: Any, state: Any) -> None:
    if isinstance(one, torch.Generator):
        one.set_state(state)
    elif isinstance(one, random.Random):
        version, numbers, gauss = state
        one.setstate((version, tuple(numbers.tolist()), gauss))
    elif isinstance(one, np.random.RandomState):
        kind, keys, place, *rest = state
        _check_place(place, len(keys))
        one.set_state((kind, keys.numpy().astype(np.uint32), place, *rest))
    elif isinstance(one, np.random.Generator):
        for numbers, place in ((state["state"].get("key", ()), state["state"].get("pos", 0)),
                               (state.get("buffer", ()), state.get("buffer_pos", 0))):
            _check_place(place, len(numbers))
        one.bit_generator.state = state
    else:
        one.epoch = state


def _check_place(place: int, count: int) -> None:
    """Raise ValueError for a place outside of a generator's numbers: NumPy reads there, unasked."""
    if not 0 <= place <= count:
        raise ValueError(f"place {place} of {count} numbers")
