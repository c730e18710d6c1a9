"""What a batch, an output and labels must look like, and the one count of hits.

All of it is told from types and shapes, so that no GPU has to be waited for.
"""

import itertools
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..data import ImageSet

Loss = Callable[[Tensor, Tensor], Tensor]


def device_of(model: nn.Module) -> torch.device | None:
    """Return where the model computes; None, where its images are, if it has no parameters."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return next((tensor.device for tensor in tensors), None)


def pair(batch: Any, device: torch.device | None) -> tuple[Tensor, Tensor]:
    """Return the images and labels of a batch, on the device."""
    if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(
            isinstance(part, Tensor) for part in batch):
        raise ValueError(f"A batch must be two tensors, (images, labels), but this one is "
                         f"{said(batch)}. Let the loader give such pairs")
    images, labels = batch
    return images.to(device), labels.to(device)


def logits_of(model: nn.Module, images: Tensor, autocast: torch.dtype | None) -> Tensor:
    """Return the model's logits, computed in the type `autocast` where that is safe."""
    try:
        if autocast is None:
            output = model(images)
        else:
            with torch.autocast(images.device.type, autocast):
                output = model(images)
    except RuntimeError as problem:
        kinds = [values.dtype for values in (images, *itertools.islice(model.parameters(), 1))]
        if len({*kinds}) < 2 or not re.search("type|float", str(problem)):
            raise
        wanted = str(kinds[1]).removeprefix("torch.")
        raise ValueError(f"The images are {kinds[0]}, but the model's weights {kinds[1]}. Convert "
                         f"the images to {wanted}, bytes by a division by 255 and a normalization, "
                         "as ImageSet.normalize does") from problem
    if not isinstance(output, Tensor):
        mode = "training" if model.training else "evaluation"
        raise ValueError(f"In {mode} mode the model returns {said(output)}, but one tensor of "
                         "logits is needed. Wrap it in a module that returns only that, or write "
                         "the loop yourself")
    return output if autocast is None else output.float()


def count_hits(logits: Tensor, labels: Tensor) -> Tensor | None:
    """Return how many logits are largest at their label, a number on their device.

    logits: (N, K). labels: class numbers (N,) or (N, 1), whole; or shares (N, K) of each class, as
    mixup makes them, of which the largest counts. It is nan where rows of labels do not add up to
    1, or where a number is that of no class, such as the −100 that cross-entropy ignores: then
    there is no class to be right about. None where the model has one output only. Every other form
    of labels raises a ValueError.
    """
    form = form_of(logits, labels)
    if form == "none":
        return None
    guesses = logits.detach().argmax(1)
    if form == "numbers":
        numbers = labels.reshape(-1)
        classes = (numbers >= 0).all() & (numbers < logits.shape[1]).all()
        return torch.where(classes, (guesses == numbers).sum().float(), torch.nan)
    shares = (labels >= 0).all() & ((labels.sum(1) - 1).abs() < 0.01).all()
    return torch.where(shares, (guesses == labels.argmax(1)).sum().float(), torch.nan)


def image_set(data: object) -> ImageSet | None:
    """Return the images of batches that are ours: `Batches`, `Shard`, `Mixup` have `.data`."""
    found = getattr(data, "data", data)
    return found if isinstance(found, ImageSet) else None


def form_of(logits: Tensor, labels: Tensor) -> str:
    """Tell what labels are: class "numbers", "shares", or "none" where no class is chosen."""
    if not labels.ndim or len(logits) != len(labels):
        raise ValueError(f"The model gives {len(logits)} outputs for "
                         f"{len(labels) if labels.ndim else 'no row of'} labels: a view or reshape "
                         "in it mixes images. Use flatten(1), which keeps the batch")
    if logits.ndim == 1 or logits.shape[1] == 1:
        return "none"
    whole = not (labels.is_floating_point() or labels.is_complex())
    if whole and labels.numel() == len(labels):
        return "numbers"
    if labels.shape == logits.shape and not labels.is_complex():
        return "shares"
    kind = str(labels.dtype).removeprefix("torch.")
    raise ValueError(f"The labels have the shape {tuple(labels.shape)} and the type {kind}, and "
                     f"the outputs {tuple(logits.shape)}. Labels must be class numbers (N,), whole "
                     "ones as labels.long() makes them, or a share for each class, (N, K)")


def said(value: object) -> str:
    """Describe a value in a few words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
