"""A synthetic stand-in for CIFAR-10: ten classes of drawn shapes, 32×32×3, from a seed, in seconds.

Each image is a shape in a random place, size, rotation, color and texture, before a textured
background, crossed by clutter, under noise and uneven light. Several shapes are not their own
mirror image and appear in both forms, so flips teach something, as they do with cars that face left
or right.

Shapes are signed fields f(u, v), positive inside, over coordinates in which the shape fills about
[-1, 1]².
"""

from collections.abc import Callable

import torch
from torch import Tensor

SIZE = 32
# Grounds lean towards a color of their class, as ships do towards blue: something easy to learn.
_PALETTE = torch.tensor([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60],
                         [200, 60, 200], [60, 200, 200], [40, 40, 40], [215, 215, 215],
                         [128, 128, 60], [128, 60, 128]]).float()
# Rounded, and to be left so: math.pi draws other images, on which no measured number holds.
_HALF_TURN, _FULL_TURN = 3.14159, 6.28318
_CHUNK = 500  # images drawn at a time: their fields stay in the processor's cache


def _box(u: Tensor, v: Tensor, width: float, height: float) -> Tensor:
    return torch.minimum(width - u.abs(), height - v.abs())


_FIELDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "disc": lambda u, v: 0.85 - (u * u + v * v).sqrt_(),
    "ring": lambda u, v: 0.22 - ((u * u + v * v).sqrt_() - 0.66).abs_(),
    "triangle": lambda u, v: torch.minimum(0.65 - v, (v + 0.85) * 0.5 - u.abs() * 0.85),
    "square": lambda u, v: _box(u, v, 0.74, 0.74),
    "cross": lambda u, v: torch.maximum(_box(u, v, 0.88, 0.26), _box(u, v, 0.26, 0.88)),
    "crescent": lambda u, v: torch.minimum(0.88 - (u * u + v * v).sqrt_(),
                                           ((u - 0.42).square_() + v * v).sqrt_() - 0.66),
    "arrow": lambda u, v: torch.maximum(
        torch.minimum(u - 0.05, (0.95 - u) * 0.5 - v.abs() * 0.62), _box(u + 0.4, v, 0.5, 0.2)),
    "flag": lambda u, v: torch.maximum(_box(u + 0.62, v, 0.14, 0.92),
                                       _box(u - 0.1, v + 0.42, 0.66, 0.42)),
    "hook": lambda u, v: torch.maximum(_box(u + 0.45, v, 0.24, 0.9),
                                       _box(u - 0.12, v - 0.68, 0.66, 0.22)),
    "zigzag": lambda u, v: torch.maximum(
        torch.maximum(_box(u + 0.32, v + 0.66, 0.5, 0.2), _box(u - 0.32, v - 0.66, 0.5, 0.2)),
        torch.minimum(0.24 - u.abs(), 0.86 - v.abs())),
}
CLASSES = tuple(_FIELDS)


def draw(train: int = 50_000, test: int = 10_000,
         seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return train images uint8 (train, 3, 32, 32), train labels int64 (train,), the same for test.

    The same seed gives the same images, whatever else has drawn random numbers; the global
    generator is left alone.
    """
    generator = torch.Generator().manual_seed(seed)
    total = train + test
    labels = torch.randint(len(CLASSES), (total,), generator=generator)
    images = torch.empty(total, 3, SIZE, SIZE, dtype=torch.uint8)
    grain = torch.randn(3 * SIZE * SIZE * (_CHUNK + 64), generator=generator).mul_(9)  # for all
    # Chunk by chunk of one class, so that each chunk evaluates one field.
    for label in range(len(CLASSES)):
        for members in (labels == label).nonzero().flatten().split(_CHUNK):
            images[members] = _draw_class(label, len(members), generator, grain)
    return images[:train], labels[:train], images[train:], labels[train:]


def _draw_class(label: int, count: int, generator: torch.Generator, grain: Tensor) -> Tensor:
    """Return `count` images uint8 (count, 3, 32, 32) of one class."""
    def uniform(low: float, high: float) -> Tensor:  # (count, 1, 1)
        return torch.rand(count, 1, 1, generator=generator).mul_(high - low).add_(low)

    axis = torch.linspace(-1, 1, SIZE)
    x, y = axis.view(1, 1, SIZE), axis.view(1, SIZE, 1)

    angle, size, mirror = uniform(-0.45, 0.45), uniform(0.5, 0.9), torch.sign(uniform(-1, 1))
    stretch = uniform(0.8, 1.25)
    left, top = (uniform(-1, 1) * (1 - 0.75 * size) for _ in range(2))
    dx, dy = x - left, y - top
    cos, sin = angle.cos() / size, angle.sin() / size
    u = (dx * cos + dy * sin) * (mirror * stretch)
    v = (dy * cos - dx * sin) / stretch
    shape = _soft(_FIELDS[CLASSES[label]](u, v), size)

    # What is around and on it: two gratings, one behind the shape and one on it.
    def grating(strength: float) -> Tensor:
        way, pitch, phase = uniform(0, _HALF_TURN), uniform(4, 14), uniform(0, _FULL_TURN)
        waves = (x * (way.cos() * pitch) + y * (way.sin() * pitch) + phase).sin_()
        return waves.mul_(uniform(0, strength))

    texture = torch.lerp(grating(26.0), grating(18.0), shape)

    # Clutter: a bar and a blob of other colors, drawn over everything.
    way, offset, width = uniform(0, _HALF_TURN), uniform(-0.9, 0.9), uniform(0.03, 0.10)
    bar = _soft(width - (x * way.cos() + y * way.sin() - offset).abs_())
    radius = uniform(0.10, 0.30)
    blob = _soft(radius - ((x - uniform(-1, 1)).square() + (y - uniform(-1, 1)).square()).sqrt_())

    ground, figure, *other = _colours(label, count, generator)
    start = int(torch.randint(64 * 3 * SIZE * SIZE, (1,), generator=generator))
    noise = grain[start:start + count * 3 * SIZE * SIZE].view(count, 3, SIZE, SIZE)
    light = x * uniform(-20, 20) + y * uniform(-20, 20)
    texture += light
    out = torch.empty(count, 3, SIZE, SIZE, dtype=torch.uint8)
    for c in range(3):
        plane = torch.lerp(ground[:, c, None, None], figure[:, c, None, None], shape).add_(texture)
        for mask, color in zip((bar, blob), other, strict=True):
            plane = torch.lerp(plane, color[:, c, None, None], mask)
        out[:, c] = plane.add_(noise[:, c]).clamp_(0, 255)
    return out


def _soft(field: Tensor, size: Tensor | float = 1) -> Tensor:
    """Return 1 inside a field and 0 outside, with one pixel of soft edge between them."""
    return field.mul_(size * SIZE / 2).add_(0.5).clamp_(0, 1)


def _colours(label: int, count: int, generator: torch.Generator) -> list[Tensor]:
    """Draw colors (count, 3) of grounds, shapes, bars, blobs; a shape's contrast may be faint."""
    ground = torch.rand(count, 3, generator=generator) * 255
    ground = torch.lerp(ground, _PALETTE[label], 0.35)
    away = torch.randn(count, 3, generator=generator)
    away = away / away.norm(dim=1, keepdim=True)
    figure = ground + away * (110 + 120 * torch.rand(count, 1, generator=generator))
    return [ground, figure, *torch.rand(2, count, 3, generator=generator) * 255]
