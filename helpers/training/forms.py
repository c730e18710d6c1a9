"""What a batch, an output, labels and a loss must look like, and the one count of hits.

All of it is told from types and shapes, so that no GPU has to be waited for. Only a loss that says
nothing of itself is tried once.
"""

import itertools
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import ImageSet
from .states import own_generators, random_states, set_random_states

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
                         f"{_said(batch)}. Let the loader give such pairs")
    images, labels = batch
    return images.to(device), labels.to(device)


def logits_of(model: nn.Module, images: Tensor, autocast: torch.dtype | None) -> Tensor:
    """Return the model's logits, computed in the type `autocast` where that is safe."""
    if autocast is None:
        output = model(images)
    else:
        with torch.autocast(images.device.type, autocast):
            output = model(images)
    if not isinstance(output, Tensor):
        mode = "training" if model.training else "evaluation"
        raise ValueError(f"In {mode} mode the model returns {_said(output)}, but one tensor of "
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
    form = _form(logits, labels)
    if form == "none":
        return None
    guesses = logits.detach().argmax(1)
    if form == "numbers":
        numbers = labels.reshape(-1)
        classes = (numbers >= 0).all() & (numbers < logits.shape[1]).all()
        return torch.where(classes, (guesses == numbers).sum().float(), torch.nan)
    shares = (labels >= 0).all() & ((labels.sum(1) - 1).abs() < 0.01).all()
    return torch.where(shares, (guesses == labels.argmax(1)).sum().float(), torch.nan)


class CheckedLoss:
    """A loss with a look at the shapes first, where PyTorch's errors are riddles."""

    def __init__(self, loss_fn: Loss, data: object):
        self.loss_fn = loss_fn
        images = image_set(data)
        self.classes = len(images.classes) if images is not None else None
        self.adds_up: bool | None = None  # whether it is the sum over a batch; known from the first

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch as the learner's function gives it, one number."""
        width = logits.shape[1] if logits.ndim == 2 else None
        if logits.ndim not in (1, 2) or self.classes not in (None, width):
            each = f"each of the {self.classes} classes" if self.classes else "each class"
            raise ValueError(f"The model gives an output of shape {tuple(logits.shape)}, but one "
                             f"number for {each} is needed: (batch, {self.classes or 'classes'}). "
                             "Look at its last layer")
        _form(logits, labels)
        try:
            loss = self.loss_fn(logits, labels)
        except RuntimeError as problem:
            if "multi-target not supported" not in str(problem):
                raise
            raise ValueError("F.cross_entropy takes class numbers (N,), not in a column "
                             f"{tuple(labels.shape)}. Give it labels.squeeze(1)") from problem
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise ValueError("loss_fn must give one number, the mean over the batch, as PyTorch's "
                             f"losses do with reduction=\"mean\"; it gives {_said(loss)}")
        if self.adds_up is None:
            self.adds_up = _adds_up(self.loss_fn, logits, labels, loss)
            if self.adds_up and loss.requires_grad:
                warnings.warn("loss_fn is the sum over a batch, not the mean: the steps grow with "
                              "the batch's size. The losses that are shown are means per image.",
                              stacklevel=3)
        return loss.reshape(())

    def mean(self, loss: Tensor, labels: Tensor) -> Tensor:
        """Return the mean per image of the loss of a batch."""
        return loss / len(labels) if self.adds_up else loss


def image_set(data: object) -> ImageSet | None:
    """Return the images of batches that are ours: `Batches`, `Shard`, `Mixup` have `.data`."""
    found = getattr(data, "data", data)
    return found if isinstance(found, ImageSet) else None


def _form(logits: Tensor, labels: Tensor) -> str:
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


def _reduction(loss_fn: object) -> str | None:
    """Return what a loss says of how it sums up a batch; None if it says nothing."""
    if isinstance(loss_fn, partial):
        return loss_fn.keywords.get("reduction") or _reduction(loss_fn.func)
    said = getattr(loss_fn, "reduction", None)
    known = getattr(loss_fn, "__module__", None) == F.__name__
    return said if isinstance(said, str) else "mean" if known else None


def _adds_up(loss_fn: Loss, logits: Tensor, labels: Tensor, loss: Tensor) -> bool:
    """Whether a loss is the sum over the batch: then it doubles where all images come twice."""
    if (said := _reduction(loss_fn)) is not None:
        return said == "sum"
    own = own_generators(loss_fn)
    states = random_states(own)
    try:
        with torch.no_grad():
            twice = loss_fn(torch.cat([logits, logits]).detach(), torch.cat([labels, labels]))
            one, two = float(loss), float(twice)
        return one != 0 and abs(two - 2 * one) < 1e-3 * abs(one)
    except Exception:  # a loss for batches of this size only
        return False
    finally:
        set_random_states(states, own)


def _said(value: object) -> str:
    """Describe a value in a few words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
