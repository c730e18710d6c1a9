"""`Photo`: a small gray photograph as the value of a figure, sent to the page as bytes."""

import base64
from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..data import photos
from .traits import BadValue

LOW, HIGH = 16, 96  # pixels of a side: what shows something, and what a page can carry
_LUMA = torch.tensor([0.299, 0.587, 0.114])  # how bright the eye finds red, green, blue: BT.601


def to_photo(value: Any, name: str | None) -> Tensor | None:
    """Return `value` as an (H, W) uint8 tensor or None, or raise a BadValue that names it.

    Takes a name of `load_photo`, gray and color images as floats from 0 to 1 or as bytes. What is
    larger than 96 x 96 is scaled down.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return _decoded(value, name)
    if isinstance(value, str):
        if value not in photos.NAMES:
            raise BadValue(f"There is no photograph {value!r}. There are: "
                           f"{', '.join(photos.NAMES)}.")
        value = photos.load_photo(value)
    if hasattr(value, "__array__") and not isinstance(value, Tensor):
        value = torch.as_tensor(value.__array__())
    if not isinstance(value, Tensor):
        raise BadValue(f"{name} must be the name of a photograph, an image as a tensor, or None, "
                       f"not {type(value).__name__}.")
    shape = tuple(value.shape)
    if len(shape) == 2:
        value = value[None]
    if value.ndim != 3 or len(value) not in (1, 3):
        raise BadValue(f"{name} must have the shape (height, width), (1, height, width) or (3, "
                       f"height, width), not {shape}.")
    if not min(value.shape[1:]) >= LOW:
        raise BadValue(f"{name} must be at least {LOW} pixels high and wide, not "
                       f"{value.shape[1]} × {value.shape[2]}.")
    if value.dtype == torch.uint8:
        value = value / 255
    elif not value.is_floating_point():
        raise BadValue(f"{name} must hold uint8 numbers, or floats from 0 to 1, not {value.dtype}.")
    value = value.detach().cpu().float()
    if not (value.isfinite().all() and value.min() >= 0 and value.max() <= 1):
        raise BadValue(f"{name} must hold finite numbers from 0 to 1, not from {value.min():.3g} "
                       f"to {value.max():.3g}: divide bytes by 255, and undo a normalization.")
    return _small(value, name)


def _small(image: Tensor, name: str | None) -> Tensor:
    """Return a (C, H, W) image from 0 to 1 as gray bytes, no side longer than `HIGH`."""
    gray = (_LUMA[:, None, None] * image).sum(0) if len(image) == 3 else image[0]
    scale = HIGH / max(gray.shape)
    if scale < 1:
        size = tuple(max(1, round(n * scale)) for n in gray.shape)
        if min(size) < LOW:
            raise BadValue(f"{name} is too long: made {HIGH} pixels long, it would be only "
                           f"{min(size)} across.")
        gray = F.interpolate(gray[None, None], size, mode="bilinear", antialias=True)[0, 0]
    return (gray.clamp(0, 1).double() * 255).round().to(torch.uint8)


def _encoded(photo: Tensor | None) -> dict | None:
    """Return what the page gets: the bytes, row by row."""
    if photo is None:
        return None
    data = base64.b64encode((photo * 255).round().to(torch.uint8).numpy().tobytes()).decode()
    return {"height": photo.shape[0], "width": photo.shape[1], "data": data}


def _decoded(saved: Mapping[str, Any], name: str | None) -> Tensor:
    try:
        height, width = saved["height"], saved["width"]
        data = torch.tensor([*base64.b64decode(saved["data"], validate=True)], dtype=torch.uint8)
        photo = data.reshape(height, width)
    except (KeyError, TypeError, RuntimeError, ValueError):
        raise BadValue(f"{name} is not a photograph as a notebook saves it.") from None
    if not all(LOW <= n <= HIGH for n in photo.shape):
        raise BadValue(f"{name} must be from {LOW} × {LOW} to {HIGH} × {HIGH} pixels, not "
                       f"{height} × {width}.")
    return photo


class Photo(t.TraitType):
    """A photograph: an (H, W) float tensor from 0 to 1 or None in Python, bytes in the browser."""

    def __init__(self):
        super().__init__(None)  # with allow_none, None would not meet the rules of the figure
        self.tag(sync=True, to_json=lambda value, _: _encoded(value),
                 from_json=lambda value, _: value)

    def get(self, obj: Any, cls: Any = None) -> Tensor | None:
        """Return a copy, so that nothing changes behind the figure's back."""
        photo = cast("Tensor | None", super().get(obj, cls))
        return None if photo is None else photo / 255

    def validate(self, obj: Any, value: Any) -> Tensor | None:
        """Return `value` as gray bytes, or say in one sentence why it cannot be."""
        return to_photo(value, self.name)
