"""Read CIFAR-10's official layout, `cifar-10-batches-py/`, running no code from the pickles.

Source of the layout: https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky, 2009).
"""

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

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
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class BadData(RuntimeError):
    """What is on disk is not CIFAR-10 as published. The message says why, and the way out."""


def _bad(path: Path, what: str, folder: Path | None = None) -> BadData:
    """Say what is wrong with `path`, and the way out."""
    return BadData(f"{path} {what}. Delete {folder or path.parent} and run this again to download "
                   "it, name another folder in COURSE_DATA, or set COURSE_DATA=stand-in to go on "
                   "with drawn images.")


def _as_bytes(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, by which protocol 2 spells bytes, with this one codec."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"unexpected codec {encoding!r}")
    return text.encode("latin1")


# How NumPy rebuilds an array, by both protocols: asked of one, since modules moved from 1 to 2.
_reconstruct = np.empty(0).__reduce_ex__(2)[0]
_frombuffer = np.empty(0).__reduce_ex__(5)[0]
# The official files name numpy.core (NumPy 1, Python 2); files written today name numpy._core.
_ALLOWED = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): _as_bytes}
for _core in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _frombuffer


class _ArraysOnly(pickle.Unpickler):
    """An unpickler of dictionaries, lists, text, numbers and NumPy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which a data file has no "
                                         "use for") from None


def _read_dict(path: Path, content: bytes) -> dict:
    """Unpickle one file to a dictionary with text keys, whichever Python wrote it."""
    try:
        found = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except Exception as problem:  # a damaged pickle can raise nearly anything
        raise _bad(path, f"cannot be read: {problem or type(problem).__name__}. It is damaged, or "
                         "not a CIFAR-10 file") from problem
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
    try:
        labels = np.asarray(labels, dtype=np.int64)
    except (TypeError, ValueError):
        labels = np.empty(0, np.int64)
    if labels.shape != shape[:1] or labels.min() < 0 or labels.max() > 9:
        raise _bad(path, "should hold 10,000 labels from 0 to 9, but does not")
    return pixels, labels


def find(folder: Path) -> Path | None:
    """Return the folder with the batch files: `folder` or the one below it; None without one."""
    for candidate in (folder / FOLDER, folder):
        if any((candidate / name).exists() for name in MD5):
            return candidate
    return None


def read(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor, bool]:
    """Return train images uint8 (50000, 3, 32, 32) and labels int64 (50000,), and those for test.

    Last comes whether every file has the official md5 sum. Raises BadData for a missing, truncated
    or foreign file.
    """
    missing = [name for name in MD5 if not (folder / name).is_file()]
    if missing:
        raise _bad(folder, f"is not complete: {', '.join(missing)} "
                           f"{'is' if len(missing) == 1 else 'are'} missing", folder)
    contents = {}
    for name in MD5:
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as problem:
            raise BadData(f"{folder / name} cannot be opened: {problem.strerror}. Check its "
                          "permissions, or name another folder in COURSE_DATA.") from problem
    official = all(hashlib.md5(content, usedforsecurity=False).hexdigest() == MD5[name]
                   for name, content in contents.items())
    meta = _read_dict(folder / "batches.meta", contents.pop("batches.meta"))
    names = [n.decode("latin1") if isinstance(n, bytes) else n for n in meta.get("label_names", ())]
    if tuple(names) != CLASSES:
        raise _bad(folder / "batches.meta", f"names the classes {names}, which are not CIFAR-10's")
    batches = [_read_batch(folder / name, content) for name, content in contents.items()]

    def tensors(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor]:
        pixels, labels = zip(*parts, strict=True)
        return (torch.from_numpy(np.concatenate(pixels)).view(-1, 3, 32, 32),
                torch.from_numpy(np.concatenate(labels)))

    return *tensors(batches[:5]), *tensors(batches[5:]), official
