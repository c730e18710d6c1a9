"""The quiz on the static page: each question a group with a name, each choice still `<details>`.

A choice gets a ✓ or ✗ and opens to "Right." or "Not yet." and its reason, by mouse, by key and
without JavaScript; `static/course/quiz.js` adds a count, and remembers what is done. The notebook
stays as it is: there, Colab and JupyterLab show the `<details>`. `tools/quiz.py` has the form.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

from tools.quiz import RIGHT

PIECE = re.compile(r"<details>\s*<summary>(.+?)</summary>|</details>", re.DOTALL)
NUMBER = re.compile(r"(\d+)\.")
INLINE = re.compile(r"(\$[^$]+\$|`[^`]+`)")  # what a summary, which is HTML, has of Markdown
VERDICTS = {True: "Right.", False: "Not yet."}  # the mark, in quiz.css, is beside the choice


@dataclass
class Choice:
    """A choice as it stands on the page."""

    summary: str
    reason: list[nodes.Node] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Is this the answer? Then its reason begins with that word."""
        return bool(self.reason) and self.reason[0].astext().startswith(RIGHT)


@dataclass
class Question:
    """A question as it stands on the page; the paragraph has its number."""

    number: str
    paragraph: nodes.paragraph
    text: list[nodes.Node] = field(default_factory=list)  # what follows the paragraph
    choices: list[Choice] = field(default_factory=list)


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def _question(node: nodes.Node) -> Question | None:
    """Return the question that begins with this node, a paragraph with a number in bold."""
    if not isinstance(node, nodes.paragraph):
        return None
    # an empty text comes before it
    first = next((one for one in node.children if one.astext()), None)
    found = isinstance(first, nodes.strong) and NUMBER.fullmatch(first.astext())
    return Question(found[1], node) if found else None


def _pieces(section: nodes.section) -> Iterator[nodes.Node | str | None]:
    """Yield what follows the title: nodes, the summary where a choice begins, None at its end."""
    for node in section.children[1:]:
        if isinstance(node, nodes.raw) and "details>" in node.astext():
            yield from (found[1] for found in PIECE.finditer(node.astext()))
        else:
            yield node


def parsed(section: nodes.section) -> tuple[list[nodes.Node], list[Question]]:
    """Return what stands before the first question, and the questions."""
    before, questions, inside = [], [], False
    for piece in _pieces(section):
        if isinstance(piece, nodes.Node):
            if inside:
                questions[-1].choices[-1].reason.append(piece)
            elif begun := _question(piece):
                questions.append(begun)
            else:
                (questions[-1].text if questions else before).append(piece)
        else:
            inside = piece is not None
            if piece is not None and questions:
                questions[-1].choices.append(Choice(piece))
    return before, questions


def _summary(text: str) -> Iterator[nodes.Node]:
    """Yield a summary's HTML, with nodes for its formulas and for what stands in backticks."""
    for piece in filter(None, INLINE.split(text)):
        if INLINE.fullmatch(piece):
            kind = nodes.math if piece[0] == "$" else nodes.literal
            yield kind("", piece[1:-1])
        else:
            yield _html(piece)


def _reason(choice: Choice) -> list[nodes.Node]:
    """Return the reason, after the verdict in a word."""
    verdict = _html(f"<strong>{VERDICTS[choice.is_right]}</strong> ")
    first = choice.reason[0]
    if not isinstance(first, nodes.paragraph):
        return [nodes.paragraph("", "", verdict), *choice.reason]
    if choice.is_right:  # the word is in the verdict
        text = next(first.findall(nodes.Text))
        text.parent.replace(text, nodes.Text(text.removeprefix(RIGHT).lstrip()))
    first.insert(0, verdict)
    return choice.reason


def _shown(question: Question, chapter: str) -> Iterator[nodes.Node]:
    key = f"{chapter}-{question.number}"
    question.paragraph["ids"] = [f"quiz-{key}"]
    yield _html(f'<div class="quiz-question" role="group" aria-labelledby="quiz-{key}" '
                f'data-question="{key}">')
    yield question.paragraph
    yield from question.text
    for choice in question.choices:
        right = " data-right" if choice.is_right else ""
        yield _html(f'<details class="quiz-choice"{right}><summary><span class="quiz-text">')
        yield from _summary(choice.summary)
        yield _html('</span></summary><div class="quiz-reason">')
        yield from _reason(choice)
        yield _html("</div></details>")
    yield _html("</div>")


def quizzed(app, doctree: nodes.document) -> None:
    """Put the quiz of a page into groups."""
    docname = app.env.docname
    for section in [*doctree.findall(nodes.section)]:
        if section.children[0].astext() != "Quiz":
            continue
        before, questions = parsed(section)
        for question in questions:
            choices = question.choices
            if sum(c.is_right for c in choices) != 1 or not all(c.reason for c in choices):
                logging.getLogger(__name__).warning(
                    "Question %s of the quiz needs a reason for each choice, and one right choice.",
                    question.number, location=section)
                return
        chapter = Path(docname).name[:2]
        section[1:] = [*before, _html('<div class="quiz">'),
                       *(node for q in questions for node in _shown(q, chapter)),
                       _html('<p class="quiz-count" role="status"></p></div>')]
        if any("$" in choice.summary for q in questions for choice in q.choices):
            # Sphinx has looked for formulas already: the page needs MathJax
            app.env.get_domain("math").data["has_equations"][docname] = True


def setup(app):
    """Register with Sphinx."""
    app.add_css_file("course/quiz.css")
    app.add_js_file("course/quiz.js", loading_method="defer", priority=600)  # after progress.js
    app.connect("doctree-read", quizzed, priority=300)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
