"""Files of `torch.save`: a crash while one is written leaves the old one, and none does harm."""

import contextlib
import errno
import io
import math
import os
import pickle
import stat
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, BinaryIO

import numpy as np
import psutil
import torch
from torch import Tensor

_STORAGES = {"DoubleStorage": torch.float64, "FloatStorage": torch.float32,
             "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
             "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16,
             "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
             "ComplexFloatStorage": torch.complex64, "ComplexDoubleStorage": torch.complex128}
_NUMBERS = (type(None), bool, int, float, complex, str)


def plain(value: Any, name: str) -> Any:
    """Return `value` made of numbers, texts, tensors, lists, tuples and dictionaries only.

    NumPy's numbers and arrays become Python's, and functions are left out of dictionaries: a
    schedule has them from its making. Whatever else there is raises a TypeError that says where in
    `name` it was found.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Counter):
        return Counter(plain(dict(value), name))
    if isinstance(value, dict):
        return {plain(key, name): plain(part, f"{name}[{key!r}]") for key, part in value.items()
                if not isinstance(part, FunctionType | MethodType)}
    if isinstance(value, list | tuple):
        parts = [plain(part, f"{name}[{at}]") for at, part in enumerate(value)]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, torch.nn.Parameter):
        value = value.detach()
    if type(value) in _NUMBERS or (type(value) is Tensor and value.layout == torch.strided
                                   and value.dtype in _STORAGES.values()):
        return value
    raise TypeError(f"{name} is a {type(value).__name__}")


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
            raise pickle.UnpicklingError("its members are packed")
        (name,) = (m.filename for m in members if m.filename.count("/") == 1
                   and m.filename.endswith("/data.pkl"))
        folder = name.removesuffix("data.pkl")
        if archive.read(f"{folder}byteorder") != sys.byteorder.encode():
            raise pickle.UnpicklingError("it was written on another kind of machine")
        return _Reader(archive, folder).load()


class _Reader(pickle._Unpickler):  # pyright: ignore  # in Python: C's follows forged sizes
    """Reads the pickle of `torch.save`: tensors, Counters, and what needs no class."""

    def __init__(self, archive: zipfile.ZipFile, folder: str):
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what builds the one class or other; a function made anew, that none can spoil."""
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: _tensor(*arguments)
        if (module, name) == ("collections", "OrderedDict"):
            return lambda: {}  # of a tensor's hooks, which are none
        if (module, name) == ("collections", "Counter"):
            return lambda counts: Counter(dict(counts))
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: tuple) -> Tensor:
        """Return the numbers that a tensor is a view of."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("it asks for something that is no tensor's")
        if key not in self._storages:
            data = bytearray(self._archive.read(f"{self._folder}data/{key}"))
            self._storages[key] = (torch.frombuffer(data, dtype=dtype) if data
                                   else torch.empty(0, dtype=dtype))
        found = self._storages[key]
        if found.dtype != dtype or len(found) != count:
            raise pickle.UnpicklingError("a tensor has another size than its numbers")
        return found


def _tensor(storage: Tensor, offset: int, size: tuple, stride: tuple, *_: object) -> Tensor:
    if not isinstance(storage, Tensor) or math.prod(size) > len(storage):
        raise pickle.UnpicklingError("a tensor is larger than its numbers")
    return storage.as_strided(size, stride, offset)
