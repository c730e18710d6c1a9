"""Expressions as readers type them, `sin(x*x) + x*y`: their graph, computed by PyTorch."""

import operator
from collections.abc import Callable, Mapping, Sequence
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor

from .reader import FUNCTIONS, VARIABLES, Reader
from .traits import BadValue

MOST_OPERATIONS, MOST_CHARACTERS = 12, 80  # what a reader can follow, and a box can hold
_SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "/", "pow": "^"}
_RULES: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow, "neg": operator.neg, "max": torch.maximum, "min": torch.minimum}


def parse(text: Any) -> list[dict[str, Any]]:
    """Return the graph of an expression: its variables, then its operations in their order."""
    if not isinstance(text, str):
        raise BadValue(f"expression must be a text, such as 'sin(x*x) + x*y', not {text!r}.")
    if len(text) > MOST_CHARACTERS:
        raise BadValue(f"The expression has {len(text)} characters; the figure takes "
                       f"{MOST_CHARACTERS}.")
    tree = Reader(text).whole()
    nodes = [{"op": "leaf", "name": name, "label": "", "inputs": []}
             for name in VARIABLES if name in _variables(tree)]
    count = len(nodes)
    result = _enter(tree, nodes)
    if isinstance(result, dict):
        raise BadValue("The expression has no variable in it: use x, y or z.")
    if len(nodes) - count > MOST_OPERATIONS:
        raise BadValue(f"The expression has {len(nodes) - count} operations; the figure holds "
                       f"{MOST_OPERATIONS}.")
    if len(nodes) > count:
        nodes[-1]["name"] = "out"
    return nodes


def _variables(tree: Any) -> set[str]:
    if isinstance(tree, tuple):
        return set[str]().union(*map(_variables, tree[1:]))
    return {tree} if isinstance(tree, str) else set()


def _enter(tree: Any, nodes: list[dict[str, Any]]) -> int | dict[str, float]:
    """Append the operations of `tree`; return the node, or the number if there is no variable."""
    if isinstance(tree, float):
        return {"number": tree}
    if isinstance(tree, str):
        return next(i for i, node in enumerate(nodes) if node["name"] == tree)
    inputs = [_enter(one, nodes) for one in tree[1:]]
    numbers = [one["number"] for one in inputs if isinstance(one, dict)]
    if len(numbers) == len(inputs):
        return {"number": _compute(tree[0], numbers).item()}
    letters = [_written(one["number"]) if isinstance(one, dict) else nodes[one]["name"]
               for one in inputs]
    letter = ascii_lowercase[sum(node["op"] != "leaf" for node in nodes) % 23]
    nodes.append({"op": tree[0], "name": letter, "label": _label(tree[0], letters),
                  "inputs": inputs})
    return len(nodes) - 1


def _written(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _label(op: str, letters: Sequence[str]) -> str:
    if op in _SIGNS:
        return f" {_SIGNS[op]} ".join(f"({one})" if one[0] == "−" else one for one in letters)
    return f"−{letters[0]}" if op == "neg" else f"{op}({', '.join(letters)})"


def _compute(op: str, values: Sequence[float | Tensor]) -> Tensor:
    if op in FUNCTIONS or not any(isinstance(one, Tensor) for one in values):
        values = [one if op == "pow" and i else torch.as_tensor(one, dtype=torch.float64)
                  for i, one in enumerate(values)]  # x ** 0.5 is another rule than x ** tensor
    return _RULES.get(op, getattr(torch, op, None))(*values)  # type: ignore[misc]


def computed(nodes: Sequence[Mapping], inputs: Mapping[str, Any]) -> list[tuple[Tensor, Tensor]]:
    """Return the value and the gradient of each node, by PyTorch; a variable not given is 1."""
    kept: list[Tensor] = []
    with torch.enable_grad():
        for node in nodes:
            if node["op"] == "leaf":
                number = inputs.get(node["name"], 1.0)
                number = number if isinstance(number, float) else 1.0
                kept.append(torch.tensor(number, dtype=torch.float64, requires_grad=True))
            else:
                kept.append(_compute(node["op"], [
                    one["number"] if isinstance(one, dict) else kept[one]
                    for one in node["inputs"]]))
                kept[-1].retain_grad()
        kept[-1].backward()
    return [(one.detach(), torch.zeros_like(one) if one.grad is None else one.grad)
            for one in kept]
