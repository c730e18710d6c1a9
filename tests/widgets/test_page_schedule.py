"""The schedule explorer on its page."""

import contextlib
import re

import pytest
from widget_support import CHAPTER, PHONE, alert, click_at, fits, number, of_kind, settled, slider

from helpers import ScheduleExplorer
from helpers.widgets import SCHEDULES, BadValue

SETTINGS = {"StepLR": {"step_size", "gamma"}, "ExponentialLR": {"gamma"},
            "CosineAnnealingLR": {"eta_min"}, "OneCycleLR": {"pct_start"},
            "warm-up + cosine": {"warm-up", "eta_min"},
            "ReduceLROnPlateau": {"factor", "patience"}, "constant": set()}


def check(tab, fig, mine, epoch=None) -> None:
    """Compare what is read out, the table, the code and the curves with Python's."""
    settled(tab)
    told, epoch = fig.get_by_role("status").inner_text(), epoch or mine.epochs
    assert f"Epoch {epoch} of {mine.epochs}:" in told
    spoken = slider(fig, "epoch").get_attribute("aria-valuetext")
    assert spoken == f"epoch {epoch} of {mine.epochs}"
    numbers = [number(one) for one in re.findall(
        r"(?:rate|loss|[\d.]+:) (\d[\d.]*(?:e−\d+)?)(?=[,.] |\.$)", told)]
    own = [mine.rates(), mine.losses(), mine.losses("constant")]
    assert numbers[:3] == pytest.approx([one[epoch - 1].item() for one in own], rel=5.1e-3), told
    fitting = {}
    for name in SCHEDULES:
        with contextlib.suppress(BadValue):
            fitting[name] = [one[epoch - 1].item() for one in (mine.rates(name), mine.losses(name))]
    rows = fig.locator("tbody tr").evaluate_all(
        "all => all.map(row => [...row.children].map(c => c.innerText))")
    assert [row[0] for row in rows] == list(fitting)
    for name, *shown in rows:
        assert [number(one) for one in shown] == pytest.approx(fitting[name], rel=5.1e-3), name
    assert fig.locator("tr[aria-current=true] th").all_inner_texts() == [mine.schedule]
    code = fig.get_by_role("group", name="the code").inner_text()
    assert f"optimizer = SGD(model.parameters(), lr={mine.lr})\nscheduler = {mine.code()}\n" in code
    assert ("step(val_loss)" in code) == (mine.schedule == "ReduceLROnPlateau")
    lines = 2 + (mine.schedule != "constant")
    assert fig.locator(".ctr-flow path:not(.ctr-others)").count() == 2 * lines
    assert fig.locator(".ctr-flow path.ctr-others").count() == len(fitting) - lines + 1


def test_every_schedule_with_its_settings(open_page, site):
    tab = open_page(CHAPTER["09"])
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    for name, settings in SETTINGS.items():
        fig.get_by_role("combobox", name="schedule").select_option(name)
        mine.schedule = name
        check(tab, fig, mine)
        visible = fig.get_by_role("slider").evaluate_all(
            "all => all.map(s => s.getAttribute('aria-label'))")
        assert sorted(visible) == sorted({"peak lr", "epochs", "epoch", *settings})
    slider(fig, "epochs").press("ArrowLeft")
    mine.epochs -= 1
    check(tab, fig, mine)
    click_at(tab, slider(fig, "peak lr"), 0.45)
    settled(tab)
    mine.lr = float(slider(fig, "peak lr").get_attribute("aria-valuetext"))
    assert mine.lr != 0.1
    check(tab, fig, mine)


def test_a_schedule_that_does_not_fit_is_refused_or_made_to_fit(open_page, site):
    tab = open_page(CHAPTER["09"])
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    menu = fig.get_by_role("combobox", name="schedule")
    menu.select_option("warm-up + cosine")
    warmup, epochs = slider(fig, "warm-up"), slider(fig, "epochs")
    epochs.fill("12")
    warmup.fill("11")
    mine.epochs, mine.warmup, mine.schedule = 12, 11, "warm-up + cosine"
    for control, key in ((warmup, "ArrowRight"), (epochs, "ArrowLeft")):
        control.press(key)
        assert "shorter than the whole" in alert(tab, fig) and warmup.input_value() == "11"
    check(tab, fig, mine)
    menu.select_option("StepLR")
    epochs.fill("6")
    mine.schedule = "StepLR"
    mine.epochs = 6
    check(tab, fig, mine)
    assert alert(tab, fig) == "" and "warm-up" not in fig.locator("tbody").inner_text()
    menu.select_option("warm-up + cosine")
    mine.warmup = 5
    mine.schedule = "warm-up + cosine"
    check(tab, fig, mine)
    assert warmup.input_value() == "5"


def test_epochs_of_a_schedule_are_read_by_keyboard_and_mouse(open_page, site):
    tab = open_page(CHAPTER["09"])
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    count, code = mine.epochs, fig.get_by_role("group", name="the code")
    code.evaluate("c => getSelection().selectAllChildren(c)")
    for key, epoch in (("ArrowLeft", count - 1), ("Home", 1), ("End", count)):
        slider(fig, "epoch").press(key)
        check(tab, fig, mine, epoch)
    selected = tab.evaluate("getSelection().toString()")
    assert selected.strip() == code.inner_text().strip(), "selected text stays so"
    left, right = 46, 8
    for chart in fig.locator(".ctr-flow > svg").all():
        box = chart.bounding_box()
        room = box["width"] - left - right
        for x, epoch in ((left + room * (count // 2 - 0.5) / count, count // 2), (1, 1)):
            tab.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
            check(tab, fig, mine, epoch)
    log = fig.get_by_role("checkbox", name="logarithmic rate")
    rates = fig.locator(".ctr-flow > svg").first
    before = rates.locator("path.ctr-schedule").get_attribute("d")
    log.press("Space")
    settled(tab)
    assert rates.locator("path.ctr-schedule").get_attribute("d") != before
    assert log.is_checked() and "10⁻²" in rates.text_content()


def test_epochs_of_a_schedule_are_read_by_a_finger(open_page, site):
    tab = open_page(CHAPTER["09"], **PHONE | {"width": 360})
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    chart = fig.locator(".ctr-flow > svg").first
    for share, epoch in ((0.97, mine.epochs), (0.02, 1)):
        size = chart.bounding_box()
        chart.tap(position={"x": share * size["width"], "y": size["height"] / 2})
        check(tab, fig, mine, epoch)
    for name in SCHEDULES:
        fig.get_by_role("combobox", name="schedule").select_option(name)
        settled(tab)
        assert fits(tab), name
