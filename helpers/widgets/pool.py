"""`PoolExplorer`: max and average pooling of a small map, window by window."""

import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..convolution import pool_out_size
from .figure import BadValue, Choice, Count, Figure, Matrix, html_boxes, html_table, module

_INPUT, _KERNEL, _STRIDE, _PADDING = 16, 6, 6, 3
_START = [[1, 3, 2, 1, 0, 2], [4, 6, 5, 0, 1, 1], [3, 1, 1, 2, 8, 3], [0, 2, 4, 3, 2, 7],
          [5, 1, 0, 9, 4, 2],
          [2, 2, 3, 1, 0, 6]]


class PoolExplorer(Figure):
    """Pooling explorer: `output` is `F.max_pool2d` or `F.avg_pool2d` of `input` (H, W), at most 16
    x 16.

    Raises BadValue where PyTorch would refuse, too: a padding of more than half the window, a
    window that fits nowhere.
    """

    _esm = module("pool")
    input = Matrix(_START, _INPUT)
    mode = Choice("max", "average")
    kernel_size = Count(2, 1, _KERNEL)
    stride = Count(2, 1, _STRIDE)
    padding = Count(0, 0, _PADDING)
    ceil_mode = t.Bool(False).tag(sync=True)
    count_include_pad = t.Bool(True).tag(sync=True)

    def __init__(self, input=_START, *, kernel_size: int = 2, stride: int | None = None,
                 **settings):
        limits = {"input": _INPUT, "kernel_size": _KERNEL, "stride": _STRIDE, "padding": _PADDING}
        super().__init__(input=input, kernel_size=kernel_size, limits=limits,
                         stride=kernel_size if stride is None else stride, **settings)

    @t.validate("input", "kernel_size", "stride", "padding", "ceil_mode")
    def _fits(self, proposal):
        now = {name: getattr(self, name)
               for name in ("input", "kernel_size", "stride", "padding", "ceil_mode")}
        now[proposal["trait"].name] = proposal["value"]
        for size in now["input"].shape:
            try:
                pool_out_size(size, now["kernel_size"], now["stride"], now["padding"],
                              ceil_mode=now["ceil_mode"])
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
        tables = (html_table(matrix.tolist(), f"{name}, {len(matrix)} × {len(matrix[0])}")
                  for name, matrix in (("input", self.input), ("output", self.output)))
        return html_boxes(*tables, note=f"{self.mode.capitalize()} pooling with a window of "
                          f"{self.kernel_size}, stride {self.stride}, padding "
                          f"{self.padding}{', ceil mode' if self.ceil_mode else ''}. With "
                          "JavaScript, this table is a figure to play with.")
