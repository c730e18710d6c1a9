"""What waits on a page until it is asked for: the output under a prediction, and the imports.

Both become `<details>`, which open by mouse, by key and without JavaScript. The notebooks stay as
they are: there, an output waits until its cell is run. Answers in words are `<details>` in the
text of the notebook, which Colab and JupyterLab fold as well.
"""

import re
from collections.abc import Iterator

from docutils import nodes

PREDICT = re.compile(r"predict\b", re.IGNORECASE)
OUTPUT, IMPORTS = "Predicted? Show the output", "Imports"


def _cells(doctree: nodes.document) -> Iterator[nodes.Element]:
    """Yield paragraphs, pieces of HTML and code cells as they follow each other on the page."""
    for node in doctree.findall(nodes.Element):
        code = node.get("nb_element") == "cell_code"
        if code or isinstance(node, nodes.paragraph | nodes.raw | nodes.title):
            yield node


def _part(cell: nodes.Element, element: str) -> nodes.Element | None:
    """Return the child of a code cell that is its source or its output."""
    return next((one for one in cell.children if isinstance(one, nodes.Element)
                 and one.get("nb_element") == element), None)


def predicts(node: nodes.Node) -> bool:
    """Does a paragraph ask for a prediction? Then it has the word in bold."""
    return isinstance(node, nodes.paragraph) and any(
        PREDICT.match(strong.astext()) for strong in node.findall(nodes.strong))


def _shows_a_widget(output: nodes.Element) -> bool:
    """A figure is there to be touched, with or without a prediction."""
    return any("widget-view" in str(one.attributes) or "widget-view" in one.astext()
               for one in output.findall(nodes.Element))


def _fold(part: nodes.Element, kind: str, summary: str) -> None:
    opened = f'<details class="fold {kind}"><summary>{summary}</summary>'
    place, siblings = part.parent.index(part), part.parent
    siblings.insert(place + 1, nodes.raw("", "</details>", format="html"))
    siblings.insert(place, nodes.raw("", opened, format="html"))


def folded(app, doctree: nodes.document) -> None:
    """Fold the first cell's imports, and of each prediction the outputs that follow.

    Those of cells that stand together, since the second may tell what the first has kept. A
    prediction that is answered in words before an output follows has its own fold in the text.
    """
    asked, shown, first, found = False, False, True, []
    for node in _cells(doctree):
        if node.get("nb_element") != "cell_code":
            answered = isinstance(node, nodes.raw) and "<details" in node.astext()
            asked = predicts(node) or (
                asked and not (shown or answered or isinstance(node, nodes.title)))
            shown = False
            continue
        source, output = _part(node, "cell_code_source"), _part(node, "cell_code_output")
        if first and source is not None and "import " in source.astext():
            found.append((source, "imports", IMPORTS))
        first = False
        if asked and output is not None:
            shown, asked = True, not _shows_a_widget(output)
            if asked:
                found.append((output, "answer", OUTPUT))
    for one in found:
        _fold(*one)


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-read", folded, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
