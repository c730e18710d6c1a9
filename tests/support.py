"""What tests of several rooms use."""

import os
import shutil
from pathlib import Path

from tools.notebooks import cell

ROOT = Path(__file__).parent.parent
PAGES = ["book/index.html",
         *(f"book/{p.stem}.html" for p in sorted((ROOT / "book").glob("*.ipynb")))]
REAL_DATA = os.environ.get("COURSE_DATA", "")  # as `make test` was called


def define(chapter: str, name: str, **names) -> dict:
    """Run the cell of a chapter whose id is `name`, and return the names it has defined."""
    exec(cell(chapter, name), names)
    return names


def browser_path() -> str | None:
    """Where the system's Chromium is, if it has one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)
