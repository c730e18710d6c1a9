"""Exercises on the page: the starter in sight, a solution folded, nothing of grading served."""

import html
import re

import nbformat
import pytest
from support import ROOT
from test_folds import Folds

from tools import editions, exercises

FOUND = [*exercises.of_book()]
WITH = sorted({path for path, _, _ in FOUND})


def text_of(code: str) -> str:
    """Code without the spaces that highlighting may move."""
    return re.sub(r"\s+", "", code)


@pytest.mark.parametrize("path", WITH, ids=lambda p: p.stem)
def test_a_solution_is_there_when_it_is_asked_for(path, site):
    page = Folds((site / "book" / f"{path.stem}.html").read_text(encoding="utf-8"))
    inside, outside = text_of(page.inside), text_of(page.outside)
    parts = [part for where, _, part in FOUND if where == path]
    assert page.kinds.count("fold solution") == len(parts)
    for part in parts:
        assert text_of(exercises.starter(part.code).rstrip()) in outside, part.name
        answer = text_of(exercises.reference(part.code).rstrip())
        assert answer in inside and answer not in outside, part.name
        assert f'check("{part.name}")' in html.unescape(page.outside)


def test_nothing_that_is_served_has_markers_verdicts_or_grading(site):
    for path in site.rglob("*"):
        shown = path.stem != "instructors"  # that page explains the markers
        if shown and path.suffix in (".html", ".ipynb", ".js", ".txt", ".md"):
            text = html.unescape(path.read_text(encoding="utf-8"))
            for words in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "is right: all",
                          "is not right yet", "is still the starter code"):
                assert words not in text, (path.name, words)


@pytest.mark.parametrize("path", WITH, ids=lambda p: p.stem)
def test_the_download_is_the_learner_edition(path, site):
    (served,) = site.glob(f"_sources/**/{path.name}")
    assert served.read_text(encoding="utf-8") == editions.learner_text(path)
    nbformat.validate(nbformat.read(served, 4))


def test_there_are_pages_to_look_at(site):
    assert len(WITH) == len([p for p in (ROOT / "book").glob("??_*.ipynb") if p.name[2] == "_"])
