"""What page tests of figures are given."""

import sys

import pytest
from serving import opener
from support import PAGES, ROOT
from widget_support import OnPage, store

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from figures import with_figures

CHAPTER = {path[5:].partition("_")[0]: path for path in PAGES[1:]}  # "02", or "02a"


@pytest.fixture
def on_page(open_page, site):
    """A figure on a chapter's page: `on_page("02", ConvExplorer)`, the first one of its class."""
    def start(chapter, kind, number=0, **settings) -> OnPage:
        figures = store(site, CHAPTER[chapter])["figures"]
        name = [name for name, one in figures.items() if one["module"] == kind.__name__][number]
        tab = open_page(CHAPTER[chapter], **settings)
        places = tab.locator("[data-course-figure]").evaluate_all(
            "all => all.map(f => f.dataset.courseFigure)")
        return OnPage(tab, places.index(name), kind.from_state(figures[name]["values"]))
    return start


@pytest.fixture
def alone(chromium, tmp_path):
    """A figure on its own page: `alone(figure, width=…, scheme=…)`; complaints fail the test."""
    made = opener(chromium, tmp_path.as_uri())
    start = next(made)

    def show(figure, scheme="light", **settings) -> OnPage:
        page = tmp_path / f"{len([*tmp_path.iterdir()])}.html"
        place = with_figures("<p>before</p><div>PLACE</div>", {"PLACE": figure})
        page.write_text('<!doctype html><meta charset=utf-8><meta name=viewport '
                        f'content="width=device-width"><html lang=en data-theme={scheme}>'
                        f'<style>body {{ margin: 16px }}</style>{place}', encoding="utf-8")
        tab = start(page.as_uri(), scheme=scheme, **settings)
        return OnPage(tab, 0, type(figure).from_state(figure.get_state()))
    yield show
    next(made, None)
