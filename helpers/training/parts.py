"""Before the first epoch: what is passed for each part of a run, and whether it can be that."""

import warnings
from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import Any, SupportsIndex

import torch
from torch import Tensor, nn
from torch.optim import LBFGS
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import Dataset, IterableDataset

from ..data import ImageData, ImageSet
from .checkpoint import Checkpoint

MANY = 10_000  # batches after which data without a length may have no end
_ONCE = ("builtins", "itertools", "torch.utils.data.dataloader")  # whose iterators end for good
_LOADER = "Pass data.train.batches(…) or a DataLoader"


def misplaced(parts: dict[str, Any], loss_fn: Any, autocast: Any = None) -> str:
    """Say which of the parts of a run, by name, cannot be what it is passed for; "" if none."""
    for name, part in {**parts, "loss_fn": loss_fn}.items():
        if isinstance(part, type):
            return f"{name} is the class {part.__name__} itself. Make one: {part.__name__}(…)."
    model, optimizer = parts["model"], parts.get("optimizer")
    if not isinstance(model, nn.Module):
        return (f"the model is a {type(model).__name__}, not an nn.Module, so that it has neither "
                "modes nor parameters. Put what it computes into forward of one.")
    if not callable(loss_fn):
        return f"loss_fn is a {type(loss_fn).__name__}. Pass a function of logits and labels."
    if autocast is not None and not isinstance(autocast, torch.dtype):
        return (f"autocast is a {type(autocast).__name__}. Pass a type of numbers, such as "
                "torch.bfloat16, or half_precision(device).")
    if "optimizer" in parts and not all(hasattr(optimizer, name) for name in (
            "param_groups", "step", "zero_grad")):
        return (f"optimizer is a {type(optimizer).__name__}. Pass one, such as "
                "torch.optim.SGD(model.parameters(), lr=0.05).")
    if isinstance(optimizer, LBFGS):
        return ("LBFGS asks for the loss several times in each step, which this loop does not. "
                "Take another optimizer, or write the loop yourself.")
    for name in ("scheduler", "batch_scheduler"):
        if not hasattr(schedule := parts.get(name), "step") and schedule is not None:
            return f"{name} is a {type(schedule).__name__}, which has no step()."
    if isinstance(parts.get("batch_scheduler"), ReduceLROnPlateau):
        return ("ReduceLROnPlateau waits for the validation loss, which there is once an epoch. "
                "Pass it as scheduler.")
    saved, monitor, epochs = (parts.get(name) for name in ("checkpoint", "monitor", "epochs"))
    if not isinstance(saved, Checkpoint | None):
        return f"checkpoint is a {type(saved).__name__}. Pass Checkpoint(\"run.pt\")."
    if monitor is not None and not hasattr(monitor, "show_epoch"):
        return f"monitor is a {type(monitor).__name__}. Pass TrainingMonitor()."
    if "epochs" in parts and (isinstance(epochs, bool) or not isinstance(epochs, SupportsIndex)
                              or epochs.__index__() < 0):
        return f"epochs is {epochs!r}. Pass a whole number of passes over the images."
    return ""


def no_batches(data: Any, name: str, epochs: int = 1) -> str:
    """Say why `data`, passed as `name`, cannot be gone through batch by batch; "" where it can.

    epochs: how often.
    """
    kind = type(data).__name__
    if isinstance(data, ImageData):
        return f"{name} is all of the data. Pass one part of it, such as data.test."
    if isinstance(data, Tensor) or (isinstance(data, tuple | list) and len(data) == 2
                                    and all(isinstance(part, Tensor) for part in data)):
        return (f"{name} is {'a tensor' if isinstance(data, Tensor) else 'one batch'}, where "
                f"batches are wanted: [(images, labels)] is a list of one. {_LOADER}, or that.")
    if isinstance(data, ImageSet) and name != "train":
        return ""
    if isinstance(data, Dataset | ImageSet) and not isinstance(data, IterableDataset):
        return (f"{name} is a {kind}, which gives single images: it cannot be iterated over by "
                f"batches. {_LOADER}.")
    if not hasattr(data, "__iter__"):
        return f"a {kind} cannot be iterated over. {_LOADER}."
    if epochs > 1 and isinstance(data, Iterator) and type(data).__module__ in _ONCE:
        return (f"{name} is a {kind}, which can be used up once only, or has no end, and {epochs} "
                f"epochs are asked for. {_LOADER}, which start anew each epoch.")
    return ""


def counted(data: Iterable) -> Iterator:
    """Pass batches on; warn where there are many and nobody knows of an end."""
    unknown = not length_hint(data)
    for at, batch in enumerate(data, 1):
        if at == MANY and unknown:
            warnings.warn(f"The data have given {MANY:,} batches in one pass, and have no length: "
                          "do they end? An epoch, or an evaluation, is over when they do. If they "
                          "never do, interrupt it (Ctrl-C), and pass data that give some batches "
                          "each time that they are iterated over.", stacklevel=3)
        yield batch
