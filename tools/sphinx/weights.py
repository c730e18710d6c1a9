"""The weights of networks in figures, apart from the page: it is read before they are asked for.

A page with a `NetworkExplorer` holds its weights as text. Here they go into a script of their own,
`_static/networks/HASH.js`, and the page keeps its address: a page opened as a file may load a
script, and nothing else.
"""

import hashlib
import json
import re
from pathlib import Path

_NUMBERS = re.compile(r'"numbers": ?"([A-Za-z0-9+/=]{2000,})"')


def apart(page: str, folder: Path, top: str) -> str:
    """Return a page without the weights, written to `folder`, to which `top` leads from it."""
    def script(match: re.Match) -> str:
        key = hashlib.sha256(match[1].encode()).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.js").write_text(
            f'(window.courseWeights=window.courseWeights||{{}})["{key}"]="{match[1]}";\n',
            encoding="utf-8")
        return f'"script":{json.dumps(f"{top}{key}.js")},"key":"{key}"'

    return _NUMBERS.sub(script, page)


def _without_weights(app, pagename, templatename, context, doctree) -> None:
    if _NUMBERS.search(context.get("body", "")):
        context["body"] = apart(context["body"], Path(app.outdir, "_static", "networks"),
                                "../" * pagename.count("/") + "_static/networks/")


def _own_pages(app, error: Exception | None) -> None:
    """The same for the figures' own pages, which are written at the end."""
    for path in [] if error else Path(app.outdir, "figures").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        if _NUMBERS.search(text):
            path.write_text(apart(text, Path(app.outdir, "_static", "networks"),
                                  "../_static/networks/"), encoding="utf-8")


def setup(app):
    """Register with Sphinx, after what puts figures into pages."""
    app.connect("html-page-context", _without_weights, priority=920)
    app.connect("build-finished", _own_pages, priority=995)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
