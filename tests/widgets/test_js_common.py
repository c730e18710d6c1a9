"""What a reader types or a page gets in JavaScript: numbers, matrices, settings, or a refusal."""

import pytest
import torch
from widget_support import run_js

from helpers import AugmentPlayground, GradientFlow, ScheduleExplorer
from helpers.widgets import AllReduce, BadValue


def test_what_a_reader_types_is_a_number_or_refused():
    typed = {"1": 1, "-2.5": -2.5, "−2,5": -2.5, ".5": 0.5, "1e3": 1000, "+4": 4, "abc": None,
             "": None, "1-2": None, "--1": None, "Infinity": None, "0x10": None, "NaN": None,
             "1 2": None}
    # JSON writes NaN as null
    assert run_js("conv", "figure.parse(now)", [*typed]) == [*typed.values()]


def test_bad_matrices_are_refused_in_the_page():
    matrices = {"[[1, 2], [3]]": "rectangle", "[[1, NaN]]": "finite", "[['a']]": "finite",
                "[[Infinity]]": "finite", "'ab'": "rows", "[]": "rows", "[[]]": "rows",
                "Array(17).fill([1])": "at most", "[[1, 2], [3, 4]]": ""}
    answer = f'[{", ".join(matrices)}].map((one) => figure.matrixProblem("input", one, 16))'
    (said,) = run_js("conv", answer, [0])
    for sentence, word in zip(said, matrices.values(), strict=True):
        assert word in sentence if word else sentence == ""
        assert sentence.count(". ") == 0, "one sentence"


BAD = {
    "flow": (GradientFlow, [
        ({"depth": 5}, "depth"), ({"norm": "layer"}, "norm"), ({"weights": "zero"}, "weights"),
        ({"kind": "dense"}, "kind"), ({"frames": {}}, "measured")]),
    "augment": (lambda: AugmentPlayground(torch.zeros(3, 16, 16), torch.zeros(3, 16, 16)), [
        ({"padding": 9}, "padding"), ({"padding": 1.5}, "padding"), ({"hue": 0.6}, "hue"),
        ({"cutout": -1}, "cutout"), ({"contrast": None}, "contrast"), ({"window": 0}, "window"),
        ({"padding_mode": "edge"}, "padding_mode"), ({"share": 2}, "share"),
        ({"other": {"height": 16, "width": 17, "data": ""}}, "same size")]),
    "schedule": (ScheduleExplorer, [
        ({"schedule": "CyclicLR"}, "schedule"), ({"lr": 2}, "lr"), ({"epochs": 4}, "epochs"),
        ({"epochs": 7.5}, "whole"), ({"patience": -1}, "patience"), ({"gamma": None}, "gamma"),
        ({"schedule": "OneCycleLR", "pct_start": 0.1, "epochs": 10}, "pct_start"),
        ({"schedule": "warm-up + cosine", "warmup": 5, "epochs": 5}, "warm-up"),
        ({"schedule": "CosineAnnealingLR", "eta_min": 0.1, "lr": 0.05}, "eta_min")]),
    "allreduce": (AllReduce, [
        ({"values": [[1]]}, "rows"), ({"values": [[1, 2], [3, 4], [5, 6]]}, "columns"),
        ({"values": [[1, 2], [3]]}, "rectangle"), ({"values": [[0] * 9] * 9}, "at most"),
        ({"values": [[None, 1], [1, 1]]}, "finite"), ({"algorithm": "tree"}, "algorithm"),
        ({"step": 7}, "0 to 6"), ({"step": 0.5}, "whole"),
        ({"step": 4, "algorithm": "everyone to everyone"}, "0 to 3"),
        ({"megabytes": 0}, "megabytes"), ({"gigabits": None}, "gigabits"),
        ({"latency": 1e5}, "latency")]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_refused_in_the_page_and_in_python(name):
    make, bad = BAD[name]
    figure = make()
    state = figure.page_state()
    cases = [state, *({**state, **change} for change, _ in bad)]
    good, *said = run_js(name, f"figure.{name}Problem(now)", cases)
    assert good == ""
    for (change, word), sentence in zip(bad, said, strict=True):
        assert word in sentence and sentence.count(". ") == 0, "one sentence"
        with pytest.raises(BadValue):
            type(figure).from_state({**state, **change})
