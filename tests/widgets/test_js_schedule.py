"""Schedules and descents in JavaScript, against PyTorch's schedulers and Python's descent."""

import pytest
import torch
from widget_support import COUNTS, assert_equal, compare, compared, draw, real, run_js

from helpers import ScheduleExplorer
from helpers.widgets import SCHEDULES, BadValue
from helpers.widgets.descent import noise


def random_settings(g) -> dict:
    """Round settings, as the figure's sliders have them, and any; some of them do not fit."""
    def near(low, high, digits):
        value = round(real(g, low, high), digits if draw(g, 0, 1) else 17)
        return min(high, max(low, value))

    return {"schedule": SCHEDULES[draw(g, 0, len(SCHEDULES) - 1)], "lr": 10 ** near(-3, 0, 1),
            "epochs": draw(g, 5, 60), "step_size": draw(g, 1, 60), "gamma": near(0.05, 1, 2),
            "exp_gamma": near(0.5, 1, 2), "eta_min": near(0, 0.1, 2) ** draw(g, 1, 5),
            "pct_start": near(0.05, 0.9, 2), "warmup": draw(g, 1, 30),
            "factor": near(0.05, 0.95, 2), "patience": draw(g, 0, 20) // draw(g, 1, 5)}


@pytest.mark.parametrize("count", [pytest.param(150, id="sample"), COUNTS[1]])
def test_schedules_and_descents_equal_pytorchs(count):
    """Rates and losses by schedulers of PyTorch that step as in a training loop, and their code."""
    limits, reduced = ScheduleExplorer().limits, []

    def case(g):
        settings = random_settings(g)
        now = {**settings, "limits": limits}
        try:
            figure = ScheduleExplorer(**settings)
        except BadValue as problem:
            assert "must" in str(problem)
            return now, None
        rates = figure.rates()
        reduced.append(figure.schedule == "ReduceLROnPlateau" and rates[-1] < rates[0])
        return now, [rates, figure.losses(), figure.code()]

    def check(mine, theirs):
        assert (mine is None) == (theirs is None)
        if theirs is not None:
            for numbers, right in zip(mine[:2], theirs[:2], strict=True):
                assert numbers == pytest.approx(right.tolist(), rel=1e-9, abs=0)
            assert mine[2] == theirs[2]

    expected = compare(count, 10, case, "schedule", """figure.scheduleProblem(now) ? null
        : (({ rates, losses }) => [rates, losses, figure.code(now)])(figure.trained(now))""", check)
    assert 0.02 * count < expected.count(None) < 0.4 * count and sum(reduced) > 0.04 * count, (
        "the cases must hold enough of each kind")


@compared("schedule", "now.losses.map(figure.plateau(now))", 11, assert_equal)
def test_plateaus_are_found_as_pytorch_finds_them(g):
    """Losses near the threshold, equal or rising ones, and reductions too small for PyTorch."""
    loss, losses, rates = 1.0, [], []
    for _ in range(draw(g, 5, 60)):
        loss *= (1 - 1e-4, 1 - 0.99e-4, 1 - 1.01e-4, 1.0, 1.0, 1.1, 0.9)[draw(g, 0, 6)]
        losses.append(loss)
    settings = {"factor": draw(g, 1, 9) / 10, "patience": draw(g, 0, 4)}
    lr = 10.0 ** -draw(g, 0, 7)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return {"lr": lr, "losses": losses, **settings}, rates


def test_both_languages_have_the_same_noise():
    (numbers,) = run_js("schedule", "[...figure.NOISE]", [0])
    torch.testing.assert_close(torch.tensor(numbers), torch.tensor(noise()))


def test_words_and_places_of_epochs():
    amounts = {0.1: "0.1", 1.0: "1", 38.8083: "38.8", 0.00123456: "0.00123", 2.74e-4: "2.74e−4"}
    assert run_js("schedule", "figure.amount(now)", [*amounts]) == [*amounts.values()]
    places = {(-0.1, 30): 1, (0.0, 30): 1, (0.5, 30): 16, (0.99, 30): 30, (1.1, 5): 5}
    assert run_js("schedule", "figure.epochAt(...now)", [*places]) == [*places.values()]


def test_settings_that_were_hidden_are_made_to_fit():
    state = {"lr": 0.05, "pct_start": 0.05, "warmup": 30, "eta_min": 0.1}
    cases = [{**state, "epochs": epochs, "chosen": name}
             for epochs in range(5, 61, 5) for name in SCHEDULES]
    answer = """(() => { const first = figure.misfit(now, now.chosen);
        const next = { ...now, ...first[1] };
        const changes = { ...first[1], ...figure.misfit(next, now.chosen)[1] };
        return [first[0], figure.misfit({ ...now, ...changes }, now.chosen)[0], changes]; })()"""
    for case, (before, after, changes) in zip(cases, run_js("schedule", answer, cases),
                                              strict=True):
        assert after == "" and bool(before) == bool(changes)
        ScheduleExplorer(case["chosen"], epochs=case["epochs"], **{**state, **changes})
