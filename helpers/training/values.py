"""Values that objects keep: known again by a few numbers, stored, and put back in their place."""

import math
from collections.abc import Iterator
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .plain import plain

_SAMPLE = 256  # numbers by which a tensor is known again
_SINGLE = (type(None), bool, int, float, str, np.generic)


def is_value(one: Any) -> bool:
    """Whether this is a number, a text, a tensor, an array, or a row of numbers."""
    return isinstance(one, (*_SINGLE, np.ndarray, Tensor)) or (
        isinstance(one, list | tuple) and bool(one) and all(
            isinstance(part, bool | int | float) for part in one))


def size(value: Any) -> int:
    """Return how many numbers a tensor, an array or a row has; 0 for a single value."""
    if isinstance(value, Tensor | np.ndarray):
        return math.prod(value.shape) or 1
    return len(value) if isinstance(value, list | tuple) else 0


def brief(value: Any) -> Any:
    """Return a value as a word or a few numbers, by which it is known again."""
    if isinstance(value, Tensor | np.ndarray):
        numbers = _tensor(value)
        few = numbers if numbers.is_contiguous() else numbers[::max(1, len(numbers) // 16)]
        few = few.flatten()[::max(1, few.numel() // _SAMPLE)].cpu()
        return [[*map(float, numbers.shape)],
                (few.abs() if few.is_complex() else few).double().tolist()]
    if isinstance(value, list | tuple):
        return [float(len(value)), *map(float, value[::max(1, len(value) // _SAMPLE)])]
    return str(value) if value is None or isinstance(value, str) else plain(value, "")


def same(one: Any, other: Any, apart: float = 0.0) -> bool:
    """Whether two brief values are the same; `apart`: by which part numbers may differ."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same(a, b, apart) for a, b in zip(one, other, strict=True))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=apart) or (one != one and other != other)
    return type(one) is type(other) and one == other


def stored(value: Any, name: str) -> Any:
    """Return a value as a file holds it, and as it is now. Raises TypeError where none does."""
    if isinstance(value, Tensor | np.ndarray):
        value = _tensor(value).clone()
    return plain(value, name)


def put(value: Any, owner: Any, key: Any) -> None:
    """Put a stored value where one of its kind is: into it, if it is a tensor or an array."""
    old = owner[key]
    if same(brief(old), brief(value)) and (size(old) <= _SAMPLE or (
            isinstance(old, Tensor) and torch.equal(old, value))):
        return  # a tensor that is written anew is another one for autograd
    if isinstance(old, np.ndarray):
        old[...] = value.numpy()
    elif isinstance(old, Tensor) and isinstance(value, Tensor) and old.shape == value.shape:
        with torch.no_grad():
            old.copy_(value)
    else:
        owner[key] = value.to(getattr(old, "device", None)) if isinstance(value, Tensor) else value


def _tensor(value: Any) -> Tensor:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value.detach()


def words(code: CodeType) -> Iterator[str]:
    """Yield what a function says: names, numbers and texts, but not what it is about."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from words(constant)
        elif constant is not None:  # the order in a set is another one in each process
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
