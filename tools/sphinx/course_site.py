"""What the site needs beyond Jupyter Book's own settings.

* The execution cache is keyed on all that changes a result, not on the notebook alone.
* A page built on the stand-in says so above everything.
* Scripts that the pages do not use are taken off them, and toggles get names.
* Images are fetched when they come into sight, into a space that is kept for them.
* A cell that describes a figure and shows none fails the build.
* Each kernel notes how much memory it took.
"""

import hashlib
import os
import re
from importlib import metadata
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.util import logging

from helpers.data import STAND_IN, find_files, official
from helpers.profiles import profile

LIBRARIES = ("torch", "torchvision", "numpy", "matplotlib", "ipykernel", "scikit-image")


def _data_key() -> str:
    """Name the data that a notebook will find: the size and time of each file, or the stand-in."""
    found = find_files()
    if found is None:
        return STAND_IN
    files = [found / name for name in official.MD5]
    return " ".join(f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}"
                    for f in files if f.exists())


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"


def cache_key(root: Path) -> str:
    """Return a short hash of `helpers`, the libraries, the profile, the device and the data."""
    digest = hashlib.sha256()
    for path in sorted((root / "helpers").rglob("*")):
        # no page shows a verdict of an exercise
        if path.is_file() and not {"__pycache__", "exercises"} & {*path.parts}:
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    settings = [profile(), os.environ.get("COURSE_DEVICE", ""), _data_key(),
                *(f"{n} {_version(n)}" for n in LIBRARIES)]
    digest.update("\n".join(settings).encode())
    return digest.hexdigest()[:16]


def cache_folder(root: Path, html: Path) -> Path:
    """Return the folder of executed notebooks for the site in the folder `html`."""
    return html.parent / ".cache" / cache_key(root)


def peaks(html: Path) -> Path:
    """Return the folder of what kernels note of their memory; it is kept as long as the cache."""
    return html.parent / ".cache" / "peaks"


def peak_of(notebook, folder: Path) -> int | None:
    """Return the megabytes that the kernel of a notebook took at most, if that was noted."""
    ran = [cell.source.strip() for cell in notebook.cells if cell.cell_type == "code"]
    name = hashlib.sha256("\0".join(filter(None, ran)).encode()).hexdigest()[:32]
    try:
        return int((folder / name).read_text(encoding="utf-8"))
    except OSError:
        return None


def _configure(app, config):
    config.nb_execution_cache_path = str(cache_folder(Path(app.confdir), Path(app.outdir)))
    os.environ["COURSE_PEAKS"] = str(peaks(Path(app.outdir)))  # of the kernels, which inherit it
    os.environ["PYTHONSTARTUP"] = str(Path(__file__).parent / "kernel_peak.py")
    config.html_static_path.append(str(Path(__file__).parent / "static"))
    notes = []
    if find_files() is None:
        notes.append(f"This copy of the site was computed on a {STAND_IN}.")
    if profile() == "smoke":
        notes.append("It was built in the smoke profile, for tests: its numbers mean nothing.")
    if notes:
        config.html_theme_options["announcement"] = " ".join(notes)


def _without_thebe(app, pagename, templatename, context, doctree):
    """Take Thebe's scripts off the page: it is switched off, and its second copy fails."""
    def is_thebe(script):
        return "thebe" in f"{script.filename} {script.attributes.get('body', '')}".lower()

    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]


def figures_shown(app, doctree):
    """Warn, which fails the build, of each cell that has a figure's description and no figure."""
    for cell in doctree.findall(nodes.container):
        options = cell.get("cell_metadata", {}).get("mystnb", {})
        alt = options.get("image", {}).get("alt")
        if alt and not any(cell.findall(nodes.image)):
            logging.getLogger(__name__).warning(
                "This cell shows no figure, though its metadata describe one: %s…", alt[:60],
                location=cell)


def _named_toggles(app, pagename, templatename, context, doctree):
    """Give the toggles of the sidebar, which have no words, a name for those who hear the page."""
    made = context.get("generate_toctree_html")
    if made:
        context["generate_toctree_html"] = lambda *given, **settings: str(
            made(*given, **settings)).replace("<summary>", '<summary aria-label="Deeper pages">')


def _lazy_images(app, pagename, templatename, context, doctree):
    """Give every raster image of the page its size, and let it load late."""
    sources = {name: path for path, (_, name) in app.env.images.items()}

    def lazy(match):
        source = sources.get(Path(match[1]).name)
        if source is None or not source.endswith((".png", ".jpg")):
            return match[0]
        with Image.open(Path(app.srcdir) / source) as image:
            width, height = image.size
        return f'{match[0]} loading="lazy" width="{width}" height="{height}"'

    context["body"] = re.sub(r'<img(?=[^>]*)[^>]*? src="([^"]+)"', lazy, context.get("body") or "")


def setup(app):
    """Register with Sphinx."""
    app.add_css_file("course/course.css")
    app.add_js_file("course/course.js", loading_method="defer")
    app.connect("html-page-context", _without_thebe, priority=900)
    app.connect("html-page-context", _lazy_images, priority=900)
    app.connect("html-page-context", _named_toggles, priority=900)
    app.connect("doctree-read", figures_shown)
    # before the theme and myst-nb read their settings
    app.connect("config-inited", _configure, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
