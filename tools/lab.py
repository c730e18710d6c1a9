"""Open the chapters in JupyterLab as copies in `work/`, never overwritten. `make lab` calls it."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def lay_out(chapters: Path, work: Path) -> list[str]:
    """Copy each chapter that is not in `work` yet; return the names of those that differ there."""
    work.mkdir(exist_ok=True)
    differing = []
    for chapter in sorted(chapters.glob("*.ipynb")):
        copy = work / chapter.name
        if not copy.exists():
            shutil.copy(chapter, copy)
        elif not filecmp.cmp(chapter, copy, shallow=False):
            differing.append(copy.name)
    return differing


def in_the_way(work: Path) -> list[Path]:
    """Return what Python would import from beside the chapters in place of the course's package."""
    return [one for one in (work / "helpers.py", work / "helpers") if one.exists()]


def main() -> int:
    """Lay out the copies and start JupyterLab (EDITION=author opens the chapters themselves)."""
    folder = ROOT / "book"
    if os.environ.get("EDITION") != "author":
        folder = ROOT / "work"
        for name in lay_out(ROOT / "book", folder):
            print(f"work/{name} is yours and stays as it is. For a fresh copy, rename it and run "
                  "this again.")
    for one in in_the_way(folder):
        print(f"{one} comes before the course's package of the same name: no chapter beside it "
              "finds what it imports from helpers. Rename it.")
    return subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
