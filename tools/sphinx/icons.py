"""The icons of the theme's buttons, as one small set of symbols in each page.

The theme's own come as a script of 543 kB and a font of 157 kB, for a dozen signs.
"""

import re

# In a square of 24, drawn with a line of 2, round ends.
PATHS = {
    "angle-left": "M15 5l-7 7 7 7",
    "angle-right": "M9 5l7 7-7 7",
    "arrow-up": "M12 20V4M5 11l7-7 7 7",
    "bars": "M3 6h18M3 12h18M3 18h18",
    "chevron-down": "M5 9l7 7 7-7",
    "circle-half-stroke": "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM12 3v18M15 4v16M18 6v12",
    "code-branch": "M6 3v18M6 15c0-6 12-2 12-9M18 3v3",
    "download": "M12 3v12M6 10l6 6 6-6M4 20h16",
    "expand": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    "file": "M6 3h8l5 5v13H6zM14 3v5h5",
    "file-pdf": "M6 3h8l5 5v13H6zM14 3v5h5M9 13h7M9 17h7",
    "lightbulb": "M9 18h6M10 21h4M12 3a6 6 0 0 0-4 10c1 1 1 2 1 3h6c0-1 0-2 1-3a6 6 0 0 0-4-10z",
    "list": "M8 6h13M8 12h13M8 18h13M3 6h1M3 12h1M3 18h1",
    "magnifying-glass": "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21",
    "moon": "M20 14a8.5 8.5 0 1 1-10-10a7 7 0 0 0 10 10z",
    "pencil-alt": "M4 20l1-5L16 4l4 4L9 19z",
    "rocket": "M7 21l5-18 5 18-5-4z",
    "sun": "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 "
           "17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19",
    "xmark": "M5 5l14 14M19 5L5 19",
}
_ICON = re.compile(r'<(i|span) class="((?:[\w-]+\s+)*fa[srb]?(?:-[\w-]+)?\s[^"]*)"([^>]*)></\1>')
_NAME = re.compile(r"\bfa-(?!(?:solid|brands|regular|light|lg|fw|sm|xl|2x)(?![\w-]))([a-z0-9-]+)")


def drawn(page: str) -> str:
    """Return a page with its icons drawn, and the symbols that they use at its beginning.

    Raises KeyError, with the name, for an icon that has no drawing.
    """
    used = set()

    def draw(match):
        name = _NAME.findall(match[2])[0]
        used.add(name)
        return (f'<svg class="icon {match[2]}"{match[3]} viewBox="0 0 24 24" aria-hidden="true">'
                f'<use href="#icon-{name}"/></svg>')

    page = _ICON.sub(draw, page)
    symbols = "".join(f'<symbol id="icon-{name}" viewBox="0 0 24 24"><path d="{PATHS[name]}"/>'
                      "</symbol>" for name in sorted(used))
    return re.sub(r"(<body[^>]*>)", rf'\1<svg hidden aria-hidden="true">{symbols}</svg>', page,
                  count=1) if used else page
