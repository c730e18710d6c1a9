"""The arithmetic of convolutions: well-known kernels, output sizes, receptive fields."""

from collections.abc import Sequence
from typing import NamedTuple

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


def conv_out_size(size: int, kernel: int, stride: int = 1, padding: int = 0,
                  dilation: int = 1) -> int:
    """Return the output size of a convolution: the places of a kernel along `size` pixels.

    `padding` is added at both ends. Raises ValueError where the kernel does not fit even once.
    Source: the shape formula of `torch.nn.Conv2d`.

    >>> conv_out_size(32, 5)
    28
    >>> conv_out_size(224, 7, stride=2, padding=3)
    112
    """
    span = _span(size, kernel, stride, padding, dilation)
    if span > size + 2 * padding:
        raise ValueError(f"The kernel spans {span} pixels, but the padded input has only "
                         f"{size + 2 * padding}: it fits nowhere. Make the kernel or the dilation "
                         "smaller, or the padding larger.")
    return (size + 2 * padding - span) // stride + 1


def pool_out_size(size: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1,
                  ceil_mode: bool = False) -> int:
    """Return how many windows pooling has along one axis of `size` pixels.

    With `ceil_mode` a last window may reach past the end, if it starts inside the input or the
    padding before it. Raises ValueError where no window fits, or where one could hold nothing but
    padding. Source: the shape formula and the notes of `torch.nn.MaxPool2d`.

    >>> pool_out_size(5, 2, 2), pool_out_size(5, 2, 2, ceil_mode=True)
    (2, 3)
    """
    span = _span(size, kernel, stride, padding, dilation)
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


def _span(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return how many pixels a kernel spans, or refuse settings that are none."""
    if min(size, kernel, stride, dilation) < 1 or padding < 0:
        raise ValueError("size, kernel, stride and dilation start at 1, padding at 0; got "
                         f"{size}, {kernel}, {stride}, {dilation} and {padding}.")
    return dilation * (kernel - 1) + 1


class Field(NamedTuple):
    """What one output of a stack of layers sees of the input, along one axis, in pixels.

    Output i sees the pixels from `start + i * jump` to `start + i * jump + size - 1`; those below 0
    or past the end are padding.
    """

    size: int
    jump: int
    start: int


def receptive_field(layers: Sequence[Sequence[int]]) -> Field:
    """Return the receptive field after `layers`, each (kernel, stride=1, padding=0, dilation=1).

    The first layer comes first. Each widens it by (kernel - 1) · dilation steps of the layers
    before, and a step of its own is `stride` of theirs. Source: A. Araujo, W. Norris, J. Sim,
    Computing Receptive Fields of Convolutional Neural Networks, 2019.

    >>> receptive_field([(5,), (2, 2), (5,), (2, 2)])
    Field(size=16, jump=4, start=0)
    """
    size, jump, start = 1, 1, 0
    for layer in layers:
        kernel, stride, padding, dilation = (*layer, *(1, 0, 1)[len(layer) - 1:])
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
        jump *= stride
    return Field(size, jump, start)
