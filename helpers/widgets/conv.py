"""`ConvExplorer`: a convolution with a small input and kernel, stepped through one output at a
time.
"""

import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..convolution import KERNELS, conv_out_size
from .figure import BadValue, Count, Figure, Matrix, html_boxes, html_table, module, named

_INPUT, _KERNEL, _STRIDE, _PADDING, _DILATION = 16, 7, 4, 4, 4


def _pattern(rule) -> list[list[float]]:
    return [[float(rule(row, column)) for column in range(8)] for row in range(8)]


PATTERNS: dict[str, list[list[float]]] = {
    "edge": _pattern(lambda r, c: c >= 4),
    "diagonal": _pattern(lambda r, c: c > r),
    "square": _pattern(lambda r, c: 2 <= r < 6 and 2 <= c < 6),
    "disc": _pattern(lambda r, c: (r - 3.5) ** 2 + (c - 3.5) ** 2 < 9),
    "cross": _pattern(lambda r, c: r in (3, 4) or c in (3, 4)),
    "stripes": _pattern(lambda r, c: c % 2),
    "ramp": _pattern(lambda r, c: c / 8),
    "dot": _pattern(lambda r, c: r == 3 and c == 3),
}
"""Inputs by name, 8 x 8 each."""


class ConvExplorer(Figure):
    """Convolution explorer: `output` is `F.conv2d(input, kernel, stride=…, padding=…, dilation=…)`.

    `input` (H, W), at most 16 x 16, and `kernel` (kh, kw), at most 7 x 7, may be given by the names
    in `PATTERNS` and `KERNELS`. Raises BadValue for what is no such matrix, and where the kernel
    does not fit into the padded input.
    """

    _esm = module("conv")
    input = Matrix(PATTERNS["edge"], _INPUT)
    kernel = Matrix(KERNELS["sobel"], _KERNEL)
    stride = Count(1, 1, _STRIDE)
    padding = Count(0, 0, _PADDING)
    dilation = Count(1, 1, _DILATION)
    kernels = t.Dict(KERNELS, read_only=True).tag(sync=True)
    patterns = t.Dict(PATTERNS, read_only=True).tag(sync=True)

    def __init__(self, input="edge", kernel="sobel", **settings):
        limits = {"input": _INPUT, "kernel": _KERNEL, "stride": _STRIDE, "padding": _PADDING,
                  "dilation": _DILATION}
        super().__init__(input=named(PATTERNS, input, "input"),
                         kernel=named(KERNELS, kernel, "kernel"), limits=limits,
                         **settings)

    @classmethod
    def is_own(cls, name: str) -> bool:
        """The menus are constants."""
        return super().is_own(name) and name not in ("kernels", "patterns")

    @t.validate("input", "kernel", "stride", "padding", "dilation")
    def _fits(self, proposal):
        now = {name: getattr(self, name)
               for name in ("input", "kernel", "stride", "padding", "dilation")}
        now[proposal["trait"].name] = proposal["value"]
        for axis in (0, 1):
            try:
                conv_out_size(now["input"].shape[axis], now["kernel"].shape[axis], now["stride"],
                              now["padding"],
                              now["dilation"])
            except ValueError as problem:
                raise BadValue(f"{problem} The figure keeps its last setting.") from None
        return proposal["value"]

    @property
    def output(self) -> Tensor:
        """The output, (rows, columns), computed by PyTorch."""
        return F.conv2d(self.input[None, None], self.kernel[None, None], stride=self.stride,
                        padding=self.padding,
                        dilation=self.dilation)[0, 0]

    def to_html(self) -> str:
        """Return input, kernel and output as tables."""
        tables = (html_table(matrix.tolist(), f"{name}, {len(matrix)} × {len(matrix[0])}")
                  for name, matrix in (("input", self.input), ("kernel", self.kernel),
                                       ("output", self.output)))
        return html_boxes(*tables, note=f"A convolution with stride {self.stride}, padding "
                                        f"{self.padding}, dilation {self.dilation}. With "
                                        "JavaScript, this table is a figure to play with.")
