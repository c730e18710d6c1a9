"""Convolution, pooling and receptive fields in JavaScript, against PyTorch on random cases."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import COUNTS, assert_same, draw, run_js

from helpers import ConvExplorer, PoolExplorer, ReceptiveField


def or_none(compute, *arguments, **settings):
    """The one map of the result, or None where PyTorch refuses."""
    try:
        return compute(*arguments, **settings)[0, 0]
    except RuntimeError:
        return None


@pytest.mark.parametrize("count", COUNTS)
def test_convolution_equals_pytorchs(count):
    g = torch.Generator().manual_seed(1)
    limits, cases, expected = ConvExplorer().limits, [], []
    for _ in range(count):
        image = torch.randn(draw(g, 1, 16), draw(g, 1, 16), generator=g, dtype=torch.float64)
        kernel = torch.randn(draw(g, 1, 7), draw(g, 1, 7), generator=g, dtype=torch.float64)
        settings = {"stride": draw(g, 1, 4), "padding": draw(g, 0, 4), "dilation": draw(g, 1, 4)}
        cases.append({"input": image.tolist(), "kernel": kernel.tolist(), "limits": limits,
                      **settings})
        expected.append(or_none(F.conv2d, image[None, None], kernel[None, None], **settings))
    answers = run_js("conv", "figure.convProblem(now) ? null : figure.conv2d(now)", cases)
    for mine, theirs in zip(answers, expected, strict=True):
        assert_same(mine, theirs)
    refused = sum(e is None for e in expected)
    assert 0.05 * count < refused < 0.6 * count, "the cases must hold enough of both kinds"


@pytest.mark.parametrize("count", COUNTS)
def test_pooling_equals_pytorchs(count):
    g = torch.Generator().manual_seed(2)
    limits, cases, expected = PoolExplorer().limits, [], []
    for _ in range(count):
        image = torch.randn(draw(g, 1, 10), draw(g, 1, 10), generator=g, dtype=torch.float64)
        settings = {"kernel_size": draw(g, 1, 6), "stride": draw(g, 1, 6), "padding": draw(g, 0, 3),
                    "ceil_mode": bool(draw(g, 0, 1))}
        is_max, included = bool(draw(g, 0, 1)), {"count_include_pad": bool(draw(g, 0, 1))}
        cases.append({"input": image.tolist(), "mode": "max" if is_max else "average",
                      "limits": limits, **settings, **included})
        pool, settings = (F.max_pool2d, settings) if is_max else (F.avg_pool2d, settings | included)
        expected.append(or_none(pool, image[None, None], **settings))
    answers = run_js("pool", "figure.poolProblem(now) ? null : figure.pool2d(now)", cases)
    for mine, theirs in zip(answers, expected, strict=True):
        assert_same(mine, theirs)
    refused = sum(e is None for e in expected)
    assert 0.05 * count < refused < 0.7 * count, "the cases must hold enough of both kinds"


@pytest.mark.parametrize("count", COUNTS)
def test_receptive_fields_equal_the_gradients(count):
    """What an output reads is where its gradient with respect to the input is not zero."""
    g = torch.Generator().manual_seed(3)
    limits, cases, expected = ReceptiveField().limits, [], []
    for _ in range(count):
        size = draw(g, 4, 40)
        layers = [[draw(g, 1, 5), draw(g, 1, 3), draw(g, 0, 2), draw(g, 1, 3)]
                  for _ in range(draw(g, 1, 4))]
        case = {"layers": layers, "size": size, "layer": len(layers), "index": 0, "limits": limits}
        cases.append(case)
        image = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
        x, sizes = image, [size]
        try:
            for kernel, stride, padding, dilation in layers:
                weight = torch.ones(1, 1, kernel, dtype=torch.float64)
                x = F.conv1d(x, weight, stride=stride, padding=padding, dilation=dilation)
                sizes.append(x.shape[-1])
        except RuntimeError:
            expected.append(None)
            continue
        case["index"] = draw(g, 0, sizes[-1] - 1)
        x[0, 0, case["index"]].backward()
        expected.append([sizes, image.grad[0, 0].nonzero()[:, 0].tolist()])
    answer = """figure.fieldProblem(now) ? null : [figure.layerSizes(now.layers, now.size),
        [...figure.reads(now.layers, now.size, now.layer, now.index)[0]].sort((a, b) => a - b)]"""
    assert run_js("field", answer, cases) == expected
    assert 0.02 * count < expected.count(None) < 0.6 * count
