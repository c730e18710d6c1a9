"""The schedule explorer in Python: PyTorch's rates, and a descent that follows them."""

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from helpers import ScheduleExplorer
from helpers.widgets import SCHEDULES, BadValue
from helpers.widgets.descent import noise

CODES = {
    "constant": "lr_scheduler.ConstantLR(optimizer, factor=1.0)",
    "StepLR": "lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)",
    "ExponentialLR": "lr_scheduler.ExponentialLR(optimizer, gamma=0.85)",
    "CosineAnnealingLR": "lr_scheduler.CosineAnnealingLR(optimizer, T_max=30, eta_min=0.0)",
    "OneCycleLR": "lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=30,\n"
                  "    pct_start=0.3, cycle_momentum=False)",
    "warm-up + cosine": "lr_scheduler.SequentialLR(optimizer, schedulers=[\n"
                        "    lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5),\n"
                        "    lr_scheduler.CosineAnnealingLR(optimizer, T_max=25, eta_min=0.0),\n"
                        "], milestones=[5])",
    "ReduceLROnPlateau": "lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=3)"}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_code_of_a_schedule_makes_the_rates_of_the_figure(name):
    """The code, run as a reader would, steps through the rates; here it stands word for word."""
    figure = ScheduleExplorer(name)
    assert figure.code() == CODES[name]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.1)
    scheduler = eval(CODES[name], {"optimizer": optimizer, "lr_scheduler": lr_scheduler})
    rates, losses = figure.rates(), figure.losses()
    assert rates.shape == losses.shape == (30,) and rates.dtype == losses.dtype == torch.float64
    found = []
    for loss in losses.tolist():
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*[loss] if name == "ReduceLROnPlateau" else ())
    assert found == pytest.approx(rates.tolist(), rel=1e-12)


def test_settings_of_a_schedule_are_in_its_code():
    figure = ScheduleExplorer("warm-up + cosine", epochs=12, warmup=3, eta_min=0.002)
    assert "total_iters=3)" in figure.code() and "T_max=9, eta_min=0.002)" in figure.code()
    assert "step_size=4, gamma=0.5" in ScheduleExplorer(step_size=4, gamma=0.5).code()


def test_descents_follow_the_noisy_gradient():
    """The same descents with tensors."""
    noises = torch.tensor(noise(), dtype=torch.float64).reshape(-1, 25, 32)
    assert noises.std() == pytest.approx(2, rel=0.01) and abs(noises.mean()) < 0.02
    walk = noises.flatten(0, 1)  # no noise of a weight tells the next one, nor its neighbour's
    for one, other in ((walk[1:], walk[:-1]), (walk[:, 1:], walk[:, :-1])):
        assert abs((one * other).mean() / 4) < 0.02
    for name in SCHEDULES:
        figure = ScheduleExplorer(name, epochs=15, lr=0.3)
        weights = torch.full((32,), 10, dtype=torch.float64)
        for rate, loss, steps in zip(figure.rates(), figure.losses(), noises, strict=False):
            losses = []
            for one in steps:
                weights = weights - rate * (weights + one)
                losses.append((weights ** 2 / 2).mean())
            assert torch.stack(losses).mean().item() == pytest.approx(loss.item(), rel=1e-9)


def test_schedules_show_what_chapter_9_says():
    figure = ScheduleExplorer()
    large, small = figure.losses("constant"), ScheduleExplorer("constant", lr=0.01).losses()
    assert large[2] < 0.02 * small[2], "a large rate gets there fast"
    # a constant rate settles at a loss of about the rate itself
    assert large[10:].mean() == pytest.approx(0.1, rel=0.1)
    assert small[20:].mean() == pytest.approx(0.01, rel=0.3)
    for lr in (0.2, 0.5, 1.0):
        balance = ScheduleExplorer("constant", lr=lr, epochs=60).losses()[5:].mean()
        assert balance == pytest.approx(lr / (1 - lr / 2), rel=0.05)
    for name in SCHEDULES[1:]:
        losses = figure.losses(name)
        assert losses[-1] < 0.15 * large[-1] and losses[9] < small[9], name
    reduced = figure.rates("ReduceLROnPlateau").diff().nonzero()[:, 0]
    assert len(reduced) == 2 and 4 < reduced[0] < 20, "only where the loss has stopped falling"
    figure.lr = 0.003
    early, constant = (figure.losses(name)[-1] for name in ("StepLR", "constant"))
    assert early > 5 * constant, "reduced too early, it gets nowhere"


def test_another_schedule_is_asked_for_and_the_chosen_one_stays():
    figure = ScheduleExplorer("warm-up + cosine", epochs=8, warmup=3)
    before = figure.get_state()
    assert figure.rates("StepLR").equal(ScheduleExplorer(epochs=8).rates())
    assert figure.get_state() == before
    with pytest.raises(BadValue, match="shorter than the whole"):
        figure.warmup = 8
    with pytest.raises(BadValue, match="one of constant"):
        figure.rates("CyclicLR")
    assert figure.get_state() == before
    with figure.hold_trait_notifications():
        figure.epochs, figure.warmup = 20, 15
    assert figure.rates().argmax() == 15
    figure.schedule = "StepLR"
    figure.epochs = 10  # the warm-up, hidden now, does not matter
    with pytest.raises(BadValue, match="shorter than the whole"):
        figure.losses("warm-up + cosine")
    assert "warm-up" not in figure.to_html() and "StepLR (chosen)" in figure.to_html()
