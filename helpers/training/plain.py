"""What files of runs hold: numbers, texts, tensors, and lists, tuples and dictionaries of these."""

import math
from collections import Counter
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from ..data.pickled import Spend, is_key

_STORAGES = {"DoubleStorage": torch.float64, "FloatStorage": torch.float32,
             "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
             "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16,
             "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
             "ComplexFloatStorage": torch.complex64, "ComplexDoubleStorage": torch.complex128}
_NUMBERS = (type(None), bool, int, float, complex, str)
_SIDES = 64  # of a tensor, which PyTorch's own loops bear


def plain(value: Any, name: str) -> Any:
    """Return `value` made of numbers, texts, tensors, lists, tuples and dictionaries only.

    NumPy's numbers and arrays become Python's, and functions are left out of dictionaries: a
    schedule has them from its making. Whatever else there is raises a TypeError that says where in
    `name` it was found.
    """
    try:
        return _plain(value, name)
    except RecursionError:
        raise TypeError(f"{name} has lists in lists without end") from None


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Counter):
        return Counter(_plain(dict(value), name))
    if isinstance(value, dict):
        found = {_plain(key, name): _plain(part, f"{name}[{key!r}]") for key, part in value.items()
                 if not isinstance(part, FunctionType | MethodType)}
        for other in (key for key in found if not is_key(key)):
            raise TypeError(f"{name} has a key that is a {type(other).__name__}")
        return found
    if isinstance(value, list | tuple):
        parts = [_plain(part, f"{name}[{at}]") for at, part in enumerate(value)]
        return parts if isinstance(value, list) else tuple(parts)
    if is_lazy(value):
        raise TypeError(f"{name} has no size before it has seen a batch. Call the model once first")
    if isinstance(value, torch.nn.Parameter):
        value = value.detach()
    if type(value) is Tensor:
        return _plain_tensor(value, name)
    if type(value) in _NUMBERS:
        return value
    raise TypeError(f"{name} is a {type(value).__name__}")


def _plain_tensor(value: Tensor, name: str) -> Tensor:
    """Return a tensor that a file holds as it is, without the rest of what it is a view of."""
    if value.layout != torch.strided or value.dtype not in _STORAGES.values():
        raise TypeError(f"{name} is a tensor that the file of a run cannot hold ({value.dtype}, "
                        f"{value.layout}). Keep it dense, in a common type such as int64")
    if _overlaps(value):
        raise TypeError(f"{name} has the same number in several places, as expand makes it, and "
                        "PyTorch cannot bring such a tensor back. Give each its own by .clone()")
    value = value.resolve_conj().resolve_neg()
    whole = value.untyped_storage().nbytes() <= value.numel() * value.element_size()
    return value if whole else value.clone()


def _tensor(_: Spend, storage: Tensor, offset: int, size: tuple, stride: tuple, *__: object
            ) -> Tensor:
    sides = (offset, *size, *stride)
    if (not isinstance(storage, Tensor) or len(size) > _SIDES
            or not all(type(number) is int and 0 <= number <= 1 << 40 for number in sides)
            or math.prod(size) > len(storage)):
        raise ValueError("a tensor is larger than its numbers")
    found = storage.as_strided(size, stride, offset)
    if _overlaps(found):
        raise ValueError("a tensor has the same number in two places")
    return found


def _overlaps(tensor: Tensor) -> bool:
    """Whether numbers of a tensor share their memory, so that it cannot be written to."""
    last = 0  # the farthest number along the sides with smaller steps
    for step, count in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if count > 1 and tensor.numel() and step <= last:
            return True
        last += (count - 1) * step
    return False


def _counter(_: Spend, counts: object) -> Counter:
    if type(counts) is not dict:
        raise ValueError("it has a counter of something else than counts")
    return Counter(counts)


def _complex(_: Spend, *parts: object) -> complex:
    if [*map(type, parts)] != [float, float]:
        raise ValueError("it has a complex number of something else than two numbers")
    return complex(*parts)  # pyright: ignore


# What a pickle of `torch.save` may ask for to build all of that.
NAMES = {**{("torch", name): dtype for name, dtype in _STORAGES.items()},
         ("torch._utils", "_rebuild_tensor_v2"): _tensor,
         ("collections", "OrderedDict"): lambda _: {},  # of a tensor's hooks, which are none
         ("collections", "Counter"): _counter,
         ("builtins", "complex"): _complex, ("__builtin__", "complex"): _complex}
