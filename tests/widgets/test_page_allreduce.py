"""The all-reduce on its page."""

import re

import pytest
from widget_support import (
    CHAPTER,
    PHONE,
    alert,
    click_at,
    fits,
    number,
    of_kind,
    settled,
    slider,
    type_into,
)

from helpers.widgets import ALGORITHMS, AllReduce
from helpers.widgets.allreduce import written


def cells(fig, name: str):
    return fig.locator(f"[role=grid][aria-label='{name}'] [role=gridcell]")


def check(tab, fig, mine) -> None:
    """Compare the numbers, the marks, the steps in words, the costs and the times with Python's."""
    settled(tab)
    n, moves = mine.processes, mine.sent(mine.step)
    for name, values in (("gradients at the start", mine.values), ("numbers held", mine.state())):
        found = cells(fig, name).evaluate_all(
            "all => all.map(c => [c.getAttribute('aria-label'), c.dataset.mark])")
        assert len(found) == n * n
        for k, (label, mark) in enumerate(found):
            rank, chunk = divmod(k, n)
            start, told = label.split(": ", 1)
            assert start == f"chunk {chunk} of rank {rank}"
            held = number(told.split(",")[0].split(" = ")[-1])
            assert held == pytest.approx(values[rank, chunk].item(), rel=1e-3, abs=1e-3)
            sends, gets = (any(one[end] == rank and chunk in one.chunks for one in moves)
                           for end in (0, 1))
            sign = ("+" if mine.step < n else "=") if gets else "→" if sends else ""
            assert mark == (sign if name == "numbers held" else "")
    lines = fig.locator(".ctr-sum").inner_text().split("\n")
    assert lines[0].startswith(f"Step {mine.step}")
    assert ("all sums" in lines[0]) == (mine.step == mine.steps)
    assert [re.match(r"rank (\d) → rank (\d)", line).groups() for line in lines[1:]] == [
        (str(one.sender), str(one.receiver)) for one in moves]
    assert fig.locator(".ctr-hop").count() == fig.locator(".ctr-tip").count() == len(moves)
    spoken = slider(fig, "step").get_attribute("aria-valuetext")
    assert spoken == f"step {mine.step} of {mine.steps}"
    costs, times = fig.locator(".ctr-costs table").evaluate_all(
        "all => all.map(t => [...t.rows].map(r => [...r.cells].slice(1).map(c => c.innerText)))")
    counts = [mine.traffic(), mine.traffic(mine.steps)]
    assert [[int(one) for one in row] for row in costs[1:]] == [
        [mine.step, mine.steps], [int(one[:, 0].max()) for one in counts],
        [int(one.sum(1).max()) for one in counts], [int(one[:, 0].sum()) for one in counts]]
    for row, size in zip(times[1:], (2, 4, 8, 16), strict=True):
        seconds = [mine.seconds(name, size) for name in ALGORITHMS]
        assert row == [f"{'* ' if one == min(seconds) else ''}{written(one)}" for one in seconds]


def test_an_all_reduce_is_stepped_by_all_its_algorithms(open_page, site):
    tab = open_page(CHAPTER["10"])
    fig, mine = of_kind(tab, site, CHAPTER["10"], AllReduce)
    check(tab, fig, mine)
    for name in ALGORITHMS[::-1]:
        fig.get_by_role("combobox", name="algorithm", exact=True).select_option(name)
        mine.step = 0
        mine.algorithm = name
        for button, step in (("next", 1), ("first", 0), ("previous", mine.steps),
                             ("previous", mine.steps - 1)):
            fig.get_by_role("button", name=f"{button} step").click()
            mine.step = step
            check(tab, fig, mine)
    slider(fig, "step").press("ArrowLeft")
    mine.step -= 1
    check(tab, fig, mine)
    click_at(tab, slider(fig, "processes"), 0.01)
    mine.processes = 2
    click_at(tab, slider(fig, "latency, µs"), 0.99)
    mine.latency = mine.limits["latency"][1]
    check(tab, fig, mine)
    before = fig.locator(".ctr-sum").inner_text()
    fig.get_by_role("button", name="play").click()
    tab.wait_for_function("t => document.querySelector('.ctr-sum').innerText !== t", arg=before)
    fig.get_by_role("button", name="last step").click()
    settled(tab)
    assert fig.get_by_role("button", name="play").get_attribute("aria-pressed") == "false"


def test_gradients_are_changed_and_sums_taken_apart(open_page, site):
    tab = open_page(CHAPTER["10"])
    fig, mine = of_kind(tab, site, CHAPTER["10"], AllReduce)
    start, held = cells(fig, "gradients at the start"), cells(fig, "numbers held")
    n, values = mine.processes, mine.values

    def looked(rank: int, chunk: int) -> None:
        settled(tab)
        label = held.nth(rank * n + chunk).get_attribute("aria-label")
        assert fig.locator(".ctr-formula").inner_text() == f"{label[0].upper()}{label[1:]}."
        chosen = ("all => all.map((c, i) => c.getAttribute('aria-selected') === 'true' ? i : -1)"
                  ".filter(i => i >= 0)")
        assert held.evaluate_all(chosen) == [rank * n + chunk]
        terms = [divmod(i, n) for i in start.evaluate_all(chosen)]
        assert sum(values[at].item() for at in terms) == mine.state()[rank, chunk].item()

    fig.get_by_role("button", name="last step").click()
    start.nth(1).click()
    type_into(tab, "-2.5")
    values[0, 1], mine.step = -2.5, mine.steps
    mine.values = values
    check(tab, fig, mine)
    start.nth(2).click()
    type_into(tab, "abc")
    assert "is not a number" in alert(tab, fig)
    check(tab, fig, mine)
    fig.get_by_role("button", name="previous step").click()
    mine.step -= 1
    held.nth(0).click()
    looked(0, 0)
    for key, at in (("ArrowDown", (1, 0)), ("End", (1, n - 1)), ("ArrowLeft", (1, n - 2))):
        tab.keyboard.press(key)
        looked(*at)
    held.nth(n * n - 1).hover()
    looked(n - 1, n - 1)


def test_an_all_reduce_of_six_on_a_phone(open_page, site):
    tab = open_page(CHAPTER["10"], **PHONE | {"width": 360})
    fig, mine = of_kind(tab, site, CHAPTER["10"], AllReduce)
    slider(fig, "processes").press("End")
    mine.processes = 6
    fig.get_by_role("button", name="next step").tap()
    mine.step = 1
    check(tab, fig, mine)
    cells(fig, "numbers held").nth(8).tap()
    settled(tab)
    assert fig.locator(".ctr-formula").inner_text().startswith("Chunk 2 of rank 1: ")
    for name in ALGORITHMS:
        fig.get_by_role("combobox", name="algorithm").select_option(name)
        settled(tab)
        assert fits(tab)
