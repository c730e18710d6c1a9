"""`NetworkExplorer`: a trained network with a picture going through it, down to each sum."""

from collections.abc import Sequence
from typing import Any, Self

import torch
import traitlets as t
from torch import Tensor, nn

from ..data.official import CLASSES
from ..recipes import trained_lenet
from . import network_graph as layers
from .figure import Figure, constant, html_boxes, html_table, module
from .network_path import Path, looked_at, number_of, place_of
from .network_pictures import MOST, taken
from .picture import _decoded, _encoded
from .traits import BadValue, Choice, Count, whole

_PREVIEW = 8_000  # numbers of layers with weights that a page shows before these are fetched
_FIXED = ("graph", "weights", "pictures", "names", "labels", "classes", "mean", "std", "network")


class NetworkExplorer(Figure):
    """A network, what each layer makes of a picture, and behind each number the sum that made it.

    model: a trained network of pictures (N, 3, H, W) to logits (N, classes); the course's LeNet if
        it is left out. It is copied, and stays as it is.
    images: an `ImageSet`, such as `data.test.take(8)`, or a tensor (N, 3, H, W) of bytes, of floats
        from 0 to 1, or normalized; pictures that come with the course if left out.
    labels: what they show, numbers (N,).
    classes: names of the classes.
    mean, std: how images are normalized for the network; CIFAR-10's if left out.
    look: a layer's name, and the channel, row and column of one of its numbers.

    Raises BadValue, which names it, for a layer that the figure does not know.
    """

    title = "The network, opened"
    challenge = "Find the pixels that one number of the last layer was made of."
    caption = ("A picture goes through a trained network from left to right. Every number was made "
               "of numbers of the layer before: open one, and go down to the pixels.")
    presets = {"forward: what it sees": {"mode": "forward"},
               "back: what moves it": {"mode": "back"}}

    _esm = module("network")
    limits = constant({"pictures": MOST, **layers.LIMITS})
    graph = t.List(read_only=True).tag(sync=True)
    weights = t.Dict(read_only=True).tag(sync=True)
    pictures = t.List(read_only=True).tag(sync=True)
    names = t.List(read_only=True).tag(sync=True)
    labels = t.List(read_only=True).tag(sync=True)
    classes = t.List(read_only=True).tag(sync=True)
    mean = t.List(read_only=True).tag(sync=True)
    std = t.List(read_only=True).tag(sync=True)
    network = t.Unicode(read_only=True).tag(sync=True)
    picture = Count(0, 0, MOST - 1)
    mode = Choice("forward", "back")
    target = Count(-1, -1, layers.LIMITS["classes"] - 1)
    path = Path([]).tag(sync=True)

    def __init__(self, model: nn.Module | None = None, images: Any = None, labels: Any = None, *,
                 classes: Sequence[str] | None = None, mean: Any = None, std: Any = None,
                 **settings: Any):
        given = taken(images, labels, classes, mean, std)
        network = "LeNet" if model is None else type(model).__name__
        graph, weights = layers.opened(trained_lenet() if model is None else model,
                                       *given.pictures[0].shape[1:])
        count = graph[-1]["shape"][0]
        if not given.classes:
            given.classes = [*CLASSES] if count == 10 else [f"class {n}" for n in range(count)]
        if len(given.classes) != count or max(given.labels) >= count or min(given.labels) < -1:
            raise BadValue(f"The network tells {count} classes apart: classes must be as many "
                           f"names, and labels numbers from 0 to {count - 1}.")
        self._open({"graph": graph, "weights": layers.packed(weights), "names": given.names,
                    "pictures": [_encoded(one / 255) for one in given.pictures],
                    "labels": given.labels, "classes": given.classes, "mean": given.mean,
                    "std": given.std, "network": network}, settings)

    def _open(self, fixed: dict[str, Any], settings: dict[str, Any]) -> None:
        for name, value in fixed.items():  # before anything is sent, so that all goes at once
            self.set_trait(name, value)
        for name, value in settings.items():
            setattr(self, name, value)
        if not self.path:
            self.path = [self._strongest()]
        super().__init__()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the figure that a notebook saved."""
        figure = cls.__new__(cls)
        figure._open({name: state[name] for name in _FIXED},
                     {name: state[name] for name in ("picture", "mode", "target", "path")})
        return figure

    def page_state(self) -> dict[str, Any]:
        """Return the values for a page, which shows the first picture before it has the weights."""
        return super().page_state() | {"preview": self._preview()}

    @t.validate("picture", "target")
    def _exists(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        most = len(self.pictures if name == "picture" else self.classes) - 1
        return whole(name, value, proposal["trait"].low, most) if most >= 0 else value

    @property
    def look(self) -> tuple[str, int, int, int]:
        """Where one looks: a layer's name, channel, row, column."""
        return looked_at(self.graph, *self.path[-1])

    @look.setter
    def look(self, value: Any) -> None:
        self.path = [place_of(self.graph, value)]

    @property
    def probabilities(self) -> Tensor:
        """What the network says of the picture: a probability for each class, (classes,)."""
        return self._results()[-1].flatten().softmax(0)

    def maps(self, layer: str) -> Tensor:
        """Return what a layer makes of the picture: (C, H, W), or (C,)."""
        return self._results()[number_of(self.graph, layer)][0]

    def gradient(self, layer: str) -> Tensor:
        """Return the gradient of the logit of `target` with respect to a layer's maps."""
        with torch.enable_grad():
            results = self._results(torch.enable_grad)
            logits = results[-1].flatten()
            target = int(logits.argmax()) if self.target < 0 else self.target
            wanted = results[number_of(self.graph, layer)]
            found, = torch.autograd.grad(logits[target], wanted, allow_unused=True)
        return torch.zeros_like(wanted)[0] if found is None else found[0]

    def _results(self, mode: Any = torch.no_grad) -> list[Tensor]:
        image = _decoded(self.pictures[self.picture], "picture") / 255
        mean, std = (torch.tensor(one).view(3, 1, 1) for one in (self.mean, self.std))
        with mode():
            start = ((image - mean) / std)[None].requires_grad_(mode is torch.enable_grad)
            return layers.run(self.graph, layers.unpacked(self.weights), start)

    def _strongest(self) -> list[int]:
        """Return the largest number of the last layer of kernels, where one has most to open."""
        kinds = [node["op"] for node in self.graph]
        layer = max((n for n, kind in enumerate(kinds) if kind == "conv"), default=len(kinds) - 1)
        return [layer, int(self._results()[layer].argmax())]

    def _preview(self) -> dict[str, Any] | None:
        """Return results of the layers with weights, and the kernels of where one looks, halved.

        None for a network of many maps, or where the page begins with another picture.
        """
        kept = [n for n, node in enumerate(self.graph) if "weight" in node]
        layer, _ = self.path[-1]
        node, channel = self.graph[layer], self.look[1]
        if self.picture or sum(layers.size(self.graph[n]) for n in kept) > _PREVIEW:
            return None
        results, kernels = self._results(), []
        if node["op"] == "conv":
            weights, below = layers.unpacked(self.weights), self.graph[node["inputs"][0]]["shape"]
            per = below[0] // node["groups"] * node["kernel"][0] * node["kernel"][1]
            spans = [(node["weight"] + channel * per, per), (node["bias"] + channel, 1)]
            kernels = [[place, layers.in_base64(weights[place:place + count].half())]
                       for place, count in spans[:1 if node["bias"] < 0 else 2]]
        return {"results": {str(n): layers.in_base64(results[n].half()) for n in kept},
                "kernels": kernels}

    def to_html(self) -> str:
        """Return what the network says, and its layers, as tables."""
        chances = sorted(zip(self.probabilities.tolist(), self.classes, strict=True), reverse=True)
        rows = [[node["name"], node["op"], " × ".join(map(str, node["shape"]))]
                for node in self.graph]
        label = self.labels[self.picture]
        return html_boxes(
            html_table([[name, f"{100 * chance:.1f} %"] for chance, name in chances],
                       f"{self.names[self.picture]}: what {self.network} says"),
            html_table(rows, "its layers", ("layer", "kind", "numbers")),
            note="" if label < 0 else f"The picture's label is {self.classes[label]}.")

