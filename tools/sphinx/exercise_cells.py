"""Exercises on a page: the starter code in sight, a solution folded below it, no verdict.

The author's notebook is what runs. Readers see what learners get, and what they download is the
learner edition, too.
"""

from pathlib import Path

from docutils import nodes

from tools.editions import learner_text
from tools.exercises import CHECK, WRITES, is_exercise, reference, starter

SOLUTION = "Show a solution"


def _code_of(cell: nodes.Element) -> nodes.literal_block | None:
    """Return the source of a code cell: the first literal block in it."""
    return next(iter(cell.findall(nodes.literal_block)), None)


def _said(block: nodes.literal_block, text: str) -> nodes.literal_block:
    """Return a block of code like `block`, with another text."""
    return nodes.literal_block(text, text, **{
        key: value for key, value in block.attributes.items() if key in ("language", "classes")})


def _split(cell: nodes.Element, block: nodes.literal_block) -> None:
    """Put the starter in place of the code, and the author's answer into a fold after the cell."""
    source = block.astext()
    answer = nodes.container("", _said(block, reference(source).rstrip()),
                             classes=["cell_input", "docutils", "container"])
    place = cell.parent.index(cell) + 1
    opened = f'<details class="fold solution"><summary>{SOLUTION}</summary>'
    cell.parent.insert(place, [nodes.raw("", opened, format="html"), answer,
                               nodes.raw("", "</details>", format="html")])
    block.parent.replace(block, _said(block, starter(source)))


def _without_output(cell: nodes.Element) -> None:
    for part in [one for one in cell.children if isinstance(one, nodes.Element)
                 and one.get("nb_element") == "cell_code_output"]:
        cell.remove(part)


def shown(app, doctree: nodes.document) -> None:
    """Rewrite the exercises of a page."""
    for cell in [node for node in doctree.findall(nodes.container)
                 if node.get("nb_element") == "cell_code"]:
        block = _code_of(cell)
        if block is None:
            continue
        if is_exercise(block.astext()):
            _split(cell, block)
        elif CHECK.fullmatch(block.astext().strip()) or WRITES.match(block.astext()):
            _without_output(cell)


def downloads(app, error: Exception | None) -> None:
    """Put the learner edition where the download button and "show source" lead."""
    if error is None:
        for copy in Path(app.outdir, "_sources").rglob("*.ipynb"):
            original = Path(app.srcdir) / copy.relative_to(Path(app.outdir, "_sources"))
            copy.write_text(learner_text(original), encoding="utf-8")


def setup(app):
    """Register with Sphinx: before the folds, which look at what follows a prediction."""
    app.connect("doctree-read", shown, priority=550)
    app.connect("build-finished", downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
