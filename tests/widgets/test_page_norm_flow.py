"""The batch normalization explorer and the gradients by layer on their pages."""

import re

import pytest
from widget_support import (
    CHAPTER,
    PHONE,
    click_at,
    figure,
    fits,
    number,
    of_kind,
    settled,
    slider,
)

from helpers import BatchNormExplorer, GradientFlow
from helpers.widgets import DEPTHS


def check_norm(tab, fig, mine) -> None:
    settled(tab)
    found = [number(n)
             for n in re.findall(r"[μσ]\s+(−?[\d.]+)", fig.locator(".ctr-sum").inner_text())]
    x, y = mine.input, mine.output
    expected = [float(n) for v in (x, y) for n in (v.mean(), v.std(correction=0))]
    expected[2:2] = [mine.running_mean, mine.running_var ** 0.5]
    assert found == pytest.approx(expected, abs=0.006)


def test_batch_normalization_in_training_and_evaluation(open_page):
    tab = open_page(CHAPTER["06"])
    fig, mine = figure(tab), BatchNormExplorer()
    check_norm(tab, fig, mine)
    for label, name, change in (("input mean", "shift", 0.25), ("γ", "gamma", -0.25)):
        slider(fig, label).press("ArrowRight" if change > 0 else "ArrowLeft")
        setattr(mine, name, getattr(mine, name) + change)
        check_norm(tab, fig, mine)
    fig.get_by_role("combobox", name="batch size").select_option("4")
    mine.batch_size, mine.draws = 4, 0
    fig.get_by_role("button", name="20 batches").press("Enter")
    for _ in range(20):
        mine.next_batch()
    check_norm(tab, fig, mine)
    fig.get_by_role("combobox", name="mode").select_option("evaluation")
    mine.training = False
    fig.get_by_role("button", name="next batch").click()
    mine.next_batch()
    check_norm(tab, fig, mine)
    fig.get_by_role("button", name="running statistics").click()
    mine.running_mean, mine.running_var, mine.draws = 0.0, 1.0, 0
    check_norm(tab, fig, mine)
    tab.set_viewport_size({"width": 390, "height": 900})
    assert fits(tab)


def check_flow(tab, fig, mine) -> int:
    """Compare what is read out and drawn with Python's numbers; return the layer."""
    settled(tab)
    told = " ".join(fig.get_by_role("status").all_inner_texts())
    layer, depth = map(int, re.search(r"Layer (\d+) of (\d+)", told).groups())
    assert depth == mine.depth == int(slider(fig, "layer").get_attribute("max"))
    assert slider(fig, "layer").get_attribute("aria-valuetext") == f"layer {layer} of {depth}"
    for kind in ("plain", "residual"):
        shown, norms = mine.kind in ("both", kind), mine.norms(kind)
        found = [number(n) for n in re.findall(rf"{kind} (\d[\d.]*\d(?:e−?\d+)?|\d)", told)]
        expected = [norms[layer - 1].item(), (norms[0] / norms[-1]).item(), mine.loss(kind)]
        assert found == pytest.approx(expected if shown else [], rel=5.1e-3)
        assert fig.locator(f".ctr-flow path.ctr-{kind}").count() == shown
        assert (fig.locator(f".ctr-flow .ctr-mark-{kind}").count() >= 2) == shown
    return layer


def test_gradients_by_depth_layer_norm_and_weights(open_page, site):
    tab = open_page(CHAPTER["07"])
    fig, mine = of_kind(tab, site, CHAPTER["07"], GradientFlow)
    check_flow(tab, fig, mine)
    fig.get_by_label("batch norm", exact=True).press("Space")
    mine.norm = "batch norm" if mine.norm == "none" else "none"
    fig.get_by_label("weights", exact=True).select_option("He")
    mine.weights = "He"
    for way, depth in ((lambda: slider(fig, "depth").press("Home"), DEPTHS[0]),
                       (lambda: click_at(tab, slider(fig, "depth"), 0.99), DEPTHS[-1])):
        way()
        mine.depth = depth
        check_flow(tab, fig, mine)
        assert slider(fig, "depth").get_attribute("aria-valuetext") == f"{depth} layers"
    for kind in ("plain", "residual"):
        fig.get_by_label("show", exact=True).select_option(kind)
        mine.kind = kind
        check_flow(tab, fig, mine)
    slider(fig, "layer").press("End")
    assert check_flow(tab, fig, mine) == mine.depth
    box = fig.locator(".ctr-flow svg").bounding_box()
    for share, low, high in ((0.02, 1, 1), (0.5, 25, 40), (0.999, 64, 64)):
        tab.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert low <= check_flow(tab, fig, mine) <= high


def test_gradients_are_read_by_a_finger(open_page, site):
    tab = open_page(CHAPTER["07"], **PHONE)
    fig, mine = of_kind(tab, site, CHAPTER["07"], GradientFlow)
    chart = fig.locator(".ctr-flow svg")
    for share, layer in ((0.97, mine.depth), (0.02, 1)):
        size = chart.bounding_box()
        chart.tap(position={"x": share * size["width"], "y": size["height"] / 2})
        assert check_flow(tab, fig, mine) == layer
    assert fits(tab)
