"""A folder that several programs may download into, and that killed ones have left things in."""

import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from .place import say

ARCHIVE = "cifar-10-python.tar.gz"  # used where somebody has put it into the folder
PARTIAL = f"{ARCHIVE}.part"
LOCK = ".download.lock"
WORK = f".unpacking-{re.sub(r'[^A-Za-z0-9]', '_', platform.node())[:40]}-{{pid}}-"
STUCK = 90  # seconds in which another download has got nothing
DAY = 86_400  # seconds


@contextmanager
def alone_in(folder: Path, patience: float = STUCK) -> Iterator[bool]:
    """Hold the folder's lock; yield False where it cannot be had.

    There are file systems without locks, locks of other users, and programs that hold one and are
    stopped. We wait for one that gets on, and say so.
    """
    lock, before = FileLock(folder / LOCK), None
    with suppress(OSError, NotImplementedError):  # which of them depends on filelock's version
        while not lock.is_locked:
            try:
                lock.acquire(timeout=min(1, patience) if before is None else patience)
            except Timeout:
                now = _size(folder / PARTIAL)
                if now == before or not patience:
                    break
                if before is None:
                    say(f"Waiting for another program that downloads into {folder} …")
                before = now
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def can_append(path: Path) -> bool:
    """Return whether a file may be written to; in a shared folder it may be another user's.

    A pipe is none: to open it would wait for somebody who reads it, for ever.
    """
    return not path.exists() or (os.access(path, os.W_OK) and not path.is_fifo())


def working_folder(folder: Path) -> Path:
    """Return a new folder in `folder`, whose name says which process it belongs to."""
    return Path(tempfile.mkdtemp(dir=folder, prefix=WORK.format(pid=os.getpid())))


def sweep(folder: Path) -> None:
    """Delete what killed downloads have left in a folder that holds the images."""
    if any(folder.glob(".unpacking-*")) or (folder / PARTIAL).exists():
        with suppress(OSError), alone_in(folder, 0) as alone:
            remove_leftovers(folder, alone)
            if alone:
                (folder / PARTIAL).unlink(missing_ok=True)


def remove_leftovers(folder: Path, alone: bool) -> None:
    """Delete working folders of processes that are gone; where we cannot know it, after a day."""
    for left in folder.glob(".unpacking-*"):
        with suppress(OSError):
            mine = re.match(WORK.format(pid=r"(\d{1,9})"), left.name)
            gone = alone and mine is not None and _is_gone(int(mine[1]), left)
            if left.is_dir() and not left.is_symlink() and (
                    gone or time.time() - left.stat().st_mtime > DAY):
                shutil.rmtree(left, ignore_errors=True)


def _is_gone(pid: int, made: Path) -> bool:
    """Return whether the process that made this folder is gone; its number may be another's now."""
    import psutil  # here: it is seldom needed

    try:
        return psutil.Process(pid).create_time() > made.stat().st_mtime
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
