"""Schedules and descents in JavaScript, against PyTorch's schedulers and Python's descent."""

import pytest
import torch
from widget_support import COUNTS, draw, real, run_js

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
    g = torch.Generator().manual_seed(10)
    limits, cases, expected = ScheduleExplorer().limits, [], []
    for _ in range(count):
        settings = random_settings(g)
        cases.append({**settings, "limits": limits})
        try:
            figure = ScheduleExplorer(**settings)
        except BadValue as problem:
            assert "must" in str(problem)
            expected.append(None)
            continue
        expected.append([figure.rates(), figure.losses(), figure.code()])
    answer = """figure.scheduleProblem(now) ? null
        : (({ rates, losses }) => [rates, losses, figure.code(now)])(figure.trained(now))"""
    reduced = 0
    for case, mine, theirs in zip(cases, run_js("schedule", answer, cases), expected, strict=True):
        assert (mine is None) == (theirs is None), case
        if theirs is not None:
            for numbers, right in zip(mine[:2], theirs[:2], strict=True):
                torch.testing.assert_close(torch.tensor(numbers, dtype=torch.float64), right,
                                           rtol=1e-9, atol=0)
            assert mine[2] == theirs[2]
            reduced += case["schedule"] == "ReduceLROnPlateau" and mine[0][-1] < mine[0][0]
    assert 0.02 * count < expected.count(None) < 0.4 * count and reduced > 0.04 * count, (
        "the cases must hold enough of each kind")


@pytest.mark.parametrize("count", COUNTS)
def test_plateaus_are_found_as_pytorch_finds_them(count):
    """Losses near the threshold, equal or rising ones, and reductions too small for PyTorch."""
    g = torch.Generator().manual_seed(11)
    cases, expected = [], []
    for _ in range(count):
        loss, losses = 1.0, []
        for _ in range(draw(g, 5, 60)):
            loss *= (1 - 1e-4, 1 - 0.99e-4, 1 - 1.01e-4, 1.0, 1.0, 1.1, 0.9)[draw(g, 0, 6)]
            losses.append(loss)
        settings = {"factor": draw(g, 1, 9) / 10, "patience": draw(g, 0, 4)}
        lr = 10.0 ** -draw(g, 0, 7)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr)
        scheduler, rates = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings), []
        for loss in losses:
            scheduler.step(loss)
            rates.append(optimizer.param_groups[0]["lr"])
        cases.append({"lr": lr, "losses": losses, **settings})
        expected.append(rates)
    assert run_js("schedule", "now.losses.map(figure.plateau(now))", cases) == expected


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
