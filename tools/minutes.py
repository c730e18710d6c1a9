"""How long a page takes to learn from, counted: what the box "Time and cost" of each page says.

    python tools/minutes.py     the counts of every page

A page is read at 200 words a minute and its code at 10 seconds a line; a prediction takes a minute
and a half. Comments count as code, imports and answers in folds not as work of their own. The rates
are those of a first-year student who read three chapters with a clock.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools.exercises import parts
from tools.quiz import is_quiz

BOOK = Path(__file__).parent.parent / "book"
WORDS, LINES, PREDICTION = 200, 6, 1.5  # words a minute, lines a minute, minutes
LIMIT = 80  # minutes for the main path of a chapter: one sitting
PREDICT = re.compile(r"\*\*predict\b", re.IGNORECASE)
BOX = re.compile(r"(\*\*Time and cost\.\*\*) About \d+ minutes\b"
                 r"(?:, and \d+ more for the exercises)?")
_UNREAD = re.compile(r"```.*?```|<[^>]*>|\]\([^)]*\)|\$\$?[^$]*\$\$?", re.DOTALL)
_WORD = re.compile(r"[^\W\d_][\w'’-]*|\d[\d.,]*")


@dataclass(frozen=True)
class Count:
    """What there is on a page."""

    words: int
    lines: int
    cells: int
    predictions: int
    exercises: int = 0  # minutes: what their headings say

    @property
    def exact(self) -> float:
        """The minutes that it takes."""
        return self.words / WORDS + self.lines / LINES + self.predictions * PREDICTION

    @property
    def minutes(self) -> int:
        """The same, to five minutes."""
        return max(5, 5 * round(self.exact / 5))


def count(notebook) -> Count:
    """Count a notebook; its first code cell, the imports, is folded and not read.

    Exercises and the quiz have minutes of their own, beside those of the page.
    """
    tasks = [*parts(notebook)]
    apart = {index for task in tasks for index in range(task.first, task.last + 1)}
    cells = [c for index, c in enumerate(notebook.cells)
             if index not in apart and not is_quiz(c.source)]
    text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    code = [c.source for c in cells if c.cell_type == "code"]
    lines = sum(bool(line.strip()) for source in code[1:] for line in source.splitlines())
    return Count(len(_WORD.findall(_UNREAD.sub(" ", text))), lines, len(notebook.cells),
                 len(PREDICT.findall(text)), sum(task.minutes for task in tasks))


def stated(notebook) -> None:
    """Write the counted minutes into the box of the first cell, where it has one."""
    if notebook.cells:
        found = count(notebook)
        more = f", and {found.exercises} more for the exercises" if found.exercises else ""
        notebook.cells[0].source = BOX.sub(rf"\1 About {found.minutes} minutes{more}",
                                           notebook.cells[0].source)


def is_main(path: Path) -> bool:
    """Is this page the main path of a chapter ("03_…"), and not a deeper page ("03a_…")?"""
    return path.name[:2].isdigit() and path.name[2:3] == "_"


def main() -> int:
    """Print the counts; return how many main paths are too long."""
    print(f"{'page':42} {'minutes':>7} {'words':>6} {'lines':>6} {'cells':>6} "
          f"{'predictions':>12} {'exercises':>10}")
    over = 0
    for path in sorted(BOOK.glob("*.ipynb")):
        found = count(nbformat.read(path, 4))
        too_long = is_main(path) and found.exact > LIMIT
        over += too_long
        print(f"{path.stem:42} {found.minutes:7} {found.words:6} {found.lines:6} {found.cells:6} "
              f"{found.predictions:12} {found.exercises:10}"
              f"{f'  over {LIMIT}' if too_long else ''}")
    return over


if __name__ == "__main__":
    sys.exit(main())
