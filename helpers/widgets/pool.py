"""`PoolExplorer`: max and average pooling of a small map, window by window."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..convolution import pool_out_size
from .figure import Figure, constant, html_boxes, html_matrices, module
from .traits import BadValue, Choice, Count, Matrix

_LIMITS = {"input": 16, "kernel_size": 6, "stride": 6, "padding": 3}
_START = [[1, 3, 2, 1, 0, 2], [4, 6, 5, 0, 1, 1], [3, 1, 1, 2, 8, 3], [0, 2, 4, 3, 2, 7],
          [5, 1, 0, 9, 4, 2], [2, 2, 3, 1, 0, 6]]


class PoolExplorer(Figure):
    """Pooling explorer: `output` is `F.max_pool2d` or `F.avg_pool2d` of `input` (H, W).

    The input is at most 16 x 16. Raises BadValue where PyTorch would refuse, too: a padding of more
    than half the window, a window that fits nowhere.

    With `shift` the input is moved by one pixel to the right, its first column standing there
    twice: `shown` is what is pooled then, and `unchanged()` says how many outputs stay the same.
    """

    title = "Pooling, window by window"
    challenge = ("Shift the input by one pixel, and find a window with which more than half of the "
                 "outputs stay.")
    caption = ("Max pooling keeps the largest number of each window and forgets where it stood; "
               "average pooling keeps a little of every number. A number that changes without "
               "being or becoming the largest leaves the maximum alone; the average it changes.")
    presets = {
        "max": {"mode": "max", "kernel_size": 2, "stride": 2, "padding": 0, "shift": False},
        "average": {"mode": "average", "kernel_size": 2, "stride": 2, "padding": 0,
                    "shift": False},
        "shifted": {"mode": "max", "kernel_size": 2, "stride": 2, "padding": 0, "shift": True},
        "overlapping": {"mode": "max", "kernel_size": 3, "stride": 2, "padding": 1,
                        "shift": False},
        "over the edge": {"mode": "max", "kernel_size": 3, "stride": 2, "padding": 0,
                          "ceil_mode": True, "shift": False},
    }
    _esm = module("pool")
    limits = constant(_LIMITS)
    input = Matrix(_START, _LIMITS["input"])
    mode = Choice("max", "average")
    kernel_size = Count(2, 1, _LIMITS["kernel_size"])
    stride = Count(2, 1, _LIMITS["stride"])
    padding = Count(0, 0, _LIMITS["padding"])
    ceil_mode = t.Bool(False).tag(sync=True)
    count_include_pad = t.Bool(True).tag(sync=True)
    shift = t.Bool(False).tag(sync=True)

    def __init__(self, input: Sequence[Any] | Tensor = _START, *, kernel_size: int = 2,
                 stride: int | None = None, **settings: Any):
        super().__init__(input=input, kernel_size=kernel_size,
                         stride=kernel_size if stride is None else stride, **settings)

    @t.validate(*_LIMITS, "ceil_mode")
    def _fits(self, proposal: Any) -> Any:
        image, *settings, ceil = self.proposed(proposal, *_LIMITS, "ceil_mode").values()
        for size in image.shape:
            try:
                pool_out_size(size, *settings, ceil_mode=ceil)
            except ValueError as problem:
                raise BadValue(f"{problem} The figure keeps its last setting.") from None
        return proposal["value"]

    @property
    def shown(self) -> Tensor:
        """The input as it is pooled: moved by one pixel, if `shift` says so."""
        return _moved(self.input) if self.shift else self.input

    @property
    def output(self) -> Tensor:
        """The output, (rows, columns), computed by PyTorch."""
        return self._pooled(self.shown, self.mode)

    def unchanged(self) -> dict[str, tuple[int, int]]:
        """Return how many outputs a shift by one pixel leaves as they are, of how many.

        "max" and "average" pool with the figure's settings; "stride alone" takes the first pixel of
        each window, where that is no padding.
        """
        found = {}
        for way in ("max", "average", "stride alone"):
            before, after = (self._pooled(image.double(), way)
                             for image in (self.input, _moved(self.input)))
            same = torch.isclose(before, after, rtol=1e-6, atol=1e-6)
            found[way] = (int(same.sum()), same.numel())
        return found

    def _pooled(self, image: Tensor, way: str) -> Tensor:
        images, settings = image[None, None], (self.kernel_size, self.stride, self.padding)
        if way == "max":
            return F.max_pool2d(images, *settings, ceil_mode=self.ceil_mode)[0, 0]
        if way == "average":
            return F.avg_pool2d(images, *settings, ceil_mode=self.ceil_mode,
                                count_include_pad=self.count_include_pad)[0, 0]
        starts = [[max(0, i * self.stride - self.padding) for i in range(count)]
                  for count in self._pooled(image, "max").shape]
        return image[starts[0]][:, starts[1]]

    def to_html(self) -> str:
        """Return input and output as tables."""
        return html_boxes(*html_matrices(self, "input", "output"), note=(
            f"{'The input is moved by one pixel. ' if self.shift else ''}"
            f"{self.mode.capitalize()} pooling with a window of {self.kernel_size}, stride "
            f"{self.stride}, padding {self.padding}{', ceil mode' if self.ceil_mode else ''}. "
            f"{_told(self)}"))


def _moved(image: Tensor) -> Tensor:
    """Return an image moved by one pixel to the right, its first column standing there twice."""
    return torch.cat([image[:, :1], image[:, :-1]], dim=1)


def _told(figure: PoolExplorer) -> str:
    """Say what a shift by one pixel leaves as it is."""
    counts = [f"{same} with {way}" for way, (same, _) in figure.unchanged().items()]
    total = figure.output.numel()
    return f"Of {total} outputs a shift by one pixel leaves as they are: {', '.join(counts)}."
