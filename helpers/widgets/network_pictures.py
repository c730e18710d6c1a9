"""The pictures of `NetworkExplorer`: of a data set, of tensors, or those that come with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from ..data.images import ImageSet
from ..data.photos import load_photo
from ..measured import read_json
from .picture import to_picture
from .traits import BadValue

MOST = 12  # pictures that a figure holds
_SIDE, _DRAWN = 32, 256  # pixels of a drawn picture, and of what it is scaled down from
Colors = tuple[int, int, int]


def with_the_course() -> dict[str, Tensor]:
    """Return photographs of scikit-image and drawings, (3, 32, 32) uint8, by what they show."""
    return {"a cat": _square(load_photo("chelsea")), "a drawn ship": _ship(),
            "a drawn airplane": _airplane(), "a drawn automobile": _automobile(),
            "a cup of coffee": _square(load_photo("coffee"))}


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
        ("rectangle", white, [(.26, .38), (.70, .52)]),
        ("rectangle", white, [(.34, .28), (.58, .40)]),
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


@dataclass
class Given:
    """What a figure is told of its pictures: bytes (3, H, W), and how a network gets them."""

    pictures: list[Tensor]
    labels: list[int]
    classes: list[str]
    mean: list[float]
    std: list[float]
    names: list[str]


def taken(images: Any, labels: Any, classes: Sequence[str] | None, mean: Any, std: Any) -> Given:
    """Return the pictures of a data set, of tensors or, for None, of the course, with their words.

    Tensors are (N, 3, H, W): bytes, floats from 0 to 1, or normalized with `mean` and `std`.
    """
    kept = read_json("lenet_weights.json")
    names = None
    if isinstance(images, ImageSet):
        labels = images.labels if labels is None else labels
        classes = images.classes if classes is None else classes
        mean = images.mean if mean is None else mean
        std = images.std if std is None else std
        images = images.images
    if images is None:
        course = with_the_course()
        names, images = [*course], torch.stack([*course.values()])
    mean, std = (_channels(name, kept[name] if value is None else value)
                 for name, value in (("mean", mean), ("std", std)))
    images = _batch(images)
    if images.is_floating_point() and images.numel():
        images = _unnormalized(images, mean, std)
    pictures = [to_picture(one, "images") for one in images]
    found = [-1] * len(pictures) if labels is None else torch.as_tensor(labels).tolist()
    if not isinstance(found, list) or len(found) < len(pictures):
        raise BadValue(f"There are {len(pictures)} images, so labels must be as many numbers.")
    return Given(pictures, [int(one) for one in found[:len(pictures)]], [*(classes or ())],
                 mean.tolist(), std.tolist(),
                 names or [f"picture {number}" for number in range(1, len(pictures) + 1)])


def _channels(name: str, value: Any) -> Tensor:
    numbers = torch.as_tensor(value, dtype=torch.float32).detach().cpu().flatten()
    if len(numbers) == 1:
        numbers = numbers.expand(3)
    if len(numbers) != 3 or not numbers.isfinite().all() or (name == "std" and numbers.min() <= 0):
        raise BadValue(f"{name} must be three numbers, for red, green and blue"
                       f"{', above 0' if name == 'std' else ''}.")
    return numbers


def _batch(images: Any) -> Tensor:
    if hasattr(images, "__array__") and not isinstance(images, Tensor):
        images = torch.as_tensor(images.__array__())
    if isinstance(images, Tensor) and images.ndim == 3:
        images = images[None]
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3:
        what = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise BadValue("images must be an ImageSet, such as data.test.take(8), or a tensor "
                       f"(N, 3, height, width), not {what}.")
    if not 1 <= len(images) <= MOST:
        raise BadValue(f"images must be from 1 to {MOST} pictures, not {len(images)}: take some, "
                       f"such as images[:{MOST}].")
    return images.detach().cpu()


def _unnormalized(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return floats from 0 to 1: as they are, or undone what `normalize` did."""
    if images.min() < 0 or images.max() > 1:
        images = images * std.view(3, 1, 1) + mean.view(3, 1, 1)
    if not images.isfinite().all() or images.min() < -0.02 or images.max() > 1.02:
        raise BadValue("images must be bytes, floats from 0 to 1, or normalized with mean and std: "
                       "undone with these, they are no picture. Name the mean and std that you "
                       "normalized with.")
    return images.clamp(0, 1)
