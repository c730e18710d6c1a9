"""Figures with grids of numbers and sliders, walked through alike: the convolution and pooling."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import PHONE

from helpers import ConvExplorer, PoolExplorer


def check_conv(page) -> None:
    """Compare the output with PyTorch's for the input, kernel and sliders that can be read."""
    page.settle()
    settings = {name: page.value(name) for name in ("stride", "padding", "dilation")}
    images, kernels = page.matrix("input")[None, None], page.matrix("kernel")[None, None]
    expected = F.conv2d(images, kernels, **settings)[0, 0]
    torch.testing.assert_close(page.matrix("output"), expected, rtol=1e-3, atol=1e-3)


def check_pool(page) -> None:
    page.settle()
    window = [page.value(name) for name in ("window", "stride", "padding")]
    pool, settings = F.max_pool2d, {"ceil_mode": page.box("ceil mode").is_checked()}
    if page.box("count the padding").is_visible():
        pool = F.avg_pool2d
        settings["count_include_pad"] = page.box("count the padding").is_checked()
    expected = pool(page.matrix("input")[None, None], *window, **settings)[0, 0]
    torch.testing.assert_close(page.matrix("output"), expected, rtol=1e-3, atol=1e-3)


FIGURES = [pytest.param(lambda: ConvExplorer("edge"), check_conv, id="convolution"),
           pytest.param(PoolExplorer, check_pool, id="pooling")]


@pytest.mark.parametrize("figure, check", FIGURES)
def test_numbers_and_sliders_by_keyboard_and_mouse(alone, figure, check):
    page = alone(figure())
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
    side = kept.shape[0]
    page.slider("input size").press("ArrowRight")
    check(page)
    assert page.matrix("input").shape == (side + 1, side + 1)


@pytest.mark.parametrize("figure, check", FIGURES)
def test_numbers_are_typed_on_a_phone(alone, figure, check):
    page = alone(figure(), **PHONE)
    page.cells("input").nth(9).tap()
    page.type("5")
    check(page)
    assert 5 in page.matrix("input") and page.fits()


@pytest.mark.parametrize("figure, check", FIGURES)
def test_the_output_is_pointed_at_and_played(alone, figure, check):
    page = alone(figure())
    at = "[aria-label=output] [aria-selected=true]"
    page.cells("output").first.hover()
    page.settle()
    assert page.all(at, "e.dataset.at") == ["0,0"]
    page.button("next output").press("Enter")
    page.settle()
    assert page.all(at, "e.dataset.at") == ["0,1"]
    page.button("play").click()
    page.tab.wait_for_function("() => document.querySelector("
                               "'[aria-label=output] [aria-selected=true]').dataset.at !== '0,1'")
    page.button("stop").click()
    check(page)


def test_rows_and_columns_are_said_to_be_counted_from_0(alone):
    for figure in (ConvExplorer("edge"), PoolExplorer()):
        page = alone(figure)
        said = page.all("[role=grid]", "e.getAttribute('aria-description')")
        assert said == ["rows and columns are counted from 0"] * len(said) and len(said) >= 2
    assert "Rows and columns are counted from 0." in page.fig.inner_text()
