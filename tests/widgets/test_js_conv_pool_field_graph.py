"""Pooling, receptive fields and graphs in JavaScript, against PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import assert_equal, compared, draw

from helpers import AutogradGraph, PoolExplorer, ReceptiveField

POOL, FIELD = (kind().limits for kind in (PoolExplorer, ReceptiveField))


def or_none(compute, *arguments, **settings):
    """The one map of the result, or None where PyTorch refuses."""
    try:
        return compute(*arguments, **settings)[0, 0]
    except RuntimeError:
        return None


@compared("pool", "figure.poolProblem(now) ? null : figure.pool2d(now)", 2, refused=(0.05, 0.7))
def test_pooling_equals_pytorchs(g):
    image = torch.randn(draw(g, 1, 10), draw(g, 1, 10), generator=g, dtype=torch.float64)
    settings = {"kernel_size": draw(g, 1, 6), "stride": draw(g, 1, 6), "padding": draw(g, 0, 3),
                "ceil_mode": bool(draw(g, 0, 1))}
    is_max, included = bool(draw(g, 0, 1)), {"count_include_pad": bool(draw(g, 0, 1))}
    now = {"input": image.tolist(), "mode": "max" if is_max else "average", "limits": POOL,
           **settings, **included}
    pool, settings = (F.max_pool2d, settings) if is_max else (F.avg_pool2d, settings | included)
    return now, or_none(pool, image[None, None], **settings)


@compared("field", """figure.fieldProblem(now) ? null : [figure.layerSizes(now.layers, now.size),
    [...figure.reads(now.layers, now.size, now.layer, now.index)[0]].sort((a, b) => a - b)]""",
          3, assert_equal, refused=(0.02, 0.6))
def test_receptive_fields_equal_the_gradients(g):
    """What an output reads is where its gradient with respect to the input is not zero."""
    size = draw(g, 4, 40)
    layers = [[draw(g, 1, 5), draw(g, 1, 3), draw(g, 0, 2), draw(g, 1, 3)]
              for _ in range(draw(g, 1, 4))]
    now = {"layers": layers, "size": size, "layer": len(layers), "index": 0, "limits": FIELD}
    x = image = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
    sizes = [size]
    try:
        for kernel, *settings in layers:
            x = F.conv1d(x, torch.ones(1, 1, kernel, dtype=torch.float64), None, *settings)
            sizes.append(x.shape[-1])
    except RuntimeError:
        return now, None
    now["index"] = draw(g, 0, sizes[-1] - 1)
    x[0, 0, now["index"]].backward()
    return now, [sizes, image.grad[0, 0].nonzero()[:, 0].tolist()]


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


@compared("graph", """(() => {
    const { values, grads } = figure.computed(now.nodes, now.inputs, true);
    return [values[values.length - 1][0], ...grads.slice(0, 3).flat()]; })()""", 4,
          counts=[pytest.param(200, id="sample"),
                  pytest.param(2_000, id="full", marks=pytest.mark.long)])
def test_graphs_recorded_at_one_place_are_right_at_another(g):
    function = random_expression(g)
    shape = ((), (3,), (2, 2))[draw(g, 0, 2)]
    shapes = {"x": shape, "y": (), "z": shape}
    start, other = ({name: torch.randn(one, generator=g, dtype=torch.float64)
                     for name, one in shapes.items()} for _ in range(2))
    graph = AutogradGraph(function, **start)
    assert graph.replayable
    leaves = {name: value.clone().requires_grad_() for name, value in other.items()}
    output = function(**leaves)
    output.backward()
    gradients = [torch.zeros_like(v) if v.grad is None else v.grad for v in leaves.values()]
    now = {"nodes": graph.nodes, "inputs": {name: v.tolist() for name, v in other.items()}}
    return now, torch.cat([output.detach()[None], *(one.flatten() for one in gradients)])
