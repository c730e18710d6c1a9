"""The start page: what one will have built, a figure to touch, a card for each chapter.

`book/index.md` has the words and two comments, `<!-- figure: Name(setting=…) -->` and
`<!-- cards -->`. Numbers come from the measured files, minutes from tools/minutes.py, pictures from
the chapters' own outputs.
"""

import ast
import html
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from figures import with_figures
from PIL import Image
from sphinx.errors import ExtensionError

from helpers import widgets
from helpers.measured import read_json
from tools.minutes import count, is_main
from tools.repository import repository

START = "book/index"
PDF = "from-tensors-to-resnets.pdf"
TITLE = re.compile(r"^# (\d+)\. (.+)$", re.MULTILINE)
QUESTION = re.compile(r"^\*([^*]+\?)\*$", re.MULTILINE)
_FIGURE = re.compile(r"<!-- figure: (.+?) -->")
_FACT = re.compile(r"<!-- fact: (\w+) -->")
WIDE = 360  # pixels of a card's picture


@dataclass(frozen=True)
class Chapter:
    """What a card says."""

    page: str
    number: int
    title: str
    question: str
    minutes: int
    exercises: int


def chapters(root: Path) -> list[Chapter]:
    """Return the chapters in their order, from their first cells."""
    found = []
    for path in sorted((root / "book").glob("*.ipynb")):
        if is_main(path):
            notebook = nbformat.read(path, 4)
            title, question = (expression.search(notebook.cells[0].source)
                               for expression in (TITLE, QUESTION))
            if title is None or question is None:
                raise ExtensionError(f"{path.name} needs a title, and below it its *question?*")
            counted = count(notebook)
            found.append(Chapter(path.stem, int(title[1]), title[2], question[1], counted.minutes,
                                 counted.exercises))
    return found


def hours(minutes: int) -> str:
    """Return minutes as people say them: "50 min", "1 h 15"."""
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02}"


def facts() -> dict[str, str]:
    """Return the measured numbers that the page names."""
    final = read_json("ladder.json")["final"]
    return {"accuracy": f"{100 * final['accuracy_mean']:.1f} ± "
                        f"{100 * final['accuracy_stdev']:.1f} %",
            "minutes": f"{final['seconds_mean'] / 60:.1f}",
            "lenet": f"{100 * read_json('lenet_weights.json')['accuracy']:.0f} %",
            "hardware": read_json("ladder.json")["hardware"]}


def _picture(app, chapter: Chapter) -> str:
    """Write a small copy of a page's largest picture, and return its address; "" if it has none."""
    doctree = app.env.get_doctree(f"book/{chapter.page}")
    files = [Path(app.srcdir, node["uri"]) for node in doctree.findall(nodes.image)]
    files = [file for file in files if file.suffix == ".png" and file.exists()]
    if not files:
        return ""
    largest = max(files, key=lambda file: file.stat().st_size)
    name = f"_static/cards/{chapter.page[:2]}.webp"
    with Image.open(largest) as image:
        shown = image.convert("RGBA")
        paper = Image.new("RGB", shown.size, "white")
        paper.paste(shown, mask=shown)
        height = min(paper.height, round(paper.width * 0.5))
        paper = paper.crop((0, 0, paper.width, height))
        paper = paper.resize((WIDE, round(WIDE * height / paper.width)))
        (Path(app.outdir) / name).parent.mkdir(parents=True, exist_ok=True)
        paper.save(Path(app.outdir) / name, quality=80, method=5)
    return name


def card(chapter: Chapter, picture: str) -> str:
    """Return a chapter's card; its picture says nothing that the words do not."""
    image = f'<img src="../{picture}" alt="" loading="lazy" width="{WIDE}" height="{WIDE // 2}">'
    time = hours(chapter.minutes) + (f", exercises {hours(chapter.exercises)}"
                                     if chapter.exercises else "")
    return (f'<li><a class="card" href="{chapter.page}.html">{image if picture else ""}'
            f"<b>{chapter.number}. {html.escape(chapter.title)}</b>"
            f"<span>{html.escape(chapter.question)}</span><small>{time}</small></a></li>")


def _figure(words: str) -> widgets.Figure:
    """Return the figure of a comment such as `GradientFlow(depth=64)`."""
    asked: Any = ast.parse(words, mode="eval").body
    return getattr(widgets, asked.func.id)(
        **{one.arg: ast.literal_eval(one.value) for one in asked.keywords})


def _start(app, pagename, templatename, context, doctree) -> None:
    if pagename != START:
        return
    source, body = repository(), context["body"]
    body = _FACT.sub(lambda match: html.escape(facts()[match[1]]), body)
    if "<!-- cards -->" in body:
        cards = "".join(card(c, _picture(app, c)) for c in chapters(Path(app.srcdir)))
        body = body.replace("<!-- cards -->", f'<ol class="cards">{cards}</ol>')
    colab = ""
    if source is not None and source.server == "https://github.com":
        first = chapters(Path(app.srcdir))[0].page
        colab = (f'<a class="start second" href="https://colab.research.google.com/github/'
                 f'{source.slug}/blob/{source.learn}/book/{first}.ipynb">Open in Colab</a>')
    body = body.replace("<!-- colab -->", colab)
    pdf = "" if "COURSE_PDF" not in os.environ else (
        f'<a href="../{PDF}">The whole book as a PDF</a>')  # tools/publish.py prints it afterwards
    body = body.replace("<!-- pdf -->", pdf)
    context["body"] = with_figures(body, {match[0]: _figure(match[1])
                                          for match in _FIGURE.finditer(body)})


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", _start, priority=905)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
