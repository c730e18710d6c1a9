"""Values as text, from a submission's Python to the one that grades: data only, no code.

What cannot be carried so (a function, an object of a learner's own class) arrives as an Unknown,
which is equal to nothing.
"""

import base64
import json
from typing import Any

import numpy as np
import torch

from .comparing import plain
from .shown import brief

LIMIT = 20_000_000  # characters of one value; no exercise comes near


class Unknown:
    """What a submission's Python had, of a kind that is not carried."""

    def __init__(self, said: str):
        self.said = said

    def __repr__(self):
        return self.said

    def __eq__(self, other):
        return False

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def packed(value: Any) -> str:
    """Return a value as text."""
    try:
        text = json.dumps(_to_json(value))
    except Exception:  # nested without end, or a class of the learner's own
        text = ""
    return text if 0 < len(text) <= LIMIT else json.dumps({"unknown": "a value too large to carry"})


def unpacked(text: str) -> Any:
    """Return the value of what `packed` made. Any other text raises ValueError, and no more."""
    try:
        return _from_json(json.loads(text))
    except Exception as error:
        raise ValueError(f"This is not a value: {str(error)[:80]}") from None


def _to_json(value: Any) -> Any:
    value = plain(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        array = _array(value)
        return {"array": str(array.dtype), "shape": array.shape,
                "bytes": base64.b64encode(array.tobytes()).decode()}
    if isinstance(value, torch.dtype | torch.device):
        return {type(value).__name__: str(value).removeprefix("torch.")}
    if isinstance(value, list):
        return [_to_json(x) for x in value]
    if isinstance(value, tuple):
        return {"tuple": [_to_json(x) for x in value]}
    if isinstance(value, set | frozenset):
        return {"set": [_to_json(x) for x in value]}
    if isinstance(value, dict):
        return {"dict": [[_to_json(k), _to_json(v)] for k, v in value.items()]}
    for kind in (bool, int, float, str):  # subclasses, such as those of enum
        if isinstance(value, kind):
            return kind(value)
    return {"unknown": brief(value)}


def _array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().contiguous().numpy()


_KINDS = {"bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64",
          "float32", "float64", "complex64", "complex128"}


def _from_json(it: Any) -> Any:
    if isinstance(it, list):
        return [_from_json(x) for x in it]
    if not isinstance(it, dict):
        return it
    if "array" in it:
        if it["array"] not in _KINDS:
            raise ValueError("an array of another kind")
        raw = bytearray(base64.b64decode(it["bytes"]))
        flat = np.frombuffer(raw, it["array"]) if raw else np.empty(0, it["array"])
        return torch.from_numpy(flat.reshape(it["shape"]))
    (kind, inside), = it.items()
    if kind == "tuple":
        return tuple(map(_from_json, inside))
    if kind == "set":
        return set(map(_from_json, inside))
    if kind == "dict":
        return {_from_json(k): _from_json(v) for k, v in inside}
    if kind == "dtype" and isinstance(found := getattr(torch, inside, None), torch.dtype):
        return found
    if kind == "device":
        return torch.device(inside)
    return Unknown(str(inside)[:200])
