"""`AutogradGraph`: the graph of an expression, values stepped forward and gradients backward."""

import inspect
import math
from collections.abc import Callable
from typing import Any, Self

import torch
import traitlets as t
from torch import Tensor

from .figure import Figure, constant, html_boxes, html_table, module
from .recorder import Recorder
from .traits import BadValue, CopiedDict, Count

_NODES, _NUMBERS = 24, 16


class AutogradGraph(Figure):
    """The graph of `function(**inputs)`, a tensor of one number, with every value and gradient.

    `inputs` are numbers or small tensors, by the names of the function's arguments. Setting
    `figure.inputs` runs the function again. Where all its operations are simple, inputs can be
    changed on a page without Python as well. Raises BadValue for more than 24 operations, for
    tensors of more than 16 numbers, and where something is not finite.
    """

    _esm = module("graph")
    limits = constant({"nodes": _NODES})
    nodes = t.List().tag(sync=True)
    inputs = CopiedDict().tag(sync=True)
    replayable = t.Bool(True).tag(sync=True)
    step = Count(0, 0, 2 * _NODES + 1)

    def __init__(self, function: Callable[..., Tensor], *, step: int = 0, **inputs: Any):
        self._function = function
        graph = self._record(inputs)
        super().__init__(**graph, step=step)
        self.observe(lambda _: self._run_again(), "inputs")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the figure that a notebook saved; without its function, it is only shown."""
        figure = cls.__new__(cls)
        names = ("nodes", "inputs", "replayable", "step")
        Figure.__init__(figure, **{name: state[name] for name in names})
        return figure

    @t.validate("inputs")
    def _inputs_work(self, proposal: Any) -> Any:
        inputs = {name: _listed(name, value) for name, value in proposal["value"].items()}
        if hasattr(self, "_function") and self.nodes:
            # raises where they do not work, and then the old ones stay
            self._next = self._record(inputs)
        return inputs

    def _run_again(self) -> None:
        graph = self._next
        with self.hold_trait_notifications():
            self.nodes, self.replayable = graph["nodes"], graph["replayable"]
            self.step = min(self.step, 2 * sum(node["op"] != "leaf" for node in self.nodes) + 1)

    def _record(self, inputs: dict) -> dict:
        """Run the function forward and backward; return the figure's values."""
        inputs = {name: _listed(name, value) for name, value in inputs.items()}
        leaves = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
                  for name, value in inputs.items()}
        _check_names(self._function, inputs)
        with torch.enable_grad(), Recorder(leaves) as recorder:
            output = self._function(**leaves)
        one = isinstance(output, Tensor) and output.numel() == 1
        if not one or id(output) not in recorder.known:
            raise BadValue("The function must return a tensor of one number that was computed from "
                           "its inputs. Of a tensor of several numbers take the sum or the mean.")
        if len(recorder.nodes) > _NODES + len(leaves):
            raise BadValue(f"The function has {len(recorder.nodes) - len(leaves)} operations; the "
                           f"figure holds {_NODES}.")
        last = recorder.known[id(output)]
        nodes, kept = recorder.nodes[:last + 1], recorder.kept[:last + 1]
        for tensor in kept:
            tensor.retain_grad()
        output.backward(torch.ones_like(output))
        if nodes[-1]["op"] != "leaf":
            nodes[-1]["name"] = "out"
        for node, tensor in zip(nodes, kept, strict=True):
            if tensor.numel() > _NUMBERS:
                raise BadValue(f"A tensor of {tensor.numel()} numbers is too large: the figure "
                               f"holds {_NUMBERS}.")
            node["shape"] = list(tensor.shape)
            node["value"] = tensor.flatten().tolist()
            grad = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            node["grad"] = grad.flatten().tolist()
        _check_finite(nodes)
        return {"nodes": nodes, "inputs": inputs, "replayable": recorder.replayable}

    @property
    def gradients(self) -> dict[str, Tensor]:
        """The gradient of the result with respect to each input."""
        return {node["name"]: torch.tensor(node["grad"], dtype=torch.float64).reshape(node["shape"])
                for node in self.nodes if node["op"] == "leaf"}

    def to_html(self) -> str:
        """Return every value and gradient as a table."""
        def text(numbers: list[float]) -> str:
            return " ".join(f"{number:.4g}" for number in numbers)

        rows = [[f"{node['name']} = {node['label']}".removesuffix(" = "), text(node["value"]),
                 text(node["grad"])] for node in self.nodes]
        table = html_table(rows, "the graph of a computation", ("", "value", "gradient"))
        return html_boxes(table, note=(
            "Values are computed from the top down, gradients from the bottom up."))


def _check_names(function: Callable, inputs: dict) -> None:
    """Refuse, in one sentence, inputs that are not the function's."""
    try:
        taken = inspect.signature(function)
    except ValueError:  # functions of PyTorch do not say what they take
        return
    try:
        taken.bind(**inputs)
    except TypeError as problem:
        raise BadValue(f"The inputs must be the arguments of the function, {taken}: {problem}. The "
                       "only setting besides them is step.") from None


def _check_finite(nodes: list[dict]) -> None:
    """Refuse, in one sentence, values and gradients that are no finite numbers."""
    for part, what in (("value", "{name} = {label}"), ("grad", "The gradient of {name}")):
        for node in nodes:
            if not all(map(math.isfinite, node[part])):
                raise BadValue(f"{what.format(**node)} is not a finite number there. The figure "
                               "keeps its last inputs.")


def _listed(name: str, value: Any) -> float | list:
    """Return an input as a number or nested lists of numbers."""
    try:
        tensor = torch.as_tensor(value, dtype=torch.float64).detach()
    except (TypeError, ValueError, RuntimeError):
        raise BadValue(f"{name} must be a number or a small tensor, not {value!r}.") from None
    if not tensor.isfinite().all() or tensor.abs().max() > 1e6:
        raise BadValue(f"{name} must be between −1,000,000 and 1,000,000, and is {value!r}.")
    return tensor.tolist()
