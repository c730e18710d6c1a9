"""Real photographs that need no download: they come with scikit-image."""

import numbers

import torch
import torch.nn.functional as F
from torch import Tensor

NAMES = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "moon",
         "page", "rocket")


def load_photo(name: str = "astronaut", size: int | None = None, *, gray: bool = False) -> Tensor:
    """Return a photograph as (C, H, W) floats in [0, 1]; C is 3, or 1 where there is no color.

    name: one of `NAMES`, a photograph that scikit-image installs.
    size: the length of its shorter side, to which it is scaled down.
    gray: whether to take its color away.

    Raises ValueError for an unknown name. Source: `skimage.data`; each photograph has a license of
    its own (mostly public domain).
    """
    if name not in NAMES:
        raise ValueError(f"There is no photograph {name!r}. There are: {', '.join(NAMES)}.")
    from skimage import data  # here: it takes a second, and only some chapters look at photographs

    photo = torch.from_numpy(getattr(data, name)().copy()) / 255
    photo = photo[None] if photo.ndim == 2 else photo.permute(2, 0, 1)
    if gray and len(photo) == 3:
        weights = torch.tensor([0.299, 0.587, 0.114])  # how bright the eye finds them: ITU-R BT.601
        photo = (weights[:, None, None] * photo).sum(0, keepdim=True)
    if size is not None:
        height, width = photo.shape[1:]
        whole = isinstance(size, numbers.Integral) and not isinstance(size, bool)
        if not whole or not 1 <= size <= min(height, width):
            raise ValueError(f"size must be from 1 to {min(height, width)}, the shorter side of "
                             f"{name!r}; got {size!r}.")
        scale = size / min(height, width)
        new = (max(1, round(height * scale)), max(1, round(width * scale)))
        photo = F.interpolate(photo[None], new, mode="bilinear", antialias=True,
                              align_corners=False)[0].clamp(0, 1)
    return photo
