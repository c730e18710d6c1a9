"""`PoolExplorer`: max and average pooling of a small map, window by window."""

from collections.abc import Sequence
from typing import Any

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
    """

    title = "Pooling, window by window"
    challenge = "Raise one number, step by step: when does the maximum notice, when the average?"
    caption = ("Max pooling keeps the largest number of each window and forgets where it stood; "
               "average pooling keeps a little of every number. What moves within a window "
               "changes the maximum less often than the average.")
    presets = {
        "max": {"mode": "max", "kernel_size": 2, "stride": 2, "padding": 0},
        "average": {"mode": "average", "kernel_size": 2, "stride": 2, "padding": 0},
        "overlapping": {"mode": "max", "kernel_size": 3, "stride": 2, "padding": 1},
        "over the edge": {"mode": "max", "kernel_size": 3, "stride": 2, "padding": 0,
                          "ceil_mode": True},
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
    def output(self) -> Tensor:
        """The output, (rows, columns), computed by PyTorch."""
        images, settings = self.input[None, None], (self.kernel_size, self.stride, self.padding)
        if self.mode == "max":
            return F.max_pool2d(images, *settings, ceil_mode=self.ceil_mode)[0, 0]
        return F.avg_pool2d(images, *settings, ceil_mode=self.ceil_mode,
                            count_include_pad=self.count_include_pad)[0, 0]

    def to_html(self) -> str:
        """Return input and output as tables."""
        return html_boxes(*html_matrices(self, "input", "output"), note=(
            f"{self.mode.capitalize()} pooling with a window of {self.kernel_size}, stride "
            f"{self.stride}, padding {self.padding}{', ceil mode' if self.ceil_mode else ''}."))
