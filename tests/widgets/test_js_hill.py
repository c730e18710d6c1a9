"""The ball on the loss in JavaScript, against autograd and torch.optim.SGD."""

import math

import pytest
import torch
from widget_support import COUNTS, compare, compared, draw, real, run_js

from helpers.widgets import SURFACES, GradientDescent, surfaces
from helpers.widgets.hill import SCHEDULES

LIMITS = GradientDescent().limits


def place(g) -> list[float]:
    """Weights on the map and somewhat beyond."""
    return [real(g, -3, 3), real(g, -2, 2)]


def settings(g) -> dict:
    """Any settings of the figure; a third of them without momentum, noise and so on."""
    momentum = real(g, 0.01, 0.99) if draw(g, 0, 2) else 0.0
    return {"surface": SURFACES[draw(g, 0, len(SURFACES) - 1)], "lr": 10 ** real(g, -3, 0.4),
            "momentum": momentum, "nesterov": bool(momentum and draw(g, 0, 1)),
            "noise": real(g, 0, 1) if draw(g, 0, 1) else 0.0,
            "schedule": SCHEDULES[draw(g, 0, len(SCHEDULES) - 1)], "race": bool(draw(g, 0, 1)),
            "steps": draw(g, 5, 60), "x": real(g, -2, 2), "y": real(g, -1.5, 1.5)}


@compared("hill", """[figure.HILLS[now.surface].loss(...now.w),
    ...figure.HILLS[now.surface].slope(...now.w), ...figure.HILLS[now.surface].bend(...now.w),
    ...figure.curvatures(now.surface, ...now.w)]""", 30)
def test_losses_slopes_and_curvatures_equal_autograds(g):
    surface, w = SURFACES[draw(g, 0, len(SURFACES) - 1)], place(g)
    at = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    loss = surfaces.loss(surface, at)
    (slope,) = torch.autograd.grad(loss, at)
    bend = torch.autograd.functional.hessian(lambda v: surfaces.loss(surface, v), at.detach())
    both = torch.linalg.eigvalsh(bend)
    assert both[1].item() == pytest.approx(surfaces.curvature(surface, at.detach()))
    return {"surface": surface, "w": w}, torch.cat([loss.detach()[None], slope, bend[0],
                                                    bend[1, 1:], both])


def close(mine: list, theirs: torch.Tensor) -> None:
    """The same places to 1e-5 while they are numbers, and no place where theirs is none."""
    finite = theirs.isfinite().all(1)
    count = int(finite.cumprod(0).sum())
    assert abs(len(mine) - count) <= 1, "numbers overflow at the same step, but for the last digit"
    count = min(count, len(mine))
    torch.testing.assert_close(torch.tensor(mine[:count], dtype=torch.float64), theirs[:count],
                               rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("count", COUNTS)
def test_each_step_is_that_of_sgd(count):
    """From every place of PyTorch's path, with its momentum, to the next one."""
    def case(g):
        now = settings(g)
        w = torch.tensor([now["x"], now["y"]], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=now["lr"], momentum=now["momentum"],
                                    nesterov=now["nesterov"])
        noises, number = surfaces.noise(60), draw(g, 0, 4)
        for step in range(number + 1):
            before = w.detach().clone()
            state = optimizer.state[w].get("momentum_buffer")
            v = torch.zeros(2) if state is None else state.clone()
            optimizer.zero_grad()
            surfaces.loss(now["surface"], w).backward()
            w.grad += now["noise"] * noises[step]
            optimizer.step()
        finite = bool(before.isfinite().all() and v.isfinite().all() and w.isfinite().all())
        now |= {"w": before.tolist(), "v": v.tolist(), "number": number} if finite else {}
        return now, w.detach() if finite else None

    compare(count, 31, case, "hill",
            "now.w ? figure.stepped(now, now.lr, now, now.number).w : null",
            lambda mine, theirs: theirs is None or torch.testing.assert_close(
                torch.tensor(mine, dtype=torch.float64), theirs, rtol=1e-5, atol=1e-9))


@pytest.mark.parametrize("count", [pytest.param(60, id="sample"),
                                   pytest.param(1_500, id="full", marks=pytest.mark.long)])
def test_paths_equal_those_of_sgd(count):
    """Where a path forgets a change of 1e-12 in its start: elsewhere no two computers agree."""
    left, regular = [], []

    def case(g):
        now = settings(g)
        figure = GradientDescent(**now)
        rate = figure.rates[draw(g, 0, len(figure.rates) - 1)]
        path = figure.path(rate)
        moved = GradientDescent(**now | {"x": now["x"] * (1 - 1e-12)}).path(rate)
        spread = (path - moved).abs() <= 1e-8 * path.abs() + 1e-10
        regular.append(bool((spread | ~path.isfinite()).all()))
        left.append(bool((path[:, 0].abs() > 2).any()))
        return now | {"limits": LIMITS, "rate": rate, "regular": regular[-1]}, path

    def check(mine, theirs):
        if mine is not None:
            close(mine, theirs)

    compare(count, 32, case, "hill", """figure.hillProblem(now) ? 0
        : now.regular ? figure.descended(now, now.rate) : null""", check)
    assert sum(regular) > 0.7 * count and 0.1 * count < sum(left) < 0.9 * count


@compared("hill", "Array.from({ length: now.steps }, (_, n) => "
                  "figure.rateAt(now, now.rate, n))", 34)
def test_rates_of_all_steps_equal_those_of_the_schedulers(g):
    figure = GradientDescent(**settings(g) | {"steps": draw(g, 5, 300)})
    rate = figure.rates[0]
    return {"schedule": figure.schedule, "steps": figure.steps, "rate": rate}, (
        figure.rates_by_step(rate))


@compared("hill", "[figure.rateLimit(now.curved, now.momentum, now.nesterov)]", 33,
          counts=[pytest.param(15, id="sample"),
                  pytest.param(300, id="full", marks=pytest.mark.long)])
def test_above_the_limit_a_ball_cannot_settle(g):
    """A parabola of this curvature, a little above the limit and a little below it."""
    curved, momentum = 10 ** real(g, -1, 2), real(g, 0.05, 0.9)
    nesterov = bool(draw(g, 0, 1))
    limit = surfaces.limit(curved, momentum, nesterov)
    for factor, grows in ((1.02, True), (0.98, False)):
        w = torch.ones((), dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=factor * limit, momentum=momentum, nesterov=nesterov)
        far = []
        for _ in range(400):
            w.grad = curved * w.detach()
            optimizer.step()
            far.append(abs(w.item()))
        assert (max(far[-5:]) > max(far[:20])) == grows
    return ({"curved": curved, "momentum": momentum, "nesterov": nesterov},
            torch.tensor([limit], dtype=torch.float64))


def test_noise_and_places_on_the_map():
    (mine,) = run_js("hill", "Array.from({ length: 200 }, (_, k) => figure.jitter(k))", [0])
    noise = surfaces.noise(100)
    torch.testing.assert_close(torch.tensor(mine, dtype=torch.float64), noise.flatten())
    whole = surfaces.noise(300)
    assert whole.mean().abs() < 0.1 and whole.std().item() == pytest.approx(1, abs=0.05)
    spots = [[0, 0], [0.5, 0.5], [1, 1], [0.25, 0.1], [-0.2, 1.3]]
    found = run_js("hill", "figure.weightsAt(...now)", spots)
    assert found == [[-2, 1.5], [0, 0], [2, -1.5], [-1, 1.2], [-2, -1.5]]
    assert run_js("hill", "figure.shareOf(now)", found)[3] == pytest.approx([0.25, 0.1])
    cases = [[[0, 0], [4, 0]], [[0, 1], [1, -9]], [[1, 1], [5, 5]], [[0, 0], [1e4, -1e4]]]
    edges = run_js("hill", "figure.edgeBetween(...now)", cases)
    assert edges == [pytest.approx(one) for one in ([2, 0], [0.25, -1.5], [1.5, 1.5], [1.5, -1.5])]


def test_a_ball_that_is_gone_is_said_to_be_gone_with_the_limit():
    cases = [{**GradientDescent(**preset).page_state(), "n": preset["steps"]}
             for preset in GradientDescent.presets.values()]
    answer = "[figure.goneSince(figure.descended(now), now.n), " \
             "figure.told(now, figure.descended(now), now.n)]"
    told = dict(zip(GradientDescent.presets, run_js("hill", answer, cases), strict=True))
    since, words = told["diverges"][0], told["diverges"][1].replace("\u00a0", " ")
    path = GradientDescent().path()
    assert since == next(i for i, w in enumerate(path.tolist()) if abs(w[1]) > 1.5) == 14
    assert "has left the picture, at step 14" in words and "2 / 10 = 0.2" in words
    assert "1.1 times as high" in words
    assert all(since == -1 for name, (since, _) in told.items() if name != "diverges")
    assert "With momentum 0.9 no rate above" in told["momentum in a valley"][1]
    assert "rate × noise = 0.15 in" in told["noise, constant rate"][1]
    assert "this one is now " in told["noise, falling rate"][1]
    saddle = GradientDescent("saddle", x=0.0).page_state()
    assert "no minimum" in run_js("hill", "figure.told(now, figure.descended(now), now.steps)",
                                  [saddle])[0]
    away = [[[0, 0], [3, 0], [0, 0], [3, 0], [4, 0]], [[0, 0], [0, 9]]]
    answer = "[0, 1, 2, 3, 4].map((n) => figure.goneSince(now, n))"
    assert run_js("hill", answer, away) == [[-1, 1, -1, 3, 3], [-1, 1, 1, 1, 1]]
    assert math.isinf(surfaces.limit(-1.0))


@pytest.mark.parametrize("surface, schedule", [
    *((surface, "constant") for surface in SURFACES), *(("bowl", one) for one in SCHEDULES[1:])])
def test_the_code_in_the_figure_runs_and_descends_the_same_way(surface, schedule):
    figure = GradientDescent(surface, x=1.0, y=0.0, lr=0.02, momentum=0.5, steps=12,
                             schedule=schedule)
    (code,) = run_js("hill", "figure.codeOf(now)", [figure.page_state()])
    names = {}
    exec(code, names)
    assert (figure.code() in code) == ("lr_scheduler" in code) == (schedule != "constant")
    assert names["w"].tolist() == pytest.approx(figure.path()[-1].tolist(), abs=1e-5)
