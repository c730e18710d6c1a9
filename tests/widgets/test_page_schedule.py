"""The schedule explorer on its page."""

import contextlib

import pytest
from widget_support import PHONE, number

from helpers import ScheduleExplorer
from helpers.widgets import SCHEDULES, BadValue

SETTINGS = {"StepLR": {"step_size", "gamma"}, "ExponentialLR": {"gamma"},
            "CosineAnnealingLR": {"eta_min"}, "OneCycleLR": {"pct_start"},
            "warm-up + cosine": {"warm-up", "eta_min"},
            "ReduceLROnPlateau": {"factor", "patience"}, "constant": set()}


def check(page, epoch=None) -> None:
    """Compare the epoch read out, the table, the code and the curves with Python's."""
    page.settle()
    mine, epoch, fitting = page.mine, epoch or page.mine.epochs, {}
    for name in SCHEDULES:
        with contextlib.suppress(BadValue):
            fitting[name] = [one[epoch - 1].item() for one in (mine.rates(name), mine.losses(name))]
    rows = page.all("tbody tr", "[...e.children].map((c) => c.innerText)")
    assert [row[0] for row in rows] == list(fitting)
    for name, *shown in rows:
        assert [number(one) for one in shown] == pytest.approx(fitting[name], rel=5.1e-3), name
        if name == mine.schedule:
            told = f"Epoch {epoch} of {mine.epochs}: rate {shown[0]}, loss {shown[1]}. "
            assert page.text("[role=status]").startswith(told)
    spoken = page.slider("epoch").get_attribute("aria-valuetext")
    assert spoken == f"epoch {epoch} of {mine.epochs}"
    assert page.all("tr[aria-current=true] th", "e.innerText") == [mine.schedule]
    code = page.text("[aria-label='the code']")
    assert f"optimizer = SGD(model.parameters(), lr={mine.lr})\nscheduler = {mine.code()}\n" in code
    lines = 2 + (mine.schedule != "constant")
    assert page.fig.locator(".ctr-flow path:not(.ctr-others)").count() == 2 * lines
    assert page.fig.locator(".ctr-flow path.ctr-others").count() == len(fitting) - lines + 1


def test_every_schedule_with_its_settings(on_page):
    page = on_page("09", ScheduleExplorer)
    for name, settings in SETTINGS.items():
        page.choose("schedule", name)
        page.mine.schedule = name
        check(page)
        sliders = page.fig.get_by_role("slider")
        visible = sliders.evaluate_all("all => all.map(s => s.getAttribute('aria-label'))")
        assert sorted(visible) == sorted({"peak lr", "epochs", "epoch", *settings})
    page.slider("epochs").press("ArrowLeft")
    page.click_at("peak lr", 0.45)
    page.settle()
    page.mine.epochs -= 1
    page.mine.lr = float(page.slider("peak lr").get_attribute("aria-valuetext"))
    assert page.mine.lr != 0.1
    check(page)


def test_a_schedule_that_does_not_fit_is_refused_or_made_to_fit(on_page):
    page = on_page("09", ScheduleExplorer)
    mine, warmup = page.mine, page.slider("warm-up")
    page.choose("schedule", "warm-up + cosine")
    page.slider("epochs").fill("12")
    warmup.fill("11")
    mine.epochs, mine.warmup, mine.schedule = 12, 11, "warm-up + cosine"
    for control, key in ((warmup, "ArrowRight"), (page.slider("epochs"), "ArrowLeft")):
        control.press(key)
        assert "shorter than the whole" in page.alert() and warmup.input_value() == "11"
    check(page)
    page.choose("schedule", "StepLR")
    page.slider("epochs").fill("6")
    page.choose("schedule", "warm-up + cosine")
    mine.schedule = "StepLR"
    mine.epochs, mine.warmup = 6, 5
    mine.schedule = "warm-up + cosine"
    check(page)
    assert page.alert() == "" and warmup.input_value() == "5"


def test_epochs_of_a_schedule_are_read_by_keyboard_and_mouse(on_page):
    page = on_page("09", ScheduleExplorer)
    count, code = page.mine.epochs, page.fig.get_by_role("group", name="the code")
    code.evaluate("c => getSelection().selectAllChildren(c)")
    for key, epoch in (("ArrowLeft", count - 1), ("Home", 1)):
        page.slider("epoch").press(key)
        check(page, epoch)
    selected = page.tab.evaluate("getSelection().toString()")
    assert selected.strip() == code.inner_text().strip(), "selected text stays so"
    left, right = 46, 8
    for chart in page.fig.locator(".ctr-flow > svg").all():
        box = chart.bounding_box()
        middle = left + (box["width"] - left - right) * (count // 2 - 0.5) / count
        for x, epoch in ((middle, count // 2), (1, 1)):
            page.tab.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
            check(page, epoch)
    rates = page.fig.locator(".ctr-flow > svg").first
    before = rates.locator("path.ctr-schedule").get_attribute("d")
    page.box("logarithmic rate").press("Space")
    page.settle()
    assert rates.locator("path.ctr-schedule").get_attribute("d") != before
    assert "10⁻²" in rates.text_content()


def test_epochs_of_a_schedule_are_read_by_a_finger(on_page):
    page = on_page("09", ScheduleExplorer, **PHONE | {"width": 360})
    chart = page.fig.locator(".ctr-flow > svg").first
    size = chart.bounding_box()
    for share, epoch in ((0.97, page.mine.epochs), (0.02, 1)):
        chart.tap(position={"x": share * size["width"], "y": size["height"] / 2})
        check(page, epoch)
    for name in SCHEDULES:
        page.choose("schedule", name)
        assert page.fits(), name
