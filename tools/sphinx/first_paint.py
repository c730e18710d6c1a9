"""What a page must wait for before it is seen: one style sheet, and no script.

A page of Jupyter Book asks for ten style sheets and six scripts first, one of the sheets only when
another is there, and for two more scripts early. On a slow line each round of requests counts.
"""

import hashlib
import os
import posixpath
import re
from html import unescape
from pathlib import Path

_SHEET = re.compile(r'[ \t]*<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="([^":]*_static/[^":]*)"'
                    r'[^>]*>\n?')
_PRELOAD = re.compile(r'[ \t]*<link rel="preload" as="script"[^>]*>\n?')
_SCRIPT = re.compile(r'<script src="([^"]+)"></script>')
_IMPORT = re.compile(r'@import "([^":]+)";')
_URL = re.compile(r"""url\((['"]?)(?!data:|#|/|https?:)([^)'"]+)\1\)""")


def _file(page: Path, address: str) -> Path:
    return Path(os.path.normpath(page.parent / unescape(address).partition("?")[0]))


def _moved(sheet: Path, folder: Path) -> str:
    """Return the text of a style sheet, with what it imports, as it has to be in `folder`."""
    there = sheet.parent.relative_to(folder).as_posix()
    text = _URL.sub(lambda m: f"url({posixpath.normpath(posixpath.join(there, m[2]))})",
                    sheet.read_text(encoding="utf-8"))
    return _IMPORT.sub(lambda m: _moved(_file(sheet, m[1]), folder), text)


def with_one_sheet(page: str, path: Path, static: Path) -> str:
    """Return a page that asks for one style sheet, made of all that it asked for, in their order.

    The sheet is written into the folder `static`; its name tells its content, so that browsers keep
    it for as long as it is the same.
    """
    found = [match[1] or match[2] for match in _SHEET.finditer(page)]
    if len(found) < 2:
        return page
    text = "".join(_moved(_file(path, address), static) for address in found)
    name = f"site.{hashlib.sha256(text.encode()).hexdigest()[:16]}.css"
    (static / name).write_text(text, encoding="utf-8")
    root = found[0].partition("_static/")[0]
    links = iter([f'<link rel="stylesheet" href="{root}_static/{name}" />\n'])
    return _SHEET.sub(lambda _: next(links, ""), page)


def without_waiting(page: str, path: Path) -> str:
    """Return a page whose scripts run when it has been read, in their order.

    Settings, which scripts of the page itself write to, become a part of it.
    """
    def later(tag):
        if "documentation_options.js" in tag[1]:
            return f"<script>{_file(path, tag[1]).read_text(encoding='utf-8').strip()}</script>"
        return f'<script defer="defer" src="{tag[1]}"></script>'

    head, end, body = _PRELOAD.sub("", page).partition("</head>")
    return _SCRIPT.sub(later, head) + end + body
