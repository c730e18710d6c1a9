"""What tests of several rooms use."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat

from helpers import set_seed
from tools.notebooks import cell

ROOT = Path(__file__).parent.parent
PAGES = ["book/index.html",
         *(f"book/{p.stem}.html" for p in sorted((ROOT / "book").glob("*.ipynb")))]
REAL_DATA = os.environ.get("COURSE_DATA", "")  # as `make test` was called


def define(chapter: str, name: str, **names) -> dict:
    """Run the cell of a chapter whose id is `name`, and return the names it has defined."""
    exec(cell(chapter, name), names)
    return names


def text_of(chapter: str) -> str:
    """The text between the code of a chapter."""
    (path,) = (ROOT / "book").glob(f"{chapter}_*.ipynb")
    return "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown")


def from_one_seed(calls: Iterable[Callable], *values, **settings) -> list:
    """What each of `calls` gives for the same values, each with the same random numbers."""
    return [(set_seed(3), call(*values, **settings))[1] for call in calls]
