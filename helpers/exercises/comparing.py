"""Is this the value that was expected? If not: a sentence that says in what they differ.

Right is right in any dtype, on any device, as a tensor, an array or a list; a whole number must be
a whole number, since sizes are used as such.
"""

import numbers
from typing import Any

import numpy as np
import torch

from .shown import brief, shape


class WrongAnswer(Exception):
    """What a case finds wrong, in the words that the learner reads."""


def plain(value: Any) -> Any:
    """Return a tensor, an array or a NumPy scalar as a detached tensor on the CPU."""
    if isinstance(value, np.ndarray | np.generic):
        return torch.as_tensor(np.asarray(value)).detach()
    return value.detach().cpu() if isinstance(value, torch.Tensor) else value


def difference(got: Any, want: Any, tolerance: float = 1e-5) -> str | None:
    """Return in what `got` differs from `want`, as "is 3, expected 4"; None if in nothing."""
    got, want = plain(got), plain(want)
    if got is None and want is not None:
        return "is None: is a `return` missing?"
    if isinstance(want, torch.Tensor) and want.dim():
        return _tensors(got, want, tolerance)
    if isinstance(want, dict):
        return _dicts(got, want, tolerance)
    if isinstance(want, list | tuple):
        return _sequences(got, want, tolerance)
    got, want = (x.item() if isinstance(x, torch.Tensor) and not x.dim() else x
                 for x in (got, want))
    wrong = f"is {brief(got)}, expected {brief(want)}"
    if isinstance(want, bool):
        return None if isinstance(got, bool) and got == want else wrong
    if isinstance(want, numbers.Real):
        return _numbers(got, want, tolerance, wrong)
    if isinstance(want, str):
        letters = ["".join(x.split()).lower() if isinstance(x, str) else x for x in (got, want)]
        return None if letters[0] == letters[1] else wrong
    try:
        return None if bool(got == want) else wrong
    except Exception:  # a comparison of the learner's own
        return wrong


def _numbers(got, want, tolerance, wrong) -> str | None:
    if isinstance(got, torch.Tensor):
        return f"has the shape {shape(got)}, expected a single number"
    if isinstance(got, bool) or not isinstance(got, numbers.Real):
        return f"{wrong}, a number"
    if isinstance(want, numbers.Integral) and not isinstance(got, numbers.Integral):
        return f"is {brief(got)}, a {type(got).__name__}; expected a whole number (int)"
    if isinstance(want, numbers.Integral):
        return None if got == want else wrong
    near = np.isclose(float(got), float(want), rtol=tolerance, atol=tolerance, equal_nan=True)
    return None if near else wrong


def _tensors(got, want, tolerance) -> str | None:
    if isinstance(got, list | tuple):
        try:
            got = torch.as_tensor(np.asarray([plain(x) for x in got]))
        except Exception:  # ragged, or of all kinds
            return f"is {brief(got)}, expected a tensor of shape {shape(want)}"
    if not isinstance(got, torch.Tensor):
        return f"is {brief(got)}, expected a tensor of shape {shape(want)}"
    if got.shape != want.shape:
        return f"has the shape {shape(got)}, expected {shape(want)}"
    if got.is_complex() != want.is_complex():
        return f"has the dtype {got.dtype}, expected {want.dtype}"
    precise = torch.complex128 if want.is_complex() else torch.float64
    got, want = got.to(precise), want.to(precise)
    apart = ~torch.isclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not apart.any():
        return None
    if want.numel() <= 12:
        return f"is {brief(got)}, expected {brief(want)}"
    place = tuple(apart.nonzero()[0].tolist())
    return (f"has {int(apart.sum())} of {want.numel()} numbers wrong, first at {list(place)}: "
            f"{brief(got[place])}, expected {brief(want[place])}")


def _sequences(got, want, tolerance) -> str | None:
    if isinstance(got, torch.Tensor) and got.dim():
        got = got.tolist() if got.dim() == 1 else list(got)
    if not isinstance(got, list | tuple):
        return f"is {brief(got)}, expected {len(want)} values"
    if len(got) != len(want):
        return f"has {len(got)} values, expected {len(want)}"
    for place, (one, other) in enumerate(zip(got, want, strict=True)):
        if wrong := difference(one, other, tolerance):
            return f"is {brief(got)}; its value at [{place}] {wrong}"
    return None


def _dicts(got, want, tolerance) -> str | None:
    if not isinstance(got, dict) or got.keys() != want.keys():
        return f"is {brief(got)}, expected a dict with the keys {', '.join(map(brief, want))}"
    for key in want:
        if wrong := difference(got[key], want[key], tolerance):
            return f"at [{key!r}] {wrong}"
    return None
