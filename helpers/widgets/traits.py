"""The values of figures, checked: whole and real numbers, words, matrices."""

import copy
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import traitlets as t
from torch import Tensor

from .. import convolution


class BadValue(t.TraitError, ValueError):
    """A value that a figure cannot show. The figure keeps the one it had."""


def whole(name: str | None, value: Any, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, or refuse it in one sentence."""
    try:
        return convolution.whole(f"{name}", value, low, high)
    except ValueError as problem:
        raise BadValue(str(problem)) from None


def one_of(name: str | None, value: Any, words: Sequence[str]) -> str:
    """Return a word that is one of some, or refuse it in one sentence."""
    if not isinstance(value, str) or value not in words:
        raise BadValue(f"{name} must be one of {', '.join(words)}, not {value!r}.")
    return value


def named(choices: Mapping[str, Any], value: Any, name: str) -> Any:
    """Return the entry of `choices` that `value` names, or `value` itself where it is no name."""
    if not isinstance(value, str):
        return value
    if value not in choices:
        raise BadValue(f"There is no {name} {value!r}. There are: {', '.join(choices)}.")
    return choices[value]


class Count(t.Int):
    """A whole number from `low` to `high`."""

    def __init__(self, default: int, low: int, high: int):
        super().__init__(default)
        self.low, self.high = low, high
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> int:
        """Refuse all else, in one sentence."""
        return whole(self.name, value, self.low, self.high)


class Real(t.Float):
    """A number from `low` to `high`."""

    def __init__(self, default: float, low: float, high: float):
        super().__init__(default)
        self.low, self.high = low, high
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> float:
        """Refuse all else, in one sentence."""
        low, high, number = self.low, self.high, isinstance(value, numbers.Real)
        if not number or isinstance(value, bool) or not low <= value <= high:
            raise BadValue(f"{self.name} must be a number from {low:g} to {high:g}, not {value!r}.")
        return float(value)


class Choice(t.Unicode):
    """One of some words."""

    def __init__(self, *words: str):
        super().__init__(words[0])
        self.words = words
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> str:
        """Refuse all else, in one sentence."""
        return one_of(self.name, value, self.words)


class Copied(t.TraitType):
    """What is read is a copy, so that nothing changes behind the figure's back: assign it again."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        """Return a copy."""
        return copy.deepcopy(super().get(obj, cls))


class CopiedDict(Copied, t.Dict):
    """Values by name."""


class Matrix(Copied):
    """A matrix of numbers: a 2-D float tensor in Python, rows of numbers in the browser.

    Takes all that `torch.as_tensor` does.
    """

    def __init__(self, default: Sequence[Sequence[float]], limit: int):
        super().__init__(torch.tensor(default, dtype=torch.float32))
        self.limit = limit
        self.tag(sync=True, to_json=lambda value, _: rows_of(value),
                 from_json=lambda value, _: value)

    def validate(self, obj: Any, value: Any) -> Tensor:
        """Return `value` as a tensor, or say in one sentence why it cannot be."""
        return to_matrix(value, self.name, self.limit)


def to_matrix(value: Any, name: str | None, limit: int) -> Tensor:
    """Return `value` as a (rows, columns) float tensor, or raise a BadValue that names it."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    elif hasattr(value, "__array__"):
        value = value.__array__()
    if hasattr(value, "ndim") and value.ndim != 2:
        raise BadValue(f"{name} must have two axes, rows and columns; this has the shape "
                       f"{tuple(value.shape)}. Take one channel of one image, such as "
                       "images[0, 0].")
    rows = value.tolist() if hasattr(value, "tolist") else value
    if not is_filled(rows) or not all(map(is_filled, rows)):
        raise BadValue(f"{name} must be rows of numbers, such as [[1, 0], [0, 1]].")
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise BadValue(f"{name} must be a rectangle, but its rows have {lengths[0]} and "
                       f"{lengths[-1]} numbers.")
    if max(len(rows), lengths[0]) > limit:
        raise BadValue(f"{name} may be at most {limit} × {limit}, this is {len(rows)} × "
                       f"{lengths[0]}: a figure that a reader can follow holds no more.")
    for r, row in enumerate(rows):
        for c, entry in enumerate(row):
            number = isinstance(entry, bool | int | float) and math.isfinite(entry)
            if not number or abs(entry) > 1e6:
                raise BadValue(f"{name} must hold numbers between −1,000,000 and 1,000,000; row "
                               f"{r}, column {c} is {entry!r}.")
    return torch.tensor(rows, dtype=torch.float32)


def is_filled(value: Any, most: float = math.inf) -> bool:
    """Whether this is a list or the like, of at least one and at most `most` entries."""
    return isinstance(value, Sequence) and not isinstance(value, str) and 1 <= len(value) <= most


def rows_of(matrix: Tensor) -> list[list[float]]:
    """Return a float32 matrix as rows of numbers, each with the few digits that it holds."""
    return [[float(f"{value:.8g}") for value in row] for row in matrix.tolist()]
