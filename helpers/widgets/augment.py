"""`AugmentPlayground`: one image, and eight random draws of it, as a training loop sees them."""

import math
from typing import Any

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..data.photos import load_photo
from .augment_words import FACTORS as _FACTORS
from .augment_words import mixed_label, told, two_words
from .figure import Figure, constant, html_boxes, html_table, module
from .picture import HIGH, LOW, Picture, to_picture
from .traits import BadValue, Choice, Count, Real, whole

# draws shown, random numbers for each; a prime, so that draws come again late
_DRAWS, _EACH, _NOISE = 8, 14, 509
_PHOTO = 40                         # pixels of a photograph's side: each costs some kilobytes
_LIMITS = {"padding": 8, "cutout": 24, "brightness": 1.0, "contrast": 1.0, "saturation": 1.0,
           "hue": 0.5, "window": 0.1, "share": 1.0, "side": [LOW, HIGH], "draws": 100_000}
_OFF = {"flip": False, "vertical_flip": False, "padding": 0, "window": 1.0, "brightness": 0.0,
        "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "cutout": 0, "share": 1.0}
_OPENING = {"brightness": 0.4, "saturation": 0.8, "hue": 0.1}
_RATIO = math.log(4 / 3)            # a window is from 3 : 4 to 4 : 3, as in RandomResizedCrop


def _noise() -> list[float]:
    """Uniform numbers from 0 to 1, 1 excluded, the same for everyone."""
    numbers = torch.randint(1000, (_NOISE,), generator=torch.Generator().manual_seed(0))
    return (numbers.double() / 1000).tolist()


def _square(name: str, size: int) -> Tensor:
    """The middle of a photograph, (3, size, size)."""
    photo = load_photo(name, size)
    top, left = ((n - size) // 2 for n in photo.shape[1:])
    return photo[:, top:top + size, left:left + size]


class AugmentPlayground(Figure):
    """Eight random draws of an image: `output`, (8, 3, height, width), computed by torchvision.

    `image` and `other`, (3, height, width), from 16 to 64 pixels a side, are uint8 or floats from 0
    to 1 and are kept in steps of 1/255. In this order: a random window of at least the share
    `window` of the area, enlarged (1: off); a crop of the image padded by `padding` with
    `padding_mode`; flips, in half of the draws, left to right (`flip`) and top to bottom
    (`vertical_flip`); factors of `brightness`, `contrast`, `saturation`, each from 1 − s to 1 + s,
    and a turn of `hue`; a square of `cutout` pixels set to `cutout_fill`, "zeros" or the image's
    "mean" color; mixup, the share `share` of the draw and the rest `other` as it is.
    `labels` are two words, of what the two images show. `draw_again()` takes other random numbers.
    """

    title = "One image, many draws"
    challenge = "Turn each of them up until you would not know the cat any more, then one back."
    caption = ("Eight draws of the same image: a network never sees it twice in the same way, and "
               "learns what stays the same in all of them. What you cannot recognize any more, do "
               "not ask a network to.")
    presets = {
        "flip and shift": _OFF | {"flip": True, "padding": 4},
        "another light": _OFF | {"flip": True, "brightness": 0.5, "contrast": 0.4,
                                 "saturation": 0.8, "hue": 0.1},
        "everything": _OFF | {"flip": True, "padding": 4, "window": 0.4, "brightness": 0.4,
                              "contrast": 0.4, "saturation": 0.8, "hue": 0.1, "cutout": 12},
        "a cat in a cup": _OFF | {"flip": True, "padding": 4, "share": 0.6},
    }
    _esm = module("augment")
    limits = constant(_LIMITS)
    image = Picture()
    other = Picture()
    flip = t.Bool(True).tag(sync=True)
    vertical_flip = t.Bool(False).tag(sync=True)
    padding = Count(4, 0, _LIMITS["padding"])
    padding_mode = Choice("zeros", "reflect")
    window = Real(1.0, _LIMITS["window"], 1.0)
    brightness = Real(0.0, 0.0, _LIMITS["brightness"])
    contrast = Real(0.0, 0.0, _LIMITS["contrast"])
    saturation = Real(0.0, 0.0, _LIMITS["saturation"])
    hue = Real(0.0, 0.0, _LIMITS["hue"])
    cutout = Count(0, 0, _LIMITS["cutout"])
    cutout_fill = Choice("zeros", "mean")
    share = Real(1.0, 0.0, _LIMITS["share"])
    draws = Count(0, 0, _LIMITS["draws"])
    labels = t.List(read_only=True).tag(sync=True)
    noise = constant(_noise())

    def __init__(self, image: Any = None, other: Any = None, labels: Any = None, **settings: Any):
        words = two_words(labels, image is None, other is None)
        if image is None and not settings:  # nothing was asked for: all that one sees at once
            settings = dict(_OPENING)
        image = to_picture(_square("chelsea", _PHOTO) if image is None else image, "image")
        if other is None:
            side = image.shape[1:]
            coffee = _square("coffee", _PHOTO)[None]
            other = F.interpolate(coffee, side, mode="bilinear", antialias=True)[0].clamp(0, 1)
            # 32 shades each: fewer bytes for the page, once it is compressed
            other = (other * 31).round() / 31
        self.set_trait("labels", words)  # before anything is sent
        super().__init__(image=image, other=other, **settings)

    @t.validate("image", "other")
    def _same_size(self, proposal: Any) -> Any:
        pictures = self.proposed(proposal, "image", "other").values()
        image, other = (" × ".join(map(str, one.shape[1:])) for one in pictures)
        if image != other:
            raise BadValue(f"image is {image} and other {other} pixels: to mix them they must have "
                           "one size, so set both inside `with "
                           "figure.hold_trait_notifications():`.")
        return proposal["value"]

    @property
    def label(self) -> str:
        """What a draw shows, by mixup's rule: as much of each label as there is of its image."""
        return mixed_label(self.share, self.labels)

    def draw_again(self) -> None:
        """Take the next random numbers."""
        self.draws += 1

    def parameters(self, draw: int) -> dict:
        """Return what happens to the image in a draw, 0 to 7; None for what does not happen."""
        start = (self.draws * _DRAWS + whole("draw", draw, 0, _DRAWS - 1)) * _EACH
        u = [self.noise[(start + i) % _NOISE] for i in range(_EACH)]
        high, wide = self.image.shape[1:]
        window = None
        if self.window < 1:
            area = high * wide * (self.window + (1 - self.window) * u[0])
            ratio = math.exp(_RATIO * (2 * u[1] - 1))
            h, w = (min(n, max(1, math.floor(math.sqrt(a) + 0.5)))
                    for n, a in ((high, area / ratio), (wide, area * ratio)))
            window = [math.floor(u[2] * (high - h + 1)), math.floor(u[3] * (wide - w + 1)), h, w]
        steps = 2 * self.padding + 1
        sizes = [getattr(self, name) for name in _FACTORS]
        factors = {name: 1 + s * (2 * number - 1) if s else None
                   for name, s, number in zip(_FACTORS, sizes, u[8:11], strict=True)}
        hole = [math.floor(u[12] * high), math.floor(u[13] * wide)] if self.cutout else None
        return {"window": window, "down": self.padding - math.floor(u[4] * steps),
                "right": self.padding - math.floor(u[5] * steps), "flip": self.flip and u[6] < 0.5,
                "vertical_flip": self.vertical_flip and u[7] < 0.5, **factors,
                "hue": self.hue * (2 * u[11] - 1) if self.hue else None, "hole": hole}

    def words(self, draw: int) -> str:
        """Return the same in words."""
        return told(draw, self.parameters(draw), self.share)

    @property
    def output(self) -> Tensor:
        """The eight draws, (8, 3, height, width), float32, as torchvision computes them."""
        return torch.stack([self._drawn(self.parameters(draw)) for draw in range(_DRAWS)])

    def _drawn(self, found: dict) -> Tensor:
        from torchvision.transforms.v2 import functional as T  # here: it takes a second

        x, (high, wide) = self.image, self.image.shape[1:]
        if found["window"]:
            x = T.resized_crop(x, *found["window"], size=[high, wide], antialias=False)
        if self.padding:
            mode = "constant" if self.padding_mode == "zeros" else "reflect"
            x = T.pad(x, [self.padding], padding_mode=mode)
            x = T.crop(x, self.padding - found["down"], self.padding - found["right"], high, wide)
        x = T.horizontal_flip(x) if found["flip"] else x
        x = T.vertical_flip(x) if found["vertical_flip"] else x
        for name in (*_FACTORS, "hue"):
            x = getattr(T, f"adjust_{name}")(x, found[name]) if found[name] is not None else x
        if found["hole"]:
            top, left = (center - self.cutout // 2 for center in found["hole"])
            fill = self.image.mean(dim=(1, 2))[:, None, None] if self.cutout_fill == "mean" else 0.0
            x = x.clone()
            bottom, right = (max(0, start + self.cutout) for start in (top, left))
            x[:, max(top, 0):bottom, max(left, 0):right] = fill
        return self.share * x + (1 - self.share) * self.other if self.share < 1 else x

    def to_html(self) -> str:
        """Return the eight draws in words as a table."""
        rows = [[draw + 1, self.words(draw).split(": ", 1)[1]] for draw in range(_DRAWS)]
        high, wide = self.image.shape[1:]
        title = f"eight random draws of an image of {high} × {wide}"
        return html_boxes(html_table(rows, title, ("draw", "what is done")),
                          note=f"The figure shows the eight images. Their label: {self.label}.")
