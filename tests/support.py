"""What tests of several rooms use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
import pytest
import torch

from helpers import ImageSet, set_seed
from tools.notebooks import cell

ROOT = Path(__file__).parent.parent
PAGES = ["book/index.html",
         *(f"book/{p.stem}.html" for p in sorted((ROOT / "book").glob("*.ipynb")))]
APPENDIX = [f"book/{p.stem}.html" for p in sorted((ROOT / "book").glob("*.md"))
            if p.stem != "index"]
# Where `make test` looks at a sample: deeper pages are made of the same parts as chapters.
SAMPLED = [pytest.param(page, marks=() if page[7] in "i_" else pytest.mark.long)
           for page in PAGES]
SMOKE = {"COURSE_PROFILE": "smoke", "COURSE_DATA": "stand-in"}
REAL_DATA = os.environ.get("COURSE_DATA", "")  # as `make test` was called
PROFILE = os.environ.get("COURSE_PROFILE", "smoke")  # likewise, for the chapters


def build_site(output: Path) -> subprocess.CompletedProcess:
    """Build the site in the smoke profile on the stand-in."""
    return subprocess.run([sys.executable, "tools/book.py", "--output", str(output)], cwd=ROOT,
                          env={**os.environ, **SMOKE, "NO_COLOR": "1"}, capture_output=True,
                          text=True, check=False)


def define(chapter: str, name: str, **names) -> dict:
    """Run the cell of a chapter whose id is `name`, and return the names it has defined."""
    exec(cell(chapter, name), names)
    return names


def text_of(chapter: str) -> str:
    """The text between the code of a chapter."""
    (path,) = (ROOT / "book").glob(f"{chapter}_*.ipynb")
    return "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown")


def noise(count: int, size: int = 32) -> ImageSet:
    """Random images, always the same, labeled in turn."""
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(0))
    half = torch.full((3,), 0.5)
    return ImageSet(images, torch.arange(count) % 10, tuple("abcdefghij"), half, half / 2, "noise")


def from_one_seed(calls: Iterable[Callable], *values, **settings) -> list:
    """What each of `calls` gives for the same values, each with the same random numbers."""
    return [(set_seed(3), call(*values, **settings))[1] for call in calls]


def without_root_rights() -> list[str] | None:
    """Words before a command that must not write where modes forbid it; None if there are none."""
    if not hasattr(os, "geteuid") or os.geteuid():
        return []
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}"] if shutil.which("setpriv") else None
