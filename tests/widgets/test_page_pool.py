"""The pooling on its page."""


import pytest
import torch
import torch.nn.functional as F
from widget_support import PHONE

from helpers import PoolExplorer


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


def test_the_input_is_shifted_and_what_stays_is_marked(alone):
    page = alone(PoolExplorer())
    first, before = page.matrix("input"), page.matrix("output")
    assert not page.fig.locator(".ctr-same").is_visible()
    wins = page.all("[aria-label=input] .ctr-wins", "e.dataset.at")
    assert sorted(first[tuple(map(int, at.split(",")))].item() for at in wins) == sorted(
        before.flatten().tolist())
    page.button("shift by one pixel").press("Enter")
    check_pool(page)
    assert page.matrix("input")[:, 1:].equal(first[:, :-1])
    for mode in ("max", "average"):
        page.choose("keep the", mode)
        page.mine.mode = mode
        page.settle()
        counts = page.mine.unchanged()
        rows = page.all(".ctr-same-row", "e.innerText.split('\\n').filter(Boolean)")
        assert [(row[0], row[-1]) for row in rows] == [
            (way, f"{same} of {total}") for way, (same, total) in counts.items()]
        old = page.mine.output
        page.mine.shift = True
        same = (page.mine.output == old).flatten().tolist()
        page.mine.shift = False
        assert page.all("[aria-label=output] [role=gridcell]",
                        "e.classList.contains('ctr-stays')") == same
        assert page.all("[aria-label=output] [role=gridcell]",
                        "e.getAttribute('aria-label').endsWith('stayed the same')") == same
    assert not page.fig.locator(".ctr-wins").count(), "an average has no winner"
    page.cells("input").nth(2).click()
    page.type("8")
    moved = page.matrix("input")
    assert moved[0].tolist() == [1, 1, 8, 2, 1, 0], "who changes a number keeps what they see"
    assert page.button("shift by one pixel").get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("width", [390, 320])
def test_the_shift_on_a_phone(alone, width):
    page = alone(PoolExplorer(), **PHONE | {"width": width})
    page.button("shift by one pixel").tap()
    page.settle()
    assert page.fits() and page.fig.locator(".ctr-same").is_visible()
    assert page.button("shift by one pixel").bounding_box()["height"] >= 44
