"""`GrayPicture`: a small square gray image as the value of a figure, sent to the page as bytes."""

import base64
from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from .traits import BadValue

LOW, HIGH = 8, 96  # pixels of a side: what a page can carry
_GRAY = (0.299, 0.587, 0.114)  # how bright the eye finds red, green, blue: ITU-R BT.601


def to_gray(value: Any, name: str | None) -> Tensor:
    """Return the middle square of `value` as (side, side) bytes, or raise a BadValue."""
    if isinstance(value, Mapping):
        return _decoded(value, name)
    if hasattr(value, "__array__") and not isinstance(value, Tensor):
        value = torch.as_tensor(value.__array__())
    if not isinstance(value, Tensor):
        raise BadValue(f"{name} must be a tensor of an image, such as load_photo('coffee'), not "
                       f"{type(value).__name__}.")
    shape = tuple(value.shape)
    channels = (1, *shape)[-3] if 2 <= len(shape) <= 3 else 0
    if channels not in (1, 3) or min(shape[-2:]) < LOW:
        raise BadValue(f"{name} must have the shape (height, width), (1, height, width) or "
                       f"(3, height, width), of at least {LOW} pixels each way, not {shape}.")
    floats = value.is_floating_point()
    if not floats and value.dtype != torch.uint8:
        raise BadValue(f"{name} must hold uint8 numbers, or floats from 0 to 1, not {value.dtype}.")
    image = value.detach().cpu().double().reshape(channels, *shape[-2:]) / (1 if floats else 255)
    if not (image.isfinite().all() and image.min() >= 0 and image.max() <= 1):
        raise BadValue(f"{name} must hold finite numbers from 0 to 1, not from {image.min():.3g} "
                       f"to {image.max():.3g}.")
    if channels == 3:
        image = (torch.tensor(_GRAY, dtype=torch.float64)[:, None, None] * image).sum(0, True)
    side = min(shape[-2:])
    top, left = ((n - side) // 2 for n in shape[-2:])
    image = image[:, top:top + side, left:left + side]
    if side > HIGH:
        image = F.interpolate(image[None], (HIGH, HIGH), mode="area")[0]
    return (image[0] * 255).round().clamp(0, 255).to(torch.uint8)


def _encoded(picture: Tensor) -> dict:
    """Return what the page gets: the bytes, row by row."""
    data = (picture * 255).round().to(torch.uint8).numpy().tobytes()
    return {"side": len(picture), "data": base64.b64encode(data).decode()}


def _decoded(saved: Mapping[str, Any], name: str | None) -> Tensor:
    try:
        data = torch.tensor([*base64.b64decode(saved["data"], validate=True)], dtype=torch.uint8)
        return to_gray(data.reshape(saved["side"], saved["side"]), name)
    except BadValue:
        raise
    except (KeyError, TypeError, RuntimeError, ValueError):
        raise BadValue(f"{name} is not an image as a notebook saves it.") from None


class GrayPicture(t.TraitType):
    """An image: a (side, side) float tensor from 0 to 1 in Python, bytes in the browser."""

    def __init__(self) -> None:
        super().__init__(torch.zeros(LOW, LOW, dtype=torch.uint8))
        self.tag(sync=True, to_json=lambda value, _: _encoded(value),
                 from_json=lambda value, _: value)

    def get(self, obj: Any, cls: Any = None) -> Tensor:
        """Return a copy, so that nothing changes behind the figure's back."""
        return cast(Tensor, super().get(obj, cls)) / 255

    def validate(self, obj: Any, value: Any) -> Tensor:
        """Return `value` as bytes, or say in one sentence why it cannot be."""
        return to_gray(value, self.name)
