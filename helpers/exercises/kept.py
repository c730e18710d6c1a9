"""The file of what is done: its form, and how it is read and written without losing anything."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeGuard

FORM = "From Tensors to ResNets, progress 1"
EXERCISES, QUIZZES = "exercises", "quizzes"
LIMIT = 1_000_000  # bytes; a whole course is about 5,000
PATIENCE = 3.0  # seconds until another kernel is waited for no longer
# {"exercises": {name: day}, "quizzes": {question: day}}
Kept = dict[str, dict[str, str]]


class NotOurs(ValueError):
    """What is there is not progress of this course. Its words are for the learner."""


def joined(*several: Kept) -> Kept:
    """Return all of it together; of two days, the one that comes first in `several` stays."""
    return {part: {name: day for one in reversed(several) for name, day in one[part].items()}
            for part in (EXERCISES, QUIZZES)}


def read(path: Path, missing: bool = True) -> Kept:
    """Return what a file holds, of a `missing` one nothing; raise NotOurs for anything else."""
    try:
        if missing and not path.exists():
            return joined()
        if path.exists() and not path.is_file():  # to open a pipe would wait for ever
            raise NotOurs(f"{path.name} is a folder or a device, where a file is meant")
        loaded = json.loads(path.read_text("utf-8")) if path.stat().st_size <= LIMIT else None
    except OSError as error:
        raise NotOurs(f"{path.name} cannot be read: {error.strerror}") from None
    except NotOurs:
        raise
    except (ValueError, RecursionError):
        loaded = None
    if not _has_form(loaded):
        raise NotOurs(f"{path.name} holds no progress of this course")
    return {part: loaded[part] for part in (EXERCISES, QUIZZES)}


def _has_form(loaded) -> TypeGuard[dict]:
    return isinstance(loaded, dict) and loaded.get("form") == FORM and all(
        isinstance(loaded.get(part), dict) and all(isinstance(day, str)
                                                   for day in loaded[part].values())
        for part in (EXERCISES, QUIZZES))


def write(kept: Kept, path: Path) -> None:
    """Write the file so that it is whole at any moment; raise OSError if that cannot be."""
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        half.write_text(json.dumps({"form": FORM, **kept}, indent=1, sort_keys=True) + "\n",
                        encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other kernels from reading and writing `path` meanwhile, where the system can do that.

    The lock is among temporary files: it would stay beside the notebook.
    """
    from filelock import FileLock, Timeout  # here: those who only read do without it

    name = hashlib.sha256(str(path).encode(errors="surrogatepass")).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir(), f"course-progress-{name}.lock"))
    with suppress(OSError, NotImplementedError, Timeout):  # what is written is whole even so
        lock.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        lock.release()
