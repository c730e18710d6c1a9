"""What tests of several rooms use."""

import os
from pathlib import Path

from tools.notebooks import cell_with

ROOT = Path(__file__).parent.parent
PAGES = ["book/index.html",
         *(f"book/{p.stem}.html" for p in sorted((ROOT / "book").glob("*.ipynb")))]
REAL_DATA = os.environ.get("COURSE_DATA", "")  # as `make test` was called


def define(chapter: str, start: str, **names) -> dict:
    """Run the one cell of a chapter that contains `start`, and return the names it has defined."""
    exec(cell_with(chapter, start), names)
    return names
