"""Where CIFAR-10 is kept: the folder that COURSE_DATA names, else one in the user's cache."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path
from tqdm import tqdm

from .official import BadData

WAY_OUT = "Name a folder of your own in COURSE_DATA."


class NoPlace(BadData):
    """A folder for the images cannot be used. The message says why, and the way out."""


def say(words: object) -> None:
    """Print this; a character that the console does not have, as in a folder's name, costs nothing.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(str(words).encode(encoding, "backslashreplace").decode(encoding), flush=True)


def bar(*given: Any, **settings: Any) -> tqdm:
    """Return a progress bar, hidden where there is nothing to write it to: `2>&-`, `pythonw`."""
    return tqdm(*given, **settings | ({"disable": True} if sys.stderr is None else {}))


def setting() -> str:
    """Return what COURSE_DATA says: a folder, "stand-in", or nothing; quotes around it are lost."""
    text = os.environ.get("COURSE_DATA", "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    wants_drawn = text.lower().replace("_", "-").replace(" ", "-") in ("stand-in", "standin")
    return "stand-in" if wants_drawn else text


def offline() -> bool:
    """Return whether COURSE_OFFLINE forbids downloads."""
    text = os.environ.get("COURSE_OFFLINE", "").strip().lower()
    return text not in ("", "0", "false", "no", "off")


def folder(named: str) -> Path:
    """Return the folder `named`, or the one in the user's cache; it need not be there yet.

    Raises NoPlace where it cannot be, as below a file or in the home of a user that has none.
    """
    try:
        place = Path(named).expanduser() if named else user_cache_path("from-tensors-to-resnets")
    except RuntimeError as problem:
        whose = named if named.startswith("~") else "this user"
        raise NoPlace(f"There is no home folder for {whose}. {WAY_OUT}") from problem
    if not place.is_absolute() and not named:  # "~", in the words of older versions of platformdirs
        raise NoPlace(f"There is no home folder for this user. {WAY_OUT}")
    try:
        if wrong := not_a_folder(place):
            raise NoPlace(f"{wrong}. Name the folder that holds (or shall hold) the images in "
                          "COURSE_DATA.")
    except OSError as problem:
        raise closed(place, problem) from problem
    return place


def not_a_folder(place: Path) -> str:
    """Return what on the way to `place` is no folder, and what it is instead; "" if all are."""
    for path in (*reversed(place.parents), place):
        if path.is_symlink() and not path.exists():
            return f"{path} is a link that leads nowhere"
        if path.exists() and not path.is_dir():
            return f"{path} is {'a file, ' if path.is_file() else ''}not a folder"
    return ""


def closed(place: Path, problem: OSError) -> NoPlace:
    """Say that one cannot look into `place`."""
    return NoPlace(f"{place} cannot be opened: {problem.strerror or problem}. {WAY_OUT}")


def unwritable(place: Path, problem: OSError) -> NoPlace:
    """Say what could not be written, and the way out."""
    what = problem.filename2 or problem.filename or place
    words = f"{what} cannot be written to: {problem.strerror or problem}."
    if problem.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return NoPlace(f"{words} Free some space (the images need 400 MB), or name another folder "
                       "in COURSE_DATA.")
    return NoPlace(f"{words} {WAY_OUT}")
