"""The convolution and the pooling explorer on their pages."""

import re

import pytest
import torch
import torch.nn.functional as F
from widget_support import (
    CHAPTER,
    PHONE,
    alert,
    click_at,
    figure,
    fits,
    matrix,
    number,
    settled,
    slider,
    type_into,
    value,
)

CELLS = "[role=grid][aria-label=input] [role=gridcell]"


def check_conv(tab, fig) -> None:
    settled(tab)
    expected = F.conv2d(matrix(fig, "input")[None, None], matrix(fig, "kernel")[None, None],
                        **{name: value(fig, name)
                           for name in ("stride", "padding", "dilation")})[0, 0]
    torch.testing.assert_close(matrix(fig, "output"), expected, rtol=1e-3, atol=1e-3)


def check_pool(tab, fig) -> None:
    settled(tab)
    window = [value(fig, name) for name in ("window", "stride", "padding")]
    settings = {"ceil_mode": fig.get_by_role("checkbox", name="ceil mode").is_checked()}
    pool = F.max_pool2d
    if fig.get_by_role("combobox", name="keep the").input_value() == "average":
        pool, box = F.avg_pool2d, fig.get_by_role("checkbox", name="count the padding")
        settings["count_include_pad"] = box.is_checked()
    expected = pool(matrix(fig, "input")[None, None], *window, **settings)[0, 0]
    torch.testing.assert_close(matrix(fig, "output"), expected, rtol=1e-3, atol=1e-3)


FIGURES = [pytest.param("02", check_conv, id="convolution"),
           pytest.param("04", check_pool, id="pooling")]


@pytest.mark.parametrize("chapter, check", FIGURES)
def test_numbers_and_sliders_by_keyboard_and_mouse(open_page, chapter, check):
    tab = open_page(CHAPTER[chapter])
    fig = figure(tab)
    cell, stride = fig.locator(CELLS).nth(9), slider(fig, "stride")
    check(tab, fig)
    before = int(stride.input_value())
    stride.press("ArrowRight")
    check(tab, fig)
    assert value(fig, "stride") == before + 1
    click_at(tab, stride, 0.01)
    check(tab, fig)
    assert value(fig, "stride") == 1
    cell.click()
    type_into(tab, "-2.5")
    cell.focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("7")
    type_into(tab, "")
    check(tab, fig)
    assert {-2.5, 7} <= set(matrix(fig, "input").flatten().tolist())
    cell.press("Space")
    settled(tab)
    kept = matrix(fig, "input")
    assert -2.5 not in kept
    for text in ("abc", "1e9"):
        cell.click()
        type_into(tab, text)
        assert "is not a number" in alert(tab, fig) and matrix(fig, "input").equal(kept)
    stride.press("ArrowRight")
    assert alert(tab, fig) == ""
    check(tab, fig)


@pytest.mark.parametrize("chapter, check", FIGURES)
def test_numbers_are_typed_on_a_phone(open_page, chapter, check):
    tab = open_page(CHAPTER[chapter], **PHONE)
    fig = figure(tab)
    fig.locator(CELLS).nth(9).tap()
    type_into(tab, "5")
    check(tab, fig)
    assert 5 in matrix(fig, "input") and fits(tab)


def test_presets_refusals_and_the_sum_of_a_convolution(open_page):
    tab = open_page(CHAPTER["02"])
    fig = figure(tab)
    fig.get_by_role("combobox", name="kernel", exact=True).select_option("laplacian")
    check_conv(tab, fig)
    output = fig.locator("[role=grid][aria-label=output] [role=gridcell]")
    for step in (output.nth(7).hover, lambda: output.nth(8).press("ArrowDown"),
                 fig.get_by_role("button", name="next output").click):
        step()
        settled(tab)
        text = fig.locator(".ctr-sum").inner_text()
        at = tuple(map(int, re.match(r"output \((\d+),(\d+)\)", text).groups()))
        terms = re.findall(r"(−?[\d.]+)·\(?(−?[\d.]+)\)?", text)
        total = number(text.split("=")[-1].strip())
        assert len(terms) == 9 and total == pytest.approx(
            sum(number(a) * number(b) for a, b in terms), abs=1e-2)
        assert total == pytest.approx(matrix(fig, "output")[at].item(), abs=1e-3)
    before = fig.locator(".ctr-sum").inner_text()
    fig.get_by_role("button", name="play").click()
    tab.wait_for_function("t => document.querySelector('.ctr-sum').innerText !== t", arg=before)
    fig.get_by_role("button", name="stop").click()
    slider(fig, "kernel size").fill("5")
    slider(fig, "dilation").press("ArrowRight")
    assert "fits nowhere" in alert(tab, fig) and value(fig, "dilation") == 1
    assert matrix(fig, "output").shape == (4, 4)


def test_modes_of_pooling_and_a_padding_that_is_refused(open_page):
    tab = open_page(CHAPTER["04"])
    fig = figure(tab)
    for _ in range(2):
        slider(fig, "padding").press("ArrowRight")
    assert "half the window" in alert(tab, fig) and value(fig, "padding") == 1
    fig.get_by_role("combobox", name="keep the").select_option("average")
    for box in ("ceil mode", "count the padding"):
        fig.get_by_role("checkbox", name=box).click()
        check_pool(tab, fig)


def test_who_asks_for_less_motion_gets_no_play_button(open_page):
    fig = figure(open_page(CHAPTER["02"], reduced_motion="reduce"))
    assert fig.get_by_role("button", name="next output").count() == 1
    assert fig.get_by_role("button", name="play").count() == 0
