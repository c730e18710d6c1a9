"""Graphs of computations in JavaScript, recorded at one place and computed at another."""

import pytest
import torch
from widget_support import draw, run_js

from helpers import AutogradGraph
from helpers.widgets import BadValue

UNARY = [torch.neg, torch.square, torch.sin, torch.cos, torch.tanh, torch.sigmoid, torch.relu,
         torch.abs, lambda v: (v * 0.1).exp(), lambda v: (v * v + 1).log(),
         lambda v: (v * v + 0.5).sqrt()]
BINARY = [lambda a, b: a + b, lambda a, b: a - 2 * b, lambda a, b: a * b,
          lambda a, b: a / (b * b + 1), lambda a, b: 3 - a / 2, lambda a, b: (a * 0.1) ** 3,
          lambda a, b: (a * a + 1) ** (b * 0.1)]


def random_expression(g):
    """A function of x, y and z that uses each operation of the figure sooner or later."""
    steps = [(draw(g, 0, 1), *(draw(g, 0, 99) for _ in range(3))) for _ in range(4)]
    is_mean = draw(g, 0, 1)

    def function(x, y, z):
        known = [x, y, z]
        for binary, which, i, j in steps:
            a, b = known[i % len(known)], known[j % len(known)]
            known.append(BINARY[which % len(BINARY)](a, b) if binary
                         else UNARY[which % len(UNARY)](a))
        result = known[-1] + x
        return result.mean() if is_mean else result.sum()

    return function


@pytest.mark.parametrize("count", [pytest.param(200, id="sample"),
                                   pytest.param(2_000, id="full", marks=pytest.mark.long)])
def test_graphs_recorded_at_one_place_are_right_at_another(count):
    g = torch.Generator().manual_seed(4)
    cases, expected = [], []
    while len(cases) < count:
        function = random_expression(g)
        shape = ((), (3,), (2, 2))[draw(g, 0, 2)]
        shapes = {"x": shape, "y": (), "z": shape}
        start, other = ({name: torch.randn(one, generator=g, dtype=torch.float64)
                         for name, one in shapes.items()} for _ in range(2))
        try:
            graph = AutogradGraph(function, **start)
        except BadValue as problem:  # more operations than the figure holds
            assert "operations" in str(problem)
            continue
        assert graph.replayable
        leaves = {name: value.clone().requires_grad_() for name, value in other.items()}
        output = function(**leaves)
        output.backward()
        cases.append({"nodes": graph.nodes, "inputs": {k: v.tolist() for k, v in other.items()}})
        gradients = (torch.zeros_like(v) if v.grad is None else v.grad for v in leaves.values())
        expected.append([output.item(), *(one.flatten().tolist() for one in gradients)])
    answer = """(() => { const { values, grads } = figure.computed(now.nodes, now.inputs, true);
        return [values[values.length - 1][0], grads[0], grads[1], grads[2]]; })()"""
    for mine, theirs in zip(run_js("graph", answer, cases), expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert a == pytest.approx(b, abs=1e-5, rel=1e-5)
