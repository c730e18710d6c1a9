"""The glossary's terms, underlined with dots where a page first uses one that another introduced.

`book/glossary.md` is the only list. Each line is a term in bold, its Chinese name, its meaning, and
the page that introduces it; there, the text itself says what it means.
"""

import html
import re
from pathlib import Path

from docutils import nodes

GLOSSARY = "book/glossary"
LINE = re.compile(r"^\*\*(.+?)\*\* · (.+?) · (.+?) \[\d+\]\((\w+)\.ipynb\)$", re.MULTILINE)
_NOT_IN = (nodes.reference, nodes.literal, nodes.title, nodes.math, nodes.strong, nodes.raw)


def terms(root: Path) -> dict[str, tuple[str, str]]:
    """Return for each term, in lower case, its meaning and the page that introduces it.

    A book without a glossary has none.
    """
    path = root / f"{GLOSSARY}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {term.lower(): (meaning, page) for term, _, meaning, page in LINE.findall(text)}


def anchor(term: str) -> str:
    """Return the id of a term on the glossary's page."""
    return "term-" + re.sub(r"\W+", "-", term.lower())


def pattern(names) -> re.Pattern:
    """Return what finds terms as whole words, long ones first, and their plurals."""
    longest = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest))})s?(?![\w-])", re.IGNORECASE)


def _link(term: str, words: str, meaning: str) -> nodes.raw:
    plain = re.sub(r"[`*]", "", meaning)
    return nodes.raw("", f'<a class="term" href="glossary.html#{anchor(term)}" data-meaning="'
                         f'{html.escape(plain, quote=True)}">{html.escape(words)}</a>',
                     format="html")


def _marked(text: str, find: re.Pattern, left: dict) -> list[nodes.Node]:
    """Split a text at the terms that are left, take these out of them, and return the pieces."""
    pieces, end = [], 0
    for match in find.finditer(text):
        term = match[1].lower()
        if term not in left:
            continue
        pieces += [nodes.Text(text[end:match.start()]), _link(term, match[0], left.pop(term)[0])]
        end = match.end()
    return [*pieces, nodes.Text(text[end:])] if pieces else []


def mark(app, doctree: nodes.document) -> None:
    """Mark the terms of a chapter; give those of the glossary their ids."""
    page = app.env.docname
    if page == GLOSSARY:
        for term in [*doctree.findall(nodes.strong)]:
            place = nodes.raw("", f'<span id="{anchor(term.astext())}"></span>', format="html")
            term.parent.insert(term.parent.index(term), place)
        return
    if not re.match(r"book/\d\d", page):
        return
    number = page.partition("/")[2][:2]
    left = {term: it for term, it in terms(Path(app.srcdir)).items() if it[1][:2] != number}
    if not left:
        return
    find = pattern(left)
    for paragraph in [*doctree.findall(nodes.paragraph)]:
        for text in [*paragraph.findall(nodes.Text)]:
            around = text.parent
            while around is not paragraph and not isinstance(around, _NOT_IN):
                around = around.parent
            pieces = [] if around is not paragraph else _marked(text.astext(), find, left)
            if pieces:
                text.parent.replace(text, pieces)


def setup(app):
    """Register with Sphinx, after what looks for bold words and folds."""
    app.connect("doctree-read", mark, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
