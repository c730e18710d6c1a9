"""What an expression does to tensors, operation by operation, for the graph of `AutogradGraph`."""

import inspect
import math
from collections.abc import Callable, Sequence
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .traits import BadValue

_BINARY = {"add": "+", "sub": "−", "mul": "×", "div": "/", "pow": "^"}
_UNARY = ("neg", "square", "exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sigmoid", "relu",
          "abs")
_SAME = {"true_divide": "div", "divide": "div", "truediv": "div", "multiply": "mul",
         "subtract": "sub", "negative": "neg"}


class Recorder(TorchFunctionMode):
    """Writes down each operation on the tensors it knows: `grad_fn` does not keep the operands."""

    def __init__(self, leaves: dict[str, Tensor]):
        super().__init__()
        self.known = {id(leaf): number for number, leaf in enumerate(leaves.values())}
        self.kept = list(leaves.values())  # while they live, no other tensor gets their id
        self.nodes = [{"op": "leaf", "name": name, "label": "", "inputs": []} for name in leaves]
        self.replayable = True

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        """Run `func`, and write it down if it gave a tensor with a history."""
        name = func.__name__
        in_place = name.startswith("__i") and name[3:-2] in (*_BINARY, *_SAME)
        if in_place or (name.endswith("_") and not name.endswith("__")):
            raise BadValue(f"{name} changes a tensor in place, and the figure would lose what it "
                           "was before. Write y = y + x instead of y += x.")
        result = func(*args, **(kwargs or {}))
        ours = [a for a in args if isinstance(a, Tensor) and id(a) in self.known]
        if not ours:
            return result
        if not isinstance(result, Tensor) or not result.requires_grad:
            # a shape or a dtype changes nothing; a comparison may choose a branch
            self.replayable &= name == "__get__"
            return result
        self._enter(name, args, kwargs or {}, result)
        return result

    def _enter(self, name: str, args: Sequence, kwargs: dict, result: Tensor) -> None:
        bare = name.strip("_")
        reflected = name.startswith("__r") and bare[1:] in (*_BINARY, *_SAME)
        op = _SAME.get(bare[reflected:], bare[reflected:])
        args = args[::-1] if reflected else args
        inputs = [self.known.get(id(a)) if isinstance(a, Tensor) else _number(a) for a in args]
        numels = {a.numel() for a in args if isinstance(a, Tensor)}
        same = {tuple(a.shape) for a in args if isinstance(a, Tensor) and a.numel() > 1}
        plain = None not in inputs and not any(kwargs.values()) and len(same) <= 1
        plain &= op in ("sum", "mean") or max(numels) == result.numel()
        arity = 2 if op in _BINARY else 1 if op in (*_UNARY, "sum", "mean") else 0
        self.replayable &= plain and arity == len(inputs)
        inputs = [i for i in inputs if i is not None]
        letters = [self.nodes[i]["name"] if isinstance(i, int) else f"{i['number']:.4g}"
                   for i in inputs]
        label = f" {_BINARY[op]} ".join(letters) if op in _BINARY else f"{op}({', '.join(letters)})"
        self.known[id(result)] = len(self.nodes)
        self.kept.append(result)
        taken = {node["name"] for node in self.nodes}
        letter = next(c for c in (*ascii_lowercase, *(f"v{n}" for n in range(99)))
                      if c not in taken)
        self.nodes.append({"op": op, "name": letter, "label": label, "inputs": inputs})


def _number(value: Any) -> dict[str, float] | None:
    """Return a number as the figure's input, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return {"number": float(value)}


def check_names(function: Callable, inputs: dict) -> None:
    """Refuse, in one sentence, inputs that are not the function's."""
    try:
        taken = inspect.signature(function)
    except ValueError:  # functions of PyTorch do not say what they take
        return
    try:
        taken.bind(**inputs)
    except TypeError as problem:
        raise BadValue(f"The inputs must be the arguments of the function, {taken}: {problem}. The "
                       "settings besides them are over and step.") from None


def check_finite(nodes: list[dict]) -> None:
    """Refuse, in one sentence, values and gradients that are no finite numbers."""
    for part, what in (("value", "{name} = {label}"), ("grad", "The gradient of {name}")):
        for node in nodes:
            if not all(map(math.isfinite, node[part])):
                raise BadValue(f"{what.format(**node)} is not a finite number there. The figure "
                               "keeps its last inputs.")


def listed(name: str, value: Any) -> float | list:
    """Return an input as a number or nested lists of numbers."""
    try:
        tensor = torch.as_tensor(value, dtype=torch.float64).detach()
    except (TypeError, ValueError, RuntimeError):
        raise BadValue(f"{name} must be a number or a small tensor, not {value!r}.") from None
    if not tensor.isfinite().all() or tensor.abs().max() > 1e6:
        raise BadValue(f"{name} must be between −1,000,000 and 1,000,000, and is {value!r}.")
    return tensor.tolist()
