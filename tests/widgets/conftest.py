"""What page tests of figures are given."""

import pytest
from support import PAGES
from widget_support import OnPage, store

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
