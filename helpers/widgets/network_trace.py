"""Recording what a network computes, whatever its `forward` looks like."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .traits import BadValue

SUPPORTED = ("Conv2d, MaxPool2d, AvgPool2d, adaptive pooling, ReLU, LeakyReLU, Tanh, Sigmoid, "
             "BatchNorm, Linear, Flatten, Dropout and sums of two")
_SAME = {"detach", "alias", "clone", "_to_copy", "contiguous", "lift_fresh", "native_dropout"}
_RESHAPES = {"view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze", "flatten"}


def pair(value: Any) -> list[int]:
    """Return a size as PyTorch's arguments have it, [3] or 3, as two numbers."""
    numbers = [value] if isinstance(value, int) else [*value]
    return [*numbers, *numbers][:2]


class Tracer(TorchDispatchMode):
    """Records what is computed from an input: `nodes`, and `weights` that they name by place."""

    def __init__(self, start: Tensor):
        super().__init__()
        self.nodes: list[dict] = []
        self.weights: list[Tensor] = []
        self.count = 0
        self.modules: list[tuple[str, nn.Module]] = []  # in which the run is just now
        self._known: dict[int, int] = {}
        self._padded: dict[int, tuple[int, list[int]]] = {}
        self._kept: list[Any] = []  # so that no id is given twice
        self._add("input", start, [])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and record it where it works on what came from the input."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self._kept.append((args, result))
        inputs = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        if any(id(one) in self._known or id(one) in self._padded for one in inputs):
            name = func._schema.name.split("::")[1]
            self._record(name.removesuffix("_") if not name.startswith("_") else name,
                         result, args, kwargs)
        return result

    def of(self, value: Any) -> int | None:
        """Return the number of the layer that gave this tensor, or None."""
        return self._known.get(id(value))

    def _record(self, name: str, result: Any, args: tuple, kwargs: dict) -> None:
        given = dict(enumerate(args)) | kwargs
        rule: Callable | None = getattr(self, f"_rule_{name.strip('_')}", None)
        first = next(one for one in args if isinstance(one, Tensor))
        if name in _SAME and isinstance(result, Tensor) and id(first) in self._known:
            self._known[id(result)] = self._known[id(first)]
        elif name in _RESHAPES and result.shape[:1] == first.shape[:1] == (1,):
            self._add("reshape", result, [self._known.get(id(first))])
        elif rule is None:
            self._refuse(name)
        else:
            rule(result, given)

    def _add(self, op: str, result: Tensor, inputs: list[int | None], **settings: Any) -> None:
        if None in inputs:
            self._refuse(op)
        if result.ndim not in (2, 4) or len(result) != 1:
            self._refuse(f"{op} with a result of the shape {tuple(result.shape)}")
        shape = [*result.shape[1:], 1, 1][:3] if result.ndim == 2 else [*result.shape[1:]]
        self._known[id(result)] = len(self.nodes)
        self.nodes.append({"op": op, "name": self._name(op), "inputs": inputs, "shape": shape,
                           "flat": result.ndim == 2, **settings})

    def _name(self, op: str) -> str:
        """Name a layer: as the network does, or what it is and a number."""
        path, inside = self.modules[-1] if self.modules else ("", None)
        taken = {node["name"] for node in self.nodes}
        if inside is not None and not [*inside.children()] and path and path not in taken:
            return path
        stem = f"{path}.{op}" if path else op
        if op in ("input", "add") and stem not in taken:
            return stem
        number = 1
        while f"{stem}{number}" in taken:
            number += 1
        return f"{stem}{number}"

    def _refuse(self, what: str) -> None:
        path, inside = self.modules[-1] if self.modules else ("", None)
        if inside is not None and path and not [*inside.children()]:
            what = f"{type(inside).__name__} ({path})"
        raise BadValue(f"The figure cannot open {what}. It knows {SUPPORTED}.")

    def _weight(self, value: Tensor | None) -> int:
        """Keep some weights, and return where they begin among all; −1 where there are none."""
        if value is None:
            return -1
        place, self.count = self.count, self.count + value.numel()
        self.weights.append(value.detach().flatten())
        return place

    # One rule for each operation; its arguments are those of PyTorch's, by place.

    def _rule_constant_pad_nd(self, result: Tensor, given: dict) -> None:
        pad = [*given[1], 0, 0, 0, 0][:4]  # left, right, top, bottom
        if id(given[0]) not in self._known or given.get(2, 0) != 0 or min(pad) < 0:
            self._refuse("this padding")
        self._padded[id(result)] = self._known[id(given[0])], pad

    def _rule_convolution(self, result: Tensor, given: dict) -> None:
        x, weight, bias, stride, padding, dilation, transposed = (given[n] for n in range(7))
        if transposed or weight.ndim != 4:
            self._refuse("a transposed or other than 2-D convolution")
        source, extra = self._padded.get(id(x), (self._known.get(id(x)), [0] * 4))
        self._add("conv", result, [source], kernel=[*weight.shape[2:]], stride=pair(stride),
                  pad=[pair(padding)[0] + extra[2], pair(padding)[1] + extra[0]],
                  dilation=pair(dilation), groups=given[8], weight=self._weight(weight),
                  bias=self._weight(bias))

    def _rule_max_pool2d_with_indices(self, result: Any, given: dict) -> None:
        self._add("pool", result[0], [self.of(given[0])], mode="max", kernel=pair(given[1]),
                  stride=pair(given.get(2) or given[1]), pad=pair(given.get(3, 0)),
                  dilation=pair(given.get(4, 1)))

    def _rule_avg_pool2d(self, result: Tensor, given: dict) -> None:
        self._add("pool", result, [self.of(given[0])], mode="average", kernel=pair(given[1]),
                  stride=pair(given.get(2) or given[1]), pad=pair(given.get(3, 0)),
                  dilation=[1, 1], counts_padding=bool(given.get(5, True)),
                  divisor=given.get(6) or 0)

    def _rule_adaptive_avg_pool2d(self, result: Any, given: dict) -> None:
        self._add("pool", result, [self.of(given[0])], mode="average", adaptive=True)

    def _rule_adaptive_max_pool2d(self, result: Any, given: dict) -> None:
        self._add("pool", result[0], [self.of(given[0])], mode="max", adaptive=True)

    def _rule_mean(self, result: Tensor, given: dict, mode: str = "average") -> None:
        x, axes = given[0], {axis % 4 for axis in given.get(1) or ()}
        if x.ndim != 4 or axes != {2, 3}:
            self._refuse(f"{'mean' if mode == 'average' else 'amax'} over other axes than 2 and 3")
        self._add("pool", result, [self.of(x)], mode=mode, adaptive=True,
                  shares=mode == "max")  # how amax passes a gradient back to several winners

    def _rule_amax(self, result: Tensor, given: dict) -> None:
        self._rule_mean(result, given, "max")

    def _rule_relu(self, result: Tensor, given: dict) -> None:
        self._add("relu", result, [self.of(given[0])])

    def _rule_leaky_relu(self, result: Tensor, given: dict) -> None:
        self._add("leaky", result, [self.of(given[0])], slope=given.get(1, 0.01))

    def _rule_tanh(self, result: Tensor, given: dict) -> None:
        self._add("tanh", result, [self.of(given[0])])

    def _rule_sigmoid(self, result: Tensor, given: dict) -> None:
        self._add("sigmoid", result, [self.of(given[0])])

    def _rule_clamp(self, result: Tensor, given: dict) -> None:
        if given.get(1, given.get("min")) != 0 or given.get(2, given.get("max")) is not None:
            self._refuse("clamp")
        self._rule_relu(result, given)

    _rule_clamp_min = _rule_clamp

    def _rule_native_batch_norm_legit_no_training(self, result: Any, given: dict) -> None:
        x, weight, bias, mean, var = (given[n] for n in range(5))
        ones = torch.ones_like(mean)
        parts = (mean, var, ones if weight is None else weight,
                 torch.zeros_like(mean) if bias is None else bias)
        mean, var, weight, bias = map(self._weight, parts)
        self._add("norm", result[0], [self.of(x)], mean=mean, var=var, weight=weight,
                  bias=bias, eps=given[max(key for key in given if isinstance(key, int))])

    def _rule_native_batch_norm(self, result: Any, given: dict) -> None:
        if given[5]:
            self._refuse("a batch norm without running mean and variance")
        self._rule_native_batch_norm_legit_no_training(result, given)

    def _rule_addmm(self, result: Tensor, given: dict) -> None:
        if self.of(given[1]) is None or given.get("beta", 1) != 1 or given.get("alpha", 1) != 1:
            self._refuse("this product of matrices")
        self._add("linear", result, [self.of(given[1])],
                  weight=self._weight(given[2].t()), bias=self._weight(given[0]))

    def _rule_mm(self, result: Tensor, given: dict) -> None:
        self._rule_addmm(result, {0: None, 1: given[0], 2: given[1]})

    def _rule_linear(self, result: Tensor, given: dict) -> None:
        self._rule_addmm(result, {0: given.get(2), 1: given[0], 2: given[1].t()})

    def _rule_add(self, result: Tensor, given: dict) -> None:
        two = [self.of(given[0]), self.of(given[1])]
        if given.get("alpha", 1) != 1 or None in two or given[0].shape != given[1].shape:
            self._refuse("a sum of other things than two layers' maps")
        self._add("add", result, two)
