"""What tests know of each exercise beside the book: other right answers, and equivalent mutants.

`answers_NN.py` has for each code exercise of a chapter at least three right answers in other
styles, and the mutants of the reference that are right as well, each with its reason.
"""

import contextlib
import importlib
import io
from pathlib import Path

from helpers.exercises.naming import names
from tools import exercises as book

ROOM = Path(__file__).parent
FOUND = {part.name: (path, setup, part) for path, setup, part in book.of_book()}
_CHAPTERS = [importlib.import_module(p.stem) for p in sorted(ROOM.glob("answers_*.py"))]
RIGHT = {name: codes for chapter in _CHAPTERS for name, codes in chapter.RIGHT.items()}
EQUIVALENT = {key: why for chapter in _CHAPTERS for key, why in chapter.EQUIVALENT.items()}
CODE = [name for name in FOUND if not name.startswith("answer_")]
VALUES = [name for name in FOUND if name.startswith("answer_")]


def define(name: str, code: str):
    """Run the page's imports and `code` as a learner would, and return what it defines."""
    space = names()
    with contextlib.redirect_stdout(io.StringIO()):  # the device, for one
        exec(FOUND[name][1], space)
    exec(compile(code, f"<{name}>", "exec"), space)
    return space[name]


def reference(name: str):
    """The author's own answer."""
    return define(name, book.reference(FOUND[name][2].code))
