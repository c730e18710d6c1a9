"""The whole book on paper: in order, with links that stay in it and nothing of this machine."""

import io
import sys

import pytest
import small_book
import yaml
from pypdf import PdfReader
from support import ROOT

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from tools import pdf

PAGES = ["book/index", "book/01_none", "book/02_both", "book/02a_deeper", "book/03_quiz",
         "book/04_figure", "book/figures"]


def test_pages_come_in_the_order_of_the_contents():
    assert [*pdf.contents(yaml.safe_load(small_book.TOC))] == PAGES
    real = [*pdf.contents(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))]
    assert {path.stem for path in (ROOT / "book").glob("*.ipynb")} < {
        page.rpartition("/")[2] for page in real} and len(real) == len({*real})


@pytest.fixture(scope="module")
def book(chromium, small):
    parts = [*pdf.printed(chromium, small.html, PAGES)]
    file = io.BytesIO()
    pdf.joined(parts, PAGES).write(file)
    return PdfReader(file), [len(part.pages) for part in parts]


def links(document):
    """Each link of a document: the number of its page, and where it leads."""
    for number, page in enumerate(document.pages):
        for one in page.get("/Annots") or ():
            link = one.get_object()
            if link.get("/Subtype") == "/Link":
                yield number, link


def test_links_between_pages_lead_to_where_these_begin(book):
    document, lengths = book
    begins = [sum(lengths[:index]) for index in range(len(lengths))]
    targets = set()
    for _, link in links(document):
        address = str(link.get("/A", {}).get("/URI", ""))
        assert not address.startswith(("file:", "https://pages.invalid")), address
        where = link.get("/Dest")
        if isinstance(where, list):
            targets.add(document.get_page_number(where[0].get_object()))
    assert targets and targets <= {*begins}


def test_it_has_an_outline_and_shows_what_is_folded(book):
    document, _ = book
    titles = [one.title for one in document.outline if not isinstance(one, list)]
    assert titles[1:5] == ["1. Nothing to do", "2. Why? For what? Both", "2a. Deeper: more",
                           "3. A quiz with formulas in its choices only"]
    text = "\n".join(page.extract_text() for page in document.pages)
    assert "Right." in text, "the reasons of a quiz are folded on the page"


def test_nothing_of_this_machine_is_in_it(book, small):
    document, _ = book
    data = document.stream.getvalue()
    assert b"file://" not in data and str(small.folder).encode() not in data
