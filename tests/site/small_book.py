"""A small book with exercises and a quiz, built as the real one is.

The chapters' own exercises and quizzes come and go; what the site makes of them is tested on these.
"""

import os
import shutil
import subprocess
import sys

import nbformat
from support import ROOT, SMOKE

from helpers import PoolExplorer
from helpers.exercises.known import exercises
from tools.book import surroundings
from tools.notebooks import METADATA

sys.path.insert(0, str(ROOT / "tests" / "exercises"))
import quiz_made

# one that there is, for what Python says of it
NAMES = [next(n for n, e in exercises().items() if e.chapter == "02"), "another_one",
         "a_deeper_one"]
BUILD = "from jupyter_book.cli.main import main; main()"
TOC = """format: jb-book
root: book/index
chapters:
  - file: book/01_none
  - file: book/02_both
    sections: [{file: book/02a_deeper}]
  - file: book/03_quiz
  - file: book/04_figure
  - file: book/figures
"""
SHORT = "\n".join(line if "<summary>" in line else line.replace("$", "") for line in
                  quiz_made.SOURCE[:quiz_made.SOURCE.index("**2.**")].strip().split("\n"))


def exercise(number, name):
    """The cells of one."""
    return [f"### Exercise {number}: Do it (5 minutes)\n\nDefine `{name}`.",
            [f"def {name}():\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION"],
            [f'check("{name}")']]


PAGES = {
    "01_none": ["# 1. Nothing to do"],
    "02_both": ["# 2. Why? For what? Both", ["import os"], "## On the way",
                *exercise("2.1", NAMES[0]), "The text goes on.",
                "## Exercises", *exercise("2.2", NAMES[1]), quiz_made.SOURCE],
    "02a_deeper": ["# 2a. Deeper: more", "## Exercises", *exercise("2.3", NAMES[2])],
    "03_quiz": ["# 3. A quiz with formulas in its choices only", SHORT],
}


def notebook(cells):
    """A page of texts, and of code in lists."""
    made = [nbformat.v4.new_markdown_cell(c) if isinstance(c, str)
            else nbformat.v4.new_code_cell(*c) for c in cells]
    return nbformat.v4.new_notebook(cells=made, metadata=METADATA)


def with_a_figure():
    """A chapter with a figure, as a notebook that was run has it."""
    figure = PoolExplorer(mode="average")
    state = {"_anywidget_id": "helpers.widgets.pool.PoolExplorer", **figure.page_state()}
    view = {"model_id": "a1", "version_major": 2, "version_minor": 1}
    made = notebook(["# 4. A figure", ["PoolExplorer()"]])
    made.cells[1].outputs = [nbformat.v4.new_output("display_data", {
        "application/vnd.jupyter.widget-view+json": view, "text/plain": "PoolExplorer"})]
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {
        "version_major": 2, "version_minor": 0, "state": {
            "a1": {"model_module": "anywidget", "model_module_version": "~0.9",
                   "model_name": "AnyModel", "state": state}}}}
    return made


def write(folder, pages=PAGES, toc=TOC, execute="off"):
    """Write the book's files."""
    (folder / "book" / "figures").mkdir(parents=True)
    settings = (ROOT / "_config.yml").read_text(encoding="utf-8")
    settings = settings.replace("tools/sphinx", str(ROOT / "tools" / "sphinx")).replace(
        "execute_notebooks: cache ", f'execute_notebooks: "{execute}" ')
    (folder / "_config.yml").write_text(settings, encoding="utf-8")
    (folder / "_toc.yml").write_text(toc, encoding="utf-8")
    for picture in (ROOT / "book" / "figures").glob("favicon*"):
        shutil.copy(picture, folder / "book" / "figures")
    real = (ROOT / "book" / "index.md").read_text(encoding="utf-8").split("\n## ")
    (words,) = [part for part in real if part.startswith("What you have done")]
    (folder / "book" / "index.md").write_text(f"# Small\n\n## {words}", encoding="utf-8")
    for name, cells in pages.items():
        nbformat.write(notebook(cells), folder / "book" / f"{name}.ipynb")
    nbformat.write(with_a_figure(), folder / "book" / "04_figure.ipynb")
    shutil.copy(ROOT / "book" / "figures.md", folder / "book")


def build(folder):
    """Build it, with warnings as errors; return the finished process."""
    return subprocess.run([sys.executable, "-c", BUILD, "build", str(folder), "--warningiserror"],
                          env={**os.environ, **surroundings(), **SMOKE, "COURSE_OFFLINE": "1"},
                          capture_output=True, text=True, check=False, cwd=ROOT)
