"""CIFAR-10 in memory: from a folder, from a mirror, or as an announced synthetic stand-in."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from platformdirs import user_cache_path
from torch import Tensor

from . import official, standin
from .download import NoDownload, download
from .images import ImageData, ImageSet, channel_statistics
from .official import BadData

OFFICIAL = "CIFAR-10 (the official files)"
UNOFFICIAL = "CIFAR-10 (not the official bytes)"
STAND_IN = "synthetic stand-in, not CIFAR-10"
VALIDATION = 5000  # the last images of the training files


def find_files() -> Path | None:
    """Return the folder that holds CIFAR-10's files now, None when there is none."""
    folder = data_folder()
    return folder and official.find(folder)


def data_folder() -> Path | None:
    """Return the folder to look in and download to: COURSE_DATA, else one in the user's cache.

    None where COURSE_DATA=stand-in asks for the drawn images.
    """
    named = os.environ.get("COURSE_DATA", "").strip()
    if named == "stand-in":
        return None
    return Path(named).expanduser() if named else user_cache_path("from-tensors-to-resnets")


def load_cifar10(device: torch.device | str = "cpu", *, verbose: bool = True) -> ImageData:
    """Load CIFAR-10 whole into memory: 45,000 training, 5,000 validation, 10,000 test images.

    device: where the images are kept; training needs them where the model is.
    verbose: whether to print what was loaded. The stand-in is announced in any case.

    Read from the folder COURSE_DATA or the cache; downloaded there when the folder is empty; drawn
    synthetically, and announced, when that is impossible (no network, or COURSE_OFFLINE=1) or
    wanted (COURSE_DATA=stand-in). `data.source` says which of these it was.

    Images are uint8 (N, 3, 32, 32), labels int64 (N,). Raises BadData when the folder holds
    something else than a whole, readable CIFAR-10: it is never silently replaced. Source: A.
    Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    found, reason = _files_or_reason()
    if found is not None:
        *tensors, is_official = official.read(found)
        data = _assemble(tensors, official.CLASSES, OFFICIAL if is_official else UNOFFICIAL, device)
    else:
        data = _assemble(standin.draw(), standin.CLASSES, STAND_IN, device)
    if verbose:
        print(data if found is not None else announcement(reason), flush=True)
    return data


def _files_or_reason() -> tuple[Path | None, str]:
    """Return the folder with the files, downloaded if need be, or None and why there are none."""
    folder = data_folder()
    if folder is None:
        return None, "COURSE_DATA=stand-in asks for it"
    if folder.is_file():
        raise BadData(f"{folder} is a file, not a folder. Name the folder that holds (or shall "
                      f"hold) {official.FOLDER} in COURSE_DATA.")
    found = official.find(folder)
    if found is not None:
        return found, ""
    if os.environ.get("COURSE_OFFLINE", "").strip() not in ("", "0"):
        return None, "COURSE_OFFLINE is set"
    try:
        return download(folder), ""
    except NoDownload as problem:
        return None, f"no mirror delivered the images.\n  {problem}"


def announcement(reason: str) -> str:
    """Return what is printed above all results on the stand-in."""
    return (f"NOTE: {STAND_IN}.\nDrawn shapes take the place of photographs: all code runs, but no "
            f"number is CIFAR-10's.\nWhy: {reason}.\nFor the real images, connect to the network, "
            "or name their folder in COURSE_DATA.")


def _assemble(tensors: Sequence[Tensor], classes: Sequence[str], source: str,
              device: torch.device | str) -> ImageData:
    """Split off the validation images, measure the training images' channels, move all."""
    train_images, train_labels, test_images, test_labels = tensors
    cut = len(train_images) - VALIDATION
    mean, std = channel_statistics(train_images[:cut])

    def split(images: Tensor, labels: Tensor) -> ImageSet:
        # convolutions on the CPU and on recent GPUs are faster on channels_last; indexing keeps it
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        return ImageSet(images, labels.to(device), tuple(classes), mean.to(device), std.to(device),
                        source)

    return ImageData(split(train_images[:cut], train_labels[:cut]),
                     split(train_images[cut:], train_labels[cut:]), split(test_images, test_labels))
