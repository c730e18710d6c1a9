"""The quiz that closes a chapter, read from its cell.

    python tools/quiz.py                    how many questions there are
    python tools/quiz.py --moodle FOLDER    write them as Moodle's XML, a file for each chapter

    ## Quiz
    **1.** A question?
    <details><summary>a choice</summary>

    Right. Why it is right.

    </details>

A choice opens to its reason, in Colab, in JupyterLab and on the site, with a mouse or a key and
without JavaScript. Exactly one reason of a question begins with "Right.".
"""

import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

BOOK = Path(__file__).parent.parent / "book"
QUESTION = re.compile(r"^\*\*(\d+)\.\*\* ", re.MULTILINE)
CHOICE = re.compile(r"<details><summary>(.+?)</summary>\n\n(.+?)\n\n</details>", re.DOTALL)
RIGHT = "Right."


@dataclass(frozen=True)
class Choice:
    """What may be chosen, and what the reader is then told."""

    text: str
    reason: str

    @property
    def is_right(self) -> bool:
        """Is this the answer?"""
        return self.reason.startswith(RIGHT)


@dataclass(frozen=True)
class Question:
    """A question of a chapter, in Markdown."""

    chapter: str  # "02"
    number: int
    text: str
    choices: tuple[Choice, ...]

    @property
    def key(self) -> str:
        """Its id in what a reader has done: "02-3"."""
        return f"{self.chapter}-{self.number}"


def is_quiz(source: str) -> bool:
    """Is this Markdown the quiz of a page?"""
    return source.startswith("## Quiz\n")


def questions(notebook, chapter: str) -> Iterator[Question]:
    """Yield the questions of a page; raise ValueError where one cannot be read."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or not is_quiz(cell.source):
            continue
        _, *pieces = QUESTION.split(cell.source)
        for number, body in zip(pieces[::2], pieces[1::2], strict=True):
            choices = tuple(Choice(text.strip(), reason.strip())
                            for text, reason in CHOICE.findall(body))
            found = Question(chapter, int(number), body.partition("<details>")[0].strip(), choices)
            if sum(choice.is_right for choice in choices) != 1 or len(choices) < 3:
                raise ValueError(f"Question {found.key} needs three choices, one of them right.")
            yield found


def of_book() -> Iterator[Question]:
    """Yield every question of the book."""
    for path in sorted(BOOK.glob("*.ipynb")):
        yield from questions(nbformat.read(path, 4), path.name[:2])


def titles() -> dict[str, str]:
    """Return the title of each chapter by its number: {"02": "2. Kernels and edge filters"}."""
    first = {path.name[:2]: nbformat.read(path, 4).cells[0].source.splitlines()[0]
             for path in sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))}
    return {chapter: title.lstrip("# ") for chapter, title in first.items()}


def main() -> str | None:
    """Count the questions of each chapter, or write them for Moodle; return what went wrong."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--moodle", type=Path, metavar="FOLDER")
    folder = parser.parse_args().moodle
    try:
        there = [*of_book()]
        if folder is not None:
            from tools import moodle
            for path in moodle.write(there, titles(), folder):
                print(path)
            return None
    except (OSError, ValueError) as error:
        return str(error)
    chapters = [question.chapter for question in there]
    for chapter in sorted(set(chapters)):
        print(f"chapter {int(chapter):2}: {chapters.count(chapter)} questions")
    return None


if __name__ == "__main__":
    sys.exit(main())
