"""Open the chapters in JupyterLab, as learner editions in `work/`, never overwritten. `make lab`.

    python tools/lab.py [--work FOLDER]
"""

import os
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def lay_out(chapters: Path, work: Path) -> list[str]:
    """Write each page that is not in `work` yet; return the names of those that differ there."""
    from tools.editions import learner_text

    work.mkdir(parents=True, exist_ok=True)
    differing = []
    for chapter in sorted(chapters.glob("*.ipynb")):
        copy = work / chapter.name
        if not copy.exists():
            half = copy.with_suffix(".part")  # or half a chapter would stay after an interruption
            half.write_bytes(learner_text(chapter).encode())
            half.replace(copy)
        elif copy.read_bytes() != learner_text(chapter).encode():
            differing.append(copy.name)
    return differing


def in_the_way(work: Path) -> list[Path]:
    """Return what Python would import from beside the chapters in place of the course's package."""
    return [one for one in (work / "helpers.py", work / "helpers") if one.exists()]


def start(folder: Path) -> int:
    """Run JupyterLab until it ends; Ctrl-C is its own to answer, and return its exit code."""
    from tools.book import surroundings

    lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", str(folder)], env=surroundings())
    while True:
        with suppress(KeyboardInterrupt):
            return lab.wait()


def main() -> int | str:
    """Lay out the copies and start JupyterLab (EDITION=author opens the chapters themselves)."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "work", help="where the copies are")
    folder = parser.parse_args().work
    if os.environ.get("EDITION") == "author":
        return start(ROOT / "book")
    try:
        for name in lay_out(ROOT / "book", folder):
            print(f"{folder.name}/{name} is yours and stays as it is. For a fresh copy, rename it "
                  "and run this again.")
    except OSError as error:
        return (f"The chapters cannot be copied to {folder}: {error.strerror}, {error.filename}. "
                "Rename what is in the way, or name a folder of your own: "
                f"{sys.executable} {__file__} --work FOLDER")
    for one in in_the_way(folder):
        print(f"{one} comes before the course's package of the same name: no chapter beside it "
              "finds what it imports from helpers. Rename it.")
    return start(folder)


if __name__ == "__main__":
    sys.exit(main())
