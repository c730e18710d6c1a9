"""Pictures of one's own: files in a folder for each class."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from textwrap import shorten

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from .images import ImageData, assemble
from .official import BadData
from .place import say

ENDINGS = (".png", ".jpg", ".jpeg")
OTHERS = (".heic", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")  # named, not passed over
# What they may be inside. Others can do more than show a picture, as PostScript does.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
VALIDATION = ("val", "valid", "validation")  # names that its folder may have
SHARE = 10  # one in so many pictures of a class is kept for validation, and one for the test

Paths = dict[str, list[Path]]  # the pictures of each class


def load_folder(folder: str | Path, device: torch.device | str = "cpu", *,
                size: int | None = None, verbose: bool = True) -> ImageData:
    """Load the PNG and JPEG files in `folder/CLASS/` into memory, as `load_cifar10` does CIFAR-10.

    folder: what holds a folder for each class; or `train/` and `test/` (and `val/`) that do.
    device: where the images are kept; training needs them where the model is.
    size: the side in pixels to which the middle square of each picture is scaled. Without it, all
        must have one size already.
    verbose: whether to print what was loaded.

    Images are uint8 (N, 3, H, W), labels int64 (N,), classes sorted by name. Of each class a tenth,
    at least one, is kept for validation and as many for the test, drawn always alike, where these
    have no folders of their own. Gray pictures get three equal channels, transparent ones a white
    ground, photographs stand upright. Hidden files are passed over. Raises BadData, with the names
    of the files, for what is no picture or has another size than the others, and for a folder
    without two classes, or with fewer than three pictures in one.
    """
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(f"size must be a whole number of pixels from 1 on; got {size!r}.")
    try:
        folder = Path(folder).expanduser()
        splits = _splits(folder)
    except (OSError, RuntimeError, ValueError) as problem:  # as where "~" means nothing
        if isinstance(problem, BadData):
            raise
        what, why = getattr(problem, "filename", folder), getattr(problem, "strerror", problem)
        raise _bad(f"{what or folder} cannot be opened: "
                   f"{str(why or problem).rstrip('.')}.") from problem
    files = [(path, label) for split in splits for label, name in enumerate(splits[0])
             for path in split.get(name, ())]
    images = _read_all([path for path, _ in files], folder, size)
    counts = [sum(map(len, split.values())) for split in splits]
    labels = torch.tensor([label for _, label in files])
    data = assemble(list(zip(images.split(counts), labels.split(counts), strict=True)),
                    [_text(name) for name in splits[0]],
                    _text(f"own pictures in {folder.resolve().name}"), device)
    if verbose:
        say(data)
    return data


def _text(words: str) -> str:
    """Return words that can be printed, whatever bytes the names of files are made of."""
    text = words.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(c if c.isprintable() else "�" for c in text)


def _bad(words: str) -> BadData:
    return BadData(_text(words))


def _splits(folder: Path) -> list[Paths]:
    """Return the files of training, validation and test."""
    below = {path.name: path for path in _folders(folder)}
    # or else "train" is a class, as in pictures of vehicles
    nested = "train" in below and bool(_folders(below["train"])
                                       or set(below) <= {"train", "test", *VALIDATION})
    train = _classes(below["train"] if nested else folder)
    names = [VALIDATION, ("test",)] if nested else [(), ()]
    places = [next((below[name] for name in several if name in below), None) for several in names]
    shares = {name: max(1, len(paths) // SHARE) for name, paths in train.items()}
    needed = 1 + places.count(None)
    for name, paths in train.items():
        if len(paths) < needed:
            raise _bad(f"The class {name!r} needs {needed} pictures, to be kept apart for "
                          f"training, validation and test, but has {len(paths)}.")
    generator = torch.Generator().manual_seed(0)
    return [train, *(_classes(place, train) if place else _set_apart(train, shares, generator)
                     for place in places)]


def _set_apart(train: Paths, shares: dict[str, int], generator: torch.Generator) -> Paths:
    """Take the share of each class out of `train`."""
    apart = {}
    for name, paths in train.items():
        drawn = set(torch.randperm(len(paths), generator=generator)[:shares[name]].tolist())
        apart[name] = [path for i, path in enumerate(paths) if i in drawn]
        train[name] = [path for i, path in enumerate(paths) if i not in drawn]
    return apart


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()
                  if path.is_dir() and not path.name.startswith((".", "__")))


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.is_dir()
                  and path.suffix.lower() in endings and not path.name.startswith("."))


def _classes(folder: Path, known: Paths | None = None) -> Paths:
    """Return the pictures in each folder; for validation and test the classes are `known`."""
    found = {path.name: _files(path, (*ENDINGS, *OTHERS)) for path in _folders(folder)}
    empty = [name for name, paths in found.items() if not paths]
    if known is not None and (new := set(found) - set(known)):
        raise _bad(f"{folder} has pictures of {_some(sorted(new))}, which is no class of the "
                      "training pictures.")
    if known is None and len(found) < 2:
        here = len(_files(folder, ENDINGS))
        raise _bad(f"{folder} needs a folder of pictures for each of at least two classes, but "
                      f"has {_some(list(found)) or 'none'}"
                      f"{f' (and {here:,} pictures outside of them)' if here else ''}.")
    if empty:
        raise _bad(f"{folder / empty[0]} has no PNG or JPEG files. Each folder in {folder} is "
                      "a class and holds its pictures.")
    for path in (below for name in found for below in _folders(folder / name)):
        if pictures := _files(path, ENDINGS):
            raise _bad(f"{path} lies in a folder that is a class, and its pictures "
                       f"({len(pictures):,}) would not be read. Move them up into that folder.")
    return found


def _some(names: Sequence[str]) -> str:
    """Name the first few."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _read_all(paths: list[Path], folder: Path, size: int | None) -> Tensor:
    """Return the pictures, uint8 (N, 3, H, W)."""
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        read = list(tqdm(pool.map(partial(_read, size=size), paths), desc="pictures",
                         total=len(paths), leave=False))
    names = [str(path.relative_to(folder)) for path in paths]
    bad = sorted(f"{name} ({why})" for name, why in zip(names, read, strict=True)
                 if isinstance(why, str))
    if bad:
        raise _bad(f"{len(bad):,} of {len(paths):,} pictures in {folder} cannot be used: "
                      f"{_some(bad)}. Replace or delete them.")
    pictures = [pixels for pixels in read if not isinstance(pixels, str)]
    (height, width), _ = Counter(pixels.shape[:2] for pixels in pictures).most_common(1)[0]
    odd = sorted(f"{name} ({pixels.shape[1]}×{pixels.shape[0]})" for name, pixels in
                 zip(names, pictures, strict=True) if pixels.shape[:2] != (height, width))
    if odd:
        raise _bad(f"{len(odd):,} of {len(paths):,} pictures in {folder} have another size than "
                      f"{width}×{height}: {_some(odd)}. With load_folder(…, size=32) all become "
                      "squares of 32 pixels.")
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def _read(path: Path, size: int | None) -> np.ndarray | str:
    """Return a picture as uint8 (H, W, 3), or why it cannot be used."""
    if not path.is_file():
        return "no file, or a link to nothing"
    if path.suffix.lower() in OTHERS:
        return "neither PNG nor JPEG"
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.mode.startswith(("I", "F")):
                return "more than 8 bits a channel"
            if getattr(picture, "is_animated", False) and picture.format != "MPO":
                return "a moving picture"
            if size is not None:
                picture.draft("RGB", (size, size))  # a large JPEG is decoded at half of its size
            upright = ImageOps.exif_transpose(picture)
            if "A" in upright.getbands() or "transparency" in upright.info:
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright.convert("RGBA"))
            upright = upright.convert("RGB")
            if size is not None:
                upright = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
            return np.asarray(upright)
    except UnidentifiedImageError:
        return "no picture"
    except Exception as problem:  # a damaged picture can raise nearly anything
        return shorten(str(problem), 80) or type(problem).__name__
