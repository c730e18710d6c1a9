"""`ConvExplorer`: a convolution of a photograph or of a few numbers, one output after the other."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..convolution import KERNELS, conv_out_size
from .figure import Figure, constant, html_boxes, html_matrices, html_table, module
from .picture import LEAST, MOST, Photo
from .traits import BadValue, Choice, Count, Matrix, named

_LIMITS = {"input": 16, "kernel": 7, "stride": 4, "padding": 4, "dilation": 4,
           "photo": [LEAST, MOST]}
_CHECKED = ("input", "photo", "view", "kernel", "stride", "padding", "dilation")


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


def _preset(kernel: str, stride: int = 1, padding: int = 1, dilation: int = 1) -> dict[str, Any]:
    return {"kernel": KERNELS[kernel], "stride": stride, "padding": padding, "dilation": dilation}


class ConvExplorer(Figure):
    """Convolution explorer: `output` is `F.conv2d` of a photograph, or of a few numbers.

    `input` (H, W), at most 16 x 16, and `kernel` (kh, kw), at most 7 x 7, may be given by the names
    in `PATTERNS` and `KERNELS`; `photo` by a name of `load_photo`, or as an image, which is made
    gray and at most 96 x 96. `view` says what the kernel is laid on, "picture" (the photo) or
    "numbers" (the input). Without an `input` the figure shows a photograph, with one only those
    numbers, unless told otherwise. Raises BadValue for what is no such matrix or image, and where
    the kernel does not fit into what it is laid on, padding included.
    """

    title = "A kernel at work"
    challenge = "Find a kernel that answers only to corners."
    caption = ("The kernel lies on a patch of the picture; the products of their numbers, added "
               "up, are one pixel of the output. The same few weights everywhere, and edges, "
               "blurs or corners come out.")
    presets = {"find edges": _preset("sobel"), "blur and halve": _preset("box", stride=2),
               "see farther": _preset("laplacian", padding=3, dilation=3),
               "drop the border": _preset("sharpen", padding=0)}

    _esm = module("conv")
    limits = constant(_LIMITS)
    input = Matrix(PATTERNS["edge"], _LIMITS["input"])
    photo = Photo()
    view = Choice("numbers", "picture")
    kernel = Matrix(KERNELS["sobel"], _LIMITS["kernel"])
    stride = Count(1, 1, _LIMITS["stride"])
    padding = Count(0, 0, _LIMITS["padding"])
    dilation = Count(1, 1, _LIMITS["dilation"])
    kernels = constant(KERNELS)
    patterns = constant(PATTERNS)

    def __init__(self, input: str | Sequence[Any] | Tensor | None = None,
                 kernel: str | Sequence[Any] | Tensor = "sobel", **settings: Any):
        settings.setdefault("photo", "astronaut" if input is None else None)
        settings.setdefault("view", "numbers" if settings["photo"] is None else "picture")
        super().__init__(input=named(PATTERNS, "edge" if input is None else input, "input"),
                         kernel=named(KERNELS, kernel, "kernel"), **settings)

    @t.validate(*_CHECKED)
    def _fits(self, proposal: Any) -> Any:
        image, photo, view, kernel, *settings = self.proposed(proposal, *_CHECKED).values()
        if view == "picture":
            if photo is None:
                raise BadValue("Without a photo there are only numbers to see: name one, such as "
                               "photo='astronaut'.")
            image = photo
        for sizes in zip(image.shape, kernel.shape, strict=True):
            try:
                conv_out_size(*sizes, *settings)
            except ValueError as problem:
                raise BadValue(f"{problem} The figure keeps its last setting.") from None
        return proposal["value"]

    @property
    def shown(self) -> Tensor:
        """What the kernel is laid on, (rows, columns): the photo or the input."""
        return cast(Tensor, self.photo if self.view == "picture" else self.input)

    @property
    def output(self) -> Tensor:
        """The output for what is shown, (rows, columns), computed by PyTorch."""
        return F.conv2d(self.shown[None, None], self.kernel[None, None], stride=self.stride,
                        padding=self.padding, dilation=self.dilation)[0, 0]

    def to_html(self) -> str:
        """Return input, kernel and output as tables; of a photograph the sizes and the extremes."""
        note = (f"A convolution with stride {self.stride}, padding {self.padding}, dilation "
                f"{self.dilation}.")
        if self.view == "numbers":
            return html_boxes(*html_matrices(self, "input", "kernel", "output"), note=note)
        rows = [[name, f"{len(one)} × {len(one[0])}", one.min().item(), one.max().item()]
                for name, one in (("photograph", self.photo), ("output", self.output))
                if one is not None]
        sizes = html_table(rows, "What the kernel makes of a photograph",
                           ("", "size", "smallest", "largest"))
        return html_boxes(sizes, *html_matrices(self, "kernel"), note=note)
