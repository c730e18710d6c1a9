"""Quizzes as Moodle's XML: one file for each chapter, which a question bank imports.

What the format is: https://docs.moodle.org/en/Moodle_XML_format. Every text goes in as HTML, and
formulas as \\( … \\) and \\[ … \\], which Moodle's MathJax filter shows.
"""

import html
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree as et

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.quiz import Question

COURSE = "From Tensors to ResNets"


def _formula(opens: str, closes: str):
    """Return the rule by which markdown-it writes a formula."""
    def rule(renderer, tokens, index, options, environment) -> str:
        return f"{opens}{html.escape(tokens[index].content.strip(), quote=False)}{closes}"
    return rule


def _reader() -> MarkdownIt:
    """Return what turns Markdown into HTML: tables, formulas, and HTML as it stands."""
    reader = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
    reader.add_render_rule("math_inline", _formula(r"\(", r"\)"))
    reader.add_render_rule("math_block", _formula(r"<p>\[", "\\]</p>\n"))
    return reader


READER = _reader()


def to_html(text: str, inline: bool = False) -> str:
    """Return Markdown as HTML; an `inline` text becomes no paragraph.

    Raise ValueError for pictures and links to other pages, which would lead nowhere.
    """
    made = (READER.renderInline(text) if inline else READER.render(text)).strip()
    if lost := re.search(r'<img\b|(?:href|src)="(?!https?://)[^"]*"', made):
        raise ValueError(f"Moodle would not find what this names: {lost[0]} in {text[:60]!r}")
    return made


def _text(parent: et.Element, tag: str, text: str, **attributes: str) -> et.Element:
    """Add an element whose only content is a `text`."""
    made = et.SubElement(parent, tag, attributes)
    et.SubElement(made, "text").text = text
    return made


def _multichoice(quiz: et.Element, question: Question) -> None:
    one = et.SubElement(quiz, "question", type="multichoice")
    text = to_html(question.text)
    plain = html.unescape(re.sub(r"<[^>]+>", "", text))
    _text(one, "name", f"{question.key} {' '.join(plain.split())}"[:200])
    _text(one, "questiontext", text, format="html")
    _text(one, "generalfeedback", "", format="html")
    for tag, value in (("defaultgrade", "1"), ("penalty", "0.3333333"), ("hidden", "0"),
                       ("single", "true"), ("shuffleanswers", "true"),
                       ("answernumbering", "abc"), ("showstandardinstruction", "0")):
        et.SubElement(one, tag).text = value
    for tag in ("correctfeedback", "partiallycorrectfeedback", "incorrectfeedback"):
        _text(one, tag, "", format="html")
    for choice in question.choices:
        answer = _text(one, "answer", to_html(choice.text, inline=True),
                       fraction="100" if choice.is_right else "0", format="html")
        _text(answer, "feedback", to_html(choice.reason), format="html")


def to_xml(questions: Iterable[Question], title: str) -> bytes:
    """Return the file of a chapter, whose questions go into a category of their own."""
    quiz = et.Element("quiz")
    place = et.SubElement(quiz, "question", type="category")
    # a slash in a name is written twice, since one divides names
    _text(place, "category", f"$course$/top/{COURSE}/{title.replace('/', '//')}")
    for question in questions:
        _multichoice(quiz, question)
    et.indent(quiz, " ")
    return et.tostring(quiz, "utf-8", xml_declaration=True, short_empty_elements=False) + b"\n"


def write(questions: Iterable[Question], titles: Mapping[str, str], folder: Path) -> list[Path]:
    """Write `chapter-02.xml` and so on into a folder; return the paths."""
    chapters: dict[str, list[Question]] = {}
    for question in questions:
        chapters.setdefault(question.chapter, []).append(question)
    made = {folder / f"chapter-{chapter}.xml": to_xml(there, titles[chapter])
            for chapter, there in chapters.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in made.items():
        path.write_bytes(content)
    return [*made]
