"""What the pages of the built site do not need is taken out of them: the theme brings far more.

A page then transfers less than 200 kB before its pictures. Runs when all pages are written, and
once more without a change.
"""

import re
from pathlib import Path

from first_paint import with_one_sheet, without_waiting
from icons import drawn
from PIL import Image
from styles import purge

# Scripts and styles that no page uses: icons (icons.py), formulas (formulas.py), tabs and cards,
# running cells on the page, and search, which has a page of its own.
UNUSED = ("fontawesome.js", "mathjax", "design-tabs", "sphinx-design", "sphinx-thebe", "sd-tabs",
          "togglebutton", "toggleHint", "toggleOpenOnPrint", "fa-solid-900")
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
SHEETS = ["_static/*.css", "_static/styles/*.css"]
LARGE = 30_000  # bytes from which a picture is tried as WebP
WIDE = 1600  # pixels: twice the width of the text, for screens of double density
_TAG = re.compile(r"[ \t]*(?:<script\b[^>]*>[^<]*(?:<(?!/script>)[^<]*)*</script>|"
                  r"<link\b[^>]*>)\n?")
_VIEWPORT = re.compile(r'\s*<meta name="viewport"[^>]*>')


def without_unused(page: str, search: bool) -> str:
    """Return a page without the scripts and styles that it does not use."""
    unused = UNUSED if search else UNUSED + SEARCH
    page = _TAG.sub(lambda tag: "" if any(word in tag[0] for word in unused) else tag[0], page)
    once = iter([True])  # the theme and the builder each write one
    return _VIEWPORT.sub(lambda tag: tag[0] if next(once, False) else "", page)


def as_webp(picture: Path) -> Path | None:
    """Write a PNG as WebP beside it, without loss where that is small; None if it gains nothing."""
    webp = picture.with_suffix(".webp")
    if not webp.exists() or webp.stat().st_mtime < picture.stat().st_mtime:
        with Image.open(picture) as image:
            image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
            if image.width > WIDE:
                image = image.resize((WIDE, round(image.height * WIDE / image.width)))
            image.save(webp, lossless=True, method=4)
            if webp.stat().st_size > LARGE:  # a photograph
                image.save(webp, quality=86, method=5)
    return webp if webp.stat().st_size < 0.9 * picture.stat().st_size else None


def kind_of(picture: Path) -> str:
    """Return the classes of a picture: "plot" for few colors on white, "wide" if it is.

    A photograph, in gray as well, has many shades, and each of them few times.
    """
    with Image.open(picture) as image:
        shown = image.convert("RGB")
    pixels = shown.width * shown.height
    colors = sorted(shown.getcolors(pixels) or (), reverse=True)
    white = sum(count for count, color in colors if color == (255, 255, 255))
    plot = white > 0.3 * pixels and sum(count for count, _ in colors[:12]) > 0.88 * pixels
    return " ".join(["plot"] * plot + ["wide"] * (plot and shown.width > 600))


def _pictures(folder: Path) -> dict[str, str]:
    """Convert the pictures of a built site; return the new name of each that has one."""
    names = {}
    for picture in sorted((folder / "_images").glob("*.png")):
        if picture.stat().st_size >= LARGE and (webp := as_webp(picture)):
            names[picture.name] = webp.name
    return names


def _classed(page: str, kinds: dict[str, str]) -> str:
    """Return a page whose pictures have the classes of their kinds."""
    def classed(tag):
        kind = kinds.get(Path(tag[1]).name, "")
        return f'<img class="{kind}"{tag[0][4:]}' if kind and "class=" not in tag[0] else tag[0]

    return re.sub(r'<img[^>]*? src="([^"]*_images/[^"]+)"[^>]*>', classed, page)


def slimmed(app, error: Exception | None) -> None:
    """Rewrite every page of the site that was built."""
    if error is not None:
        return
    folder = Path(app.outdir)
    kinds = {path.name: kind_of(path) for path in (folder / "_images").glob("*.png")}
    names = _pictures(folder)
    for path in folder.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        slim = _classed(drawn(without_unused(page, path.name == "search.html")), kinds)
        slim = re.sub(r'(_images/)([\w.-]+\.png)"',
                      lambda m: f'{m[1]}{names.get(m[2], m[2])}"', slim)
        if slim != page:
            path.write_text(slim, encoding="utf-8")
    for old in names:
        (folder / "_images" / old).unlink()
    purge(folder, SHEETS)
    static = folder / "_static"
    for path in folder.rglob("*.html"):  # when the sheets are as they will be
        if static in path.parents:  # a template of the theme
            continue
        page = path.read_text(encoding="utf-8")
        swift = without_waiting(with_one_sheet(page, path, static), path)
        if swift != page:
            path.write_text(swift, encoding="utf-8")


def setup(app):
    """Register with Sphinx, after all else that writes pages."""
    app.connect("build-finished", slimmed, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
