"""Batch normalization in the browser: both modes on one axis, the gap, the trail."""

import re

import pytest
from widget_support import PHONE, number

from helpers import BatchNormExplorer

MEANS = "svg[aria-label^='running mean']"


def check(page) -> None:
    """What is written beside each row, and the gap, are the numbers of the figure in Python."""
    page.settle()
    mine, rows = page.mine, {}
    texts = page.all(".ctr-n-rows text", "e.textContent")
    names = [one for one in texts if one.startswith(("before", "after"))]
    numbers = [re.fullmatch(r"μ (\S+)  σ (\S+)", one) for one in texts]
    for name, found in zip(names, filter(None, numbers), strict=True):
        rows[name.removesuffix(" ✓")] = [number(one) for one in found.groups()]
    chosen = "after, in training" if mine.training else "after, in evaluation"
    assert [name for name in names if "✓" in name] == [f"{chosen} ✓"]
    was, expected = mine.training, {"before": mine.input}
    for mode in (True, False):
        mine.training = mode
        expected[f"after, in {'training' if mode else 'evaluation'}"] = mine.output
    mine.training = was
    assert {*rows} == {*expected}
    for name, values in expected.items():
        statistics = [values.mean().item(), values.std(correction=0).item()]
        assert rows[name] == pytest.approx(statistics, abs=0.006), name
    (gap,) = [number(one[4:]) for one in texts if one.startswith("gap ")]
    assert gap == pytest.approx(abs(mine.gap), abs=0.006)
    spoken = page.fig.locator("svg.ctr-n-rows").get_attribute("aria-label")
    assert f"{mine.batch_size} images" in spoken
    pressed = page.all("[role=group][aria-label=mode] [aria-pressed=true]", "e.innerText")
    assert pressed == ["training" if mine.training else "evaluation"]
    check_trail(page)


def check_trail(page) -> None:
    """There is a dot for each batch of training, and the running mean and variance are told."""
    mine = page.mine
    for title, running, truth in (("running mean", mine.running_mean, mine.shift),
                                  ("running variance", mine.running_var, mine.scale ** 2)):
        chart = page.fig.get_by_role("img", name=title)
        told = re.match(rf"{title}: now (\S+); of all images it is (\S+)\. ",
                        chart.get_attribute("aria-label"))
        assert told, title
        found = [number(one) for one in told.groups()]
        assert found == pytest.approx([running, truth], abs=0.006)
        assert chart.locator("circle.ctr-n-dot").count() == len(mine.trail)


def twenty(page) -> None:
    """Press the button and wait until all have come."""
    count = min(60, len(page.mine.trail) + 20 * page.mine.training)
    page.button("20 batches").press("Enter")
    for _ in range(20):
        page.mine.next_batch()
    page.tab.wait_for_function("([of, count]) => document.querySelectorAll(of).length === count",
                               arg=[f"{MEANS} .ctr-n-dot", count])
    page.tab.wait_for_timeout(1_600 if not page.mine.training or count == 60 else 150)


def test_modes_sizes_sliders_and_batches(alone):
    page = alone(BatchNormExplorer())
    mine = page.mine
    check(page)
    for name, key, by in (("input mean", "ArrowRight", 0.25), ("γ", "ArrowLeft", -0.25),
                          ("β", "ArrowRight", 0.25), ("input spread", "ArrowLeft", -0.25)):
        page.slider(name).press(key)
        setting = {"input mean": "shift", "γ": "gamma", "β": "beta", "input spread": "scale"}[name]
        setattr(mine, setting, getattr(mine, setting) + by)
        check(page)
    page.choose("batch size", "4")
    mine.batch_size = 4
    check(page)
    page.button("next batch").click()
    mine.next_batch()
    check(page)
    before = abs(mine.gap)
    twenty(page)
    check(page)
    assert abs(mine.gap) < before
    page.button("evaluation").click()
    mine.training = False
    page.button("next batch").press("Enter")
    mine.next_batch()
    check(page)
    page.button("running statistics").click()
    mine.running_mean, mine.running_var, mine.draws, mine.trail = 0.0, 1.0, 0, []
    check(page)
    assert page.alert() == ""


def test_few_images_are_dots_and_many_a_histogram(alone):
    page = alone(BatchNormExplorer(batch_size=16))
    assert page.fig.locator(".ctr-n-rows .ctr-n-dot").count() == 3 * 16
    page.choose("batch size", "64")
    page.settle()
    assert not page.fig.locator(".ctr-n-rows .ctr-n-dot").count()
    assert page.fig.locator(".ctr-n-rows .ctr-n-bar").count() > 40


def test_the_gap_is_drawn_as_long_as_it_is(alone):
    page = alone(BatchNormExplorer())
    span = page.fig.locator(".ctr-n-gap").evaluate(
        "e => Math.abs(e.x2.baseVal.value - e.x1.baseVal.value)")
    wide = page.fig.locator(".ctr-n-rows").evaluate("e => e.viewBox.baseVal.width - 16")
    assert span / wide * 16 == pytest.approx(page.mine.gap, abs=0.01)


def test_play_goes_on_by_itself_and_stops(alone):
    page = alone(BatchNormExplorer(batch_size=2))
    page.button("play").click()
    page.fig.locator(f"{MEANS} .ctr-n-dot").nth(1).wait_for(state="attached")
    page.button("stop").click()
    page.settle()
    count = page.fig.get_by_role("img", name="running mean").locator(".ctr-n-dot").count()
    page.tab.wait_for_timeout(500)
    for _ in range(count):
        page.mine.next_batch()
    check(page)


def test_who_asks_for_less_motion_gets_the_twenty_at_once(alone):
    page = alone(BatchNormExplorer(), reduced_motion="reduce")
    assert page.button("play").count() == 0
    page.button("20 batches").click()
    for _ in range(20):
        page.mine.next_batch()
    check(page)


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone(alone, width):
    page = alone(BatchNormExplorer(), **{**PHONE, "width": width})
    assert page.fits()
    page.button("next batch").tap()
    page.mine.next_batch()
    check(page)
    sliders, rows = (page.fig.locator(one).bounding_box() for one in (".ctr-n-dials",
                                                                      ".ctr-n-rows"))
    assert rows["y"] + rows["height"] - sliders["y"] < 844 - 150
    assert page.fig.locator(".ctr-n-rows").evaluate(
        "e => [...e.querySelectorAll('text')].every(t => t.getBoundingClientRect().left >= -1)")


@pytest.mark.parametrize("settings", [{"forced_colors": "active"}, {"scheme": "dark"}],
                         ids=["forced colors", "dark"])
def test_modes_are_told_apart_in_other_colors(alone, settings):
    page = alone(BatchNormExplorer(), **settings)
    check(page)
    for kind in ("train", "eval"):
        dash = page.fig.locator(f".ctr-n-span.ctr-n-{kind}").first.evaluate(
            "e => getComputedStyle(e).strokeDasharray")
        assert (dash != "none") == (kind == "eval")


def test_on_the_page_of_its_chapter(on_page):
    page = on_page("06", BatchNormExplorer)
    check(page)
    twenty(page)
    check(page)
