"""The quizzes: their form, and that every choice has its reason."""

import nbformat
import pytest
from support import ROOT

from tools import quiz
from tools.minutes import is_main

QUESTIONS = [*quiz.of_book()]
CHAPTERS = [p for p in sorted((ROOT / "book").glob("*.ipynb")) if is_main(p)]
each = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.key)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_closes_with_a_quiz_of_five_or_more(path):
    notebook = nbformat.read(path, 4)
    found = [*quiz.questions(notebook, path.name[:2])]
    assert quiz.is_quiz(notebook.cells[-1].source)
    assert len(found) >= 5 and [q.number for q in found] == [*range(1, len(found) + 1)]
    places = [[c.is_right for c in q.choices].index(True) for q in found]
    assert len(set(places)) >= 3, "the answer is not always in the same place"


@each
def test_every_choice_has_a_reason_of_its_own(question):
    assert 3 <= len(question.choices) <= 5
    reasons = [choice.reason for choice in question.choices]
    assert len(set(reasons)) == len(reasons) and all(len(r.split()) >= 6 for r in reasons)
    assert len({choice.text for choice in question.choices}) == len(question.choices)
    assert not any("`" in choice.text for choice in question.choices), (
        "a summary is HTML, in which notebooks show backticks: write <code>…</code>")
    lengths = [len(c.text) for c in question.choices]
    right = next(len(c.text) for c in question.choices if c.is_right)
    assert right <= 2.5 * sorted(lengths)[-2 if right == max(lengths) else -1], "it stands out"


def test_a_quiz_that_cannot_be_read_is_refused():
    source = ("## Quiz\n\n**1.** One?\n\n<details><summary>a</summary>\n\nRight. It is.\n\n"
              "</details>\n")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    with pytest.raises(ValueError, match="02-1 needs three choices"):
        [*quiz.questions(notebook, "02")]
