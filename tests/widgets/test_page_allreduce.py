"""The all-reduce in the browser: the ring, the race, and the numbers behind them."""

import re

import pytest
from widget_support import PHONE, number

from helpers.widgets import ALGORITHMS, AllReduce
from helpers.widgets.allreduce import written

STILL = {"reduced_motion": "reduce"}  # steps are taken at once
STAGES = """[...e.querySelectorAll(".ctr-device")].map((device) => [...device.querySelectorAll(
    ".ctr-chunk")].map((one) => [one.querySelector("text").textContent,
    one.querySelector(".ctr-chunk-fill").getAttribute("width")
    / one.querySelector(".ctr-chunk-box").getAttribute("width"),
    one.classList.contains("ctr-got"), one.classList.contains("ctr-sum-whole")]))"""


def mega(value: float) -> float:
    """Megabytes as the figure writes them."""
    return round(value) if value >= 100 else float(f"{value:.{3 if value >= 10 else 2}g}")


def ranks_in(figure: AllReduce, step: int) -> list[list[int]]:
    """How many ranks are in each chunk, found with a number of its own for each rank."""
    n = figure.processes
    bits = AllReduce(values=[[2 ** rank] * n for rank in range(n)], algorithm=figure.algorithm)
    return [[int(one).bit_count() for one in row] for row in bits.state(step).tolist()]


def check_stage(page) -> None:
    """Compare chunks, fills, marks, links and bars of the first stage with Python's."""
    mine, n = page.mine, page.mine.processes
    held, counts = mine.state().tolist(), ranks_in(mine, mine.step)
    gets = {(one.receiver, c) for one in mine.sent(mine.step) for c in one.chunks}
    for rank, row in enumerate(page.all(".ctr-stage", STAGES)[0]):
        for chunk, (text, fill, got, whole) in enumerate(row):
            assert number(text) == pytest.approx(held[rank][chunk], rel=1e-2)
            assert fill == pytest.approx(counts[rank][chunk] / n)
            assert got == ((rank, chunk) in gets) and whole == (counts[rank][chunk] == n)
    stage = page.fig.locator(".ctr-stage").first
    assert stage.locator(".ctr-hop").count() == len(mine.sent(mine.step))
    assert stage.locator(".ctr-flying").count() == 0
    moved = mine.megabytes_moved()
    bars = stage.get_by_role("img", name="MB out of and into each rank").get_attribute("aria-label")
    said = re.findall(r"rank (\d+) sent (\S+), received ([^ ;]+)", bars)
    assert [(int(rank), float(out), float(got)) for rank, out, got in said] == [
        (rank, *map(mega, both)) for rank, both in enumerate(moved.tolist())]
    links = [float(one) for one in stage.locator(".ctr-link-label").all_text_contents()]
    ring, hub, _ = ALGORITHMS
    if mine.algorithm == ring:
        assert links == [mega(out) for out in moved[:, 0].tolist()]
    assert links or mine.algorithm not in (ring, hub)


def check(page) -> None:
    """Compare the stage, the numbers, the steps in words, the costs and the times with Python's."""
    page.settle()
    mine, n, moves = page.mine, page.mine.processes, page.mine.sent(page.mine.step)
    check_stage(page)
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
    spoken = page.slider("step").get_attribute("aria-valuetext")
    assert spoken == f"step {mine.step} of {mine.steps}"
    costs, times = page.all(".ctr-costs table", """[...e.rows].slice(1)
        .map((row) => [...row.cells].slice(1).map((cell) => cell.innerText))""")
    counts = [mine.megabytes_moved(), mine.megabytes_moved(mine.steps)]
    assert [[float(one) for one in row] for row in costs] == [
        [mine.step, mine.steps], [mega(one[:, 0].max().item()) for one in counts],
        [mega(one.sum(1).max().item()) for one in counts],
        [mega(one[:, 0].sum().item()) for one in counts]]
    for row, size in zip(times, (2, 4, 8, 16), strict=True):
        seconds = [mine.seconds(name, size) for name in ALGORITHMS]
        assert row == [f"{'* ' if one == min(seconds) else ''}{written(one)}" for one in seconds]
    time = written(mine.step * mine.seconds() / mine.steps) if mine.step else "0 µs"
    assert page.text(".ctr-now").startswith(f"Time: {time}. ")


def test_an_all_reduce_is_stepped_by_all_its_algorithms(alone):
    page = alone(AllReduce(), **STILL)
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
    for step in range(mine.steps, -1, -1):
        mine.step = step
        check(page)
        page.slider("step").press("ArrowLeft")
    page.slider("processes").press("End")
    page.slider("latency, µs").press("End")
    page.slider("gradient, MB").press("ArrowLeft")
    mine.processes, mine.latency, mine.megabytes = 8, mine.limits["latency"][1], 50.0
    check(page)
    page.slider("processes").press("Home")
    mine.processes = 2
    check(page)
    assert not page.button("play").count()


def test_the_ring_is_done_while_the_master_is_still_collecting(alone):
    """The second stage shows the other way at the same time."""
    page = alone(AllReduce(8), **STILL)
    page.button("last step").click()
    page.settle()
    ring, hub = page.all(".ctr-stage", "e.innerText")
    assert ring.startswith("ring") and "✓ done after 140 ms" in ring
    assert hub.startswith("to one and back") and "step 2 of 14, 6 of 8 ranks wait" in hub
    one = AllReduce(8, algorithm="to one and back")
    shown = page.all(".ctr-stage", STAGES)[1]
    assert [[number(text) for text, *_ in row] for row in shown] == one.state(1).tolist()
    flying = page.fig.locator(".ctr-stage").nth(1).locator(".ctr-flying")
    assert flying.get_attribute("data-chunks") == "0,1,2,3,4,5,6,7"
    assert [number(text) for text in flying.locator("text").all_text_contents()] == (
        one.values[2].tolist())
    page.fig.get_by_role("button", name="the master").click()
    page.settle()
    hub, ring = page.all(".ctr-stage", "e.innerText")
    assert "3 of 14 steps done" in hub and "✓ done after 140 ms" in ring


def test_chunks_travel_while_it_plays_and_all_ends_by_itself(alone):
    page = alone(AllReduce(4, megabytes=10.0))
    page.button("play").click()
    page.tab.wait_for_function("document.querySelectorAll('.ctr-flying').length > 4")
    place = "document.querySelector('.ctr-flying').getAttribute('transform')"
    before = page.tab.evaluate(place)
    page.tab.wait_for_function(f"(old) => {place} !== old", arg=before)
    page.button("stop").click()
    page.settle()
    at = page.tab.evaluate(place)
    page.tab.wait_for_timeout(200)
    assert page.tab.evaluate(place) == at, "it stands still"
    page.button("play").click()
    page.tab.wait_for_function("document.querySelector('.ctr-now').innerText.includes('3 times')")
    assert page.value("step") == 6 and "✓" in page.all(".ctr-stage-head", "e.innerText")[0]
    page.tab.wait_for_function("[...document.querySelectorAll('button')].some((b) =>"
                               "b.innerText === '▶ play')")
    assert all("✓ done" in one for one in page.all(".ctr-stage-head", "e.innerText"))
    page.mine.step = 6
    check_stage(page)
    page.button("reset").click()
    page.mine.step = 0
    check(page)
    page.button("next step").click()
    page.button("next step").click()  # the first one ends at once
    page.tab.wait_for_function("document.querySelector('[aria-label=step]').value === '2'")
    page.tab.wait_for_function("!document.querySelector('.ctr-stage')"
                               ".querySelector('.ctr-flying')")
    page.mine.step = 2
    check(page)


def test_nothing_plays_and_no_time_is_told_before_the_reader_has_guessed(alone):
    page = alone(AllReduce(4))
    page.tab.wait_for_timeout(600)
    assert page.button("play").count() == 1 and page.value("step") == 0
    assert page.all(".ctr-stage-head span", "e.innerText") == ["6 steps", "6 steps"]
    assert page.all(".ctr-guessed", "e.innerText") == [""]
    page.button("about halfway").click()
    page.tab.wait_for_selector(".ctr-flying")
    page.fig.get_by_role("button", name="8 ranks").click()
    page.tab.wait_for_timeout(300)
    assert page.button("play").count() == 1 and page.value("step") == 0, "a preset stops it"
    assert page.button("about halfway").get_attribute("aria-pressed") == "false", "another race"


@pytest.mark.parametrize("settings, right, told", [
    ({"processes": 4}, "still at its beginning", "has then done 1 of its 6 steps, 25"),
    ({"processes": 2}, "about halfway", "has then done 1 of its 2 steps, 50"),
    ({"processes": 8, "megabytes": 0.1, "latency": 1000.0}, "nearly done, too", "13 of its 14"),
    ({"processes": 8, "megabytes": 0.1, "latency": 1000.0, "algorithm": "everyone to everyone"},
     "about halfway", "“ring” has then done 7 of its 14 steps, 53")])
def test_a_guess_is_judged_when_the_faster_way_is_done(alone, settings, right, told):
    page = alone(AllReduce(**settings), **STILL)
    answers = ["still at its beginning", "about halfway", "nearly done, too"]
    for one in [*(one for one in answers if one != right), right]:
        page.button(one).click()
        page.settle()
        said = page.text(".ctr-guessed").replace("\u00a0", " ")
        assert said.startswith("Right: " if one == right else "No: ") and told in said
        assert page.button(one).get_attribute("aria-pressed") == "true"
    name, other = settings.get("algorithm", "ring"), "to one and back"
    rival = AllReduce(**settings).seconds(other if name == "ring" else "ring")
    share = AllReduce(**settings).seconds() / rival
    assert f"{round(100 * share)} % of its time" in said


def test_gradients_are_changed_and_sums_taken_apart(alone):
    page = alone(AllReduce(), **STILL)
    mine, n, values = page.mine, page.mine.processes, page.mine.values
    start, held = page.cells("gradients at the start"), page.cells("numbers held")

    def looked(rank: int, chunk: int) -> None:
        page.settle()
        label = held.nth(rank * n + chunk).get_attribute("aria-label")
        assert page.all(".ctr-formula", "e.innerText")[1] == f"{label[0].upper()}{label[1:]}."
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
    page.fig.locator(".ctr-device").nth(2).locator(".ctr-chunk").nth(3).hover()
    looked(2, 3)
    held.nth(n * n - 1).hover()
    looked(n - 1, n - 1)


@pytest.mark.parametrize("width", [390, 320])
def test_an_all_reduce_of_eight_on_a_phone(alone, width):
    page = alone(AllReduce(), **PHONE | STILL | {"width": width})
    page.slider("processes").press("End")
    page.button("next step").tap()
    page.mine.processes, page.mine.step = 8, 1
    check(page)
    page.fig.locator(".ctr-device").nth(1).locator(".ctr-chunk").nth(2).tap()
    page.settle()
    assert page.all(".ctr-formula", "e.innerText")[1].startswith("Chunk 2 of rank 1: ")
    for name in ALGORITHMS:
        page.choose("algorithm", name)
        assert page.fits(), name
        sides = page.all(".ctr-stage svg", "[e.getBoundingClientRect().right, innerWidth]")
        assert all(right <= wide for right, wide in sides)
    steps = page.fig.get_by_role("group", name="step through the steps").get_by_role("button")
    assert all(one.bounding_box()["height"] >= 44
               and one.bounding_box()["width"] >= 44 for one in steps.all())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("forced", ["none", "active"])
def test_a_chunk_says_by_its_fill_how_many_are_in_it_in_all_colors(alone, scheme, forced):
    page = alone(AllReduce(step=3), scheme=scheme, forced_colors=forced, **STILL)
    page.settle()
    look = "getComputedStyle(e)[{!r}]".format
    box, part = (page.all(f".ctr-chunk:not(.ctr-sum-whole) .ctr-chunk-{one}", look("fill"))[0]
                 for one in ("box", "fill"))
    whole = page.all(".ctr-sum-whole .ctr-chunk-fill", look("fill"))[0]
    ink, done = (page.all(f"{one} text", look("fill"))[0]
                 for one in (".ctr-chunk:not(.ctr-sum-whole)", ".ctr-sum-whole"))

    def light(color: str) -> float:
        parts = [int(one) / 255 for one in re.findall(r"\d+", color)[:3]]
        r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05

    def contrast(a: str, b: str) -> float:
        return max(light(a) / light(b), light(b) / light(a))

    assert len({box, part, whole}) == 3 and contrast(box, whole) > 3
    assert min(contrast(ink, box), contrast(ink, part), contrast(done, whole)) >= 4.5
