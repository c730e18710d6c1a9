"""`ReceptiveField`: a stack of layers seen from the side, and what one of its outputs reads."""

from collections.abc import Sequence
from typing import Any

import traitlets as t

from ..convolution import Field, conv_out_size, receptive_field
from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Copied, Count, is_filled, named, whole

_LIMITS = {"kernel": 15, "stride": 6, "padding": 7, "dilation": 16, "layers": 8, "size": 64}
STACKS: dict[str, list[list[int]]] = {
    "LeNet": [[5, 1, 0, 1], [2, 2, 0, 1], [5, 1, 0, 1], [2, 2, 0, 1]],
    "three 3s": [[3, 1, 1, 1]] * 3,
    "one 7": [[7, 1, 3, 1]],
    "dilated 1, 2, 4": [[3, 1, 1, 1], [3, 1, 2, 2], [3, 1, 4, 4]],
    "dilated 2, 2, 2": [[3, 1, 2, 2]] * 3,
    "ResNet stem": [[7, 2, 3, 1], [3, 2, 1, 1], [3, 1, 1, 1], [3, 1, 1, 1]],
}
"""Stacks of layers by name, each layer [kernel, stride, padding, dilation]."""


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
    """What output `index` of layer `layer` sees of an input of `size` pixels, along one axis.

    `layers` is a list of (kernel, stride=1, padding=0, dilation=1), the first layer first, or a
    name from `STACKS`. `layer` 0 is the input. Raises BadValue where a kernel does not fit into
    what it gets.
    """

    _esm = module("field")
    limits = constant(_LIMITS)
    layers = Layers(STACKS["LeNet"]).tag(sync=True)
    size = Count(32, 1, _LIMITS["size"])
    layer = Count(0, 0, _LIMITS["layers"])
    index = Count(0, 0, _LIMITS["size"] + 100)
    presets = constant(STACKS)

    def __init__(self, layers: str | Sequence[Sequence[int]] = "LeNet", size: int = 32, *,
                 layer: int | None = None, index: int | None = None, **settings: Any):
        layers = Layers().validate(None, named(STACKS, layers, "stack"))
        layer = len(layers) if layer is None else layer
        if index is None and 0 <= layer <= len(layers):
            index = (_sizes(layers, size)[layer] - 1) // 2
        super().__init__(layers=layers, size=size, layer=layer, index=index or 0, **settings)

    @t.validate("layers", "size", "layer", "index")
    def _fits(self, proposal: Any) -> Any:
        layers, size, layer, index = self.proposed(
            proposal, "layers", "size", "layer", "index").values()
        sizes = _sizes(layers, size)
        if layer > len(layers) or index >= sizes[layer]:
            count = sizes[min(layer, len(layers))]
            raise BadValue(f"There is no output {index} in layer {layer}: there are {len(layers)} "
                           f"layers, and {count} outputs in this one. Set layers, layer and index "
                           "together, inside `with figure.hold_trait_notifications():`.")
        return proposal["value"]

    @property
    def field(self) -> Field:
        """The receptive field of an output of `layer`: see `helpers.receptive_field`."""
        return receptive_field(self.layers[:self.layer])

    def to_html(self) -> str:
        """Return the layers with their output sizes and receptive fields as a table."""
        sizes = _sizes(self.layers, self.size)
        rows = [[number, *layer, sizes[number], receptive_field(self.layers[:number]).size]
                for number, layer in enumerate(self.layers, 1)]
        head = ("layer", "kernel", "stride", "padding", "dilation", "outputs", "sees")
        first = self.field.start + self.index * self.field.jump
        last = first + self.field.size - 1
        return html_boxes(html_table(rows, f"a stack of layers on {self.size} pixels", head), note=(
            f"Output {self.index} of layer {self.layer} sees the pixels {first} to {last}."))


def _sizes(layers: Sequence[Sequence[int]], size: int) -> list[int]:
    """Return how many numbers each row has, the input first."""
    sizes = [size]
    for number, layer in enumerate(layers, 1):
        try:
            sizes.append(conv_out_size(sizes[-1], *layer))
        except ValueError as problem:
            raise BadValue(f"Layer {number}: {problem}") from None
    return sizes
