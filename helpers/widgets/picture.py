"""Images as values of figures: a color `Picture`, a gray `Photo`; sent to the page as bytes."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..data import photos
from .traits import BadValue

LOW, HIGH = 16, 64  # pixels of a picture's sides: room for reflection at the border
LEAST, MOST = 16, 96  # of a photo's: what shows something, and what a page can carry
_LUMA = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)  # red, green, blue: ITU-R BT.601


def to_picture(value: Any, name: str | None) -> Tensor:
    """Return `value` as a (3, height, width) uint8 tensor, or raise a BadValue that names it."""
    if isinstance(value, Mapping):
        return _decoded(value, name)
    value = _tensor(value, f"{name} must be a tensor of the shape (3, height, width)")
    shape = tuple(value.shape)
    if len(shape) != 3 or shape[0] != 3:
        raise BadValue(f"{name} must have the shape (3, height, width), not {shape}: "
                       f"{_cure(shape)}.")
    if not all(LOW <= n <= HIGH for n in shape[1:]):
        raise BadValue(f"{name} must be from {LOW} × {LOW} to {HIGH} × {HIGH} pixels, not "
                       f"{shape[1]} × {shape[2]}.")
    return _bytes(_shares(value, name, "if it is normalized, multiply by the standard deviation "
                          "and add the mean"))


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


def to_photo(value: Any, name: str | None, square: bool = False) -> Tensor:
    """Return `value` as an (H, W) uint8 tensor, or raise a BadValue that names it.

    Takes a name of `load_photo`, gray and color images as floats from 0 to 1 or as bytes; of those
    that are to be `square` the middle. What is larger than 96 x 96 is scaled down.
    """
    if isinstance(value, Mapping):
        photo = _unpacked(value, name)
        if not all(LEAST <= n <= MOST for n in photo.shape):
            raise BadValue(f"{name} must be from {LEAST} × {LEAST} to {MOST} × {MOST} pixels, not "
                           f"{photo.shape[0]} × {photo.shape[1]}.")
        return photo
    if isinstance(value, str):
        if value not in photos.NAMES:
            raise BadValue(f"There is no photograph {value!r}. There are: "
                           f"{', '.join(photos.NAMES)}.")
        value = photos.load_photo(value)
    value = _tensor(value, f"{name} must be the name of a photograph, or an image as a tensor")
    shape = tuple(value.shape)
    if len(shape) == 2:
        value = value[None]
    if value.ndim != 3 or len(value) not in (1, 3):
        raise BadValue(f"{name} must have the shape (height, width), (1, height, width) or (3, "
                       f"height, width), not {shape}.")
    if not min(value.shape[1:]) >= LEAST:
        raise BadValue(f"{name} must be at least {LEAST} pixels high and wide, not "
                       f"{value.shape[1]} × {value.shape[2]}.")
    value = _shares(value, name, "divide bytes by 255, and undo a normalization")
    if square:
        side = min(value.shape[1:])
        top, left = ((n - side) // 2 for n in value.shape[1:])
        value = value[:, top:top + side, left:left + side]
    return _small((_LUMA[:, None, None] * value).sum(0) if len(value) == 3 else value[0], name)


def _small(gray: Tensor, name: str | None) -> Tensor:
    """Return a gray (H, W) image from 0 to 1 as bytes, no side longer than `MOST`."""
    scale = MOST / max(gray.shape)
    if scale < 1:
        size = tuple(max(1, round(n * scale)) for n in gray.shape)
        if min(size) < LEAST:
            raise BadValue(f"{name} is too long: made {MOST} pixels long, it would be only "
                           f"{min(size)} across.")
        gray = F.interpolate(gray[None, None].float(), size, mode="bilinear", antialias=True)[0, 0]
    return _bytes(gray)


def _tensor(value: Any, wanted: str) -> Tensor:
    """Return what is an array as a tensor, or say what was `wanted`."""
    if hasattr(value, "__array__") and not isinstance(value, Tensor):
        value = torch.as_tensor(value.__array__())
    if not isinstance(value, Tensor):
        raise BadValue(f"{wanted}, not {type(value).__name__}.")
    return value.detach().cpu()


def _shares(image: Tensor, name: str | None, cure: str) -> Tensor:
    """Return the numbers of an image as floats from 0 to 1, bytes as shares of 255."""
    if image.dtype == torch.uint8:
        return image.double() / 255
    if not image.is_floating_point():
        raise BadValue(f"{name} must hold uint8 numbers, or floats from 0 to 1, not {image.dtype}.")
    if not (image.isfinite().all() and image.min() >= 0 and image.max() <= 1):
        raise BadValue(f"{name} must hold finite numbers from 0 to 1, not from {image.min():.3g} "
                       f"to {image.max():.3g}: {cure}.")
    return image.double()


def _bytes(shares: Tensor) -> Tensor:
    return (shares.double() * 255).round().clamp(0, 255).to(torch.uint8)


def _encoded(image: Tensor) -> dict:
    """Return what the page gets of numbers from 0 to 1: sizes, and bytes channel by channel."""
    data = base64.b64encode(_bytes(image).numpy().tobytes()).decode()
    return {"height": image.shape[-2], "width": image.shape[-1], "data": data}


def _unpacked(saved: Mapping[str, Any], name: str | None, *channels: int) -> Tensor:
    try:
        data = torch.tensor([*base64.b64decode(saved["data"], validate=True)], dtype=torch.uint8)
        return data.reshape(*channels, saved["height"], saved["width"])
    except (KeyError, TypeError, RuntimeError, ValueError):
        raise BadValue(f"{name} is not an image as a notebook saves it.") from None


def _decoded(saved: Mapping[str, Any], name: str | None) -> Tensor:
    """Return a color picture that was encoded."""
    return to_picture(_unpacked(saved, name, 3), name)


class _Image(t.TraitType):
    """An image: a float tensor from 0 to 1 in Python, bytes in the browser."""

    def __init__(self, convert: Callable[[Any, str | None], Tensor], default: Tensor | None):
        super().__init__(default)
        self.convert, self.optional = convert, default is None
        self.tag(sync=True, to_json=lambda value, _: None if value is None else _encoded(value),
                 from_json=lambda value, _: value)

    def get(self, obj: Any, cls: Any = None) -> Tensor | None:
        """Return a copy, so that nothing changes behind the figure's back."""
        image = cast("Tensor | None", super().get(obj, cls))
        return None if image is None else image / 255

    def validate(self, obj: Any, value: Any) -> Tensor | None:
        """Return `value` as bytes, or say in one sentence why it cannot be."""
        return None if value is None and self.optional else self.convert(value, self.name)


class Picture(_Image):
    """A color image, (3, height, width)."""

    def __init__(self) -> None:
        super().__init__(to_picture, torch.zeros(3, LOW, LOW, dtype=torch.uint8))


class Photo(_Image):
    """A gray photograph, (H, W), or None."""

    def __init__(self) -> None:
        super().__init__(to_photo, None)  # with allow_none, None would not meet the figure's rules


class SquarePhoto(_Image):
    """The middle square of a gray photograph, (side, side)."""

    def __init__(self) -> None:
        super().__init__(lambda value, name: to_photo(value, name, square=True),
                         torch.zeros(LEAST, LEAST, dtype=torch.uint8))
