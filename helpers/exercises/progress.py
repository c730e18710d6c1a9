"""What a learner has done, in a file beside the notebook: no account, nothing in `check`'s box.

The file and the one that the site exports have the same form, so either reads the other's.
"""

import os
from datetime import date
from pathlib import Path

from .box import Box, show
from .kept import EXERCISES, QUIZZES, Kept, NotOurs, alone, joined, read, write

FILE = "course_progress.json"
OFF = ("0", "off", "no", "false")


def _is_kept() -> bool:
    """Is somebody learning here? Not in CI, nor in a build, nor in a test."""
    return not (os.environ.get("COURSE_PROGRESS", "").lower() in OFF or os.environ.get("CI")
                or os.environ.get("COURSE_PROFILE") == "smoke")


def _path() -> Path:
    """Return where it is kept; what a link points to, so that the link stays one."""
    return (Path.cwd() / FILE).resolve()


def passed(name: str) -> None:
    """Remember that an exercise is right. Where nothing can be written, forget it in silence."""
    if not _is_kept():
        return
    try:
        with alone(_path()):
            _add({EXERCISES: {name: date.today().isoformat()}, QUIZZES: {}})
    except Exception:  # whatever it is: the answer is right, and `check` says so
        pass


def _add(more: Kept) -> Kept:
    """Add to what is kept and return all of it; the file of somebody else is put aside first."""
    path = _path()
    try:
        kept = read(path)
    except NotOurs:
        if not path.is_file():
            raise
        _put_aside(path)
        kept = read(path)
    together = joined(kept, more)
    if together != kept:
        write(together, path)
    return together


def _put_aside(path: Path) -> None:
    """Rename a file that cannot be read as progress: it may be half of what was once kept."""
    number = 1
    while (other := path.with_name(f"{path.stem}.unread-{number}.json")).exists():
        number += 1
    path.rename(other)


def progress(*, export: str | Path | None = None, restore: str | Path | None = None) -> None:
    """Show what is done, by chapter; write it to a file, or take in what such a file holds.

    `restore` also reads what the site has exported. Nothing that is there is lost: what is restored
    is added, and a file that is exported to keeps what it holds.
    """
    try:
        kept = _restored(restore) if restore is not None else _now()
        if export is not None:
            _exported(kept, export)
    except NotOurs as error:
        return show(Box("note", str(error)))
    return show(Box("note", "What you have done", (*_by_chapter(kept), _where())))


def _now() -> Kept:
    """Return what is kept here."""
    if not _is_kept():  # or what a notebook prints would depend on who runs it
        return joined()
    try:
        with alone(path := _path()):
            return read(path)
    except NotOurs as error:
        raise NotOurs(f"{error}; the next exercise that is right puts it aside, under another name"
                      if path.is_file() else str(error)) from None
    except (OSError, RuntimeError) as error:
        raise NotOurs(f"Nothing can be kept here: {_reason(error)}") from None


def _restored(source: str | Path) -> Kept:
    """Add what a file holds to what is kept; raise NotOurs, which says why, if that fails."""
    more = read(_named(source), missing=False)
    if not any(more.values()):
        raise NotOurs(f"{source} holds nothing that was done")
    if not _is_kept():
        return more
    try:
        with alone(_path()):
            return _add(more)
    except (OSError, RuntimeError) as error:
        raise NotOurs(f"{FILE} cannot be written here, and nothing was changed: "
                      f"{_reason(error)}") from None


def _exported(kept: Kept, target: str | Path) -> None:
    """Write to a file, beside what it holds of the course; raise NotOurs, which says why not."""
    path = _named(target)
    try:
        with alone(path):
            write(joined(read(path), kept), path)
    except (OSError, RuntimeError) as error:
        raise NotOurs(f"{target} cannot be written: {_reason(error)}") from None


def _named(name: str | Path) -> Path:
    """Return the path of a file that was named; raise NotOurs if that is none."""
    try:
        return Path(name).expanduser().resolve()
    except (TypeError, ValueError, OSError, RuntimeError):
        raise NotOurs(f"Name a file in quotes, as in `progress(export=\"{FILE}\")`") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _by_chapter(kept: Kept) -> list[str]:
    from .known import exercises
    lines = []
    for chapter in sorted({e.chapter for e in exercises().values()} - {""}):
        there = [name for name, e in exercises().items() if e.chapter == chapter]
        done = sum(name in kept[EXERCISES] for name in there)
        quiz = sum(key.startswith(f"{chapter}-") for key in kept[QUIZZES])
        lines.append(f"Chapter {int(chapter)}: {done} of {len(there)} exercises"
                     + (f", {quiz} quiz questions" if quiz else ""))
    return lines


def _where() -> str:
    if not _is_kept():
        return "Nothing is kept here: `COURSE_PROGRESS`, CI or the smoke profile switched it off."
    folder = _path().parent
    if "COLAB_RELEASE_TAG" in os.environ and "drive" not in folder.parts:
        return (f"Kept in {FILE} on Colab's machine, and gone with it: download the file, or name "
                'one on your Drive in `progress(export="…")`.')
    unread = len([*folder.glob(f"{Path(FILE).stem}.unread-*.json")])
    return (f"Kept in {FILE}, beside the notebook."
            + (f" {unread} that could not be read, put aside as {Path(FILE).stem}.unread-….json."
               if unread else ""))
