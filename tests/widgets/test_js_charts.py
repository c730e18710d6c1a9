"""Axes, ticks and smoothing of the charts in JavaScript."""

import math
from itertools import pairwise

import pytest
import torch
from widget_support import COUNTS, draw, run_js


@pytest.mark.parametrize("count", COUNTS)
def test_logarithmic_axes_hold_every_value(count):
    g = torch.Generator().manual_seed(9)
    cases = []
    for _ in range(count):
        exponents = draw(g, -280, 280) + draw(g, 0, 25) * (torch.rand(
            draw(g, 1, 12), generator=g, dtype=torch.float64) - 0.5)
        cases.append({"values": [10.0 ** e for e in exponents.tolist()] + [0.0, None],
                      "least": draw(g, 3, 4), "centred": bool(draw(g, 0, 1))})
    answer = """(({ marks, place }) => [marks.map(([v, text]) => [v, place(v), text]),
        now.values.map(place)])(figure.logarithmic(now.values, now.least, now.centred))"""
    for case, (marks, places) in zip(cases, run_js("flow", answer, cases), strict=True):
        *values, _, _ = case["values"]
        (low, foot, text), (high, top, _) = marks[0], marks[-1]
        assert 2 <= len(marks) <= 7 and -1e-9 <= foot < top <= 1 + 1e-9
        assert int("".join("-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".index(one)]
                           for one in text[2:])) == round(math.log10(low))
        decades = (math.log10(high) - math.log10(low)) / (top - foot)
        assert decades >= case["least"] - 1e-6
        for value, place in zip(values, places, strict=False):
            assert -1e-6 <= place <= 1 + 1e-6
            assert place == pytest.approx(foot + math.log10(value / low) / decades, abs=1e-6)
        assert places[-2:] == [0, 1], "zero, and what is no finite number"


def test_marks_of_an_axis_are_few_and_round():
    ranges = [(0, 1), (1.2, 2.3), (0.002, 0.0021), (-3, 70), (0, 235)]
    for (low, high), marks in zip(ranges, run_js("monitor", "figure.ticks(...now)", ranges),
                                  strict=True):
        steps = {round((b - a) / 10 ** math.floor(math.log10(b - a) + 1e-9), 6)
                 for a, b in pairwise(marks)}
        assert 2 <= len(marks) <= 7 and steps <= {1, 2, 5}
        assert low - 1e-9 <= marks[0] and marks[-1] <= high + 1e-9
    cases = [[0.003, 0.1], [0.5, 1.0], [0.001]]
    answer = """(({ marks, place }) => [marks, marks.map(([v]) => place(v)), now.map(place)])(
        figure.linear(now))"""
    for values, (marks, at, places) in zip(cases, run_js("schedule", answer, cases), strict=True):
        assert marks[0] == [0, "0"] and 3 <= len(marks) <= 7 and 0 == at[0] < at[-1] <= 1
        assert places == pytest.approx([v / max(values) for v in values])
        assert all(float(text) == pytest.approx(mark) for mark, text in marks)
    counts = range(1, 65)
    for count, marks in zip(counts, run_js("flow", "figure.counted(now, 8)", [*counts]),
                            strict=True):
        assert marks[0] == 1 and marks[-1] <= count and len(marks) <= 9


def test_the_monitors_smoothing_is_a_mean_that_forgets():
    values = torch.rand(50, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    weights = (0.0, 0.5, 0.9)
    answers = run_js("monitor", "figure.smoothed(now.values, now.weight)",
                     [{"values": values.tolist(), "weight": weight} for weight in weights])
    for weight, mine in zip(weights, answers, strict=True):
        powers = weight ** torch.arange(50, dtype=torch.float64)
        expected = [float((powers[:n + 1].flip(0) * values[:n + 1]).sum() / powers[:n + 1].sum())
                    for n in range(50)]
        assert mine == pytest.approx(expected, abs=1e-9)
