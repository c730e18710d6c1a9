"""Figures on the whole screen: they get larger there, are met by the mouse, and go back."""

import re

import figures
import pytest
from widget_support import PHONE

from helpers import ConvExplorer, PoolExplorer, ScheduleExplorer

LARGEST = """() => Math.max(...[...document.querySelectorAll(
    ".ctr-drawing :is(svg, canvas, [role=grid])")].map((one) => {
        const { width, height } = one.getBoundingClientRect(); return width * height; }))"""
WIDER = """() => { const card = document.querySelector(".ctr-card");
    return [card.scrollWidth - card.clientWidth, card.getBoundingClientRect().width - innerWidth,
            document.documentElement.scrollWidth - innerWidth]; }"""


def written(card) -> str:
    """Return a figure as it is, its classes in order."""
    return re.sub(r'class="([^"]*)"', lambda found: " ".join(sorted(found[1].split())),
                  card.evaluate("e => e.outerHTML"))


def fill(page) -> None:
    page.button("full screen").click()
    page.tab.wait_for_function("() => document.querySelector('.ctr-full') && innerWidth === "
                               "document.querySelector('.ctr-card').getBoundingClientRect().width")
    page.settle()


def leave(page) -> None:
    page.button("leave full screen").click()
    page.tab.wait_for_function("() => !document.querySelector('.ctr-full')")
    page.settle()


def column(page) -> None:
    """Make the page as wide as a chapter is, and the screen wider."""
    page.tab.evaluate("document.body.style.maxWidth = '62rem'")
    page.settle()


@pytest.mark.parametrize("kind", figures.ALONE)
def test_a_figure_is_larger_there_and_afterwards_as_it_was(alone, kind):
    page = alone(figures.alone(kind), width=1600, reduced_motion="reduce")
    column(page)
    card = page.fig.locator("figure")
    before, area = written(card), page.tab.evaluate(LARGEST)
    place = page.tab.evaluate("[scrollX, scrollY]")
    fill(page)
    assert page.tab.evaluate(LARGEST) > 1.25 * area
    drawing = page.fig.locator(".ctr-drawing").bounding_box()
    assert drawing["width"] > 0.6 * 1600
    for wide, high in ((820, 1180), (844, 390), (320, 640), (1600, 900)):
        page.tab.set_viewport_size({"width": wide, "height": high})
        page.tab.wait_for_timeout(100)
        assert max(page.tab.evaluate(WIDER)) < 1, (wide, high)
    leave(page)
    assert written(card) == before
    assert page.tab.evaluate("[scrollX, scrollY]") == place


@pytest.mark.parametrize("figure", [PoolExplorer(), ConvExplorer(), ScheduleExplorer()],
                         ids=lambda figure: type(figure).__name__)
def test_on_a_wide_screen_the_drawing_stands_beside_all_else_and_is_seen_whole(alone, figure):
    page = alone(figure, width=1600)
    fill(page)
    drawing = page.fig.locator(".ctr-drawing").bounding_box()
    for slider in page.fig.get_by_role("slider").all():
        box = slider.bounding_box()
        assert not box or box["x"] > drawing["x"] + drawing["width"]
    assert drawing["y"] + drawing["height"] < 900 and drawing["height"] > 600


def test_a_tall_screen_is_filled_from_above(alone):
    page = alone(PoolExplorer(), width=820)
    page.tab.set_viewport_size({"width": 820, "height": 1180})
    before = page.cells("input").first.bounding_box()["width"]
    fill(page)
    cell = page.cells("input").first.bounding_box()
    assert cell["width"] > 1.2 * before
    words, grid = (page.fig.locator(one).bounding_box()
                   for one in (".ctr-words", "[aria-label=input]"))
    assert words["y"] > grid["y"] + grid["height"] - 1, "what comes after has made room"
    assert page.tab.evaluate("() => { const card = document.querySelector('.ctr-card');"
                             "return card.scrollHeight <= card.clientHeight; }")


def told(page) -> list[int]:
    page.settle()
    said = page.fig.locator(".ctr .ctr-spoken").last.inner_text()
    return [*map(int, re.findall(r"\d+", said)[:2])]


def test_what_is_enlarged_is_met_by_the_mouse(alone):
    page = alone(ConvExplorer(), width=1600)
    column(page)
    fill(page)
    box = page.fig.locator(".ctr-c-source canvas").bounding_box()
    assert box["width"] > 460
    for across, down in ((0.25, 0.5), (0.9, 0.1), (0.7, 0.95)):
        page.tab.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        row, col = told(page)
        assert abs(row - (96 * down - 1.5)) <= 1 and abs(col - (96 * across - 1.5)) <= 1
        pixel = box["width"] / 96
        places = [page.fig.locator(".ctr-c-lines rect.ctr-c-window").nth(i).bounding_box()
                  for i in range(4)]
        assert any(abs(at["x"] - (box["x"] + col * pixel)) < 3
                   and abs(at["y"] - (box["y"] + row * pixel)) < 3
                   and abs(at["width"] - 3 * pixel) < 6 for at in places), places


def test_a_chart_that_is_enlarged_is_read_where_one_points(alone):
    page = alone(ScheduleExplorer(epochs=60), width=1600)
    column(page)
    fill(page)
    box = page.fig.locator(".ctr-flow svg").first.bounding_box()
    for share in (0.1, 0.5, 0.95):
        at = box["x"] + share * box["width"]
        page.tab.mouse.move(at, box["y"] + 60)
        page.settle()
        cursor = page.fig.locator(".ctr-cursor").first.bounding_box()
        assert abs(cursor["x"] - at) < box["width"] / 100


def test_a_phone_loses_nothing(alone):
    page = alone(PoolExplorer(), **PHONE)
    before = page.cells("input").first.bounding_box()["width"]
    fill(page)
    assert page.cells("input").first.bounding_box()["width"] >= before
    page.cells("input").first.tap()
    page.type("5")
    assert page.matrix("input")[0, 0] == 5 and page.fits()
