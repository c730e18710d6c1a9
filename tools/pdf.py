"""The whole book as one PDF, of the built site. `make pdf`; `make publish` adds it to the site.

    python tools/pdf.py [--site HTML] [--output FILE]

Chromium prints each page as a reader would, all folds open; links between pages lead to pages of
the PDF, and its outline has the chapters and their sections.
"""

import io
import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, NullObject

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "sphinx")]
# Where links to other pages lead while a page is printed; no server has a name that ends so
_PAGES = "https://pages.invalid/"
# Images are there before they are in sight. Places have the page's name in theirs: all chapters
# have an #exercises. What leads out of the book but into the site's folder leads nowhere on paper.
_READY = """async ([page, site]) => {
  const inside = (link) => link.protocol === "file:" && link.pathname.startsWith(site);
  for (const link of document.querySelectorAll("a[href]")) {
    const hash = decodeURIComponent(link.hash.slice(1));
    if (!inside(link)) continue;
    if (link.pathname === location.pathname && hash) {
      const place = document.getElementById(hash);
      if (place) place.id = `${page}--${hash}`;
      const moved = place || document.getElementById(`${page}--${hash}`);
      if (moved) link.setAttribute("href", `#${page}--${hash}`); else link.removeAttribute("href");
    } else if (link.pathname.endsWith(".html")) {
      const name = link.pathname.slice(site.length).replace(/\\.html$/, "");
      link.href = `https://pages.invalid${name}`;
    } else link.removeAttribute("href");
  }
  dispatchEvent(new Event("beforeprint"));  // figures that are far below start
  const waiting = "[data-course-figure]:not([data-ready])";
  for (let tries = 0; document.querySelector(waiting) && tries < 400; tries++) {
    await new Promise((then) => setTimeout(then, 50));
  }
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  await document.fonts.ready;
}"""
_FOOT = ('<div style="font: 8px sans-serif; width: 100%; padding: 0 14mm; display: flex; '
         'justify-content: space-between; color: #555"><span class="title"></span>'
         '<span class="pageNumber"></span></div>')


def contents(toc: dict) -> Iterator[str]:
    """Yield the pages of a table of contents in their order."""
    if "root" in toc:
        yield toc["root"]
    if "file" in toc:
        yield toc["file"]
    for key in ("parts", "chapters", "sections"):
        for entry in toc.get(key, ()):
            yield from contents(entry)


def printed(browser: Any, html: Path, pages: list[str]) -> Iterator[PdfReader]:
    """Yield each page as it is printed on A4."""
    for page in pages:
        tab = browser.new_page(color_scheme="light")
        tab.goto((html / f"{page}.html").as_uri())
        tab.evaluate(_READY, [page.rpartition("/")[2], html.as_uri().removeprefix("file://")])
        yield PdfReader(io.BytesIO(tab.pdf(
            format="A4", scale=0.75, print_background=True, outline=True, tagged=True,
            footer_template=_FOOT, header_template="<span></span>", display_header_footer=True,
            margin={"top": "14mm", "bottom": "16mm", "left": "14mm", "right": "14mm"})))
        tab.close()


def _outline(book: PdfWriter, part: PdfReader, first: int, items: Any, parent: Any = None) -> None:
    """Add a page's headings; words that Chromium joins at the end of a line are in the text."""
    last = None
    for one in items:
        if isinstance(one, list):
            _outline(book, part, first, one, last)
            continue
        number = part.get_destination_page_number(one) or 0
        text = " ".join(part.pages[number].extract_text().split())
        letters = r"\s*".join(map(re.escape, "".join(one.title.split())))
        found = re.search(letters, text)
        title = found[0] if found else one.title
        last = book.add_outline_item(title=title, page_number=first + number, parent=parent)


def joined(parts: list[PdfReader], pages: list[str]) -> PdfWriter:
    """Return one document; links to pages of the book lead to where they begin in it."""
    book, begins = PdfWriter(), {}
    for page, part in zip(pages, parts, strict=True):
        begins[f"{_PAGES}{page}"] = len(book.pages)
        book.append(part, import_outline=False)
        _outline(book, part, begins[f"{_PAGES}{page}"], part.outline)
    for page in book.pages:
        for one in page.get("/Annots") or ():
            link: Any = one.get_object()
            address = str(link.get("/A", {}).get("/URI", "")).partition("#")[0]
            if address.startswith(_PAGES):
                target = begins.get(address, 0)
                link.pop("/A")
                link[NameObject("/Dest")] = _begin(book, target)
    return book


def _begin(book: PdfWriter, number: int) -> Any:
    """Return the top of a page as links have it."""
    return ArrayObject([book.pages[number].indirect_reference, NameObject("/XYZ"),
                        NullObject(), NullObject(), NullObject()])


def main() -> int | str:
    """Print the built site, and say how many pages it has."""
    from published import ABOUT, TITLE, made_on  # pyright: ignore[reportMissingImports]
    from start import PDF  # pyright: ignore[reportMissingImports]

    from tools import browser

    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--output", type=Path, help=f"default: {PDF} in the site's folder")
    asked = parser.parse_args()
    html = asked.site.resolve()
    output = asked.output or html / PDF
    pages = [*contents(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))]
    if missing := [page for page in pages if not (html / f"{page}.html").exists()]:
        return f"The site lacks {missing[0]}, and {len(missing) - 1} more pages: make book first."
    if browser.path() is None:
        return "This needs Chromium or Chrome: on Debian, apt install chromium."
    with browser.chromium() as started:
        book = joined([*printed(started, html, pages)], pages)
    book.add_metadata({"/Title": TITLE, "/Subject": ABOUT, "/Author": "the contributors",
                       "/CreationDate": f"D:{made_on():%Y%m%d%H%M%S}Z"})
    book.compress_identical_objects(remove_unreferenced=True)
    book.write(output)
    print(f"{output}: {len(book.pages)} pages, {output.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
