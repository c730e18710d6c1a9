"""The pictures of `NetworkExplorer`: of a data set, of tensors, or those that come with it."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from ..data.images import ImageSet
from ..data.photos import load_photo
from .picture import to_picture
from .traits import BadValue

MOST = 12  # pictures that a figure holds
_SIDE, _DRAWN = 32, 256  # pixels of a drawn picture, and of what it is scaled down from
Colors = tuple[int, int, int]


def with_the_course() -> dict[str, Tensor]:
    """Return photographs of scikit-image and drawings, (3, 32, 32) uint8, by what they show."""
    return {"a cat": _square(load_photo("chelsea")), "a drawn ship": _ship(),
            "a drawn airplane": _airplane(), "a drawn automobile": _automobile(),
            "a cup of coffee": _square(load_photo("coffee")),
            "a rocket": _square(load_photo("rocket"))}


def _square(photo: Tensor) -> Tensor:
    """Cut the middle square out of a photograph (3, H, W), and make it small."""
    side = min(photo.shape[1:])
    top, left = ((length - side) // 2 for length in photo.shape[1:])
    small = F.interpolate(photo[None, :, top:top + side, left:left + side], (_SIDE, _SIDE),
                          mode="bilinear", antialias=True, align_corners=False)[0]
    return (small.clamp(0, 1) * 255).round().to(torch.uint8)


def _drawn(top: Colors, bottom: Colors, shapes: Sequence[tuple[str, Colors, list]]) -> Tensor:
    """Draw polygons and ellipses, of places from 0 to 1, on a ground that fades downwards."""
    rows = torch.linspace(0, 1, _DRAWN)[:, None, None]
    ground = torch.tensor(top) * (1 - rows) + torch.tensor(bottom) * rows
    image = Image.fromarray(ground.expand(-1, _DRAWN, -1).to(torch.uint8).numpy())
    pencil = ImageDraw.Draw(image)
    for kind, color, places in shapes:
        getattr(pencil, kind)([(x * _DRAWN, y * _DRAWN) for x, y in places], fill=color)
    pixels = torch.tensor([*image.tobytes()], dtype=torch.uint8).reshape(_DRAWN, _DRAWN, 3)
    return _square(pixels.permute(2, 0, 1) / 255)


def _ship() -> Tensor:
    sea, hull, white, dark = (38, 84, 120), (92, 30, 34), (232, 234, 236), (40, 44, 52)
    return _drawn((150, 186, 214), (200, 214, 224), [
        ("rectangle", sea, [(0, .62), (1, 1)]),
        ("polygon", hull, [(.06, .52), (.94, .50), (.84, .72), (.16, .72)]),
        ("rectangle", white, [(.26, .38), (.70, .52)]), ("rectangle", white, [(.34, .28), (.58, .40)]),
        ("rectangle", dark, [(.42, .14), (.52, .30)])])


def _airplane() -> Tensor:
    body, wing = (236, 238, 242), (150, 158, 170)
    return _drawn((86, 140, 206), (176, 206, 236), [
        ("polygon", wing, [(.40, .50), (.60, .50), (.30, .86), (.20, .86)]),
        ("polygon", wing, [(.44, .46), (.60, .46), (.44, .20), (.36, .20)]),
        ("polygon", body, [(.06, .50), (.16, .43), (.84, .43), (.95, .48), (.84, .55), (.16, .56)]),
        ("polygon", body, [(.06, .50), (.04, .24), (.12, .24), (.24, .46)])])


def _automobile() -> Tensor:
    red, glass, black, light = (190, 30, 36), (70, 90, 110), (24, 24, 26), (170, 172, 176)
    return _drawn((196, 206, 214), (150, 150, 150), [
        ("rectangle", light, [(0, .70), (1, 1)]),
        ("polygon", red, [(.20, .50), (.32, .28), (.68, .28), (.82, .50)]),
        ("polygon", glass, [(.27, .48), (.35, .33), (.65, .33), (.74, .48)]),
        ("polygon", red, [(.05, .50), (.95, .50), (.96, .74), (.04, .74)]),
        ("ellipse", black, [(.14, .62), (.34, .86)]), ("ellipse", black, [(.66, .62), (.86, .86)])])


def taken(images: Any, height_name: str = "images") -> list[Tensor]:
    """Placeholder."""
    raise NotImplementedError
