"""The editions of a page: the author's is stored, all others are made of it.

    python tools/editions.py FOLDER     write the learner edition of every page to FOLDER

author   with solutions; what nbval runs and the site is built of
learner  with starter code, nothing run: what `make lab` opens, and what a page's download gives
"""

import sys
from copy import deepcopy
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.exercises import is_exercise, starter
from tools.notebooks import BOOK, written


def learner(notebook):
    """Return the learner edition of a page, not run: under a prediction no answer is in sight."""
    edition = deepcopy(notebook)
    for cell in edition.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if is_exercise(cell.source):
                cell.source = starter(cell.source)
    return edition


def learner_text(path: Path) -> str:
    """Return the file of a page's learner edition."""
    return written(learner(nbformat.read(path, 4)))


def main(folder: str) -> None:
    """Write the learner edition of every page."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path in sorted(BOOK.glob("*.ipynb")):
        (Path(folder) / path.name).write_text(learner_text(path), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
