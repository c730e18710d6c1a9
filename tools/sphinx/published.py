"""What a published page says of itself: where it is, what it is about, where its code is.

Addresses come from tools/repository.py. Where no repository is known, no button and no address is
shown, rather than a wrong one.
"""

import html
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import nbformat
from course_site import peak_of, peaks
from docutils import nodes
from figures import ALONE
from PIL import Image

from helpers.data.download import SIZE
from helpers.profiles import profile
from tools.repository import ROOT, Repository, repository

TITLE = "From Tensors to ResNets"
ABOUT = ("An interactive course on convolutional networks in PyTorch: every idea built by hand, "
         "proven equal to PyTorch, and measured.")
SOCIAL = "_static/course/social.png"  # what a link to a page shows elsewhere
HUB = "COURSE_JUPYTERHUB"  # the address of an instructor's JupyterHub, if there is one
VERSIONS = ("torch", "torchvision", "numpy")


@dataclass(frozen=True)
class Button:
    """A link at the top of a page."""

    text: str
    tooltip: str
    icon: str
    url: str

    def entry(self) -> dict:
        """Return it as the theme wants it."""
        return {"type": "link", "text": self.text, "tooltip": self.tooltip, "url": self.url,
                "icon": f"fas fa-{self.icon}", "label": f"{self.text.lower()}-button"}


def launch_buttons(source: Repository, notebook: str, hub: str = "") -> list[Button]:
    """Return the buttons that open a page's learner edition."""
    where = f"{source.slug}/blob/{source.learn}/{notebook}"
    buttons = []
    if source.server == "https://github.com":  # Colab and Kaggle read no other
        buttons = [
            Button("Colab", "Run this page on Colab", "rocket",
                   f"https://colab.research.google.com/github/{where}"),
            Button("Kaggle", "Run this page on Kaggle", "rocket",
                   "https://kaggle.com/kernels/welcome?" + urlencode(
                       {"src": f"https://github.com/{where}"}))]
    if hub:
        pull = urlencode({"repo": source.address, "branch": source.learn,
                          "urlpath": f"lab/tree/{source.name}/{notebook}"}, quote_via=quote)
        buttons.append(Button("JupyterHub", "Run this page on your JupyterHub", "rocket",
                              f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{pull}"))
    return buttons


def source_buttons(source: Repository, file: str, page: str) -> list[Button]:
    """Return the buttons to a page's source and to a report on it."""
    body = f"Page: {page}\nVersion: {source.tag or source.commit[:12]}\n\nWhat is wrong: "
    report = urlencode({"title": f"{Path(page).name}: ", "body": body}, quote_via=quote)
    return [Button("Source", "The source of this page", "code-branch",
                   f"{source.address}/blob/{source.commit}/{file}"),
            Button("Report", "Report a fault on this page", "lightbulb",
                   f"{source.address}/issues/new?{report}")]


def made_on() -> datetime:
    """Return the day of the commit: a second build of the same one differs in nothing."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return datetime.fromtimestamp(int(given), UTC)
    done = subprocess.run(["git", "show", "-s", "--format=%ct", "HEAD"], cwd=ROOT, check=False,
                          capture_output=True, text=True)
    return datetime.fromtimestamp(int(done.stdout), UTC) if done.returncode == 0 else (
        datetime.now(UTC))


def versions() -> str:
    """Return "PyTorch 2.14.1, …": what the page was run with."""
    names = {"torch": "PyTorch"}
    return ", ".join(f"{names.get(n, n)} {metadata.version(n).partition('+')[0]}" for n in VERSIONS)


def cost(seconds: float | None, megabytes: int | None, code: str) -> str:
    """Return what a page cost the machine that made it: time, memory, and what it downloads."""
    if not seconds:
        return ""
    memory = f" and {megabytes / 1000:.1f} GB of memory" if megabytes else ""
    fetched = (f" They read CIFAR-10, a download of {SIZE / 1e6:.0f} MB, once for all pages."
               if "load_cifar10(" in code else "")
    return f" Its cells took {seconds:.0f} s{memory} in the profile {profile()}.{fetched}"


def made_line(took: str) -> str:
    """Return the line at a page's end: the day, the versions, and what its cells took."""
    return f'<p class="made">Made on {made_on():%Y-%m-%d} with {versions()}.{took}</p>'


def _took(app, page: str) -> str:
    """Return what a page cost; "" for one that nothing was run for."""
    ran = getattr(app.env, "nb_metadata", {}).get(page, {}).get("exec_data")
    if not ran:
        return ""
    notebook: Any = nbformat.read(app.env.doc2path(page), 4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return cost(ran.get("runtime"), peak_of(notebook, peaks(Path(app.outdir))), code)


def description(title: str, doctree: nodes.document | None) -> str:
    """Return what the page is about: its title and its first paragraph, 160 characters at most."""
    first = next((p.astext() for p in doctree.findall(nodes.paragraph)), "") if doctree else ""
    if len(first.split()) < 6:  # "After this chapter you can"
        items = doctree.findall(nodes.list_item) if doctree else ()
        first = next((item.astext() for item in items), ABOUT)
    text = " ".join(f"{title}: {first}".split())
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + "…"


def head_of(page: str, title: str, about: str, source: Repository | None, picture: str) -> str:
    """Return the lines of a page's head that others read: search engines, previews of links."""
    about, title = html.escape(about, quote=True), html.escape(title, quote=True)
    lines = [f'<meta name="description" content="{about}">',
             f'<meta property="og:title" content="{title}">',
             f'<meta property="og:description" content="{about}">',
             '<meta property="og:type" content="article">',
             f'<meta property="og:site_name" content="{TITLE}">',
             '<meta name="twitter:card" content="summary_large_image">']
    if source is not None:
        lines += [f'<link rel="canonical" href="{source.site}/{page}.html">',
                  f'<meta property="og:url" content="{source.site}/{page}.html">',
                  f'<meta property="og:image" content="{source.site}/{picture}">']
    return "\n".join(lines)


def _page(app, pagename, templatename, context, doctree) -> None:
    source = repository()
    title = context.get("title") or TITLE
    context["metatags"] = context.get("metatags", "") + head_of(
        pagename, title, description(title, doctree), source, SOCIAL)
    context["body"] = (context.get("body") or "") + made_line(_took(app, pagename))
    file = app.env.doc2path(pagename, base=False) if pagename in app.env.all_docs else None
    if source is None or file is None:
        return
    buttons = source_buttons(source, str(file), pagename)
    if str(file).endswith(".ipynb"):
        buttons = launch_buttons(source, str(file), os.environ.get(HUB, "")) + buttons
    context.setdefault("header_buttons", [])[:0] = [button.entry() for button in buttons]


def _files(app, error: Exception | None) -> None:
    """Write what servers and search engines look for."""
    if error is not None:
        return
    folder, source = Path(app.outdir), repository()
    site = source.site if source else "."
    with Image.open(ROOT / "book" / "figures" / "site.png") as picture:
        shown = picture.convert("RGB")
        shown = shown.crop((0, 0, shown.width, round(shown.width * 630 / 1200)))
        shown.resize((1200, 630)).save(folder / SOCIAL, optimize=True)
    lost = (Path(__file__).parent / "404.html").read_text(encoding="utf-8")
    # tools/publish.py adds the terms
    (folder / "versions.json").write_text('["latest"]\n', encoding="utf-8")
    (folder / "404.html").write_text(lost.replace("SITE", site), encoding="utf-8")
    if source is None:
        return
    pages = sorted([*app.env.found_docs, *(f"figures/{name}" for name in ALONE.values())])
    urls = "".join(f"<url><loc>{site}/{html.escape(page)}.html</loc><lastmod>{made_on():%Y-%m-%d}"
                   "</lastmod></url>" for page in pages)
    (folder / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns='
        f'"http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>\n', encoding="utf-8")
    (folder / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {site}/sitemap.xml\n",
                                       encoding="utf-8")


def setup(app):
    """Register with Sphinx, after the theme has made its own buttons."""
    app.connect("html-page-context", _page, priority=950)
    app.connect("build-finished", _files)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
