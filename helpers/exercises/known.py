"""Finding an exercise by its name, in the chapters and in an instructor's own folder."""

import difflib
import importlib
import os
import pkgutil
from functools import cache
from pathlib import Path

from .exercise import CHAPTER_OF, REGISTRY, Exercise

PRIVATE = "COURSE_EXERCISES"  # names an instructor's folder of further cases


@cache
def _load_chapters() -> None:
    """Import chNN.py, every one, then the files of the private folder, which add to them."""
    package = __package__ or "helpers.exercises"
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name[:2] == "ch" and module.name[2:].isdigit():
            before = set(REGISTRY)
            importlib.import_module(f"{package}.{module.name}")
            CHAPTER_OF.update((name, module.name[2:]) for name in set(REGISTRY) - before)
    folder = os.environ.get(PRIVATE)
    for path in sorted(Path(folder).glob("*.py")) if folder else ():
        before = set(REGISTRY)
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"),
             {"__name__": f"private_{path.stem}"})
        CHAPTER_OF.update((name, "") for name in set(REGISTRY) - before)


def exercises() -> dict[str, Exercise]:
    """Return every exercise by its name, in the order of the chapters."""
    _load_chapters()
    return REGISTRY


def exercise(name: str) -> Exercise:
    """Return the exercise `name`; raise ValueError, which says what is near, if there is none."""
    there = exercises()
    if not isinstance(name, str):
        raise ValueError(f'Name an exercise in quotes, as in check("{next(iter(there))}").')
    if name not in there:
        near = difflib.get_close_matches(name, there, 3) or sorted(there)
        raise ValueError(f"There is no exercise {name!r}. Did you mean {', '.join(near)}?")
    return there[name]
