"""Where one looks in a network: layers and places in them, and how they are named."""

from collections.abc import Sequence
from typing import Any

from .network_graph import LIMITS, size
from .traits import BadValue, Copied, is_filled, whole


class Path(Copied):
    """Where one looks, and how one came there: [layer, place] pairs, the last one shown."""

    def validate(self, obj: Any, value: Any) -> list[list[int]]:
        """Return the pairs, or say in one sentence what is wrong."""
        if not isinstance(value, list | tuple) or len(value) > LIMITS["layers"]:
            raise BadValue("path must be a list of [layer, place], both numbers.")
        for pair in value:
            if not is_filled(pair, 2) or len(pair) != 2:
                raise BadValue(f"path must be a list of [layer, place], not of {pair!r}.")
        graph = obj.graph
        return [[(at := whole("The layer", layer, 0, len(graph) - 1)),
                 whole("The place", place, 0, size(graph[at]) - 1)]
                for layer, place in value]


def number_of(graph: Sequence[dict], name: Any) -> int:
    """Return the number of the layer with this name."""
    known = [node["name"] for node in graph]
    if name not in known:
        raise BadValue(f"There is no layer {name!r}. There are: {', '.join(known)}.")
    return known.index(name)


def looked_at(graph: Sequence[dict], layer: int, place: int) -> tuple[str, int, int, int]:
    """Return a layer's name, and channel, row and column of a place in it."""
    _, height, width = graph[layer]["shape"]
    return (graph[layer]["name"], place // (height * width), place // width % height,
            place % width)


def place_of(graph: Sequence[dict], look: Any) -> list[int]:
    """Return [layer, place] of (name, channel, row, column); what is left out is 0."""
    if not isinstance(look, str) and not (is_filled(look, 4) and isinstance(look[0], str)):
        raise BadValue("look must be a layer's name, or the name with channel, row and column, "
                       f"such as ('conv1', 2, 14, 14), not {look!r}.")
    name, *parts = [look] if isinstance(look, str) else [*look]
    layer = number_of(graph, name)
    _, height, width = shape = graph[layer]["shape"]
    words = ("channel", "row", "column")
    channel, row, column = (whole(f"The {word} of {name}", part, 0, most - 1)
                            for word, part, most in zip(words, [*parts, 0, 0, 0], shape,
                                                        strict=False))
    return [layer, (channel * height + row) * width + column]
