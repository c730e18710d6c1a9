"""Read CIFAR-10's pickles: dictionaries of texts, lists, and NumPy's arrays of numbers."""

import math
import re

import numpy as np

from .pickled import Building, Spend, load

STEPS = 200_000  # that a file may take; one of CIFAR-10's takes 40,000
_NDARRAY = object()  # stands for the type numpy.ndarray, which can only be named


class _Dtype(Building):
    """The type of an array's numbers, as a pickle makes it: from a name, then the byte order."""

    def __init__(self, name: object):
        if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?[biuf][1248]", name):
            raise ValueError("it has an array of something else than numbers")
        self.dtype = np.dtype(name)

    def build(self, spend: Spend, state: tuple) -> None:
        if state[1] not in ("<", ">", "|", "=") or state[2:5] != (None, None, None):
            raise ValueError("it has an array of a strange type")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(Building):
    """An array, as a pickle makes it: empty, then filled."""

    def __init__(self):
        self.values = None

    def build(self, spend: Spend, state: tuple) -> None:
        _, shape, dtype, by_columns, raw = state
        self.fill(spend, raw, dtype, shape, "F" if by_columns is True else "C")

    def fill(self, spend: Spend, raw: object, dtype: object, shape: object,
             order: object) -> None:
        raw = _encoded(spend, raw)
        if (not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or len(shape) > 4
                or not all(type(n) is int and 0 <= n <= len(raw) for n in shape)
                or math.prod(shape) * dtype.dtype.itemsize != len(raw)):
            raise ValueError("it has an array whose size is not that of its values")
        self.values = np.frombuffer(raw, dtype.dtype).reshape(
            shape, order="F" if order == "F" else "C")


def _encoded(spend: Spend, raw: object) -> bytes | bytearray:
    """Return bytes as they are and text as Latin-1, as which Python 2's bytes are read."""
    if isinstance(raw, str):
        spend(len(raw))
        return raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise ValueError("it has an array without values")
    return raw


def _reconstruct(_: Spend, kind: object, *__: object) -> _Array:
    if kind is not _NDARRAY:
        raise ValueError("it has an array that is none")
    return _Array()


def _frombuffer(spend: Spend, *parts: object) -> _Array:
    array = _Array()
    array.fill(spend, *parts)
    return array


def _encode(spend: Spend, text: object, codec: object) -> bytes | bytearray:
    if codec != "latin1":
        raise ValueError("it has text in an unexpected codec")
    return _encoded(spend, text)


# Protocol 2 spells bytes by `_codecs.encode`; modules of NumPy moved from 1 to 2.
_NAMES = {("numpy", "ndarray"): _NDARRAY, ("numpy", "dtype"): lambda _, name, *__: _Dtype(name),
          ("_codecs", "encode"): _encode}
for _core in ("numpy.core", "numpy._core"):
    _NAMES[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _NAMES[f"{_core}.numeric", "_frombuffer"] = _frombuffer


def read(content: bytes) -> object:
    """Return what a pickle holds, NumPy's arrays among the values of a dictionary included.

    Text of Python 2 is read as Latin-1. Raises ValueError, and nothing else, for all that is not
    plain data, is damaged, or would take much more memory than the file has bytes.
    """
    found = load(content, _NAMES, STEPS)
    if isinstance(found, dict):
        return {k: v.values if isinstance(v, _Array) else v for k, v in found.items()}
    return found
