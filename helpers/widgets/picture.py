"""`Picture`: a small color image as the value of a figure, sent to the page as bytes."""

import base64
from collections.abc import Mapping
from typing import Any, cast

import torch
import traitlets as t
from torch import Tensor

from .traits import BadValue

LOW, HIGH = 16, 64  # pixels of a side: room for reflection at the border, and what a page can carry


def to_picture(value: Any, name: str | None) -> Tensor:
    """Return `value` as a (3, height, width) uint8 tensor, or raise a BadValue that names it."""
    if isinstance(value, Mapping):
        return _decoded(value, name)
    if hasattr(value, "__array__") and not isinstance(value, Tensor):
        value = torch.as_tensor(value.__array__())
    if not isinstance(value, Tensor):
        raise BadValue(f"{name} must be a tensor of the shape (3, height, width), not "
                       f"{type(value).__name__}.")
    shape = tuple(value.shape)
    if len(shape) != 3 or shape[0] != 3:
        raise BadValue(f"{name} must have the shape (3, height, width), not {shape}: "
                       f"{_cure(shape)}.")
    if not all(LOW <= n <= HIGH for n in shape[1:]):
        raise BadValue(f"{name} must be from {LOW} × {LOW} to {HIGH} × {HIGH} pixels, not "
                       f"{shape[1]} × {shape[2]}.")
    value = value.detach().cpu()
    if value.dtype == torch.uint8:
        return value.clone()
    if not value.is_floating_point():
        raise BadValue(f"{name} must hold uint8 numbers, or floats from 0 to 1, not {value.dtype}.")
    if not (value.isfinite().all() and value.min() >= 0 and value.max() <= 1):
        raise BadValue(f"{name} must hold finite numbers from 0 to 1, not from {value.min():.3g} "
                       f"to {value.max():.3g}: if it is normalized, multiply by the standard "
                       "deviation and add the mean.")
    return (value.double() * 255).round().to(torch.uint8)


def _cure(shape: tuple[int, ...]) -> str:
    """What to do with a tensor of another shape than a picture's."""
    if len(shape) == 4:
        return "take one image of the batch, such as images[0]"
    if len(shape) == 2:
        return "stack it three times, for red, green, blue"
    if shape[:1] == (1,):
        return "make three channels of one with image.expand(3, -1, -1)"
    if shape[-1:] == (3,):
        return "put the channels first with image.permute(2, 0, 1)"
    return "the three channels are red, green and blue"


def _encoded(picture: Tensor) -> dict:
    """Return what the page gets: the bytes of red, then green, then blue, row by row."""
    data = base64.b64encode((picture * 255).round().to(torch.uint8).numpy().tobytes()).decode()
    return {"height": picture.shape[1], "width": picture.shape[2], "data": data}


def _decoded(saved: Mapping[str, Any], name: str | None) -> Tensor:
    try:
        data = torch.tensor([*base64.b64decode(saved["data"], validate=True)], dtype=torch.uint8)
        return to_picture(data.reshape(3, saved["height"], saved["width"]), name)
    except BadValue:
        raise
    except (KeyError, TypeError, RuntimeError, ValueError):
        raise BadValue(f"{name} is not an image as a notebook saves it.") from None


class Picture(t.TraitType):
    """An image: a (3, height, width) float tensor from 0 to 1 in Python, bytes in the browser."""

    def __init__(self):
        super().__init__(torch.zeros(3, LOW, LOW, dtype=torch.uint8))
        self.tag(sync=True, to_json=lambda value, _: _encoded(value),
                 from_json=lambda value, _: value)

    def get(self, obj: Any, cls: Any = None) -> Tensor:
        """Return a copy, so that nothing changes behind the figure's back."""
        return cast(Tensor, super().get(obj, cls)) / 255

    def validate(self, obj: Any, value: Any) -> Tensor:
        """Return `value` as bytes, or say in one sentence why it cannot be."""
        return to_picture(value, self.name)
