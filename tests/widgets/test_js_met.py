"""When a challenge is met, and how large a figure gets, in JavaScript, against PyTorch."""

import math

import pytest
import torch
from widget_support import assert_equal, compare, compared, draw, real, run_js

from helpers import (
    AutogradGraph,
    BatchNormExplorer,
    Clinic,
    ConvExplorer,
    GradientDescent,
    GradientFlow,
    NetworkExplorer,
    PoolExplorer,
    ReceptiveField,
    ScheduleExplorer,
    widgets,
)
from helpers.widgets import SCHEDULES, BadValue, Figure

KINDS = [one for name in widgets.__all__ if isinstance(one := getattr(widgets, name), type)
         and issubclass(one, Figure) and one is not Figure]
CHECKED = [ConvExplorer, PoolExplorer, BatchNormExplorer, GradientDescent, ScheduleExplorer,
           GradientFlow, AutogradGraph, Clinic, NetworkExplorer]
CORNERS = [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]


def module_of(kind) -> str:
    return kind.__module__.rpartition(".")[2]


def said(kind, *states) -> list[str]:
    name = module_of(kind)
    return run_js(name, f"figure.{name}Met(now)", [*states])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_figure_opens_with_its_challenge_met(kind):
    name = module_of(kind)
    (there,) = run_js(name, f"typeof figure.{name}Met", [0])
    assert there == ("function" if kind in CHECKED else "undefined")
    if kind in CHECKED:
        assert said(kind, kind().page_state()) == [""]


MET = {ConvExplorer: {"kernel": CORNERS}, PoolExplorer: {"kernel_size": 3, "shift": True},
       BatchNormExplorer: {"running_mean": BatchNormExplorer().input.mean().item()},
       GradientDescent: {"lr": 0.18, "momentum": 0.2}, ScheduleExplorer: {
           "schedule": "ExponentialLR", "gamma": 0.85}, GradientFlow: {"weights": "He",
                                                                       "kind": "plain"},
       AutogradGraph: {"inputs": {"x": -2.0, "y": 0.9}, "expression": "x*x + 4*x + y"},
       Clinic: {"answers": None}, NetworkExplorer: {"path": None}}


@pytest.mark.parametrize("kind", CHECKED, ids=lambda kind: kind.__name__)
def test_a_challenge_can_be_met_and_that_is_said(kind):
    figure, changes = kind(), dict(MET[kind])
    if kind is Clinic:
        changes["answers"] = {name: [case["illness"]] for name, case in figure.cases.items()}
    if kind is NetworkExplorer:
        changes["path"] = [[len(figure.graph) - 1, 3], [1, 5], [0, 40]]
    with figure.hold_trait_notifications():
        for name, value in changes.items():
            setattr(figure, name, value)
    (words,) = said(kind, figure.page_state())
    assert 10 < len(words) < 170 and words.endswith(".")


@compared("pool", "figure.poolMet(now)", 61, assert_equal)
def test_more_than_half_of_the_outputs_stay(g):
    image = torch.randint(0, draw(g, 2, 9), (draw(g, 4, 8), draw(g, 4, 8)), generator=g)
    figure = PoolExplorer(image, kernel_size=draw(g, 1, 4), stride=draw(g, 1, 3),
                          mode="max" if draw(g, 0, 2) else "average", shift=bool(draw(g, 0, 4)))
    same, total = figure.unchanged()[figure.mode]
    met = figure.shift and total >= 4 and 2 * same > total
    return figure.page_state(), f"{same} of {total} stay." if met else ""


@compared("pool", "figure.firstLook(now)", 62, assert_equal)
def test_the_first_look_is_at_a_window_beyond_the_input_if_there_is_one(g):
    kernel, size = draw(g, 1, 6), draw(g, 6, 16)
    figure = PoolExplorer(torch.zeros(size, size), kernel_size=kernel, stride=draw(g, 1, 6),
                          padding=draw(g, 0, kernel // 2), ceil_mode=bool(draw(g, 0, 1)))
    count = len(figure.output)
    starts = [i * figure.stride - figure.padding for i in range(count)]
    beyond = [i for i, at in enumerate(starts) if at < 0 or at + kernel > size]
    first = max(beyond, key=lambda i: i == count - 1) if beyond else count // 2
    return figure.page_state(), [first, first]


@compared("norm", "figure.normMet(now) !== ''", 63, assert_equal)
def test_the_gap_is_closed(g):
    figure = BatchNormExplorer(shift=real(g, -1, 1), scale=real(g, 0.5, 2), draws=draw(g, 0, 50),
                               batch_size=draw(g, 2, 512), running_mean=real(g, -1, 1) / 4)
    return figure.page_state(), abs(figure.gap) < 0.05


@compared("hill", "figure.hillMet(now)", 64, assert_equal)
def test_the_ball_is_low_in_time(g):
    figure = GradientDescent(surface="bowl", lr=real(g, 0.05, 0.2), momentum=real(g, 0, 0.5),
                             steps=draw(g, 5, 40), x=real(g, -2, 2), y=real(g, -1.5, 1.5))
    state = {name: getattr(figure, name) for name in ("x", "y", "lr", "momentum", "steps")}
    w = torch.tensor([state["x"], state["y"]], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=state["lr"], momentum=state["momentum"])
    losses = []
    for _ in range(min(20, state["steps"]) + 1):
        optimizer.zero_grad()
        loss = (w[0] ** 2 + 10 * w[1] ** 2) / 2
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    step = next((i for i, loss in enumerate(losses) if loss < 0.001), 0)
    met = losses[0] > 0.1 and step
    return figure.page_state(), f"Below 0.001 after {step} steps." if met else ""


def test_the_loss_of_a_schedule_is_low_enough():
    def case(g):
        while True:
            try:
                figure = ScheduleExplorer(SCHEDULES[draw(g, 0, len(SCHEDULES) - 1)],
                                          lr=real(g, 0.01, 0.4), epochs=draw(g, 5, 40))
            except BadValue:
                continue
            last = figure.losses(figure.schedule)[-1].item()
            if min(abs(last / 0.005 - 1), abs(last / 0.015 - 1)) > 1e-6:
                return figure.page_state(), last < 0.005 or (figure.epochs <= 10 and last < 0.015)

    found = compare(150, 65, case, "schedule", "figure.scheduleMet(now) !== ''", assert_equal)
    assert 5 < sum(found) < 145


def test_the_gradient_arrives_where_he_said_so():
    figures = [GradientFlow(depth, norm=norm, weights=weights, kind=kind)
               for depth in (16, 64) for norm in ("none", "batch norm")
               for weights in ("default", "He") for kind in ("both", "plain", "residual")]
    met = []
    for figure in figures:
        norms = figure.norms("plain")
        share = (norms[0] / norms[-1]).item()
        met.append(figure.depth == 64 and figure.kind != "residual" and 0.01 <= share <= 100)
    assert [bool(one) for one in said(GradientFlow, *(one.page_state() for one in figures))] == met
    assert sum(met) == 2, "He's weights without normalization, shown with the residual one or not"


@compared("graph", "figure.graphMet(now) !== ''", 66, assert_equal)
def test_the_gradient_of_x_is_almost_0(g):
    x, y = real(g, -3, 3), real(g, -3, 3)
    if not draw(g, 0, 2):
        x = round(x / math.pi) * math.pi + math.pi / 2 + real(g, -0.03, 0.03)
    figure = AutogradGraph("sin(x) + y", x=x, y=y, step=draw(g, 6, 8))
    return figure.page_state(), abs(math.cos(x)) < 0.05 and figure.step >= 6


@compared("conv", "figure.shadeOf(now.kernel, now.view)", 67, assert_equal)
def test_kernels_whose_weights_sum_to_1_give_photographs(g):
    kernel = torch.randn(3, 3, generator=g, dtype=torch.float64)
    kind = draw(g, 0, 3)
    if kind == 0:
        kernel = kernel.abs()
    if kind == 1:
        kernel = kernel - (kernel.sum() - 1) / 9
    view = "picture" if draw(g, 0, 3) else "numbers"
    total, below = kernel.sum().item(), bool((kernel < 0).any())
    cut = view == "picture" and abs(total - 1) < 1e-4
    return {"kernel": kernel.tolist(), "view": view}, (
        ("cut" if cut else "signed") if below else "gray")


@compared("pool", "figure.largest((one) => one <= now[0], now[1], now[2])", 68, assert_equal)
def test_the_largest_size_that_fits_is_found_to_a_32nd(g):
    limit, most, tall = real(g, 0.5, 4), real(g, 0.5, 3), real(g, 1, 2)
    if limit < 1:
        return [limit, most, tall], tall
    if most <= 1:
        return [limit, most, tall], 1
    if limit >= most:
        return [limit, most, tall], most
    steps = math.floor((limit - 1) / (most - 1) * 32)
    return [limit, most, tall], pytest.approx(1 + steps * (most - 1) / 32, abs=1e-9)


def test_a_field_of_pixels_may_be_named():
    assert ReceptiveField(picture="moon").picture.shape == (96, 96)
