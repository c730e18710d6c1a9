"""A page of its own for each figure, to be opened alone or shown in others, and the list of all.

`figures/pool.html` is the figure and nothing else: no theme, light or dark as the reader's system
is, or as `?theme=dark` says. In a frame it posts its height to the page around it, as
`{"course-figure": "pool", "height": 612}`. `book/figures.md` has a comment, `<!-- figures -->`,
in whose place the list is written. `ALONE` of figures.py says which figures have a page.
"""

import html
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from figures import ALONE, alone, with_figures
from published import ABOUT, SOCIAL, TITLE, head_of

from helpers import widgets
from helpers.widgets.card import words
from tools.repository import repository

GALLERY = "book/figures"
_PLACE = "<!-- figures -->"
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
_TEMPLATE = (Path(__file__).parent / "figure_page.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Shown:
    """A figure, and the page of the course that shows it first."""

    kind: str
    page: str
    title: str


def first_pages(root: Path) -> list[Shown]:
    """Return all kinds of figures in the order in which chapters show them, pages "" at the end."""
    kinds = [name for name in widgets.__all__
             if isinstance(one := getattr(widgets, name), type)
             and issubclass(one, widgets.Figure) and one is not widgets.Figure]
    found: dict[str, Shown] = {}
    # chapters before deeper pages
    for path in sorted((root / "book").glob("[0-9][0-9]*.ipynb"),
                       key=lambda path: (path.stem[2] != "_", path.stem)):
        cells = nbformat.read(path, 4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        heading = _HEADING.search(cells[0].source)
        for kind in kinds:
            if kind not in found and re.search(rf"\b{kind}\(", code):
                found[kind] = Shown(kind, path.stem, heading[1] if heading else path.stem)
    rest = [Shown(kind, "", "") for kind in kinds if kind not in found]
    return sorted(found.values(), key=lambda one: one.page) + rest


def _lesson(shown: Shown, folder: str) -> str:
    """Return a link to the figure in its chapter."""
    return (f'<a href="{folder}{shown.page}.html#figure={shown.kind}">{html.escape(shown.title)}'
            "</a>") if shown.page else ""


def page_of(shown: Shown) -> str:
    """Return the HTML of a figure's own page."""
    name, said = ALONE[shown.kind], words(getattr(widgets, shown.kind))
    head = head_of(f"figures/{name}", f"{said['title']} · {TITLE}",
                   f"{said['challenge']} {said['caption']}".strip() or ABOUT, repository(), SOCIAL)
    place = "<!-- the figure -->"
    course = f'<a href="../book/index.html">{TITLE}</a>'
    parts = {"title": f"{html.escape(said['title'])} · {TITLE}", "head": head, "name": name,
             "body": with_figures(f"<main>{place}</main>", {place: alone(shown.kind)}, own=True),
             "from": " of ".join(filter(None, (_lesson(shown, "../book/"), course)))}
    return re.sub(r"\{\{(\w+)\}\}", lambda part: parts[part[1]], _TEMPLATE)


def gallery(root: Path) -> str:
    """Return the list of all figures: what one may try, where it is taught, its own page."""
    cards = []
    for shown in first_pages(root):
        said = words(getattr(widgets, shown.kind))
        title = html.escape(said["title"])
        own = f"../figures/{ALONE[shown.kind]}.html" if shown.kind in ALONE else ""
        first = own or f"{shown.page}.html#figure={shown.kind}"
        links = [_lesson(shown, ""), f'<a href="{own}">its own page</a>' if own else ""]
        cards.append(f'<li><div class="figure-card"><b><a href="{first}">{title}</a></b>'
                     f"<span>{html.escape(said['challenge'])}</span>"
                     f"<small>{' · '.join(filter(None, links))}</small></div></li>")
    return f'<ol class="cards">{"".join(cards)}</ol>'


def _gallery(app, pagename, templatename, context, doctree) -> None:
    if pagename == GALLERY:
        context["body"] = context["body"].replace(_PLACE, gallery(Path(app.srcdir)))


def _pages(app, error: Exception | None) -> None:
    if error is not None:
        return
    folder = Path(app.outdir, "figures")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for shown in first_pages(Path(app.srcdir)):
        if shown.kind in ALONE:
            (folder / f"{ALONE[shown.kind]}.html").write_text(page_of(shown), encoding="utf-8")


def setup(app):
    """Register with Sphinx, after slim.py, which looks for what these pages do not have."""
    app.connect("html-page-context", _gallery, priority=905)
    app.connect("build-finished", _pages, priority=990)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
