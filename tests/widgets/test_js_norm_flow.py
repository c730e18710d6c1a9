"""Batch normalization and the gradients by layer in JavaScript, against Python."""

import math

import pytest
import torch
from widget_support import COUNTS, assert_same, draw, real, run_js

from helpers import BatchNormExplorer, GradientFlow


@pytest.mark.parametrize("count", COUNTS)
def test_batch_normalization_equals_pytorchs(count):
    g = torch.Generator().manual_seed(6)
    cases, expected = [], []
    for _ in range(count):
        figure = BatchNormExplorer(
            gamma=real(g, -3, 3), beta=real(g, -4, 4), shift=real(g, -6, 6), scale=real(g, 0, 4),
            batch_size=draw(g, 2, 300), training=bool(draw(g, 0, 1)), draws=draw(g, 0, 50),
            running_mean=real(g, -5, 5), running_var=real(g, 0, 9))
        cases.append(figure.page_state())
        before = figure.output[:, 0]
        figure.training = True
        figure.draws -= 1
        figure.next_batch()  # of the same numbers
        expected.append(torch.cat([before, torch.tensor([figure.running_mean,
                                                         figure.running_var])]))
    answer = """(() => { const values = figure.batchOf(now), kept = figure.updated(now, values);
        return [...figure.batchNorm(values, now), kept.running_mean, kept.running_var]; })()"""
    for mine, theirs in zip(run_js("norm", answer, cases), expected, strict=True):
        assert_same(mine, theirs)


@pytest.mark.parametrize("count", COUNTS)
def test_words_and_places_of_gradients(count):
    g = torch.Generator().manual_seed(9)
    cases = []
    for _ in range(count):
        exponents = draw(g, -280, 280) + draw(g, 0, 25) * (torch.rand(
            draw(g, 1, 12), generator=g, dtype=torch.float64) - 0.5)
        values = [*(10.0 ** e for e in exponents.tolist()), *([0.0] * draw(g, 0, 1)),
                  *([None] * draw(g, 0, 1))]
        cases.append({"values": values, "share": draw(g, -10, 110) / 100, "count": draw(g, 1, 64)})
    answer = """[now.values.map(figure.amount), figure.ratio(now.values),
        figure.nearest(now.share, now.count)]"""
    for case, (amounts, ratio, nearest) in zip(cases, run_js("flow", answer, cases), strict=True):
        for value, text in zip(case["values"], amounts, strict=True):
            if value:
                assert float(text.replace("−", "-")) == pytest.approx(value, rel=5.1e-3)
            else:
                assert text == ("not finite" if value is None else "0")
        first, last = case["values"][0], case["values"][-1]
        assert ratio == (pytest.approx(first / last, rel=1e-9) if last else None)
        share = min(1, max(0, case["share"]))
        assert nearest == 1 + math.floor(share * (case["count"] - 1) + 0.5)


def test_every_measured_gradient_is_found_in_the_page():
    figure = GradientFlow()
    cases = [{**figure.page_state(), "weights": weights, "norm": norm, "depth": depth}
             for weights in ("default", "He") for norm in ("none", "batch norm")
             for depth in figure.limits["depths"]]
    answers = run_js("flow", "figure.flowProblem(now) || figure.chosen(now)", cases)
    for case, mine in zip(cases, answers, strict=True):
        figure.weights, figure.norm, figure.depth = case["weights"], case["norm"], case["depth"]
        for kind in ("plain", "residual"):
            assert mine[kind] == {"norms": figure.norms(kind).tolist(), "loss": figure.loss(kind)}
