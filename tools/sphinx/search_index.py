"""Search by section: an index of the pages by Pagefind, which the search page reads in pieces.

Pagefind finds sections by headings with an id. The builder writes the id on the section around the
heading, where links in the text need it; so copies are indexed in which the heading has it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.errors import SphinxError

_SECTION = re.compile(r'<section (class="[^"]*" )?id="([^"]+)">\s*<h([1-6])>')
_UNREAD = ('.headerlink', '.fold.solution', '.course-figure', 'nav', '.prev-next-area')


def for_the_index(page: str) -> str:
    """Return a page whose headings have the ids of their sections."""
    return _SECTION.sub(r'<section \1><h\3 id="\2">', page)


def indexed(app, error: Exception | None) -> None:
    """Write the index beside the pages."""
    if error is not None:
        return
    folder = Path(app.outdir)
    shutil.rmtree(folder / "pagefind", ignore_errors=True)
    with tempfile.TemporaryDirectory() as copies:
        for path in (folder / "book").glob("*.html"):
            copy = Path(copies, "book", path.name)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(for_the_index(path.read_text(encoding="utf-8")), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pagefind", "--site", copies, "--output-path",
             str(folder / "pagefind"), "--root-selector", "article.bd-article",
             "--exclude-selectors", ", ".join(_UNREAD)], capture_output=True, text=True,
            check=False)
    if done.returncode:
        raise SphinxError(f"The pages cannot be indexed for the search: {done.stderr[-1000:]}")
    for unused in (folder / "pagefind").glob("pagefind-*ui*"):  # the page has its own list
        unused.unlink()


def _on_the_search_page(app, pagename, templatename, context, doctree) -> None:
    if pagename == "search":
        app.add_js_file("course/find.js", loading_method="defer")


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", _on_the_search_page)
    app.connect("build-finished", indexed, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
