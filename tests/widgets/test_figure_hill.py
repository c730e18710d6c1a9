"""The ball on the loss in Python."""

import math

import pytest
import torch

from helpers import GradientDescent
from helpers.widgets import SURFACES, BadValue, surfaces
from helpers.widgets.hill import SCHEDULES


@pytest.mark.parametrize("surface", SURFACES)
def test_paths_are_those_of_sgd_written_out(surface):
    figure = GradientDescent(surface, momentum=0.7, nesterov=True, noise=0.1, steps=12)
    w, v = torch.tensor([figure.x, figure.y], dtype=torch.float64), torch.zeros(2)
    for step, noise in enumerate(surfaces.noise(12)):
        assert figure.path()[step].tolist() == pytest.approx(w.tolist(), rel=1e-9, abs=1e-12)
        at = w.requires_grad_()
        g = torch.autograd.grad(surfaces.loss(surface, at), at)[0] + 0.1 * noise
        v = 0.7 * v + g
        w = w.detach() - figure.lr * (g + 0.7 * v)
    assert figure.path().shape == (13, 2) and figure.path().dtype == torch.float64
    assert figure.losses()[-1] == surfaces.loss(surface, figure.path()[-1])


def test_a_path_is_found_where_no_record_is_kept_and_changes_no_random_numbers():
    before = torch.get_rng_state()
    with torch.no_grad():
        assert GradientDescent().losses()[-1] > 50
    assert torch.get_rng_state().equal(before)


def test_what_the_presets_promise():
    made = {name: GradientDescent(**preset) for name, preset in GradientDescent.presets.items()}
    assert made["diverges"].path()[-1, 1].abs() > 4
    valley = made["momentum in a valley"]
    assert valley.losses()[-1] < 1e-4
    valley.momentum = 0.0
    assert valley.losses()[-1] > 1.0, "without momentum it creeps"
    race = made["three rates"]
    assert race.rates == pytest.approx([0.1 / 3, 0.1, 0.3])
    slow, middle, fast = (race.losses(rate)[-1] for rate in race.rates)
    assert middle < slow < fast and fast > 1e3


@pytest.mark.parametrize("falling", SCHEDULES[1:])
def test_with_noise_a_constant_rate_jitters_and_a_falling_one_settles(falling):
    """The same noise, the same first or highest rate, the last 20 of 120 steps."""
    figure = GradientDescent(**GradientDescent.presets["noise, constant rate"])
    late, start = figure.path()[-20:], figure.path()[:30].std(0).max()
    assert late.std(0).min() > 0.15 and figure.losses()[-20:].mean() > 0.2
    figure.schedule = falling
    late = figure.path()[-20:]
    assert late.std(0).max() < 0.02 and figure.losses()[-20:].mean() < 0.03 and start > 0.3


def test_what_page_9c_says_of_the_restless_ball():
    figure = GradientDescent("bowl", x=-1.8, y=1.2, lr=0.15, noise=1.0, steps=120)
    late = figure.path()[-60:]
    assert figure.losses()[-60:].mean().item() == pytest.approx(0.25, abs=0.005)
    assert surfaces.loss("bowl", late.mean(0)).item() == pytest.approx(0.01, abs=0.005)
    figure.schedule = "CosineAnnealingLR"
    assert figure.losses()[-1].item() == pytest.approx(0.01, abs=0.005)


def test_the_rate_of_each_step_is_the_schedulers():
    figure = GradientDescent(lr=0.4, steps=30)
    assert figure.rates_by_step().tolist() == pytest.approx([0.4] * 30)
    figure.schedule = "StepLR"
    assert figure.rates_by_step().tolist() == pytest.approx([0.4] * 10 + [0.04] * 10 + [0.004] * 10)
    figure.schedule = "CosineAnnealingLR"
    assert figure.rates_by_step(0.1).tolist() == pytest.approx(
        [0.05 * (1 + math.cos(math.pi * n / 30)) for n in range(30)])
    figure.schedule = "warm-up + cosine"
    rates = figure.rates_by_step().tolist()
    assert rates[:2] == pytest.approx([0.04, 0.1]) and max(rates) == rates[6] == 0.4
    with pytest.raises(BadValue, match="one of constant"):
        figure.schedule = "OneCycleLR"


def test_a_warm_up_brings_the_ball_down_where_its_rate_throws_it_out():
    """What chapter 9 asks."""
    figure = GradientDescent("valley", lr=0.07, steps=80)
    assert not figure.path().isfinite().all()
    figure.schedule = "CosineAnnealingLR"
    assert not figure.path().isfinite().all(), "it is not the fall"
    figure.schedule = "warm-up + cosine"
    assert figure.path().abs().max() < 2 and figure.losses()[-1] < 0.3


def test_every_surface_has_a_caption_of_its_own():
    assert {*surfaces.CAPTIONS} == {*SURFACES}
    for surface, said in surfaces.CAPTIONS.items():
        assert said in GradientDescent(surface).to_html().replace("&#x27;", "'")
        assert len(GradientDescent.caption) + len(said) < 320 and said.endswith(".")


def test_what_chapters_say_of_the_other_surfaces():
    plain, rolling = (GradientDescent("two minima", steps=60) for _ in range(2))
    rolling.momentum = 0.9
    assert plain.path()[-1, 0] > 0.9 and rolling.path()[-1, 0] < -0.9, "over the ridge"
    assert rolling.losses()[-1] < 0.1 * plain.losses()[-1]
    saddle = GradientDescent("saddle", x=0.0, steps=100)
    assert saddle.path()[-1].abs().max() < 1e-3, "on the ridge it stays"
    saddle.x = 0.01
    assert saddle.path()[-1, 0] > 1.3
    a, k = GradientDescent("cup", steps=100).path()[-1].tolist()
    hours, warmer = (torch.tensor(one, dtype=torch.float64)
                     for one in (surfaces.HOURS, surfaces.WARMER))
    assert (a * torch.exp(-k * hours) - warmer).abs().max() < 0.03


@pytest.mark.parametrize("momentum, nesterov, limit",
                         [(0.0, False, 0.2), (0.9, False, 0.38), (0.5, True, 0.15)])
def test_the_limit_is_two_over_the_curvature(momentum, nesterov, limit):
    figure = GradientDescent(momentum=momentum, nesterov=nesterov)
    assert figure.curvature() == pytest.approx(10)
    assert figure.limit(figure.curvature()) == pytest.approx(limit)
    assert f"above {limit:.3g} cannot settle" in figure.to_html()
    assert GradientDescent("saddle").curvature(0.0, 0.0) == pytest.approx(2)


def test_start_and_rate_are_the_surfaces_own_unless_they_are_given():
    assert GradientDescent("valley").lr == 0.03 and GradientDescent("valley", lr=0.01).lr == 0.01
    assert GradientDescent("cup", x=0.5).x == 0.5 and GradientDescent("cup").y == 0.0


def test_nesterov_needs_a_momentum():
    figure = GradientDescent(momentum=0.5, nesterov=True)
    with pytest.raises(BadValue, match="needs a momentum"):
        figure.momentum = 0.0
    assert figure.momentum == 0.5
    with figure.hold_trait_notifications():
        figure.nesterov, figure.momentum = False, 0.0
    with pytest.raises(BadValue, match="needs a momentum"):
        GradientDescent(nesterov=True)
    with pytest.raises(BadValue, match="one of bowl"):
        GradientDescent("canyon")


def test_the_tables_hold_first_steps_and_the_last():
    text = GradientDescent(race=True, steps=33).to_html()
    assert text.count("<table>") == 3 and "<td>33</td>" in text and "rate 0.63" in text
