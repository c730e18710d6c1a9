"""Read pickles of plain data: dictionaries, lists, text, numbers, and arrays of numbers.

`pickle` does what a file tells it to. Here each step makes one plain value out of bytes that the
file has; nothing it names is called, and memory stays within a few times the file's size.
"""

import math
import pickletools
import re
import warnings
from types import FunctionType

import numpy as np

STEPS = 200_000  # that a file may take; one of CIFAR-10's takes 40,000
_NDARRAY = object()  # stands for the type numpy.ndarray, which can only be named


class _Dtype:
    """The type of an array's numbers, as a pickle makes it: from a name, then the byte order."""

    def __init__(self, name: object):
        if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?[biuf][1248]", name):
            raise ValueError("it has an array of something else than numbers")
        self.dtype = np.dtype(name)

    def build(self, _: "_Machine", state: tuple) -> None:
        if state[1] not in ("<", ">", "|", "=") or state[2:5] != (None, None, None):
            raise ValueError("it has an array of a strange type")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array, as a pickle makes it: empty, then filled."""
    def __init__(self):
        self.values = None

    def build(self, machine: "_Machine", state: tuple) -> None:
        _, shape, dtype, by_columns, raw = state
        self.fill(machine, raw, dtype, shape, "F" if by_columns is True else "C")

    def fill(self, machine: "_Machine", raw: object, dtype: object, shape: object,
             order: object) -> None:
        raw = machine.encoded(raw)
        if (not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or len(shape) > 4
                or not all(type(n) is int and 0 <= n <= len(raw) for n in shape)
                or math.prod(shape) * dtype.dtype.itemsize != len(raw)):
            raise ValueError("it has an array whose size is not that of its values")
        self.values = np.frombuffer(raw, dtype.dtype).reshape(
            shape, order="F" if order == "F" else "C")


def _reconstruct(_: "_Machine", kind: object, *__: object) -> _Array:
    if kind is not _NDARRAY:
        raise ValueError("it has an array that is none")
    return _Array()


def _frombuffer(machine: "_Machine", *parts: object) -> _Array:
    array = _Array()
    array.fill(machine, *parts)
    return array


def _encode(machine: "_Machine", text: object, codec: object) -> bytes | bytearray:
    if codec != "latin1":
        raise ValueError("it has text in an unexpected codec")
    return machine.encoded(text)


# Protocol 2 spells bytes by `_codecs.encode`; modules of NumPy moved from 1 to 2.
_NAMES = {("numpy", "ndarray"): _NDARRAY, ("numpy", "dtype"): lambda _, name, *__: _Dtype(name),
          ("_codecs", "encode"): _encode}
for _core in ("numpy.core", "numpy._core"):
    _NAMES[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _NAMES[f"{_core}.numeric", "_frombuffer"] = _frombuffer


class _Machine:
    """The stack and the memo of a pickle; a method for each kind of step."""

    def __init__(self, size: int):
        self.stack, self.below, self.memo = [], [], {}
        self.spare = 4 * size  # bytes that encoding may still make: one text can be asked for often

    def encoded(self, raw: object) -> bytes | bytearray:
        """Return bytes as they are and text as Latin-1, as which Python 2's bytes are read."""
        if isinstance(raw, str):
            self.spare -= len(raw)
            if self.spare < 0:
                raise ValueError("it would need far more memory than its size")
            return raw.encode("latin1")
        if not isinstance(raw, bytes | bytearray):
            raise ValueError("it has an array without values")
        return raw

    def marked(self) -> list:
        items, self.stack = self.stack, self.below.pop()
        return items

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise IndexError
        if (module, name) not in _NAMES:
            raise ValueError(f"it asks for {module:.40}.{name:.40}, which a data file has no use "
                             "for")
        self.stack.append(_NAMES[module, name])

    def stack_name(self) -> None:
        name = self.stack.pop()
        self.name(self.stack.pop(), name)

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
        # Text only: to look up nested tuples can take for ever, or more stack than there is.
        if type(self.stack[-1]) is not dict or {type(k) for k in items[::2]} - {str, bytes}:
            raise IndexError
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def pair(self) -> list:
        value = self.stack.pop()
        return [self.stack.pop(), value]

    def call(self) -> None:
        made_by, values = self.pair()
        if not isinstance(made_by, FunctionType) or not isinstance(values, tuple):
            raise IndexError
        self.stack.append(made_by(self, *values))

    def build(self) -> None:
        made, state = self.pair()
        if not isinstance(made, _Array | _Dtype) or not isinstance(state, tuple):
            raise IndexError
        made.build(self, state)
        self.stack.append(made)


_STEPS = {
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
    "STACK_GLOBAL": lambda m, _: m.stack_name(),
    "REDUCE": lambda m, _: m.call(), "BUILD": lambda m, _: m.build(),
}


def read(content: bytes) -> object:
    """Return what a pickle holds, NumPy's arrays among the values of a dictionary included.

    Text of Python 2 is read as Latin-1. Raises ValueError, and nothing else, for all that is not
    plain data, is damaged, or would take much more memory than the file has bytes.
    """
    machine = _Machine(len(content))
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is written in damaged text
            for count, (opcode, value, _) in enumerate(pickletools.genops(content)):
                if count == STEPS:
                    raise ValueError("it has far more parts than a data file")
                if opcode.name not in _STEPS:
                    raise ValueError(f"it has a step {opcode.name}, which a data file never has")
                _STEPS[opcode.name](machine, value)
        found = machine.stack.pop()
    except (IndexError, KeyError, TypeError) as problem:
        raise ValueError("its parts do not fit together") from problem
    if isinstance(found, dict):
        return {k: v.values if isinstance(v, _Array) else v for k, v in found.items()}
    return found
