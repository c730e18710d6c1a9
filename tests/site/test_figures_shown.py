"""The build counts figures: a cell that describes one and shows none fails it."""

import subprocess
import sys

import nbformat
import pytest
from support import ROOT

from tools.notebooks import METADATA

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools" / "sphinx")!r})
import course_site
extensions, master_doc, nb_execution_mode = ["myst_nb"], "chapter", "off"
def setup(app):
    app.connect("doctree-read", course_site.figures_shown)
"""
ALT = {"mystnb": {"image": {"alt": "A line that rises from 1 to 2."}}}
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
         "rkJggg==")
FIGURE = nbformat.v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure>"})
WORDS = nbformat.v4.new_output("stream", text="no figure")


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize("outputs, fails", [([WORDS, FIGURE], False), ([WORDS], True), ([], True)],
                         ids=["figure", "words", "nothing"])
def test_fault_e1_a_build_without_its_figures_fails(tmp_path, outputs, fails):
    cells = [nbformat.v4.new_markdown_cell("# Title"),
             nbformat.v4.new_code_cell("draw()", metadata=ALT, outputs=outputs)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    nbformat.write(notebook, tmp_path / "chapter.ipynb")
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    built = subprocess.run([sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", tmp_path,
                            tmp_path / "out"], capture_output=True, text=True, check=False,
                           cwd=ROOT)
    assert bool(built.returncode) == fails == ("describe one: A line that rises" in built.stderr), (
        built.stderr)
