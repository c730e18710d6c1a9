"""CIFAR-10 in memory: from a folder, from a mirror, or as an announced synthetic stand-in."""

from pathlib import Path

import torch

from . import official, place, standin
from .download import NoDownload, download
from .images import ImageData, assemble
from .shared import ARCHIVE, sweep

OFFICIAL = "CIFAR-10 (the official files)"
UNOFFICIAL = "CIFAR-10 (not the official bytes)"
STAND_IN = "synthetic stand-in, not CIFAR-10"
VALIDATION = 5000  # the last images of the training files


def find_files() -> Path | None:
    """Return the folder that holds CIFAR-10's files now, None when there is none."""
    named = place.setting()
    try:
        return None if named == "stand-in" else _found(place.folder(named))
    except place.NoPlace:
        return None


def load_cifar10(device: torch.device | str = "cpu", *, verbose: bool = True) -> ImageData:
    """Load CIFAR-10 whole into memory: 45,000 training, 5,000 validation, 10,000 test images.

    device: where the images are kept; training needs them where the model is.
    verbose: whether to print what was loaded. The stand-in is announced in any case.

    Read from the folder COURSE_DATA or the cache; unpacked from the archive that lies there, or
    downloaded; drawn synthetically, and announced, when that is impossible (no network,
    COURSE_OFFLINE=1, or no COURSE_DATA and a cache that cannot be used) or wanted
    (COURSE_DATA=stand-in). `data.source` says which of these it was.

    Images are uint8 (N, 3, 32, 32), labels int64 (N,). Raises BadData when the folder holds
    something else than a whole, readable CIFAR-10: it is never silently replaced. Source: A.
    Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    found, reason = _files_or_reason()
    if found is not None:
        *tensors, is_official = official.read(found)
        classes, source = official.CLASSES, OFFICIAL if is_official else UNOFFICIAL
    else:
        tensors, classes, source = standin.draw(), standin.CLASSES, STAND_IN
    images, labels, test_images, test_labels = tensors
    cut = len(images) - VALIDATION
    data = assemble([(images[:cut], labels[:cut]), (images[cut:], labels[cut:]),
                     (test_images, test_labels)], classes, source, device)
    if verbose:
        place.say(data if found is not None else announcement(reason))
    return data


def _files_or_reason() -> tuple[Path | None, str]:
    """Return the folder with the files, downloaded if need be, or None and why there are none."""
    named = place.setting()
    if named == "stand-in":
        return None, "COURSE_DATA=stand-in asks for it"
    try:
        return get_files(place.folder(named)), ""
    except NoDownload as problem:
        return None, str(problem)
    except place.NoPlace as problem:
        if named:
            raise
        return None, str(problem)


def get_files(folder: Path) -> Path:
    """Return the folder with the files, downloaded into `folder` if need be and allowed."""
    found = _found(folder)
    if found is not None:
        sweep(folder)
        return found
    if not place.offline():
        return download(folder)
    if not (folder / ARCHIVE).is_file():
        raise NoDownload("COURSE_OFFLINE is set")
    return download(folder, ())


def _found(folder: Path) -> Path | None:
    try:
        return official.find(folder)
    except OSError as problem:
        raise place.closed(folder, problem) from problem


def announcement(reason: str) -> str:
    """Return what is printed above all results on the stand-in."""
    return (f"NOTE: {STAND_IN}.\nDrawn shapes take the place of photographs: all code runs, but no "
            "number is CIFAR-10's.\n"
            f"Why: {reason.removesuffix('.')}.\nFor the real images, connect to the network, or "
            "name their folder in COURSE_DATA.")
