"""The pooling on its page."""

import pytest
from test_page_numbers import check_pool
from widget_support import PHONE

from helpers import PoolExplorer


def test_on_the_page_of_its_chapter(on_page):
    page = on_page("04", PoolExplorer)
    check_pool(page)
    page.slider("stride").press("ArrowRight")
    check_pool(page)


def test_modes_of_pooling_and_a_padding_that_is_refused(alone):
    page = alone(PoolExplorer())
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


def test_over_the_edge_one_sees_a_window_over_the_edge(alone):
    page = alone(PoolExplorer())
    page.fig.get_by_role("button", name="over the edge").click()
    page.settle()
    marked = page.all("[aria-label=input] .ctr-marked", "e.dataset.at")
    assert marked == ["4,4", "4,5", "5,4", "5,5"]
    assert "5 of the 9 places of this window lie beyond the edge" in page.text(".ctr-sum")
    page.cells("output").first.hover()
    page.box("ceil mode").click()
    page.box("ceil mode").click()
    page.fig.get_by_role("button", name="overlapping").click()
    page.settle()
    assert "0,0" in page.all("[aria-label=input] .ctr-marked", "e.dataset.at"), "in the corner"
    page.cells("output").nth(4).hover()
    page.cells("input").nth(20).click()
    page.type("3")
    marked = page.all("[aria-label=output] .ctr-marked", "e.dataset.at")
    assert marked == ["1,1"], "who changes a number keeps what they look at"


@pytest.mark.parametrize("width, beside", [(1280, True), (600, False)])
def test_the_words_stand_beside_the_numbers_where_there_is_room(alone, width, beside):
    page = alone(PoolExplorer(), width=width)
    words, grids = (page.fig.locator(one).bounding_box() for one in (".ctr-words", ".ctr-drawing"))
    assert (words["y"] < grids["y"] + 30) == beside
    cells = page.cells("input").first.bounding_box()
    assert cells["width"] > (50 if beside else 40) and page.fits()
