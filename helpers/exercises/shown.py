"""How values and calls are written in messages: short, on one line, the same on every computer."""

import numbers

import numpy as np
import torch

LIMIT = 12  # numbers that are written out


def shape(value) -> tuple[int, ...]:
    """Return the shape of a tensor or an array as a tuple."""
    return tuple(value.shape)


def brief(value) -> str:
    """Return a value in few words: numbers rounded, large tensors by their shape."""
    if isinstance(value, torch.Tensor | np.ndarray):
        if 0 in shape(value) or np.prod(shape(value)) > LIMIT:
            return f"<tensor {' × '.join(map(str, shape(value)))}>"
        return brief(value.tolist())
    if isinstance(value, torch.Size):
        return brief(tuple(value))
    if isinstance(value, list | tuple) and len(value) <= LIMIT:
        inside = ", ".join(map(brief, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if isinstance(value, dict) and len(value) <= LIMIT:
        return "{" + ", ".join(f"{brief(k)}: {brief(v)}" for k, v in value.items()) + "}"
    if isinstance(value, numbers.Real) and not isinstance(value, bool | numbers.Integral):
        return f"{float(value):.5g}"
    if isinstance(value, np.generic):
        return brief(value.item())
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, torch.nn.Module):
        return f"{type(value).__name__}(…)"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a class of the learner's own
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 120 else text[:117] + "…"


def called(name: str, args: tuple, kwargs: dict) -> str:
    """Return a call as one would type it."""
    given = [brief(a) for a in args] + [f"{k}={brief(v)}" for k, v in kwargs.items()]
    return f"{name}({', '.join(given)})"
