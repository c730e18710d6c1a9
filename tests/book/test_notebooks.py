"""The stored form of the chapters, and the tool that makes it."""

import nbformat
import pytest
from support import ROOT

from tools import notebooks

CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell


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
        "print('x' * 2000)",
        "x = 1",
        "import time; time.perf_counter(); print('1.1 times as fast')",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)",
        settings=notebooks.RUNS)
    kept = ["".join(o.get("text") or o.data["text/plain"] for o in c.outputs) for c in cells]
    assert kept == ["always\nthe same\n", "2"] + [""] * 11
    assert [c.execution_count for c in cells] == [1, 2] + [None] * 11


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


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
class TestChapters:
    def test_stored_form_and_small(self, path):
        assert notebooks.check([path]) == 0
        assert path.stat().st_size < 100_000

    def test_some_outputs_are_stored_so_that_nbval_has_something_to_compare(self, path):
        cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
        assert sum(bool(c.outputs) for c in cells) >= len(cells) / 3

    def test_every_list_of_chapters_has_it(self, path):
        for name in ("README.md", "book/index.md", "_toc.yml"):
            assert path.stem in (ROOT / name).read_text(encoding="utf-8"), name

    def test_anatomy(self, path):
        cells = nbformat.read(path, 4).cells
        assert cells[0].source.splitlines()[0].startswith(f"# {int(path.name[:2])}. ")
        assert "?" in cells[0].source.splitlines()[0], "a title is a question"
        assert "Time and cost" in cells[0].source
        text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
        for heading in ("## Something to wonder about", "## Experiment", "## Pitfalls",
                        "## What you can do now"):
            assert heading in text, heading
        assert text.count("**Predict") >= 6 and "To read on" in text
        assert not any(mark in text for mark in (":::", "```{", "{figure}", "{note}")), (
            "no MyST: Colab shows it raw")
        kinds = "".join("c" if c.cell_type == "code" else "m" for c in cells)
        assert "cccc" not in kinds, "more than three code cells without a word between"

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
