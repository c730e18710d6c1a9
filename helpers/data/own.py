"""Pictures of one's own: files in a folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import torch

from .images import ImageData, assemble
from .official import BadData
from .pictures import ENDINGS, OTHERS, bad, read_all, some, text
from .place import say

# Names that folders may have, in small letters or capitals
TRAIN, VALIDATION, TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")
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
        raise bad(f"{what or folder} cannot be opened: "
                  f"{str(why or problem).rstrip('.')}.") from problem
    files = [(path, label) for split in splits for label, name in enumerate(splits[0])
             for path in split.get(name, ())]
    images = read_all([path for path, _ in files], folder, size)
    counts = [sum(map(len, split.values())) for split in splits]
    labels = torch.tensor([label for _, label in files])
    data = assemble(list(zip(images.split(counts), labels.split(counts), strict=True)),
                    [text(name) for name in splits[0]],
                    text(f"own pictures in {folder.resolve().name}"), device)
    if verbose:
        say(data)
    return data


def _splits(folder: Path) -> list[Paths]:
    """Return the files of training, validation and test."""
    below = {path.name.lower(): path for path in _folders(folder)}
    whole = next((below[name] for name in TRAIN if name in below), None)
    # or else "train" is a class, as in pictures of vehicles
    nested = whole is not None and bool(_folders(whole)
                                        or set(below) <= {*TRAIN, *VALIDATION, *TEST})
    train = _classes(whole if nested and whole is not None else folder)
    names = [VALIDATION, TEST] if nested else [(), ()]
    places = [next((below[name] for name in several if name in below), None) for several in names]
    shares = {name: max(1, len(paths) // SHARE) for name, paths in train.items()}
    needed = 1 + places.count(None)
    for name, paths in train.items():
        if len(paths) < needed:
            raise bad(f"The class {name!r} needs {needed} pictures, to be kept apart for "
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
                  if path.is_dir() and not path.name.startswith((".", "__", "@eaDir")))


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.is_dir()
                  and path.suffix.lower() in endings and not path.name.startswith("."))


def _classes(folder: Path, known: Paths | None = None) -> Paths:
    """Return the pictures in each folder; for validation and test the classes are `known`."""
    found = {path.name: _files(path, (*ENDINGS, *OTHERS)) for path in _folders(folder)}
    empty = [name for name, paths in found.items() if not paths]
    if known is not None and (new := set(found) - set(known)):
        raise bad(f"{folder} has pictures of {some(sorted(new))}, which is no class of the "
                  "training pictures.")
    if known is None and len(found) < 2:
        here = len(_files(folder, ENDINGS))
        raise bad(f"{folder} needs a folder of pictures for each of at least two classes, but "
                  f"has {some(list(found)) or 'none'}"
                  f"{f' (and {here:,} pictures outside of them)' if here else ''}.")
    if empty:
        raise bad(f"{folder / empty[0]} has no PNG or JPEG files. Each folder in {folder} is "
                  "a class and holds its pictures.")
    for path in (below for name in found for below in _folders(folder / name)):
        if pictures := _files(path, ENDINGS):
            raise bad(f"{path} lies in a folder that is a class, and its pictures "
                      f"({len(pictures):,}) would not be read. Move them up into that folder.")
    return found
