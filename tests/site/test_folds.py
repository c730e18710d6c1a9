"""What waits on the page: the output under a prediction, answers in words, the imports."""

import subprocess
import sys
from html.parser import HTMLParser

import nbformat
import pytest
from support import PAGES, ROOT

from tools.minutes import PREDICT
from tools.notebooks import METADATA

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools" / "sphinx")!r})
extensions, master_doc, nb_execution_mode = ["myst_nb", "folds"], "page", "off"
nb_ipywidgets_js = {{}}
"""
WIDGET = nbformat.v4.new_output("display_data", data={
    "text/plain": "figure", "application/vnd.jupyter.widget-view+json": {"model_id": "a"}})
# What the cells of a page are, and which of their outputs, printed as "<number>", must be folded
PAGES_TRIED = {
    "an output under a prediction": (["**Predict:** how many?", 1, "So many.", 2], {1}),
    "in the next section, no": (["**Predict:** how many?", "## Next", 1], set()),
    "a cell without an output": (["**Predict.** How many?", None, 1, 2], {1, 2}),
    "answered in words first": (
        ["**Predict:** why?", "<details><summary>Answer</summary>\n\nSo.\n\n</details>", 1], set()),
    "no question": (["We *predict* nothing, and **predictions** are bold.", 1], set()),
    "two": (["**Predict:** a", 1, "Then **predict** b.", 2, 3, "So.", 4], {1, 2, 3}),
    "a figure to touch": (["**Predict:** a", WIDGET, 1], set()),
}


class Folds(HTMLParser):
    """Collects what stands inside and outside of `<details>`."""

    def __init__(self, text: str):
        super().__init__()
        self.depth, self.kinds, self.inside, self.outside = 0, [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.depth += tag == "details"
        if tag == "details":
            self.kinds.append(dict(attrs).get("class"))

    def handle_endtag(self, tag):
        self.depth -= tag == "details"

    def handle_data(self, data):
        if self.depth:
            self.inside += data
        else:
            self.outside += data


def cell(content):
    if isinstance(content, str):
        return nbformat.v4.new_markdown_cell(content)
    outputs = {type(None): [], int: [nbformat.v4.new_output("stream", text=f"<{content}>")]}
    return nbformat.v4.new_code_cell("run()", outputs=outputs.get(type(content), [content]))


@pytest.mark.slow  # builds a page
def test_the_output_under_a_prediction_is_folded_and_no_other(tmp_path):
    pages = [nbformat.v4.new_code_cell("import torch\nx = 1")]
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    tried = list(PAGES_TRIED.values())
    names = "\n".join(f"page{n}" for n in range(len(tried)))
    (tmp_path / "page.md").write_text(f"# Pages\n\n```{{toctree}}\n{names}\n```\n")
    for n, (contents, _) in enumerate(tried):
        cells = [nbformat.v4.new_markdown_cell("# Title"), *pages, *map(cell, contents)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA),
                       tmp_path / f"page{n}.ipynb")
    built = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-b", "html", tmp_path,
                            tmp_path / "out"], capture_output=True, text=True, check=False,
                           cwd=ROOT)
    assert built.returncode == 0, built.stderr
    for n, (contents, folded) in enumerate(tried):
        found = Folds((tmp_path / "out" / f"page{n}.html").read_text(encoding="utf-8"))
        assert found.kinds[0] == "fold imports" and "import torch" in found.inside
        for number in filter(lambda c: isinstance(c, int), contents):
            assert (f"<{number}>" in found.inside) == (number in folded), (contents, number)
            assert (f"<{number}>" in found.outside) == (number not in folded)


@pytest.mark.parametrize("page", PAGES[1:])
def test_predictions_have_answers_that_wait(site, page):
    """At least two in three; figures that are to be touched answer the others."""
    notebook = nbformat.read(ROOT / page.replace(".html", ".ipynb"), 4)
    asked = sum(len(PREDICT.findall(c.source)) for c in notebook.cells)
    found = Folds((site / page).read_text(encoding="utf-8"))
    answers = [kind for kind in found.kinds if kind != "quiz-choice"]
    assert found.depth == 0 and answers.count("fold imports") == 1
    assert 3 * (len(answers) - 1) >= 2 * asked


def test_folds_open_by_key_and_without_javascript(open_page):
    page = next(page for page in PAGES if "/03_" in page)
    tab = open_page(page, java_script_enabled=False)
    fold = tab.locator("details.fold.answer").first
    output = fold.locator(".cell_output").first
    assert not output.is_visible()
    fold.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert output.is_visible()
    tab.keyboard.press("Space")
    assert not output.is_visible()
