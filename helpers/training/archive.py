"""Files of `torch.save`: a crash while one is written leaves the old one, and none does harm."""

import contextlib
import errno
import io
import os
import stat
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import torch
from torch import Tensor

from ..data.pickled import load
from .plain import NAMES

_STEPS = 5_000_000  # of a file's pickle: a long run takes a tenth of it


def write(content: dict, path: Path) -> None:
    """Write `content` beside the old file, then put it in its place, which is done in one go.

    Raises OSError where there is no room or no right to write, and leaves the old file.
    """
    data = io.BytesIO()  # whole, because torch.save hides why a disk did not take it
    torch.save(content, data)
    with _new(path) as (path, new):
        with new.open("wb") as file:
            file.write(data.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


def try_to_write(path: Path) -> None:
    """Raise OSError where `write` would, but for the room that it needs."""
    with _new(path) as (_, new):
        new.touch()


@contextlib.contextmanager
def _new(path: Path) -> Iterator[tuple[Path, Path]]:
    """Give the true path of a file and that of the new one beside it, which does not stay."""
    path = Path(os.path.realpath(path))  # a link stays one
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path, new
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove what processes that were killed while they wrote this file have left beside it."""
    path = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        for left in path.parent.iterdir():
            pid = left.name.removeprefix(f"{path.name}.").removesuffix(".new")
            if (left.name == f"{path.name}.{pid}.new" and pid.isdecimal()
                    and not psutil.pid_exists(int(pid))):
                left.unlink(missing_ok=True)


def read(path: Path) -> Any:
    """Return what `write` has written, on the CPU.

    Only what `plain` lets through is built, in memory of about twice the file's size: no code of
    the file runs. Raises OSError where there is no file to be read, and other exceptions for one
    that is not ours.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a pipe would never end
        raise OSError(errno.EINVAL, "it is not a file")
    if about.st_size > psutil.virtual_memory().total:  # a file with holes takes no room on a disk
        raise OSError(errno.EFBIG, "it is larger than this computer's memory")
    with path.open("rb") as file:
        try:
            return _read(file, about.st_size)
        except OSError as problem:  # a place in it that cannot be
            raise zipfile.BadZipFile(str(problem)) from problem


def _read(file: BinaryIO, size: int) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if (sum(member.file_size for member in members) > size
                or any(member.compress_type != zipfile.ZIP_STORED for member in members)):
            raise ValueError("its members are packed")
        (name,) = (m.filename for m in members if m.filename.count("/") == 1
                   and m.filename.endswith("/data.pkl"))
        folder = name.removesuffix("data.pkl")
        if archive.read(f"{folder}byteorder") != sys.byteorder.encode():
            raise ValueError("it was written on another kind of machine")
        storages = {}

        def storage(pid: tuple) -> Tensor:
            """Return the numbers that a tensor is a view of."""
            kind, dtype, key, _, count = pid
            if kind != "storage" or not isinstance(dtype, torch.dtype) or type(key) is not str:
                raise ValueError("it asks for something that is no tensor's")
            if key not in storages:
                data = bytearray(archive.read(f"{folder}data/{key}"))
                storages[key] = (torch.frombuffer(data, dtype=dtype) if data
                                 else torch.empty(0, dtype=dtype))
            found = storages[key]
            if found.dtype != dtype or len(found) != count:
                raise ValueError("a tensor has another size than its numbers")
            return found

        return load(archive.read(name), NAMES, _STEPS, storage)
