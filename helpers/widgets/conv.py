"""`ConvExplorer`: a convolution with a small input and kernel, one output after the other."""

from collections.abc import Callable, Sequence
from typing import Any

import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..convolution import KERNELS, conv_out_size
from .figure import Figure, constant, html_boxes, html_matrices, module
from .traits import BadValue, Count, Matrix, named

_LIMITS = {"input": 16, "kernel": 7, "stride": 4, "padding": 4, "dilation": 4}


def _pattern(rule: Callable[[int, int], Any]) -> list[list[float]]:
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
    limits = constant(_LIMITS)
    input = Matrix(PATTERNS["edge"], _LIMITS["input"])
    kernel = Matrix(KERNELS["sobel"], _LIMITS["kernel"])
    stride = Count(1, 1, _LIMITS["stride"])
    padding = Count(0, 0, _LIMITS["padding"])
    dilation = Count(1, 1, _LIMITS["dilation"])
    kernels = constant(KERNELS)
    patterns = constant(PATTERNS)

    def __init__(self, input: str | Sequence[Any] | Tensor = "edge",
                 kernel: str | Sequence[Any] | Tensor = "sobel", **settings: Any):
        super().__init__(input=named(PATTERNS, input, "input"),
                         kernel=named(KERNELS, kernel, "kernel"), **settings)

    @t.validate(*_LIMITS)
    def _fits(self, proposal: Any) -> Any:
        image, kernel, *settings = self.proposed(proposal, *_LIMITS).values()
        for sizes in zip(image.shape, kernel.shape, strict=True):
            try:
                conv_out_size(*sizes, *settings)
            except ValueError as problem:
                raise BadValue(f"{problem} The figure keeps its last setting.") from None
        return proposal["value"]

    @property
    def output(self) -> Tensor:
        """The output, (rows, columns), computed by PyTorch."""
        return F.conv2d(self.input[None, None], self.kernel[None, None], stride=self.stride,
                        padding=self.padding, dilation=self.dilation)[0, 0]

    def to_html(self) -> str:
        """Return input, kernel and output as tables."""
        return html_boxes(*html_matrices(self, "input", "kernel", "output"), note=(
            f"A convolution with stride {self.stride}, padding {self.padding}, dilation "
            f"{self.dilation}."))
