"""Read pickles of plain data: dictionaries, lists, text, numbers, and what a caller adds to these.

`pickle` does what a file tells it to. Here each step makes one plain value out of bytes that the
file has. What it names is looked up in a table, and is called only if it is one of our functions;
memory stays within a few times the file's size, and so does time.
"""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

Spend = Callable[[int], None]  # counts bytes that are made, and raises ValueError at too many
_SINGLE = {str, bytes, int, float, complex, bool, type(None)}
_SHARED = 10  # times the size of a file: parts that it may have, where one list stands in many


class Building:
    """What a pickle makes in two steps: by a function, then by `build`."""

    def build(self, spend: Spend, state: tuple) -> None:
        """Take the second step."""
        raise NotImplementedError


def is_key(one: object) -> bool:
    """Whether this can be a key: to look up nested tuples can take for ever, or all of the stack.
    """
    return type(one) in _SINGLE or (type(one) is tuple and {*map(type, one)} <= _SINGLE)


class _Machine:
    """The stack and the memo of a pickle; a method for each kind of step."""

    def __init__(self, size: int, names: Mapping[tuple[str, str], Any],
                 outside: Callable[[Any], object] | None = None):
        self.stack, self.below, self.memo = [], [], {}
        self._spare = 4 * size
        self._names, self._outside = names, outside

    def spend(self, count: int) -> None:
        self._spare -= count
        if self._spare < 0:
            raise ValueError("it would need far more memory than its size")

    def marked(self) -> list:
        items, self.stack = self.stack, self.below.pop()
        return items

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise IndexError
        if (module, name) not in self._names:
            raise ValueError(f"it asks for {module:.40}.{name:.40}, which a data file has no use "
                             "for")
        self.stack.append(self._names[module, name])

    def stack_name(self) -> None:
        name = self.stack.pop()
        self.name(self.stack.pop(), name)

    def from_outside(self) -> None:
        if self._outside is None:
            raise ValueError("it refers to another file, which a data file never does")
        self.stack.append(self._outside(self.stack.pop()))

    def together(self, kind: type, count: int | None = None) -> None:
        """Make a list or tuple of the topmost values, or of those since the mark."""
        items = self.marked() if count is None else [self.stack.pop() for _ in range(count)][::-1]
        self.stack.append(kind(items))

    def dictionary(self) -> None:
        items = self.marked()
        self.stack.append({})
        self.set(items)

    def extend(self, items: list) -> None:
        if type(self.stack[-1]) is not list:
            raise IndexError
        self.stack[-1].extend(items)

    def set(self, items: list) -> None:
        if type(self.stack[-1]) is not dict or not all(map(is_key, items[::2])):
            raise IndexError
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def pair(self) -> list:
        value = self.stack.pop()
        return [self.stack.pop(), value]

    def call(self) -> None:
        made_by, values = self.pair()
        if not isinstance(made_by, FunctionType) or not isinstance(values, tuple):
            raise IndexError
        self.stack.append(made_by(self.spend, *values))

    def build(self) -> None:
        made, state = self.pair()
        if not isinstance(made, Building) or not isinstance(state, tuple):
            raise IndexError
        made.build(self.spend, state)
        self.stack.append(made)


_STEPS: dict[str, Callable[[_Machine, Any], object]] = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING",
                     "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
                     "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
                     "FLOAT", "BINFLOAT", "NONE"), lambda m, value: m.stack.append(value)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"),
                    lambda m, at: m.memo.__setitem__(at, m.stack[-1])),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, at: m.stack.append(m.memo[at])),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda m, _: None),
    "MEMOIZE": lambda m, _: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "NEWTRUE": lambda m, _: m.stack.append(True), "NEWFALSE": lambda m, _: m.stack.append(False),
    "EMPTY_LIST": lambda m, _: m.stack.append([]), "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()), "MARK": lambda m, _: m.mark(),
    "LIST": lambda m, _: m.together(list), "TUPLE": lambda m, _: m.together(tuple),
    "TUPLE1": lambda m, _: m.together(tuple, 1), "TUPLE2": lambda m, _: m.together(tuple, 2),
    "TUPLE3": lambda m, _: m.together(tuple, 3), "DICT": lambda m, _: m.dictionary(),
    "APPEND": lambda m, _: m.extend([m.stack.pop()]), "APPENDS": lambda m, _: m.extend(m.marked()),
    "SETITEM": lambda m, _: m.set(m.pair()), "SETITEMS": lambda m, _: m.set(m.marked()),
    "GLOBAL": lambda m, names: m.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.stack_name(), "BINPERSID": lambda m, _: m.from_outside(),
    "REDUCE": lambda m, _: m.call(), "BUILD": lambda m, _: m.build(),
}


def load(content: bytes, names: Mapping[tuple[str, str], Any], steps: int,
         outside: Callable[[Any], object] | None = None) -> Any:
    """Return what a pickle of at most so many steps holds.

    names: by module and name, what a file may ask for. Functions are called with `Spend`, since a
        file can have the same bytes made often, and with what the file has for them.
    outside: returns what a file refers to by a "persistent id".

    Raises ValueError, or what these functions raise, for all that is not plain data.
    """
    machine = _Machine(len(content), names, outside)
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is written in damaged text
            for count, (opcode, value, _) in enumerate(pickletools.genops(content)):
                if count == steps:
                    raise ValueError("it has far more parts than a data file")
                if opcode.name not in _STEPS:
                    raise ValueError(f"it has a step {opcode.name}, which a data file never has")
                _STEPS[opcode.name](machine, value)
        found = machine.stack.pop()
        if _parts(found, {}) > _SHARED * len(content):
            raise ValueError("it has lists of the same lists, again and again")
        return found
    except (IndexError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError("its parts do not fit together") from problem


def _parts(one: object, known: dict[int, float]) -> float:
    """Return how many values this is made of; a list that holds itself is made of endless ones."""
    if not isinstance(one, dict | list | tuple):
        return 1
    if id(one) not in known:
        known[id(one)] = float("inf")
        known[id(one)] = 1 + sum(_parts(part, known) for part in (
            one.values() if isinstance(one, dict) else one))
    return known[id(one)]
