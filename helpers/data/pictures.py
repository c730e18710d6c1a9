"""Files of pictures, read into memory."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from textwrap import shorten
from threading import Lock

import numpy as np
import psutil
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .official import BadData
from .place import bar

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".jpe")
# Of pictures, too: these are named, not passed over.
OTHERS = (".heic", ".heif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jxl", ".jp2",
          ".ppm", ".pgm", ".svg", ".psd", ".dng", ".cr2", ".nef", ".arw")
# What they may be inside. Others can do more than show a picture, as PostScript does.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_MANY = 20_000_000  # pixels of a picture that is read alone
_LARGE = Lock()


def text(words: str) -> str:
    """Return words that can be printed, whatever bytes the names of files are made of."""
    text = words.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(c if c.isprintable() else "�" for c in text)


def bad(words: str) -> BadData:
    """Return the error that says so."""
    return BadData(text(words))


def some(names: Sequence[str]) -> str:
    """Name the first few."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def read_all(paths: list[Path], folder: Path, size: int | None) -> Tensor:
    """Return the pictures, uint8 (N, 3, H, W)."""
    needed = 2 * sum(_bytes(path, size) for path in paths)  # one by one, then together
    if needed > (free := psutil.virtual_memory().available):
        raise bad(f"The {len(paths):,} pictures in {folder} need {needed / 1e9:,.1f} GB of memory, "
                  f"and {free / 1e9:,.1f} GB are free. With load_folder(…, size=32) they are "
                  "scaled to squares of 32 pixels, which take 3 kB each.")
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        read = list(bar(pool.map(partial(_read, size=size), paths), desc="pictures",
                        total=len(paths), leave=False))
    names = [str(path.relative_to(folder)) for path in paths]
    useless = sorted(f"{name} ({why})" for name, why in zip(names, read, strict=True)
                     if isinstance(why, str))
    if useless:
        raise bad(f"{len(useless):,} of {len(paths):,} pictures in {folder} cannot be used: "
                  f"{some(useless)}. Replace or delete them.")
    pictures = [pixels for pixels in read if not isinstance(pixels, str)]
    (height, width), _ = Counter(pixels.shape[:2] for pixels in pictures).most_common(1)[0]
    odd = sorted(f"{name} ({pixels.shape[1]}×{pixels.shape[0]})" for name, pixels in
                 zip(names, pictures, strict=True) if pixels.shape[:2] != (height, width))
    if odd:
        raise bad(f"{len(odd):,} of {len(paths):,} pictures in {folder} have another size than "
                  f"{width}×{height}: {some(odd)}. With load_folder(…, size=32) all become "
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
            # one after the other, or they fill the memory while they are scaled down
            with _LARGE if picture.width * picture.height > _MANY else nullcontext():
                return _pixels(picture, size)
    except UnidentifiedImageError:
        return "no picture"
    except Exception as problem:  # a damaged picture can raise nearly anything
        return shorten(str(problem), 80) or type(problem).__name__


def _pixels(picture: Image.Image, size: int | None) -> np.ndarray:
    """Return an opened picture as uint8 (H, W, 3)."""
    with suppress(Exception):  # what a camera has noted may be damaged, and the picture is not
        ImageOps.exif_transpose(picture, in_place=True)
    if "A" in picture.getbands() or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    colors = picture.convert("RGB")
    if size is not None:
        colors = ImageOps.fit(colors, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(colors)


def _bytes(path: Path, size: int | None) -> int:
    """Return how many bytes of memory a picture takes once it is read; 0 if nobody can tell."""
    if size is not None:
        return 3 * size * size
    with suppress(Exception):
        if path.is_file():
            with Image.open(path, formats=FORMATS) as picture:
                return 3 * picture.width * picture.height
    return 0
