"""The figures of all pages: without JavaScript, for those who cannot see them, and unasked for."""

import pytest
from support import PAGES, ROOT, SAMPLED
from widget_support import store

from helpers import widgets


@pytest.mark.parametrize("page", SAMPLED)
def test_without_javascript_the_numbers_stand_there_as_tables(open_page, site, page):
    places = open_page(page, java_script_enabled=False).locator("[data-course-figure]")
    if "course-figures" not in (site / page).read_text(encoding="utf-8"):
        assert not places.count()
        return
    assert places.count() == len(store(site, page)["figures"]) >= 1
    for place in places.all():
        assert place.locator("table").first.is_visible() and place.locator("td").count() > 3


def test_pages_without_figures_load_none_of_their_code(site):
    for page in PAGES:
        text = (site / page).read_text(encoding="utf-8")
        shows = "data-course-figure=" in text
        assert shows == ("course-figures" in text)
        assert shows or page == "book/index.html" or page[7] != "_", "every chapter has a figure"
        assert "widget-state+json" not in text and "require.js" not in text


TWO_FRAMES = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"


@pytest.mark.parametrize("page, scheme", [
    *((page, "light") for page in [*PAGES, "search.html", "genindex.html"]),
    *(pytest.param(*page.values, "dark", marks=page.marks) for page in SAMPLED),
    ("search.html", "dark"), ("genindex.html", "dark")])
def test_no_serious_finding_of_axe(open_page, page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    tab = open_page(page, scheme=scheme)
    # those far below start when they come near, or for paper; folds are closed again
    tab.evaluate("['beforeprint', 'afterprint'].forEach((one) => dispatchEvent(new Event(one)))")
    tab.wait_for_function("() => [...document.querySelectorAll('[data-course-figure]')].every(f => "
                          "f.dataset.ready)")
    # The theme's buttons fade into their colors after the page has loaded; half-way the contrast
    # is too low.
    tab.wait_for_function("() => !document.getAnimations().some(a => a instanceof CSSTransition)")
    # Contrast does not depend on the width, and code has the same colors on every page: looking
    # for it takes longest.
    code = {} if "01_" in page else {"exclude": [["div.highlight pre"]]}
    # Preloading would fetch what is not there; to list all that is right takes most of the time.
    quick = {"preload": False, "resultTypes": ["violations"]}
    only = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}  # all else is as in light
    findings = Axe().run(tab, code, quick | only).response["violations"]
    if scheme == "light":
        tab.set_viewport_size({"width": 390, "height": 900})
        tab.evaluate(TWO_FRAMES)  # what is too wide now gets its tab stop with the next one
        narrow = quick | {"rules": {"color-contrast": {"enabled": False}}}
        findings += Axe().run(tab, options=narrow).response["violations"]
    assert not [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in findings
                if v["impact"] in ("serious", "critical")]


def test_every_figure_of_helpers_is_in_a_chapter():
    text = "".join((ROOT / page.replace(".html", ".ipynb")).read_text(encoding="utf-8")
                   for page in PAGES[1:])
    figures = [name for name in widgets.__all__
               if hasattr(getattr(widgets, name), "to_html") and name != "Figure"]
    assert len(figures) >= 5 and not [name for name in figures if f"{name}(" not in text]
