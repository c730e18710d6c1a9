"""Boxes and their outlines: drawn images with an answer for each pixel."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 20  # pixels of an image


def coloring_book(count: int) -> tuple[Tensor, Tensor]:
    """Return outlines of `count` boxes and the same boxes filled: (N, 1, 20, 20) each, of 0 and 1.

    A box has sides from 9 to 13 pixels long, its outline is one pixel wide. Drawn from PyTorch's
    own generator.

    >>> outline, filled = coloring_book(2)
    >>> outline.shape, bool((outline <= filled).all())
    (torch.Size([2, 1, 20, 20]), True)
    """
    low = torch.randint(0, 7, (count, 2, 1))  # where it begins, in rows and in columns
    high, at = low + torch.randint(8, 13, (count, 2, 1)), torch.arange(SIDE)
    inside = ((low <= at) & (at <= high)).float()          # (N, 2, 20)
    filled = inside[:, :1, :, None] * inside[:, 1:, None]  # (N, 1, 20, 20)
    surrounded = F.conv2d(filled, torch.ones(1, 1, 3, 3), padding=1) == 9
    return filled * ~surrounded, filled
