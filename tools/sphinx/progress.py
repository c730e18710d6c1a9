"""What a reader has done, on the site: a line on each page, a box to tick, a table of all chapters.

The pages say what there is to do; `static/course/progress.js` says what is done, which it keeps in
the reader's browser. Its file has the form of `helpers/exercises/kept.py`, so either reads the
other's. The table stands where a page has `<div id="course-progress"></div>`.
"""

import html
import re
from collections import defaultdict
from pathlib import Path

from docutils import nodes

from tools.exercises import CHECK

HEADING = re.compile(r"Exercise (\d+\.\d+): ")
QUESTION = re.compile(r'data-question="([\d-]+)"')
PLACE = re.compile(r'<div id="course-progress"></div>')
LINE = ('<p class="course-progress" hidden {things}><span></span> '
        '<a href="{all}#course-progress">All chapters</a></p>')
BOX = ('<p class="course-done" hidden><label><input type="checkbox" data-exercise="{name}"> '
       "Exercise {number} is done</label> <span></span></p>")
TABLE = """<div id="course-progress"><table class="table">
<thead><tr><th scope="col">chapter</th><th scope="col">exercises</th>
<th scope="col">quiz</th></tr></thead>
<tbody>{rows}</tbody></table>
<noscript><p>What you have done is counted where JavaScript is switched on.</p></noscript>
<p class="course-file" hidden><button type="button">Save to a file</button>
<label><input type="file" accept=".json,application/json"> Add from a file</label></p>
<p class="course-said" role="status"></p></div>"""


def _code(cell: nodes.Element) -> str:
    """Return the source of a code cell."""
    return next((part.astext() for part in cell.children if isinstance(part, nodes.Element)
                 and part.get("nb_element") == "cell_code_source"), "")


def collected(app, doctree: nodes.document) -> None:
    """Note what there is to do on a page, and put a box to tick under each exercise."""
    number, names = None, []
    for node in [*doctree.findall(nodes.Element)]:
        if isinstance(node, nodes.title):
            heading = HEADING.match(node.astext())
            number = heading[1] if heading else None
        elif number is not None and node.get("nb_element") == "cell_code" and (
                check := CHECK.fullmatch(_code(node).strip())):
            names.append(check[1])
            box = nodes.raw("", BOX.format(name=check[1], number=number), format="html")
            node.parent.insert(node.parent.index(node) + 1, box)
            number = None
    questions = [key for raw in doctree.findall(nodes.raw)
                 for key in QUESTION.findall(raw.astext())]
    if names or questions:
        _there(app.env)[app.env.docname] = (names, questions)


def _there(env) -> dict[str, tuple[list[str], list[str]]]:
    """Return what there is to do by page: names of exercises, keys of questions."""
    if not hasattr(env, "course_done"):
        env.course_done = {}
    return env.course_done


def _purged(app, env, docname: str) -> None:
    _there(env).pop(docname, None)


def _merged(app, env, docnames, other) -> None:
    _there(env).update({name: _there(other)[name] for name in docnames if name in _there(other)})


def by_chapter(env) -> dict[str, tuple[list[str], list[str]]]:
    """Return what there is to do by chapter, its deeper pages with it."""
    found = defaultdict(lambda: ([], []))
    for docname, (names, questions) in sorted(_there(env).items()):
        found[Path(docname).name[:2]][0].extend(names)
        found[Path(docname).name[:2]][1].extend(questions)
    return dict(found)


def _changed(app, env) -> list[str]:
    """Write all pages again where there is more or less to do than when they were written."""
    before, env.course_shown = getattr(env, "course_shown", None), by_chapter(env)
    return [] if before == env.course_shown else [*env.found_docs]


def _things(names: list[str], questions: list[str]) -> str:
    return f'data-exercises="{" ".join(names)}" data-questions="{" ".join(questions)}"'


def _table(app, pagename: str) -> str:
    rows = []
    mains = {Path(name).name[:2]: name for name in app.env.found_docs
             if re.match(r"\d\d_", Path(name).name)}
    for chapter, there in sorted(by_chapter(app.env).items()):
        title = app.env.titles[mains[chapter]].astext()
        title = html.escape(re.sub(r"^(\d+\. ).*\? ", r"\1", title))  # without its question
        link = app.builder.get_relative_uri(pagename, mains[chapter])
        rows.append(f'<tr {_things(*there)}><th scope="row"><a href="{link}">{title}</a></th>'
                    + "".join(f"<td>{len(part)}</td>" for part in there) + "</tr>")
    return TABLE.format(rows="".join(rows))


def _shown(app, pagename, templatename, context, doctree) -> None:
    """Put the line under the title of a page with something to do, and the table into its place."""
    body = context.get("body") or ""
    if pagename in _there(app.env):
        there = by_chapter(app.env)[Path(pagename).name[:2]]
        line = LINE.format(things=_things(*there), all=app.builder.get_relative_uri(
            pagename, app.config.root_doc))
        body = body.replace("</h1>", f"</h1>{line}", 1)
    context["body"] = PLACE.sub(lambda _: _table(app, pagename), body)


def setup(app):
    """Register with Sphinx."""
    app.add_css_file("course/progress.css")
    app.add_js_file("course/progress.js", loading_method="defer")
    app.connect("doctree-read", collected, priority=400)  # after the quiz has its groups
    app.connect("env-purge-doc", _purged)
    app.connect("env-merge-info", _merged)
    app.connect("env-updated", _changed)
    app.connect("html-page-context", _shown, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
