"""`AutogradGraph`: the graph of an expression, values stepped forward and gradients backward."""

from collections.abc import Callable
from typing import Any, Self

import torch
import traitlets as t
from torch import Tensor

from . import expression as typed
from .figure import Figure, constant, html_boxes, html_table, module
from .recorder import Recorder, check_finite, check_names, listed
from .traits import BadValue, CopiedDict, Count

_NODES, _NUMBERS = 24, 16
_ALL = 2 * _NODES + 2  # every step
_LIMITS = {"nodes": _NODES, "operations": typed.MOST_OPERATIONS,
           "characters": typed.MOST_CHARACTERS}


class AutogradGraph(Figure):
    """The graph of an expression, `AutogradGraph("sin(x*x) + x*y", x=1.0, y=2.0)`, or a function.

    An expression has the variables x, y and z, numbers and pi, + - * / and ** or ^, parentheses,
    and the functions sin, cos, tan, exp, log, sqrt, tanh, sigmoid, relu, abs, max and min. A
    function `function(**inputs)` returns a tensor of one number; `inputs` are numbers or small
    tensors, by the names of its arguments. Setting `figure.inputs` computes all again. Where all
    operations are simple, inputs can be changed on a page without Python as well. `over` names the
    input over which the result is drawn as a curve; of the steps forward and backward, `step` are
    shown, all of them by default. Raises BadValue for what is no expression, more than 12
    operations in it or 24 of a function, tensors of more than 16 numbers, and functions with a
    value that is not finite; an expression's may be nan or inf, as PyTorch's are.
    """

    title = "Autograd, step by step"
    challenge = "Find an x where the gradient is almost 0. How does the tangent lie there?"
    caption = ("Values flow down, and on each edge stands the slope of its operation. Gradients "
               "flow up: times the slope along each edge, added where edges meet.")
    presets = {
        "two paths": {"expression": "sin(x*x) + x*y", "inputs": {"x": 1.0, "y": 2.0}, "step": _ALL},
        "one neuron": {"expression": "sigmoid(x*y + z)", "step": _ALL,
                       "inputs": {"x": 2.0, "y": 1.5, "z": -2.0}},
        "vanishing": {"expression": "sigmoid(sigmoid(sigmoid(sigmoid(x))))", "inputs": {"x": 2.0},
                      "step": _ALL},
        "exploding": {"expression": "4*sin(4*sin(4*x))", "inputs": {"x": 0.05}, "step": _ALL},
        "a kink": {"expression": "relu(x) * y + abs(x - 1)", "inputs": {"x": 1.0, "y": 0.5},
                   "step": _ALL},
    }

    _esm = module("graph")
    limits = constant(_LIMITS)
    expression = t.Unicode("").tag(sync=True, kept=True)
    nodes = t.List(read_only=True).tag(sync=True)
    inputs = CopiedDict().tag(sync=True)
    replayable = t.Bool(True, read_only=True).tag(sync=True)
    over = t.Unicode("").tag(sync=True, kept=True)
    step = Count(_ALL, 0, _ALL)

    def __init__(self, function: str | Callable[..., Tensor] = "sin(x*x) + x*y", *,
                 step: int = _ALL, over: str = "", **inputs: Any):
        if callable(function):
            self._function = function
            graph = self._record(inputs)
            self._keep(graph)
            super().__init__(inputs=graph["inputs"], step=step, over=over)
        else:
            names = [node["name"] for node in typed.parse(function) if node["op"] == "leaf"]
            standard = dict(zip(typed.VARIABLES, (1.0, 2.0, 3.0), strict=True))
            super().__init__(expression=function, step=step, over=over,
                             inputs={**{name: standard[name] for name in names}, **inputs})
        self.observe(lambda _: self._run_again(), "inputs")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the figure that a notebook saved; without its function, it is only shown."""
        figure = cls.__new__(cls)
        figure._keep(state)
        names = {"expression", "inputs", "over", "step"} & {*state}
        Figure.__init__(figure, **{name: state[name] for name in names})
        return figure

    def _keep(self, graph: dict) -> None:
        self.set_trait("nodes", graph["nodes"])
        self.set_trait("replayable", graph["replayable"])

    @t.validate("expression")
    def _expression_is_one(self, proposal: Any) -> str:
        if proposal["value"] or not self.nodes:
            typed.parse(proposal["value"])
        return proposal["value"]

    @t.validate("over")
    def _over_is_an_input(self, proposal: Any) -> str:
        name = proposal["value"]
        if name and not isinstance(self.inputs.get(name), float):
            raise BadValue(f"over must name an input that is a number, such as "
                           f"{next(iter(self.inputs))!r}, not {name!r}.")
        return name

    @t.validate("inputs")
    def _inputs_work(self, proposal: Any) -> Any:
        inputs = {name: listed(name, value) for name, value in proposal["value"].items()}
        if self.expression:
            for name, value in inputs.items():
                if name not in typed.VARIABLES or not isinstance(value, float):
                    raise BadValue(f"The inputs of an expression are numbers for x, y and z, and "
                                   f"{name} is {value!r}. The settings besides them are over and "
                                   "step.")
        elif hasattr(self, "_function") and self.nodes:
            # raises where they do not work, and then the old ones stay
            self._next = self._record(inputs)
        return inputs

    def _run_again(self) -> None:
        if not self.expression and hasattr(self, "_next"):
            self._keep(self._next)

    def _record(self, inputs: dict) -> dict:
        """Run the function forward and backward; return the figure's values."""
        inputs = {name: listed(name, value) for name, value in inputs.items()}
        leaves = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
                  for name, value in inputs.items()}
        check_names(self._function, inputs)
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
        check_finite(nodes)
        return {"nodes": nodes, "inputs": inputs, "replayable": recorder.replayable}

    def _graph(self) -> list[tuple[dict[str, Any], Tensor, Tensor]]:
        """Return each node with its value and its gradient."""
        if self.expression:
            nodes = typed.parse(self.expression)
            return [(node, value, grad) for node, (value, grad) in
                    zip(nodes, typed.computed(nodes, self.inputs), strict=True)]

        def numbers(node: dict[str, Any], part: str) -> Tensor:
            return torch.tensor(node[part], dtype=torch.float64).reshape(node["shape"])

        return [(node, numbers(node, "value"), numbers(node, "grad")) for node in self.nodes]

    @property
    def value(self) -> Tensor:
        """The result."""
        return self._graph()[-1][1]

    @property
    def gradients(self) -> dict[str, Tensor]:
        """The gradient of the result with respect to each input."""
        return {node["name"]: gradient for node, _, gradient in self._graph()
                if node["op"] == "leaf"}

    def to_html(self) -> str:
        """Return every value and gradient as a table."""
        def text(numbers: Tensor) -> str:
            return " ".join(f"{number:.4g}" for number in numbers.flatten().tolist())

        rows = [[f"{node['name']} = {node['label']}".removesuffix(" = "), text(value),
                 text(gradient)] for node, value, gradient in self._graph()]
        table = html_table(rows, self.expression or "the graph of a computation",
                           ("", "value", "gradient"))
        return html_boxes(table, note=(
            "Values are computed from the top down, gradients from the bottom up."))
