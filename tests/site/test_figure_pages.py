"""Figures on pages of their own, and the list of all, as the small book has them."""

import re
import sys
from html import escape
from html.parser import HTMLParser

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
import figure_pages
from figures import ALONE

from helpers import widgets
from tools import repository

ADA = repository.Repository("https://github.com", "ada", "cnn", "1" * 40)


class Links(HTMLParser):
    """Collects what a page leads to and loads."""

    def __init__(self, text: str):
        super().__init__()
        self.to, self.loads, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        if tag == "a":
            self.to.append(found.get("href"))
        self.loads += [found[name] for name in ("src", "srcset") if name in found]
        if tag == "link" and found.get("rel") != "canonical":
            self.loads.append(found["href"])


@pytest.mark.parametrize("kind", ALONE)
def test_each_figure_has_a_small_page_of_its_own(small, kind):
    path = small.html / "figures" / f"{ALONE[kind]}.html"
    text = path.read_text(encoding="utf-8")
    most = 220_000 if kind == "NetworkExplorer" else 160_000  # its weights are not in it
    assert len(text) < most and text.count("<figure") == 1 and "theme" in text
    links = Links(text)
    assert links.loads == ["data:,"] and f"figure={kind}" in links.ids
    for link in links.to:
        page, _, anchor = link.partition("#")
        there = path.parent / page
        assert there.exists(), link
        assert not anchor or anchor in Links(there.read_text(encoding="utf-8")).ids, link
    assert re.search(r'<meta name="description" content="[^"]{30,}', text)
    assert ('rel="canonical"' in text) == (repository.repository() is not None)


def test_a_figure_leads_to_the_chapter_that_shows_it(small):
    text = (small.html / "figures" / "pool.html").read_text(encoding="utf-8")
    assert '<a href="../book/04_figure.html#figure=PoolExplorer">4. A figure</a>' in text
    assert "4. A figure" not in (small.html / "figures" / "flow.html").read_text(encoding="utf-8")


def test_addresses_are_told_where_a_repository_is_known(small, monkeypatch):
    shown = figure_pages.Shown("PoolExplorer", "04_pooling", "4. Pooling")
    monkeypatch.setattr(figure_pages, "repository", lambda: ADA)
    text = figure_pages.page_of(shown)
    assert f'<link rel="canonical" href="{ADA.site}/figures/pool.html">' in text
    assert f'<meta property="og:title" content="{widgets.PoolExplorer.title} · ' in text
    monkeypatch.setattr(figure_pages, "repository", lambda: None)
    assert 'rel="canonical"' not in figure_pages.page_of(shown)


def test_the_gallery_lists_all_figures(small):
    text = (small.html / "book" / "figures.html").read_text(encoding="utf-8")
    assert "<!-- figures -->" not in text
    assert text.count('class="figure-card"') == len(figure_pages.first_pages(ROOT)) >= 10
    links = Links(text[text.index('<ol class="cards">'):])
    assert {f"../figures/{name}.html" for name in ALONE.values()} <= {*links.to}
    assert "04_figure.html#figure=PoolExplorer" in links.to
    for kind in (widgets.PoolExplorer, widgets.GradientFlow):
        assert escape(kind.challenge) in text


def test_the_gallery_follows_the_chapters():
    shown = figure_pages.first_pages(ROOT)
    pages = [one.page for one in shown if one.page]
    assert pages == sorted(pages) and len(pages) >= 10
    assert {one.kind for one in shown} >= {*ALONE}
    assert {one.kind: one.page for one in shown}["PoolExplorer"] == "04_pooling"


def test_a_link_from_the_gallery_opens_the_figure_in_its_chapter(small_page):
    tab = small_page("book/figures.html", width=320)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    tab.locator(".figure-card").get_by_role("link", name="4. A figure").click()
    tab.wait_for_selector("[data-ready]")
    assert tab.evaluate("document.activeElement.dataset.figure") == "PoolExplorer"
    tab.get_by_role("slider", name="stride").fill("1")
    assert tab.get_by_role("button", name="average").get_attribute("aria-pressed") == "false"
    tab.get_by_role("button", name="copy link").first.click()
    with tab.expect_popup() as other:
        tab.get_by_role("link", name="its own page").click()
    other.value.wait_for_selector("[data-ready]")
    assert other.value.get_by_role("slider", name="stride").input_value() == "1"
    assert "/figures/pool.html#figure=PoolExplorer&" in other.value.url


def test_the_figure_of_a_page_fits_a_small_screen_with_the_theme(small_page):
    for width in (320, 390, 1280):
        tab = small_page("book/04_figure.html#figure=PoolExplorer&stride=3", width=width)
        tab.wait_for_selector("[data-ready]")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        top = tab.locator("figure.ctr-card").bounding_box()["y"]
        bar = tab.locator(".bd-header-article, .header-article").first.bounding_box()
        assert top >= bar["y"] + bar["height"] - 1, "not under the bar that stays at the top"
