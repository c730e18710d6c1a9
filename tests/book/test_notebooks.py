"""The stored form of the chapters, and the tool that makes it."""

import nbformat
import pytest
from support import ROOT

from tools import minutes, notebooks
from tools.exercises import is_exercise

PAGES = sorted((ROOT / "book").glob("*.ipynb"))
CHAPTERS, DEEPER = ([p for p in PAGES if minutes.is_main(p) is main] for main in (True, False))
code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell


def text_of(path):
    """What stands between the code."""
    return "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown")


def shows_a_box(source):
    """Is this cell the check of an exercise, or its numbers?"""
    return source.startswith(('check("', 'task("'))


def run_notebook(tmp_path, *sources, settings=({}, {})):
    nb = nbformat.v4.new_notebook(cells=[code(s) for s in sources])
    first, second = (notebooks.run(nb, tmp_path, s) for s in settings)
    return notebooks.stored_form(first, second).cells


@pytest.mark.slow  # starts kernels
def test_keeps_what_two_unlike_runs_agree_on(tmp_path):
    cells = run_notebook(
        tmp_path,
        "print('always'); print('the same')",
        "1 + 1",
        "import os; print(os.environ['COURSE_PROFILE'])",
        "print(hash('text'))",
        "import time; print(time.time())",
        "import sys; print('to stderr', file=sys.stderr); print('and stdout')",
        "import matplotlib.pyplot as plt; plt.plot([1]); print('with a figure')",
        "print(object())",
        "print('on the cpu')",
        "from IPython.display import HTML; HTML('<b>1</b>')",
        "print('x' * 2000)",
        "x = 1",
        "import time; time.perf_counter(); print('1.1 times as fast')",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)",
        settings=notebooks.RUNS)
    kept = ["".join(o.get("text") or o.data["text/plain"] for o in c.outputs) for c in cells]
    assert kept == ["always\nthe same\n", "2"] + [""] * 12
    assert [c.execution_count for c in cells] == [1, 2] + [None] * 12


@pytest.mark.slow  # starts kernels
def test_a_second_refresh_changes_nothing(tmp_path):
    def refreshed(nb):
        runs = (notebooks.run(nb, tmp_path, {}) for _ in range(2))
        return notebooks.written(notebooks.stored_form(*runs))

    once = refreshed(nbformat.v4.new_notebook(cells=[
        markdown("# A"), code("print(1)"), code("import time; time.time()")]))
    assert once == refreshed(nbformat.reads(once, 4))


@pytest.mark.parametrize("spoil", [
    lambda nb: nb.metadata.update(widgets={"state": {}}),
    lambda nb: nb.cells[0].update(execution_count=7),
    lambda nb: nb.cells[0].metadata.update(collapsed=True),
    lambda nb: nb.cells[0].outputs.append(
        nbformat.v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="})),
    lambda nb: nb.cells[0].outputs.append(nbformat.v4.new_output("error", ename="E", evalue="x",
                                                                 traceback=[])),
])
def test_check_refuses_what_is_not_in_stored_form(tmp_path, spoil, capsys, monkeypatch):
    monkeypatch.setattr(notebooks, "BOOK", tmp_path / "book")
    (tmp_path / "book").mkdir()
    path = tmp_path / "book" / "chapter.ipynb"
    nb = notebooks.stored_form(nbformat.v4.new_notebook(cells=[code("print(1)")]))
    path.write_text(notebooks.written(nb), encoding="utf-8")
    assert notebooks.check([path]) == 0
    spoil(nb)
    path.write_text(notebooks.written(nb), encoding="utf-8")
    assert notebooks.check([path]) == 1
    assert "make refresh NOTEBOOK=" in capsys.readouterr().out


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
class TestPages:
    def test_stored_form_and_small(self, path):
        assert notebooks.check([path]) == 0
        assert path.stat().st_size < 100_000

    def test_no_markup_that_colab_shows_raw(self, path):
        text = text_of(path)
        assert not any(mark in text for mark in (":::", "```{", "{figure}", "{note}")), "MyST"
        assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
        for piece in text.split("<summary>")[1:]:
            assert "</summary>\n\n" in piece, "without the blank line Markdown stays raw"

    def test_no_more_than_three_code_cells_without_a_word_between(self, path):
        kinds = "".join(c.cell_type[0] for c in nbformat.read(path, 4).cells)
        assert "cccc" not in kinds

    def test_code_fits_the_page_and_the_eye(self, path):
        for number, cell in enumerate(nbformat.read(path, 4).cells):
            if cell.cell_type == "code":
                lines = cell.source.splitlines()
                assert max(map(len, lines)) <= 88, (number, max(lines, key=len))
                assert len([line for line in lines if line.strip()]) <= 25, number

    def test_headings_do_not_jump(self, path):
        level = 0
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                for line in cell.source.splitlines():
                    if line.startswith("#"):
                        new = len(line) - len(line.lstrip("#"))
                        assert new <= level + 1, line
                        level = new


class TestChapters:
    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
    def test_some_outputs_are_stored_so_that_nbval_has_something_to_compare(self, path):
        cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
        cells = [c for c in cells if not (is_exercise(c.source) or shows_a_box(c.source))]
        assert sum(bool(c.outputs) for c in cells) >= len(cells) / 4  # others draw or train

    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
    def test_every_list_of_chapters_has_it(self, path):
        for name in ("README.md", "book/index.md", "_toc.yml"):
            assert path.stem in (ROOT / name).read_text(encoding="utf-8"), name

    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
    def test_anatomy(self, path):
        first, text = nbformat.read(path, 4).cells[0].source, text_of(path)
        title = first.splitlines()[0]
        assert title.startswith(f"# {int(path.name[:2])}. ") and "?" in title, "it is a question"
        assert minutes.BOX.search(first)
        for heading in ("## Something to wonder about", "## Experiment", "## Pitfalls",
                        "## What you can do now"):
            assert heading in text, heading
        assert "To read on" in text and text.count("<summary>") >= 3, "questions have answers"

    @pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
    def test_one_sitting(self, path):
        found = minutes.count(nbformat.read(path, 4))
        assert found.exact <= minutes.LIMIT and 6 <= found.predictions <= 13


@pytest.mark.parametrize("path", DEEPER, ids=lambda p: p.stem)
def test_a_deeper_page_stands_under_its_chapter(path):
    """It has its chapter's number and a letter, and its chapter leads to it."""
    (chapter,) = (p for p in CHAPTERS if p.name[:2] == path.name[:2])
    cells = nbformat.read(path, 4).cells
    title = cells[0].source.splitlines()[0]
    assert title.startswith(f"# {path.name[:3].lstrip('0')}. Deeper: ")
    assert minutes.BOX.search(cells[0].source) and chapter.name in text_of(path)
    assert path.name in text_of(chapter)
    listed = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert path.stem in listed.partition(chapter.stem)[2].partition("\n  - file")[0]
    assert path.stem in (ROOT / "book/index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DEEPER, ids=lambda p: p.stem)
def test_chapters_do_not_build_on_deeper_pages(path):
    for other in CHAPTERS:
        assert path.name not in text_of(other) or other.name[:2] == path.name[:2], other.name


def test_minutes_are_counted_and_written():
    cells = [markdown("# 1. A\n> **Time and cost.** About 95 minutes. [Five](x.html) words $x$ "
                      "**Predict:** <b>here</b>"), code("import torch\nimport numpy"),
             code("x = 1\n\ny = 2")]
    nb = nbformat.v4.new_notebook(cells=cells)
    found = minutes.count(nb)
    assert (found.words, found.lines, found.cells, found.predictions) == (12, 2, 3, 1)
    assert found.exact == pytest.approx(12 / 200 + 2 / 6 + 1.5)
    assert "About 5 minutes." in notebooks.stored_form(nb).cells[0].source
    assert minutes.is_main(ROOT / "book/03_a.ipynb") and not minutes.is_main(ROOT / "03a_b.ipynb")
