"""What loader, loss, model and hooks remember by themselves: settings, counters, averages.

It is found by looking into objects, as for random generators: whatever it is called, and wherever
it is kept. A value that changes during the run goes into the file of a checkpoint. One that does
not must be the same in the run that goes on, if it is an object's of PyTorch or of this course; if
it is the learner's own, such as a flag for a trial, a difference is told.
"""

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.utils.data import DataLoader

from .states import LOADERS, is_known, own_generators, random_states, set_random_states
from .values import brief, is_value, put, same, size, stored, words

_MOST, _FEW, _SMALL = 5_000, 32, 64  # objects that are looked at, parts of one, numbers kept anyway
_PYTHON = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
# Of a loader, what says which images come; of a module, what is not PyTorch's own bookkeeping.
_OF_LOADER = {"dataset", "sampler", "batch_sampler", "drop_last", "collate_fn"}
_GROUPS, _HOOKS = ("_parameters", "_buffers", "_modules"), ("_forward_hooks", "_forward_pre_hooks")
_OURS = {*vars(nn.Module())} - {*_GROUPS, *_HOOKS}
_FIRST: WeakKeyDictionary[Any, dict] = WeakKeyDictionary()  # values of when an object was first met


class Memory:
    """Values outside of all `state_dict`s, by name, and the states of random generators.

    `settings` are the values of when their object was first met, in a few numbers. What differs
    from them later has moved: a counter, an average.
    """

    def __init__(self, train: Any, loss_fn: Any, model: nn.Module, optimizer: Any = None,
                 val: Any = None):
        self.generators = own_generators(train, loss_fn, model)
        self.settings: dict[str, Any] = {}
        self.told: list[str] = []  # differences that a run may have
        self._places: dict[str, tuple[Any, Any]] = {}  # the container of a value, and its key there
        self._strict = {"kind of loss_fn"}  # names of values that must be the same
        self._states = {id(value) for value in model.state_dict(keep_vars=True).values()}
        self._seen: dict[int, Any] = {}
        hooks = [hook for when in ("pre", "post") for hook in
                 getattr(optimizer, f"_optimizer_step_{when}_hooks", {}).values()]
        self.settings["kind of loss_fn"] = getattr(loss_fn, "__name__", type(loss_fn).__name__)
        for name, root in (("train", train), ("loss_fn", loss_fn), ("model", model), ("val", val),
                           ("hook of the optimizer", hooks)):
            self._seen.clear()  # val may have the same data as train
            self._walk(name, root, {}, "", None, False)
        self._now = {name: brief(owner[key]) for name, (owner, key) in self._places.items()}
        self._back: set[str] = set()  # names of what a file brings back

    def states(self) -> dict:
        """Return the states of generators, and the values that are small or have moved."""
        kept = {}
        for name, (owner, key) in self._places.items():
            value = owner[key]
            if size(value) <= _SMALL or name in self._back or not same(
                    brief(value), self.settings[name]):
                kept[name] = stored(value, name)
        return {**random_states(self.generators), "kept": kept}

    def set_states(self, states: dict) -> None:
        """Put generators back, and those values that a file brings back."""
        set_random_states(states, self.generators)
        for name in self._back & states["kept"].keys():
            put(states["kept"][name], *self._places[name])

    def bring_back_all(self) -> None:
        """Let `set_states` put back every value."""
        self._back = {*self._places}

    def misfit(self, content: dict) -> str:
        """Say what is another value in a file's run; "" where nothing is. Note what comes back.

        A counter that began elsewhere in that run is a setting that has been changed: it stays.
        """
        theirs, kept = content["memory"], content["now"]["kept"]
        moved = {name for name in kept.keys() & theirs.keys()
                 if not same(brief(kept[name]), theirs[name])}
        for name, first in self.settings.items():
            there, here = theirs.get(name), self._now.get(name, first)
            if name in theirs and name not in moved and not same(there, here, 1e-5):
                said = (f"is of a run whose {name} is {there}, but yours is {here}"
                        if not isinstance(here, list) else f"is of a run with another {name}")
                if name in self._strict:
                    return said
                self.told.append(said)
        self._back = {name for name in self._places.keys() & kept.keys() & theirs.keys()
                      if same(theirs[name], self.settings[name], 1e-5)}
        return ""

    def _walk(self, name: str, one: Any, first: dict, at: str, place: tuple | None,
              strict: bool) -> None:
        """Note what an object holds; `first` is of the object that it belongs to, `at` from it."""
        if id(one) in self._states or len(self._seen) > _MOST:
            return
        again = id(one) in self._seen
        if is_value(one):
            with suppress(Exception):  # of a kind that no file holds
                self._note(name, first.setdefault(at, brief(one)), strict)
                stored(one, name)
                if place is not None and not again:
                    self._places[name] = place
            if size(one):
                self._seen[id(one)] = one
            return
        self._seen[id(one)] = one  # alive, so that no other gets its id
        with suppress(Exception):  # an object that does not like to be looked at
            bare = not hasattr(one, "__dict__")
            known = not bare and is_known(getattr(one, "__module__", None))
            if not isinstance(one, MethodType):  # which is made anew each time
                with suppress(TypeError):  # it has no hash, or cannot be referred to weakly
                    first, at = _FIRST.setdefault(one, {}), ""
            if known:
                self._note(name, getattr(one, "__name__", type(one).__name__), True)
            elif isinstance(one, tuple):
                self._note(f"number of parts of {name}", len(one), strict)
            for step, part, where in () if again else _parts(one, known):
                if isinstance(part, CodeType):
                    self._note(f"code of {name} in {_PYTHON}", sorted(words(part)), False)
                elif known or not isinstance(part, str):
                    self._walk(f"{name}{step}", part, first, f"{at}{step}", where,
                               known or (strict and bare))

    def _note(self, name: str, value: Any, strict: bool) -> None:
        self.settings[name] = value
        (self._strict.add if strict else self._strict.discard)(name)


def _parts(one: Any, known: bool) -> Iterator[tuple[str, Any, tuple | None]]:
    """Yield the parts of an object: by which step from it, and where they can be replaced."""
    if isinstance(one, dict | list | tuple):
        pairs = [*one.items()] if isinstance(one, dict) else [*enumerate(one)]
        for key, part in pairs if len(pairs) <= _FEW else ():
            yield f"[{key!r}]", part, None if isinstance(one, tuple) else (one, key)
    elif isinstance(one, partial | MethodType):
        names = ("func", "args", "keywords") if isinstance(one, partial) else ("__self__",)
        yield from (("", getattr(one, name), None) for name in names)
    elif isinstance(one, FunctionType):
        if not known:
            yield "", one.__code__, None
            for key, cell in zip(one.__code__.co_freevars, one.__closure__ or (), strict=True):
                yield f".{key}", cell.cell_contents, (_Cell(cell), 0)
            for key in one.__code__.co_names:
                part = one.__globals__.get(key)
                if isinstance(part, int | float | Tensor | FunctionType | nn.Module):
                    yield f".{key}", part, (one.__globals__, key)
    elif hasattr(one, "__dict__") and not isinstance(one, type) and (
            not known or isinstance(one, LOADERS) or type(one).__module__.startswith("helpers.")):
        skipped = {"epoch", *(_OURS if isinstance(one, nn.Module) else ())}
        only = (_OF_LOADER if known and isinstance(one, DataLoader) else
                _GROUPS if type(one).__module__.startswith("torch._") else None)  # it keeps ids
        for key, part in [*vars(one).items()]:
            if key in skipped or (only is not None and key not in only):
                continue
            if key in _GROUPS and isinstance(part, MutableMapping):
                yield from ((f".{inner}", value, (part, inner)) for inner, value in [*part.items()])
            elif key in _HOOKS and isinstance(part, MutableMapping):
                yield ".hooks", [*part.values()], None
            else:
                yield f".{key.lstrip('_')}", part, (vars(one), key)


@contextmanager
def untouched(loss_fn: Any) -> Iterator[None]:
    """Let a loss be tried, and put back what it has drawn, counted and averaged."""
    memory = Memory(None, loss_fn, nn.Identity())
    memory.bring_back_all()
    before = memory.states()
    try:
        yield
    finally:
        memory.set_states(before)


class _Cell:
    """The variable of a closure, as a list of one."""

    def __init__(self, cell: CellType):
        self.cell = cell

    def __getitem__(self, _: int) -> Any:
        return self.cell.cell_contents

    def __setitem__(self, _: int, value: Any) -> None:
        self.cell.cell_contents = value
