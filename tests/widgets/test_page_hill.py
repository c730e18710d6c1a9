"""The ball on the loss on a page: mouse, keys, fingers, colors."""

import sys

import pytest
from serving import opener, served
from support import ROOT
from widget_support import PHONE, OnPage

from helpers.widgets import GradientDescent, surfaces
from helpers.widgets.hill import SCHEDULES

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from figures import with_figures

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A chapter</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
</head><body><main>FIRST SECOND<p style="height: 800px">Text.</p></main></body></html>"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hill")
    places = {"FIRST": GradientDescent(), "SECOND": GradientDescent("valley", race=True, steps=60)}
    (folder / "page.html").write_text(with_figures(PAGE, places), encoding="utf-8")
    with served(folder) as where:
        yield where


@pytest.fixture
def opened(chromium, address):
    """The first or the second figure: `opened(index, width=…)`, with the same one in Python."""
    def start(index=0, **settings) -> OnPage:
        mine = [GradientDescent(), GradientDescent("valley", race=True, steps=60)][index]
        return OnPage(tabs("page.html", **settings), index, mine)

    generator = opener(chromium, address)
    tabs = next(generator)
    yield start
    for _ in generator:
        pass


def check(page, step=None) -> None:
    """Compare the balls on the map, the start and the loss that is read out with Python's."""
    page.settle()
    mine, step = page.mine, page.mine.steps if step is None else step
    rate = mine.rates[len(mine.rates) // 2]
    text, loss = page.text(".ctr-formula"), mine.losses(rate)[step].item()
    x, y = mine.path(rate)[step].tolist()
    if abs(x) <= 2 and abs(y) <= 1.5:
        shown = float(text.split("loss ")[1].split(". ")[0].replace("−", "-").replace("\u00a0", ""))
        assert shown == pytest.approx(loss, rel=6e-3 if loss > 1e-3 else 6e-2)
    else:
        assert "has left the picture" in text
    assert text.startswith(f"Step {step}: ") and page.slider("step").input_value() == str(step)
    balls = page.all(".ctr-over .ctr-ball", "e.tagName")
    assert len(balls) == len(mine.rates)
    assert page.all(".ctr-over .ctr-ball-main", "e.tagName") == [
        "circle" if "has left" not in text else "polygon"]
    left, top = page.fig.locator(".ctr-handle").evaluate("e => [e.style.left, e.style.top]")
    assert float(left[:-1]) == pytest.approx(25 * (mine.x + 2), abs=1e-3)
    assert float(top[:-1]) == pytest.approx(100 / 3 * (1.5 - mine.y), abs=1e-3)


def drag_to(page, x: float, y: float) -> None:
    """Drag the ring with the mouse."""
    box, ring = (page.fig.locator(one).bounding_box() for one in (".ctr-map", ".ctr-handle"))
    page.tab.mouse.move(ring["x"] + 22, ring["y"] + 22)
    page.tab.mouse.down()
    for share in (0.5, 1):
        page.tab.mouse.move(
            ring["x"] + 22 + share * (box["x"] + box["width"] * (x + 2) / 4 - ring["x"] - 22),
            ring["y"] + 22 + share * (box["y"] + box["height"] * (1.5 - y) / 3 - ring["y"] - 22))
        page.settle()
    page.tab.mouse.up()


def read_start(page) -> None:
    """Let Python's figure start where the page's does."""
    page.settle()
    for name, label in (("x", "start, weight 1"), ("y", "start, weight 2")):
        setattr(page.mine, name, float(page.slider(label).input_value()))


def test_it_opens_diverging_and_every_surface_and_preset_is_pythons(opened):
    page = opened()
    check(page)
    text = page.text(".ctr-formula").replace("\u00a0", " ")
    assert "at step 14" in text and "2 / 10 = 0.2" in text
    said = {surface: page.tab.locator(".ctr-card").first.locator(".ctr-caption").inner_text()
            for surface in ("valley", "saddle", "two minima", "cup", "bowl")
            if not page.choose("surface", surface) and not page.settle()}
    assert said == {surface: f"{GradientDescent.caption} {surfaces.CAPTIONS[surface]}"
                    for surface in said}
    for surface in ("valley", "saddle", "two minima", "cup"):
        page.choose("surface", surface)
        page.mine = GradientDescent(surface)
        check(page)
    for name, preset in GradientDescent.presets.items():
        page.fig.get_by_role("button", name=name, exact=True).click()
        page.mine = GradientDescent(**preset)
        check(page)


def test_the_ring_is_dragged_and_walked_and_the_ball_starts_there(opened):
    page = opened()
    page.choose("surface", "valley")
    page.mine = GradientDescent("valley")
    drag_to(page, -0.5, 0.75)
    read_start(page)
    assert (page.mine.x, page.mine.y) == (pytest.approx(-0.5, abs=0.03),
                                          pytest.approx(0.75, abs=0.03))
    check(page)
    ring, x, y = page.fig.locator(".ctr-handle"), page.mine.x, page.mine.y
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Shift+ArrowLeft"):
        ring.press(key)
    read_start(page)
    assert page.mine.x == pytest.approx(x + 0.04) and page.mine.y == pytest.approx(y + 0.1)
    assert ring.evaluate("e => e === document.activeElement")
    check(page)
    for _ in range(40):
        ring.press("ArrowUp")
    read_start(page)
    assert page.mine.y == 1.5, "it stays on the map"
    box = page.fig.locator(".ctr-map").bounding_box()
    page.tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    read_start(page)
    assert page.mine.x == pytest.approx(1, abs=0.02) and page.mine.y == pytest.approx(0, abs=0.02)
    check(page)


def test_steps_play_and_the_way_back(opened):
    page = opened()
    page.button("to the start").click()
    check(page, 0)
    for step in (1, 2):
        page.button("one step").press("Enter")
        check(page, step)
    page.slider("step").press("ArrowRight")
    check(page, 3)
    page.button("play").click()
    assert page.button("stop").get_attribute("aria-pressed") == "true"
    page.tab.wait_for_function("Number(document.querySelector('.ctr-wide input').value) > 5")
    page.button("stop").click()
    check(page, page.value("step"))
    page.button("play").click()
    page.tab.wait_for_function("document.querySelector('.ctr-wide input').value === '25'")
    check(page, 25)
    assert page.button("play").is_visible(), "it stops by itself"
    page.slider("rate").press("ArrowLeft")
    page.mine.lr = float(page.slider("rate").get_attribute("aria-valuetext"))
    assert page.mine.lr == 0.2
    check(page)


def test_a_falling_rate_is_drawn_and_the_ball_follows_it(opened):
    page = opened()
    page.fig.get_by_role("button", name="noise, constant rate").click()
    page.mine = GradientDescent(**GradientDescent.presets["noise, constant rate"])
    check(page)
    assert page.fig.locator(".ctr-past").count() == 1, "what is long ago is faint"
    curve = page.fig.get_by_role("img", name="the rate of each step")
    assert not curve.count()
    for schedule in SCHEDULES[1:]:
        page.choose("schedule", schedule)
        page.mine.schedule = schedule
        check(page)
        assert curve.count() == 1 and page.fits()
        code = page.text("[aria-label='the code']")
        assert page.mine.code() in code and code.endswith("scheduler.step()")
    rates = page.mine.rates_by_step().tolist()
    for step in (1, 60):
        page.slider("step").fill(str(step))
        check(page, step)
        now = float(page.text(".ctr-formula").split("is now ")[1].split(".\u0020")[0].split(" ")[0]
                    .rstrip("."))
        assert now == pytest.approx(rates[step - 1], rel=6e-3)


def test_three_balls_have_three_shapes_and_nesterov_needs_a_momentum(opened):
    page = opened(1)
    check(page)
    assert page.all(".ctr-over .ctr-ball", "e.tagName") == ["rect", "circle", "polygon"]
    assert page.all(".ctr-key > span:not([hidden])", "e.innerText.trim()") == [
        "0.01, a third of the rate", "0.03, the rate", "0.09, three times the rate"]
    assert page.box("Nesterov").is_disabled()
    page.slider("momentum").fill("0.5")
    page.box("Nesterov").check()
    page.slider("noise").fill("0.5")
    page.slider("steps").fill("30")
    page.mine = GradientDescent("valley", race=True, momentum=0.5, nesterov=True, noise=0.5,
                                steps=30)
    check(page)
    assert "momentum=0.5, nesterov=True)" in page.text("[aria-label='the code']")
    page.slider("momentum").fill("0")
    page.settle()
    assert not page.box("Nesterov").is_checked() and not page.alert()
    page.box("three rates").uncheck()
    page.mine = GradientDescent("valley", noise=0.5, steps=30)
    check(page)
    assert not page.fig.locator(".ctr-key").is_visible()


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_a_finger_drags_the_ring_and_elsewhere_scrolls(opened, width):
    page = opened(**PHONE | {"width": width})
    assert page.fits()
    page.tab.evaluate("window.scrollTo(0, 0)")
    ring, map_ = page.fig.locator(".ctr-handle"), page.fig.locator(".ctr-map")
    assert ring.evaluate("e => getComputedStyle(e).touchAction") == "none"
    assert map_.evaluate("e => getComputedStyle(e).touchAction") != "none"
    for one in page.fig.locator(".ctr-handle, .ctr-stepper[role=group] button").all():
        box = one.bounding_box()
        assert box["width"] >= 43 and box["height"] >= 43
    page.fig.get_by_role("button", name="momentum in a valley").tap()
    page.mine = GradientDescent(**GradientDescent.presets["momentum in a valley"])
    check(page)
    box = map_.bounding_box()
    page.tab.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    read_start(page)
    assert page.mine.x == pytest.approx(1, abs=0.03) and page.mine.y == pytest.approx(.75, abs=0.03)
    check(page)


@pytest.mark.parametrize("settings", [{"forced_colors": "active"}, {"scheme": "dark"}],
                         ids=["forced", "dark"])
def test_in_other_colors_ways_and_balls_can_be_seen(opened, settings):
    page = opened(1, **settings)
    check(page)
    paints = [page.fig.locator(f".ctr-over .ctr-ball-{kind}").evaluate(
        "e => getComputedStyle(e).fill") for kind in ("slow", "main", "fast")]
    assert len({*paints}) == 3 and "none" not in paints
    dashes = [page.fig.locator(f".ctr-over .ctr-way-{kind}").evaluate(
        "e => getComputedStyle(e).strokeDasharray") for kind in ("slow", "main", "fast")]
    assert len({*dashes}) == 3, "the lines differ without colors, too"


def test_who_asked_for_less_motion_gets_no_play(opened):
    page = opened(reduced_motion="reduce")
    assert not page.button("play").count() and page.button("one step").is_visible()
