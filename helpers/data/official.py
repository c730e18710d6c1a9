"""Read CIFAR-10's official layout, `cifar-10-batches-py/`, running no code from the pickles.

Source of the layout: https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky, 2009).
"""

import hashlib
from pathlib import Path
from textwrap import shorten

import numpy as np
import torch
from torch import Tensor

from . import arrays

FOLDER = "cifar-10-batches-py"
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
IMAGES_PER_FILE = 10_000
PIXELS = 3 * 32 * 32
LARGEST = 64 << 20  # bytes of a file; CIFAR-10's have 31 MB
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class BadData(RuntimeError):
    """What is on disk is not what it should be. The message says why, and the way out."""


def _bad(path: Path, what: str, folder: Path | None = None) -> BadData:
    """Say what is wrong with `path`, and the way out."""
    return BadData(f"{path} {what}. Delete {folder or path.parent} and run this again to download "
                   "it, name another folder in COURSE_DATA, or set COURSE_DATA=stand-in to go on "
                   "with drawn images.")


def _read_dict(path: Path, content: bytes) -> dict:
    """Unpickle one file to a dictionary with text keys, whichever Python wrote it."""
    try:
        found = arrays.read(content)
    except ValueError as problem:
        raise _bad(path, f"cannot be read: {shorten(str(problem), 150)}. It is damaged, or not a "
                         "CIFAR-10 file") from problem
    if not isinstance(found, dict):
        raise _bad(path, f"holds a {type(found).__name__} where CIFAR-10 has a dictionary")
    return {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in found.items()}


def _read_batch(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels uint8 (10000, 3072), R then G then B, rows first, and labels int64 (10000,)."""
    found = _read_dict(path, content)
    pixels, labels = found.get("data"), found.get("labels")
    shape = (IMAGES_PER_FILE, PIXELS)
    if not isinstance(pixels, np.ndarray) or pixels.shape != shape or pixels.dtype != np.uint8:
        seen = (f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray)
                else type(pixels).__name__)
        raise _bad(path, f"should hold pixels as uint8 {shape}, but has {seen}")
    if isinstance(labels, list) and all(type(label) is int for label in labels):
        labels = np.array([label if 0 <= label <= 9 else -1 for label in labels], np.int64)
    if (not isinstance(labels, np.ndarray) or labels.shape != shape[:1] or labels.dtype.kind not in
            "iu" or labels.min() < 0 or labels.max() > 9):
        raise _bad(path, "should hold 10,000 labels from 0 to 9, but does not")
    return pixels, labels.astype(np.int64)


def _class_names(path: Path, content: bytes) -> tuple[str, ...]:
    """Return the names of the classes, which must be CIFAR-10's."""
    found = _read_dict(path, content).get("label_names")
    names = tuple(name.decode("latin1") if isinstance(name, bytes) else name
                  for name in (found if isinstance(found, list | tuple) else ()))
    if names != CLASSES:
        seen = shorten(", ".join(name for name in names if isinstance(name, str)), 80)
        raise _bad(path, f"names the classes {seen or 'not at all'}, which are not CIFAR-10's")
    return names


def find(folder: Path) -> Path | None:
    """Return the folder with the batch files: `folder` or the one below it; None without one."""
    for candidate in (folder / FOLDER, folder):
        if any((candidate / name).exists() for name in MD5):
            return candidate
    return None


def _contents(folder: Path) -> dict[str, bytes]:
    """Return what the files hold, by name."""
    contents = {}
    try:
        missing = [name for name in MD5 if not (folder / name).is_file()]
        if missing:
            raise _bad(folder, f"is not complete: {', '.join(missing)} "
                               f"{'is' if len(missing) == 1 else 'are'} missing", folder)
        for name in MD5:
            path = folder / name
            if path.stat().st_size > LARGEST:
                raise _bad(path, f"has {path.stat().st_size:,} bytes, more than CIFAR-10's")
            contents[name] = path.read_bytes()
    except OSError as problem:
        raise BadData(f"{problem.filename or folder} cannot be opened: {problem.strerror}. Check "
                      "its permissions, or name another folder in COURSE_DATA.") from problem
    return contents


def read(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor, bool]:
    """Return train images uint8 (50000, 3, 32, 32) and labels int64 (50000,), and those for test.

    Last comes whether every file has the official md5 sum. Raises BadData for a missing, truncated
    or foreign file.
    """
    contents = _contents(folder)
    official = all(hashlib.md5(content, usedforsecurity=False).hexdigest() == MD5[name]
                   for name, content in contents.items())
    _class_names(folder / "batches.meta", contents.pop("batches.meta"))
    batches = [_read_batch(folder / name, content) for name, content in contents.items()]

    def tensors(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor]:
        pixels, labels = zip(*parts, strict=True)
        return (torch.from_numpy(np.concatenate(pixels)).view(-1, 3, 32, 32),
                torch.from_numpy(np.concatenate(labels)))

    return *tensors(batches[:5]), *tensors(batches[5:]), official
