"""The all-reduce on its page."""

import pytest
from widget_support import PHONE, number

from helpers.widgets import ALGORITHMS, AllReduce
from helpers.widgets.allreduce import written


def check(page) -> None:
    """Compare the numbers, the marks, the steps in words, the costs and the times with Python's."""
    page.settle()
    mine, n, moves = page.mine, page.mine.processes, page.mine.sent(page.mine.step)
    for name, values in (("gradients at the start", mine.values), ("numbers held", mine.state())):
        cells = page.all(f"[aria-label='{name}'] [role=gridcell]", "e.getAttribute('aria-label')")
        held = [number(one.split(": ")[1].split(",")[0].split(" = ")[-1]) for one in cells]
        assert held == pytest.approx(values.flatten().tolist(), rel=1e-3, abs=1e-3)
    signs = dict.fromkeys([(one.sender, c) for one in moves for c in one.chunks], "→")
    gets = [(one.receiver, c) for one in moves for c in one.chunks]
    signs |= dict.fromkeys(gets, "+" if mine.step < n else "=")
    marks = page.all("[aria-label='numbers held'] [role=gridcell]", "e.dataset.mark")
    assert marks == [signs.get(divmod(k, n), "") for k in range(n * n)]
    first, *lines = page.text(".ctr-sum").split("\n")
    assert first.startswith(f"Step {mine.step}")
    assert ("all sums" in first) == (mine.step == mine.steps)
    assert [line.split(":")[0] for line in lines] == [
        f"rank {one.sender} → rank {one.receiver}" for one in moves]
    assert page.fig.locator(".ctr-hop").count() == len(moves)
    spoken = page.slider("step").get_attribute("aria-valuetext")
    assert spoken == f"step {mine.step} of {mine.steps}"
    costs, times = page.all(".ctr-costs table", """[...e.rows].slice(1)
        .map((row) => [...row.cells].slice(1).map((cell) => cell.innerText))""")
    counts = [mine.traffic(), mine.traffic(mine.steps)]
    assert [[int(one) for one in row] for row in costs] == [
        [mine.step, mine.steps], [int(one[:, 0].max()) for one in counts],
        [int(one.sum(1).max()) for one in counts], [int(one[:, 0].sum()) for one in counts]]
    for row, size in zip(times, (2, 4, 8, 16), strict=True):
        seconds = [mine.seconds(name, size) for name in ALGORITHMS]
        assert row == [f"{'* ' if one == min(seconds) else ''}{written(one)}" for one in seconds]


def test_an_all_reduce_is_stepped_by_all_its_algorithms(on_page):
    page = on_page("10", AllReduce)
    mine = page.mine
    check(page)
    for name in ALGORITHMS[::-1]:
        page.choose("algorithm", name)
        mine.step = 0
        mine.algorithm = name
        for button, step in (("next", 1), ("first", 0), ("previous", mine.steps)):
            page.button(f"{button} step").click()
            mine.step = step
            check(page)
    page.slider("step").press("ArrowLeft")
    mine.step -= 1
    check(page)
    page.click_at("processes", 0.01)
    page.click_at("latency, µs", 0.99)
    mine.processes, mine.latency = 2, mine.limits["latency"][1]
    check(page)
    page.plays()
    assert page.button("play").get_attribute("aria-pressed") == "false"


def test_gradients_are_changed_and_sums_taken_apart(on_page):
    page = on_page("10", AllReduce)
    mine, n, values = page.mine, page.mine.processes, page.mine.values
    start, held = page.cells("gradients at the start"), page.cells("numbers held")

    def looked(rank: int, chunk: int) -> None:
        page.settle()
        label = held.nth(rank * n + chunk).get_attribute("aria-label")
        assert page.text(".ctr-formula") == f"{label[0].upper()}{label[1:]}."
        chosen = "all => all.flatMap((c, i) => c.getAttribute('aria-selected') === 'true' ? i : [])"
        assert held.evaluate_all(chosen) == [rank * n + chunk]
        terms = [divmod(i, n) for i in start.evaluate_all(chosen)]
        assert sum(values[at].item() for at in terms) == mine.state()[rank, chunk].item()

    page.button("last step").click()
    start.nth(1).click()
    page.type("-2.5")
    values[0, 1], mine.step = -2.5, mine.steps
    mine.values = values
    check(page)
    start.nth(2).click()
    page.type("abc")
    assert "is not a number" in page.alert()
    page.button("previous step").click()
    mine.step -= 1
    check(page)
    held.nth(0).click()
    looked(0, 0)
    for key, at in (("ArrowDown", (1, 0)), ("End", (1, n - 1)), ("ArrowLeft", (1, n - 2))):
        page.tab.keyboard.press(key)
        looked(*at)
    held.nth(n * n - 1).hover()
    looked(n - 1, n - 1)


def test_an_all_reduce_of_six_on_a_phone(on_page):
    page = on_page("10", AllReduce, **PHONE | {"width": 360})
    page.slider("processes").press("End")
    page.button("next step").tap()
    page.mine.processes, page.mine.step = 6, 1
    check(page)
    page.cells("numbers held").nth(8).tap()
    page.settle()
    assert page.text(".ctr-formula").startswith("Chunk 2 of rank 1: ")
    for name in ALGORITHMS:
        page.choose("algorithm", name)
        assert page.fits(), name
