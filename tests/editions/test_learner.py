"""What learners get: starter code, nothing run, nothing of the author's answers."""

import nbformat
import pytest
from support import ROOT

from tools import editions, exercises

PAGES = sorted((ROOT / "book").glob("*.ipynb"))
WITH = [p for p in PAGES if [*exercises.parts(nbformat.read(p, 4))]]
ANSWER = '''def size(n):
    """Half of n."""
    # BEGIN SOLUTION
    half = n // 2
    return half
    # END SOLUTION
'''


def test_a_solution_becomes_an_error_that_says_it_is_not_written():
    text = exercises.starter(ANSWER)
    assert text == 'def size(n):\n    """Half of n."""\n    # YOUR CODE HERE\n    ' \
                   'raise NotImplementedError\n'
    assert "SOLUTION" not in exercises.reference(ANSWER) and "half = n // 2" in (
        exercises.reference(ANSWER))


def test_a_value_stays_open_and_the_notebook_runs_on():
    source = "answer_size = ...  # a number\n# BEGIN SOLUTION\nanswer_size = 3\n# END SOLUTION"
    assert exercises.starter(source) == "answer_size = ...  # a number\n# YOUR CODE HERE"
    assert exercises.reference(source) == "answer_size = 3"


@pytest.mark.parametrize("source, says", [
    (ANSWER.replace("    # END SOLUTION\n", ""), "without an END"),
    ("x = 1\ny = 2", "defines one thing")])
def test_what_is_no_exercise_is_refused(source, says):
    with pytest.raises(ValueError, match=says):
        exercises.starter(source), exercises.name_of(source)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_learner_edition_has_no_answer_and_is_a_notebook(path):
    notebook = nbformat.reads(editions.learner_text(path), 4)
    nbformat.validate(notebook)
    original = nbformat.read(path, 4)
    assert [c.cell_type for c in notebook.cells] == [c.cell_type for c in original.cells]
    for cell in notebook.cells:
        assert "SOLUTION" not in cell.source and not cell.get("outputs")
    for part in exercises.parts(original):
        kept = {line.strip() for line in exercises.starter(part.code).splitlines()}
        answer = {line.strip() for line in exercises.reference(part.code).splitlines()} - kept
        code = "\n".join(c.source for c in notebook.cells[part.first:part.last])
        lines = {line.strip() for line in code.splitlines()}
        assert answer and not answer & lines, part.name


def test_one_command_writes_all_of_them(tmp_path):
    editions.main(tmp_path / "learn")
    assert [p.name for p in sorted((tmp_path / "learn").iterdir())] == [p.name for p in PAGES]
    assert WITH
