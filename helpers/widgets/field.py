"""`ReceptiveField`: what one output of a stack of layers sees, on a photo and from the side."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..convolution import Field, conv_out_size, receptive_field
from ..data.photos import load_photo
from .figure import Figure, constant, html_boxes, html_table, module
from .picture import SquarePhoto
from .traits import BadValue, Copied, Count, is_filled, named, whole

_LIMITS = {"kernel": 15, "stride": 6, "padding": 7, "dilation": 16, "layers": 8, "size": 96}
STACKS: dict[str, list[list[int]]] = {
    "LeNet": [[5, 1, 0, 1], [2, 2, 0, 1], [5, 1, 0, 1], [2, 2, 0, 1]],
    "three 3s": [[3, 1, 1, 1]] * 3,
    "one 7": [[7, 1, 3, 1]],
    "three of stride 2": [[3, 2, 1, 1]] * 3,
    "dilated 1, 2, 4": [[3, 1, 1, 1], [3, 1, 2, 2], [3, 1, 4, 4]],
    "dilated 2, 2, 2": [[3, 1, 2, 2]] * 3,
    "ResNet stem": [[7, 2, 3, 1], [3, 2, 1, 1], [3, 1, 1, 1], [3, 1, 1, 1]],
    "ResNet": [[7, 2, 3, 1], [3, 2, 1, 1], *[[3, 1, 1, 1]] * 4, [3, 2, 1, 1], [3, 1, 1, 1]],
}
"""Stacks of layers by name, each layer [kernel, stride, padding, dilation]."""


def _preset(name: str, size: int) -> dict[str, Any]:
    layers = STACKS[name]
    middle = (_sizes(layers, size)[-1] - 1) // 2
    return {"layers": layers, "size": size, "layer": len(layers), "index": middle, "row": middle}


def _sizes(layers: Sequence[Sequence[int]], size: int) -> list[int]:
    """Return how many numbers each row has, the input first."""
    sizes = [size]
    for number, (kernel, stride, padding, dilation) in enumerate(layers, 1):
        span, room = dilation * (kernel - 1) + 1, sizes[-1] + 2 * padding
        if span > room:
            raise BadValue(f"The kernel of layer {number} spans {span}, but it gets only {room} "
                           f"number{'s' * (room != 1)}: it fits nowhere.")
        sizes.append(conv_out_size(sizes[-1], kernel, stride, padding, dilation))
    return sizes


class Layers(Copied):
    """A list of layers, each [kernel, stride, padding, dilation]; what is left out is 1, 0, 1."""

    def validate(self, obj: Any, value: Any) -> list[list[int]]:
        """Return the list with every number in it, or say in one sentence what is wrong."""
        if not is_filled(value, _LIMITS["layers"]):
            raise BadValue(f"layers must be a list of 1 to {_LIMITS['layers']} layers, such as "
                           "[(5,), (2, 2)].")
        return [_layer(number, one) for number, one in enumerate(value, 1)]


def _layer(number: int, layer: Any) -> list[int]:
    if not is_filled(layer, 4):
        raise BadValue(f"Layer {number} must be (kernel, stride=1, padding=0, dilation=1), not "
                       f"{layer!r}.")
    full = [*layer, *(1, 0, 1)[len(layer) - 1:]]
    return [whole(f"The {name} of layer {number}", entry, int(name != "padding"), _LIMITS[name])
            for name, entry in zip(("kernel", "stride", "padding", "dilation"), full, strict=True)]


class ReceptiveField(Figure):
    """What the output in `row` and column `index` of layer `layer` sees of size × size pixels.

    `layers` is a list of (kernel, stride=1, padding=0, dilation=1), the first layer first, or a
    name from `STACKS`; each layer is the same along both axes. `layer` 0 is the input. `picture` is
    the photograph on which the field is shown, the middle square of any image. `heat` says whether
    the number of paths from each pixel to the output is drawn. Raises BadValue where a kernel does
    not fit into what it gets.
    """

    title = "What one output sees"
    challenge = "Drag over the cat, and look with each stack how much of an eye one output sees."
    caption = ("Only the lit pixels can change the chosen output. The more paths lead from a pixel "
               "to it, the stronger the orange: most lead from the middle of the field.")
    presets = {"3 × 3, three times": _preset("three 3s", 48),
               "stride 2, three times": _preset("three of stride 2", 48),
               "dilation 1, 2, 4": _preset("dilated 1, 2, 4", 48), "LeNet": _preset("LeNet", 32),
               "ResNet": _preset("ResNet", 96)}

    _esm = module("field")
    limits = constant(_LIMITS)
    layers = Layers(STACKS["ResNet"]).tag(sync=True)
    size = Count(96, 1, _LIMITS["size"])
    layer = Count(0, 0, _LIMITS["layers"])
    row = Count(0, 0, _LIMITS["size"] + 100)
    index = Count(0, 0, _LIMITS["size"] + 100)
    heat = t.Bool(True).tag(sync=True)
    picture = SquarePhoto()
    stacks = constant(STACKS)

    def __init__(self, layers: str | Sequence[Sequence[int]] = "ResNet", size: int | None = None, *,
                 layer: int | None = None, index: int | None = None, row: int | None = None,
                 **settings: Any):
        if size is None:
            size = 96 if layers == "ResNet" else 32
        layers = Layers().validate(None, named(STACKS, layers, "stack"))
        layer = len(layers) if layer is None else layer
        middle = 0
        if None in (index, row) and 0 <= layer <= len(layers):
            middle = (_sizes(layers, size)[layer] - 1) // 2
        if "picture" not in settings:
            settings["picture"] = load_photo("chelsea")
        super().__init__(layers=layers, size=size, layer=layer,
                         index=middle if index is None else index,
                         row=middle if row is None else row, **settings)

    @t.validate("layers", "size", "layer", "index", "row")
    def _fits(self, proposal: Any) -> Any:
        layers, size, layer, index, row = self.proposed(
            proposal, "layers", "size", "layer", "index", "row").values()
        sizes = _sizes(layers, size)
        if layer > len(layers) or max(index, row) >= sizes[layer]:
            count = sizes[min(layer, len(layers))]
            raise BadValue(f"There is no output in row {row}, column {index} of layer {layer}: "
                           f"there {_are(len(layers), 'layer')}, and {count} × {count} outputs in "
                           "this one. Set layers, layer, row and index together, inside `with "
                           "figure.hold_trait_notifications():`.")
        return proposal["value"]

    @property
    def field(self) -> Field:
        """The receptive field of an output of `layer`: see `helpers.receptive_field`."""
        return receptive_field(self.layers[:self.layer])

    @property
    def paths(self) -> Tensor:
        """How many paths lead from each pixel to the chosen output: its slope if all weights are 1.

        (size, size), computed by PyTorch.
        """
        image = torch.zeros(1, 1, self.size, self.size, dtype=torch.float64, requires_grad=True)
        x: Tensor = image
        with torch.enable_grad():
            for kernel, *settings in self.layers[:self.layer]:
                x = F.conv2d(x, torch.ones(1, 1, kernel, kernel, dtype=x.dtype), None, *settings)
            return torch.autograd.grad(x[0, 0, self.row, self.index], image)[0][0, 0]

    def to_html(self) -> str:
        """Return the layers with their output sizes and receptive fields as a table."""
        sizes = _sizes(self.layers, self.size)
        rows = [[number, *layer, sizes[number], receptive_field(self.layers[:number]).size]
                for number, layer in enumerate(self.layers, 1)]
        head = ("layer", "kernel", "stride", "padding", "dilation", "outputs", "sees")
        size, jump, start = self.field
        spans = " and ".join(f"{name} {start + at * jump} to {start + at * jump + size - 1}"
                             for name, at in (("rows", self.row), ("columns", self.index)))
        caption = f"a stack of layers on {self.size} × {self.size} pixels, along one axis"
        return html_boxes(html_table(rows, caption, head), note=(
            f"The output in row {self.row}, column {self.index} of layer {self.layer} sees the "
            f"{spans}."))


def _are(count: int, word: str) -> str:
    return f"is 1 {word}" if count == 1 else f"are {count} {word}s"
