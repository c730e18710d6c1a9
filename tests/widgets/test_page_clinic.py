"""The clinic on a page: by mouse, keys and fingers, and what is remembered."""

import sys

import pytest
from serving import opener, served
from support import ROOT
from widget_support import PHONE, OnPage

from helpers.widgets import Clinic
from helpers.widgets.cases import CASES, MEANS, WARDS

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from figures import with_figures

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A chapter</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
</head><body><main>FIRST<p style="height: 800px">Text.</p></main></body></html>"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "page.html").write_text(with_figures(PAGE, {"FIRST": Clinic()}), encoding="utf-8")
    with served(folder) as where:
        yield where


@pytest.fixture
def opened(chromium, address):
    yield from opener(chromium, address)


def choices(page) -> dict[str, list[str]]:
    """Each choice with its verdict and its reason."""
    page.settle()
    return {name: [verdict, reason] for name, verdict, reason in page.all(
        ".ctr-choice", "[e.dataset.id.split(':')[1], e.dataset.verdict, e.lastChild.innerText]")}


def choose(page, choice: str) -> None:
    page.fig.locator(".ctr-choice").get_by_role("button", name=choice).click()
    page.settle()


def beds(page) -> list[str]:
    page.settle()
    return page.all(".ctr-beds button", "e.innerText")


def check(page, letter: str, given: list[str]) -> None:
    """Compare the choices of a patient with the cases."""
    case, shown = CASES[letter], choices(page)
    assert [*shown] == [*case.choices]
    assert page.all(".ctr-means", "e.innerText") == [MEANS[one] for one in case.choices]
    for name, (verdict, reason) in shown.items():
        right = name == case.illness
        assert verdict == (("right" if right else "wrong") if name in given else "")
        told = case.choices[name] + (f" {case.treatment}" if right else "")
        assert reason == (told if name in given else "")
    found = case.illness in given
    kinds = ["batch", *(["treated"] if found else []), "train", "val",
             *(["treated"] if found else []), "train", "val"]
    assert page.all(".ctr-boxes path", "e.classList[1].slice(4)") == kinds
    assert page.fig.locator(".ctr-sign").count() == found


def test_a_whole_round_with_wrong_and_right_choices(opened):
    page = OnPage(opened("page.html"), 0)
    check(page, "1", [])
    assert not page.fig.get_by_role("button", name="next patient").is_visible()
    first = 0
    for letter, case in CASES.items():
        wrong = [one for one in case.choices if one != case.illness][:int(letter) % 3]
        for at, choice in enumerate([*wrong, case.illness]):
            choose(page, choice)
            check(page, letter, [*wrong, case.illness][:at + 1])
            heard = page.text("[role=status]")
            assert heard.startswith("Right. " if choice == case.illness else "No. ")
            assert heard.endswith(case.choices[choice])
        first += not wrong
        later = int(letter) - first
        assert page.fig.locator(".ctr-formula").last.inner_text() == (
            f"{first} of 8 found at the first try{f', {later} later' if later else ''}."
            f"{' All are found.' if letter == '8' else ''}")
        assert beds(page)[int(letter) - 1] == (f"{letter} (✓)" if wrong else f"{letter} ✓")
        if letter != "8":
            page.fig.get_by_role("button", name="next patient").click()
            page.settle()
    assert not page.fig.get_by_role("button", name="next patient").is_visible()
    page.fig.locator(".ctr-beds button").nth(2).click()
    check(page, "3", [CASES["3"].illness])
    page.tab.reload()
    page = OnPage(page.tab, 0)
    check(page, "3", [CASES["3"].illness])
    page.button("reset").click()
    check(page, "1", [])
    assert beds(page) == [*CASES]


def test_the_keyboard_alone(opened):
    page = OnPage(opened("page.html"), 0)
    page.fig.locator(".ctr-beds button").nth(6).focus()
    page.tab.keyboard.press("Enter")
    check(page, "7", [])
    assert page.tab.evaluate("document.activeElement.innerText") == "7"
    page.tab.keyboard.press("Tab")
    page.tab.keyboard.press("Tab")
    for _ in range(2):
        page.tab.keyboard.press("Space")
        check(page, "7", ["the rate is too high"])
    for _ in range(2):
        page.tab.keyboard.press("Tab")
    page.tab.keyboard.press("Enter")
    check(page, "7", ["the rate is too high", CASES["7"].illness])
    assert page.tab.evaluate("document.activeElement.innerText").endswith(", right")
    page.tab.keyboard.press("Shift+Tab")  # after the right one nothing is counted any more
    page.tab.keyboard.press("Enter")
    check(page, "7", ["the rate is too high", CASES["7"].illness])


def test_a_ward_shows_those_that_look_alike(opened):
    page = OnPage(opened("page.html"), 0)
    for ward, letters in WARDS.items():
        page.fig.get_by_role("button", name=ward, exact=True).click()
        assert beds(page) == letters
        check(page, letters[0], [])
        assert f"of {len(letters)} found" in page.fig.locator(".ctr-formula").last.inner_text()


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone(opened, width):
    page = OnPage(opened("page.html", **PHONE | {"width": width}), 0)
    assert page.fits()
    for one in page.fig.locator(".ctr-beds button, .ctr-choice button").all():
        box = one.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
    page.fig.get_by_role("button", name=CASES["1"].illness).tap()
    check(page, "1", [CASES["1"].illness])
    assert page.fits()
    page.fig.get_by_role("button", name="next patient").tap()
    check(page, "2", [])


def test_forced_colors_keep_the_verdicts(opened):
    page = OnPage(opened("page.html", forced_colors="active"), 0)
    choose(page, CASES["1"].illness)
    check(page, "1", [CASES["1"].illness])
    assert page.all(".ctr-choice[data-verdict=right] .ctr-verdict", "e.innerText") == ["✓"]
    paint = "e => getComputedStyle(e).stroke"
    lines = [page.fig.locator(f".ctr-boxes .ctr-{kind}").first.evaluate(paint)
             for kind in ("train", "val")]
    assert len({*lines}) == 2
