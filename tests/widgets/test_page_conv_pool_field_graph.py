"""The pooling, the receptive field and the graph on their pages."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import PHONE, number

from helpers import AutogradGraph, PoolExplorer, ReceptiveField


def check_pool(page) -> None:
    page.settle()
    window = [page.value(name) for name in ("window", "stride", "padding")]
    pool, settings = F.max_pool2d, {"ceil_mode": page.box("ceil mode").is_checked()}
    if page.box("count the padding").is_visible():
        pool = F.avg_pool2d
        settings["count_include_pad"] = page.box("count the padding").is_checked()
    expected = pool(page.matrix("input")[None, None], *window, **settings)[0, 0]
    torch.testing.assert_close(page.matrix("output"), expected, rtol=1e-3, atol=1e-3)


FIGURES = [pytest.param("04", PoolExplorer, check_pool, id="pooling")]


@pytest.mark.parametrize("chapter, kind, check", FIGURES)
def test_numbers_and_sliders_by_keyboard_and_mouse(on_page, chapter, kind, check):
    page = on_page(chapter, kind)
    cell, stride = page.cells("input").nth(9), page.slider("stride")
    check(page)
    before = page.value("stride")
    stride.press("ArrowRight")
    check(page)
    assert page.value("stride") == before + 1
    page.click_at("stride", 0.01)
    check(page)
    assert page.value("stride") == 1
    cell.click()
    page.type("-2.5")
    cell.press("ArrowRight")
    page.type("7")
    check(page)
    assert {-2.5, 7} <= set(page.matrix("input").flatten().tolist())
    cell.press("Space")
    page.settle()
    kept = page.matrix("input")
    assert -2.5 not in kept
    for text in ("abc", "1e9"):
        cell.click()
        page.type(text)
        assert "is not a number" in page.alert() and page.matrix("input").equal(kept)
    stride.press("ArrowRight")
    assert page.alert() == ""
    check(page)


@pytest.mark.parametrize("chapter, kind, check", FIGURES)
def test_numbers_are_typed_on_a_phone(on_page, chapter, kind, check):
    page = on_page(chapter, kind, **PHONE)
    page.cells("input").nth(9).tap()
    page.type("5")
    check(page)
    assert 5 in page.matrix("input") and page.fits()


def test_modes_of_pooling_and_a_padding_that_is_refused(on_page):
    page = on_page("04", PoolExplorer)
    for _ in range(2):
        page.slider("padding").press("ArrowRight")
    assert "half the window" in page.alert() and page.value("padding") == 1
    page.choose("keep the", "average")
    for name in ("ceil mode", "count the padding"):
        page.box(name).click()
        check_pool(page)


def check_field(page) -> None:
    """What is marked in the input is where the chosen output's gradient is not zero."""
    page.settle()
    fields = page.all("table input", "+e.value")
    layers = [fields[i:i + 4] for i in range(0, len(fields), 4)][:page.value("look at layer")]
    image = torch.ones(1, 1, page.value("input size"), dtype=torch.float64, requires_grad=True)
    x = image
    for kernel, *settings in layers:
        x = F.conv1d(x, torch.ones(1, 1, kernel, dtype=torch.float64), None, *settings)
    x[0, 0, page.value("output")].backward()
    marked = page.all("rect.ctr-read, rect.ctr-chosen", "e.dataset.at")
    read = image.grad[0, 0].nonzero()[:, 0].tolist()
    assert {int(at[2:]) for at in marked if at.startswith("0,")} == set(read)


def test_receptive_field_by_sliders_clicks_and_table(on_page):
    page = on_page("03", ReceptiveField)
    check_field(page)
    for name in ("look at layer", "output", "input size"):
        page.slider(name).press("ArrowLeft")
    check_field(page)
    page.fig.locator("rect[data-at='2,3']").click()
    check_field(page)
    assert page.value("look at layer") == 2 and page.value("output") == 3
    page.choose("stack", "dilated 2, 2, 2")
    field = page.fig.get_by_role("spinbutton", name="dilation of layer 2")
    field.fill("3")
    field.press("Tab")
    check_field(page)
    for bad in ("99", ""):
        field.fill(bad)
        field.press("Enter")
        assert "whole number" in page.alert() and field.input_value() == "3"
    page.button("add a layer").click()
    page.button("remove layer 1").click()
    check_field(page)
    assert page.alert() == ""


def test_receptive_field_on_a_phone(on_page):
    page = on_page("03", ReceptiveField, **PHONE)
    page.fig.locator("rect[data-at='2,3']").tap()
    check_field(page)
    assert page.value("output") == 3 and page.fits()


def test_the_graph_is_stepped_and_its_inputs_changed(on_page):
    page = on_page("01", AutogradGraph, 1)
    last, told = int(page.slider("step").get_attribute("max")), [page.text(".ctr-sum")]
    for _ in range(last):
        page.button("next step").press("Enter")
        page.settle()
        told.append(page.text(".ctr-sum"))
    assert len(set(told)) == last + 1 == 10
    assert told[1].startswith("forward") and told[-1].startswith("backward")
    for name, typed in (("x", "-1.5"), ("y", "0.25")):
        page.fig.get_by_label(f"value of {name}").fill(typed)
        page.fig.get_by_label(f"value of {name}").press("Enter")
    page.settle()
    graph = AutogradGraph(lambda x, y: x * y + (x * x).sin(), x=-1.5, y=0.25)
    for name, gradient in graph.gradients.items():
        shown = page.fig.locator(f"[data-node={name}] .ctr-line-2").text_content()
        assert number(shown.removeprefix("grad ")) == pytest.approx(gradient.item(), rel=1e-3)
    x = page.fig.get_by_label("value of x")
    x.fill("much")
    x.press("Enter")
    assert "is not a number" in page.alert() and number(x.input_value()) == -1.5
    page.slider("step").press("Home")
    page.settle()
    assert page.text(".ctr-sum") == told[0]
