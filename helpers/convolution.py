"""The arithmetic of convolutions: well-known kernels, output sizes, receptive fields."""

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

_NAMES = ("size", "kernel", "stride", "padding", "dilation")
_ROWS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "box": [[1 / 9] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "vertical": [[-1, 0, 1]] * 3,
    "horizontal": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "sobel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel_y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "scharr": [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
    "scharr_y": [[-3, -10, -3], [0, 0, 0], [3, 10, 3]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}
KERNELS = {name: [[float(weight) for weight in row] for row in rows]
           for name, rows in _ROWS.items()}
"""Kernels by name. `vertical`, `sobel` and `scharr` answer to vertical edges, positive where it
gets brighter to the right; their partners `horizontal`, `sobel_y` and `scharr_y` to horizontal
ones, positive where it gets brighter downwards."""


Each = int | Sequence[int]
"""A number for every axis, or one for each."""


def conv_out_size(size: Each, kernel: Each, stride: Each = 1, padding: Each | str = 0,
                  dilation: Each = 1) -> Any:
    """Return the output size of a convolution: the places of a kernel along `size` pixels.

    Whole numbers, for one axis; where one of them is a tuple, a number for each axis, the result is
    one, too, and the others hold for all axes. `padding` is added at both ends; "valid" is none,
    "same" as much as keeps the size, with stride 1 only. Raises ValueError where the kernel does
    not fit even once, and for settings that PyTorch refuses. Source: the shape formula of
    `torch.nn.Conv2d`.

    >>> conv_out_size(32, 5)
    28
    >>> conv_out_size((224, 160), 7, stride=2, padding=3)
    (112, 80)
    """
    return _by_axis(_conv_out_size, size, kernel, stride, padding, dilation)


def _conv_out_size(size: int, kernel: int, stride: int, padding: int | str, dilation: int) -> int:
    span = dilation * (kernel - 1) + 1
    padded = size + sum(_ends(kernel, stride, padding, dilation))
    if span > padded:
        raise ValueError(f"The kernel spans {span} pixels, but the padded input has only {padded}: "
                         "it fits nowhere. Make the kernel or the dilation smaller, or the padding "
                         "larger.")
    return (padded - span) // stride + 1


def pool_out_size(size: Each, kernel: Each, stride: Each | None = None, padding: Each = 0,
                  dilation: Each = 1, ceil_mode: bool = False) -> Any:
    """Return how many windows pooling has along one axis of `size` pixels, or tuples of axes.

    Without a `stride` the windows lie side by side. With `ceil_mode` a last window may reach past
    the end, if it starts inside the input or the padding before it. Raises ValueError where no
    window fits, where one could hold nothing but padding, and for other settings that PyTorch
    refuses. Source: the shape formula and the notes of `torch.nn.MaxPool2d`.

    >>> pool_out_size(5, 2), pool_out_size(5, 2, ceil_mode=True), pool_out_size((9, 8), 3, 1)
    (2, 3, (7, 6))
    """
    if isinstance(padding, str):
        raise ValueError(f"Pooling has no padding {padding!r}: name its pixels. Only convolutions "
                         "take 'same' and 'valid'.")
    if not isinstance(ceil_mode, bool):
        raise ValueError(f"ceil_mode must be True or False, not {ceil_mode!r}.")
    if stride is None or (isinstance(stride, Sequence) and not stride):  # PyTorch takes () as well
        stride = kernel
    return _by_axis(partial(_pool_out_size, ceil_mode=ceil_mode), size, kernel, stride, padding,
                    dilation)


def _pool_out_size(size: int, kernel: int, stride: int, padding: int, dilation: int,
                   ceil_mode: bool) -> int:
    span = dilation * (kernel - 1) + 1
    if 2 * padding > kernel:
        raise ValueError(f"The padding may be at most half the window, here {kernel // 2}, and is "
                         f"{padding}: else a window could hold nothing but padding.")
    free = size + 2 * padding - span
    count = (-(-free // stride) if ceil_mode else free // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    if count < 1:
        raise ValueError(f"The window spans {span} pixels, but the padded input has only "
                         f"{size + 2 * padding}: it fits nowhere.")
    return count


def whole(name: str, value: Any, low: int, high: float = math.inf) -> int:
    """Return a whole number from `low` to `high`, or refuse all else in a ValueError's sentence.

    Takes what PyTorch does: integers of NumPy and of tensors are some, 2.0 and True are none.
    """
    with suppress(TypeError):
        if not isinstance(value, bool) and low <= (number := operator.index(value)) <= high:
            return number
    bounds = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
    raise ValueError(f"{name} must be a whole number {bounds}, not {value!r}.")


def _by_axis(rule: Callable[..., int], *settings: Any) -> Any:
    """Return `rule` of size, kernel, stride, padding and dilation, or a tuple of it, by axis."""
    many = [one for one in settings if isinstance(one, Sequence) and not isinstance(one, str)]
    axes = {len(one) for one in many}
    if not axes:
        return rule(*map(_checked, _NAMES, settings))
    if len(axes - {1}) > 1 or 0 in axes or any(isinstance(n, str) for one in many for n in one):
        raise ValueError("size, kernel, stride, padding and dilation must be a number for each "
                         f"axis, or one for all; got {', '.join(map(repr, settings))}.")
    columns = [one if any(one is other for other in many) else [one] for one in settings]
    return tuple(rule(*map(_checked, _NAMES, (one[axis % len(one)] for one in columns)))
                 for axis in range(max(axes)))


def _checked(name: str, value: Any) -> Any:
    """Return one setting as PyTorch takes it, or refuse it in one sentence."""
    if name.startswith("padding") and isinstance(value, str):
        if value not in ("same", "valid"):
            raise ValueError(f"{name} must be pixels, 'same' or 'valid', not {value!r}.")
        return value
    return whole(name, value, 0 if name.startswith("padding") else 1)


def _ends(kernel: int, stride: int, padding: int | str, dilation: int) -> tuple[int, int]:
    """Return the pixels that are added before the input and after it."""
    if padding == "same" and stride != 1:
        raise ValueError(f"padding='same' would keep the size, which a stride of {stride} does "
                         "not: name the padding's pixels, as PyTorch demands, too.")
    if isinstance(padding, str):
        total = dilation * (kernel - 1) if padding == "same" else 0
        return total // 2, total - total // 2
    return padding, padding


class Field(NamedTuple):
    """What one output of a stack of layers sees of the input, along one axis, in pixels.

    Output i sees the pixels from `start + i * jump` to `start + i * jump + size - 1`; those below 0
    or past the end are padding.
    """

    size: int
    jump: int
    start: int


def receptive_field(layers: Iterable[int | Sequence[int | str]]) -> Field:
    """Return the receptive field after `layers`, each (kernel, stride=1, padding=0, dilation=1).

    The first layer comes first; a number alone is a kernel. Each widens it by (kernel - 1) ·
    dilation steps of the layers before, and a step of its own is `stride` of theirs. Raises
    ValueError for what is no such layer. Source: A. Araujo, W. Norris, J. Sim, Computing Receptive
    Fields of Convolutional Neural Networks, 2019.

    >>> receptive_field([5, (2, 2), 5, (2, 2)])
    Field(size=16, jump=4, start=0)
    """
    if not isinstance(layers, Iterable):
        raise ValueError(f"layers must be a list, such as [(5,), (2, 2)], not {layers!r}.")
    size, jump, start = 1, 1, 0
    for number, layer in enumerate(layers, 1):
        given = layer if isinstance(layer, Sequence) and not isinstance(layer, str) else [layer]
        if not 1 <= len(given) <= 4:
            raise ValueError(f"Layer {number} must be (kernel, stride=1, padding=0, dilation=1), "
                             f"not {layer!r}.")
        full = (*given, *(1, 0, 1)[len(given) - 1:])
        kernel, stride, padding, dilation = (
            _checked(f"{name} of layer {number}", one)
            for name, one in zip(_NAMES[1:], full, strict=True))
        size += (kernel - 1) * dilation * jump
        start -= _ends(kernel, stride, padding, dilation)[0] * jump
        jump *= stride
    return Field(size, jump, start)
