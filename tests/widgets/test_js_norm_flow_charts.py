"""The gradients by layer, and the axes of charts in JavaScript."""

import math
from itertools import pairwise

import pytest
import torch
from widget_support import compared, draw, magnitudes, number, run_js

from helpers import GradientFlow, History, TrainingMonitor


def check_words(mine, now):
    (amounts, ratio, nearest), values = mine, now["values"]
    for value, text in zip(values, amounts, strict=True):
        if value:
            assert number(text) == pytest.approx(value, rel=5.1e-3)
        else:
            assert text == ("not finite" if value is None else "0")
    assert ratio == (pytest.approx(values[0] / values[-1], rel=1e-9) if values[-1] else None)
    share = min(1, max(0, now["share"]))
    assert nearest == 1 + math.floor(share * (now["count"] - 1) + 0.5)


@compared("flow", """[now.values.map(figure.amount), figure.ratio(now.values),
    figure.nearest(now.share, now.count)]""", 9, check_words)
def test_words_and_places_of_gradients(g):
    values = [*magnitudes(g), *([0.0] * draw(g, 0, 1)), *([None] * draw(g, 0, 1))]
    now = {"values": values, "share": draw(g, -10, 110) / 100, "count": draw(g, 1, 64)}
    return now, now


def check_shares(mine, theirs):
    assert mine == pytest.approx(theirs, rel=1e-12)


@compared("flow", "figure.shares(now)", 15, check_shares)
def test_shares_of_the_largest_gradient(g):
    values = [*magnitudes(g), *([0.0] * draw(g, 0, 2))] if draw(g, 0, 9) else [0.0, 0.0]
    lost = draw(g, 0, 1)
    most = max(values)
    parts = [value / most if most else 0.0 for value in values]
    return [*values, *[None] * lost], [*parts, *[1.0] * lost]


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


def check_axis(mine, now):
    (marks, places), (*values, _, _) = mine, now["values"]
    (low, foot, text), (high, top, _) = marks[0], marks[-1]
    assert 2 <= len(marks) <= 7 and -1e-9 <= foot < top <= 1 + 1e-9
    power = text[2:].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert int(power) == round(math.log10(low))
    decades = (math.log10(high) - math.log10(low)) / (top - foot)
    assert decades >= now["least"] - 1e-6
    for value, place in zip(values, places, strict=False):
        assert -1e-6 <= place <= 1 + 1e-6
        assert place == pytest.approx(foot + math.log10(value / low) / decades, abs=1e-6)
    assert places[-2:] == [0, 1], "zero, and what is no finite number"


@compared("flow", """(({ marks, place }) => [marks.map(([v, text]) => [v, place(v), text]),
    now.values.map(place)])(figure.logarithmic(now.values, now.least, now.centered))""",
          9, check_axis)
def test_logarithmic_axes_hold_every_value(g):
    values = [*magnitudes(g), 0.0, None]
    now = {"values": values, "least": draw(g, 3, 4), "centered": bool(draw(g, 0, 1))}
    return now, now


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


def check_standings(mine, theirs):
    score, rows = theirs
    assert mine[0] == score and sorted(map(str, mine[1])) == sorted(map(str, map(list, rows)))
    assert [value for *_, value in mine[1]] == [value for *_, value in rows]


@compared("monitor", "figure.standings(now, now.epoch)", 16, check_standings)
def test_runs_stand_as_python_says(g):
    def history() -> History:
        n = draw(g, 1, 5)
        numbers = [torch.rand(n, generator=g, dtype=torch.float64).tolist() for _ in range(4)]
        kind = draw(g, 0, 3)  # without validation, without classes, or both
        accuracies = [[math.nan] * n if kind > 1 else one for one in numbers[1::2]]
        return History(train_loss=numbers[0], train_accuracy=accuracies[0], seconds=[1.0] * n,
                       val_loss=[] if kind % 2 else numbers[2],
                       val_accuracy=[] if kind % 2 else accuracies[1])

    monitor = TrainingMonitor(runs={f"run {i}": history() for i in range(draw(g, 0, 6))})
    epoch = draw(g, 1, 6)
    return {**monitor.page_state(), "epoch": epoch}, monitor.standings(epoch)
