"""CIFAR-10 on this computer: `python -m helpers.data show`, and fetch, verify, clear."""

import hashlib
import io
import os
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from . import official, place
from .cifar10 import OFFICIAL, UNOFFICIAL, get_files
from .download import NoDownload
from .shared import ARCHIVE, LOCK, PARTIAL, alone_in


def show(folder: Path) -> int:
    """Say where the images are, what there is, and what the chapters use."""
    print(f"{folder} ({'named in COURSE_DATA' if _named() else 'the cache of this user'})")
    found, problem = official.find(folder) if folder.is_dir() else None, ""
    try:
        kind = _kind(found) if found else "drawn images" if place.offline() else "a download"
    except official.BadData as bad:
        kind, problem = "files that cannot be used", str(bad)
    meanings = {PARTIAL: "half a download, to go on with",
                ARCHIVE: "the archive, put there by hand"}
    for path in [*([found] if found else []), *(folder / name for name in meanings),
                 *_leftovers(folder)]:
        if path.exists():
            print(f"  {path.name:28}{_size(path) / 1e6:8,.1f} MB  "
                  f"{kind if path == found else meanings.get(path.name, 'left by a download')}")
    print(problem or f"Chapters use {'drawn images' if place.setting() == 'stand-in' else kind}.")
    return int(bool(problem))


def fetch(folder: Path) -> int:
    """Download the images unless they are there."""
    print(f"The images are in {get_files(folder)}.")
    return 0


def verify(folder: Path) -> int:
    """Compare each file with the published one, and read them all."""
    found = official.find(folder) if folder.is_dir() else None
    if found is None:
        print(f"There are no images in {folder}.")
        return 1
    for name, md5 in official.MD5.items():
        path = found / name
        same = path.is_file() and _md5(path)
        print(f"  {name:14}{'official' if same == md5 else 'other bytes' if same else 'missing'}")
    kind = _kind(found)
    print(f"{found}: {kind}.")
    return int(kind != OFFICIAL)


def clear(folder: Path, yes: bool) -> int:
    """Delete what this course has downloaded, and nothing else, once it is agreed to."""
    ours = [path for path in _ours(folder) if path.exists()] if (folder / LOCK).exists() else []
    if not ours:
        print(f"There is nothing in {folder} that this course has downloaded.")
        return 0
    for path in ours:
        print(f"  {path}  {_size(path) / 1e6:,.1f} MB")
    if not yes and not _agreed():
        print("Nothing was deleted. With --yes it is, without a question.")
        return 1
    with alone_in(folder, 0) as alone:
        if not alone:
            print(f"Nothing was deleted: another program seems to be downloading into {folder}, or "
                  "its disk cannot lock files. If none is, delete the folder yourself.")
            return 1
        for path in ours:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / LOCK).unlink(missing_ok=True)
    for path in (folder / official.FOLDER, *([] if _named() else [folder])):
        with suppress(OSError):  # what holds other files stays
            path.rmdir()
    print("Deleted.")
    return 0


def _agreed() -> bool:
    """Ask; where nobody can answer, or ends the input (Ctrl-D), the answer is no."""
    with suppress(EOFError):
        return (sys.stdin is not None and sys.stdin.isatty()
                and input("Delete these? [y/N] ").lower() == "y")
    return False


def _ours(folder: Path) -> list[Path]:
    """Return what a download makes. Where one has been there is its lock."""
    files = folder / official.FOLDER
    return [*([] if files.is_symlink() else (files / name for name in official.MD5)),
            folder / PARTIAL, *_leftovers(folder)]


def _leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.glob(".unpacking-*") if path.is_dir() and not path.is_symlink()]


def _named() -> bool:
    return place.setting() not in ("", "stand-in")


def _kind(found: Path) -> str:
    """Return what the files are; raises BadData where they cannot be read."""
    return OFFICIAL if official.read(found)[-1] else UNOFFICIAL


def _md5(path: Path) -> str:
    with path.open("rb") as file:  # piece by piece: what lies there may be far larger
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(below.stat().st_size for below in path.rglob("*") if below.is_file())
    return path.stat().st_size


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 0 where all is well."""
    parser = ArgumentParser(prog="python -m helpers.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (show, fetch, verify, clear):
        commands.add_parser(command.__name__, help=command.__doc__)
    commands.choices["clear"].add_argument("--yes", action="store_true", help="do not ask")
    asked = vars(parser.parse_args(words))
    command = globals()[asked.pop("command")]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the names of folders hold anything
    try:
        code = command(place.folder(place.setting() if _named() else ""), **asked)
        print(end="", flush=True)  # here, where it can be told that this does not work
        return code
    except KeyboardInterrupt:
        print("\nStopped. The next call goes on from here.", file=sys.stderr)
        return 130
    except (official.BadData, NoDownload) as problem:
        print(problem, file=sys.stderr)
    except BrokenPipeError:  # whoever read has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as problem:
        what = problem.filename or "What output goes to"
        print(f"{what} cannot be used: {problem.strerror}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
