"""The smoke site, built as `make book` builds the real one, and looked at in a real browser."""

import os
import re
import shutil
import sys
from functools import cache
from html.parser import HTMLParser
from urllib.parse import urldefrag, urlsplit

import nbformat
import pytest
from jupyter_cache import get_cache
from support import APPENDIX, PAGES, PROFILE, ROOT, SAMPLED, build_site

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from figures import ALONE

each_page = pytest.mark.parametrize("page", [*PAGES, *APPENDIX])


class Elements(HTMLParser):
    """Collects every start tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)
        self.ids = {attributes.get("id") for _, attributes in self.found}

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag, attribute):
        return [a[attribute] for t, a in self.found if t == tag and a.get(attribute)]


@cache
def elements(path) -> Elements:
    return Elements(path.read_text(encoding="utf-8"))


def test_every_page_is_there(site):
    built = {p.relative_to(site).as_posix()
             for p in site.rglob("*.html") if "_static" not in p.parts}
    assert built == {*PAGES, *APPENDIX, "index.html", "genindex.html", "search.html",
                     "404.html", *(f"figures/{name}.html" for name in ALONE.values())}


@each_page
def test_internal_links_lead_somewhere(site, page):
    for link in elements(site / page).all("a", "href"):
        url, fragment = urldefrag(link)
        if urlsplit(link).scheme in ("http", "https", "mailto"):
            continue
        target = (site / page).parent / url if url else site / page
        assert target.exists(), f"{page}: {link}"
        if fragment and target.suffix == ".html":
            assert fragment in elements(target.resolve()).ids, f"{page}: {link}"


@each_page
def test_nothing_is_loaded_from_elsewhere(site, page):
    found = elements(site / page)
    links = [a.get("href") for tag, a in found.found
             if tag == "link" and "canonical" not in a.get("rel", "")]
    sources = [*found.all("script", "src"), *found.all("img", "src"), *links]
    assert sources and not [s for s in sources if urlsplit(s).netloc]


@pytest.mark.parametrize("chapter", PAGES[1:])
def test_every_figure_is_on_the_page_with_words_for_those_who_cannot_see_it(site, chapter):
    notebook = nbformat.read(ROOT / chapter.replace(".html", ".ipynb"), 4)
    texts = [c.metadata.get("mystnb", {}).get("image", {}).get("alt") for c in notebook.cells]
    images = [a for t, a in elements(site / chapter).found if t == "img"]
    assert [a.get("alt") for a in images] == [t for t in texts if t]
    assert all(len(a["alt"]) > 40 for a in images)
    touched = "data-course-figure=" in (site / chapter).read_text(encoding="utf-8")
    assert images or touched or chapter[7] != "_", "a chapter without a figure"


@each_page
def test_no_error_text_but_the_stand_in_and_the_smoke_profile_announced(site, page):
    text = re.sub(r"<[^>]+>", "", (site / page).read_text(encoding="utf-8"))
    for mark in ("Traceback (most recent", "UserWarning", "DeprecationWarning", "FutureWarning",
                 "it/s]"):
        assert mark not in text, mark
    assert "computed on a synthetic stand-in, not CIFAR-10" in text and "smoke profile" in text
    if "lenet" in page:
        assert "NOTE: synthetic stand-in" in text


def test_search_index_knows_the_chapters(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "jacobian" in index and "momentum" in index


def test_the_site_is_made_of_what_nbval_ran(site):
    """A notebook that the build ran itself would have run twice, and `make test` be slower."""
    if "COURSE_SITE" not in os.environ or PROFILE != "smoke":
        pytest.skip("nbval did not run before, or in another profile than that of the site")
    folders = [path.parent for path in (site.parent / ".cache").rglob("global.db")]
    newest = max(folders, key=lambda folder: (folder / "global.db").stat().st_mtime)
    records = get_cache(newest).list_cache_records()
    assert len(records) == len(PAGES) - 1
    assert all(record.data.get("run by") == "nbval" for record in records)


@pytest.mark.long
def test_a_second_build_runs_no_notebook_and_says_where_the_site_is(site, tmp_path):
    shutil.copytree(site.parent, tmp_path / "_build")  # other tests are reading the first one
    html = tmp_path / "_build" / "html"
    (html / "objects.inv").unlink()
    again = build_site(tmp_path)
    assert again.returncode == 0 and "Executing notebook" not in again.stdout + again.stderr
    assert (html / "objects.inv").exists()
    assert f"Open it in a browser:\n\n    {(html / 'index.html').as_uri()}" in again.stdout


def test_cache_key_follows_helpers_profile_and_data(tmp_path, monkeypatch):
    import course_site

    (tmp_path / "helpers").mkdir()
    module = tmp_path / "helpers" / "a.py"
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_text("x")
    changes = (lambda: module.write_text("x = 1"), lambda: module.write_text("x = 2"),
               lambda: monkeypatch.setenv("COURSE_PROFILE", "cpu"),
               lambda: monkeypatch.setattr(course_site, "_version", lambda library: "0"),
               lambda: monkeypatch.setenv("COURSE_DATA", str(tmp_path)))
    keys = [(change(), course_site.cache_key(tmp_path))[1] for change in changes]
    assert course_site.cache_key(tmp_path) == keys[-1] and len(set(keys)) == 5


@pytest.mark.parametrize("page, width", [
    *((page, 390) for page in PAGES), *(pytest.param(*page.values, 1280, marks=page.marks)
                                        for page in SAMPLED)])
def test_pages_open_without_complaint_and_fit_the_screen(open_page, page, width):
    tab = open_page(page, width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.evaluate("document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    tab.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)",
                          timeout=20_000)
    assert tab.evaluate("[...document.images].every(i => !i.closest('.cell_output') || "
                        "i.getAttribute('width'))")
    shapes = tab.evaluate(
        """[...document.images].filter(i => i.closest('.cell_output') && i.clientWidth)
        .map(i => i.clientWidth * i.naturalHeight / (i.clientHeight * i.naturalWidth))""")
    assert all(0.97 < shape < 1.03 for shape in shapes)


def test_formulas_are_typeset_from_this_site(open_page):
    tab = open_page(PAGES[1])
    assert tab.locator("math").count() >= 5 and not tab.locator("merror").count()
    drawn = tab.locator("math").first.bounding_box()
    assert drawn["width"] > 5 and drawn["height"] > 5


def test_previous_and_next_by_keyboard(open_page):
    tab = open_page(PAGES[0])
    tab.locator("a.right-next").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/01_*")
    tab.locator("a.left-prev").click()
    tab.wait_for_url("**/index.html")


def test_dark_mode_by_click_and_by_the_systems_wish(open_page):
    def brightness(tab):
        color = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", color)[:3]))

    assert brightness(open_page(PAGES[1], scheme="dark")) < 200
    tab = open_page(PAGES[1])
    assert brightness(tab) > 600
    for _ in range(3):  # auto, light, dark in some order
        tab.locator(".theme-switch-button").first.click()
        if tab.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    assert brightness(tab) < 200


def test_search_finds_a_chapter(open_page):
    tab = open_page("search.html?q=momentum")
    tab.wait_for_selector("#search-results a[href*='05_lenet']", timeout=20_000)
