"""Checks of the loss by itself: which labels it takes, and what it rewards. See `diagnose`."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..training.losses import compares_all
from .batch import IGNORED, NUMBERS
from .case import Case
from .finding import Finding, stopped
from .logits import (
    ONE_OUTPUT,
    broadcast,
    not_log_probabilities,
    unusable,
    wrong_last_layer,
    wrong_numbers,
)
from .raised import explained

SURE = 10     # an output for the right class, or a wrong one, with which a loss is tried
FAR = 1000    # what is added to outputs so that no label is near
BELOW = -50   # a loss that is so low where outputs are a hundred times as large has no floor


@explained
def check_loss(case: Case) -> Iterator[Finding]:
    """Yield whether the loss is one number, and is given what it wants."""
    outputs, labels = case.outputs, case.few_labels
    if outputs is None or case.out_of_range:
        return
    try:
        loss = case.loss_fn(outputs, labels)
        if isinstance(outputs, Tensor) and loss.ndim == 0:
            _try_out(case, outputs, loss)
    except Exception as problem:
        shape = tuple(getattr(outputs, "shape", ()))
        yield from case.of_model_alone(stopped("the loss raises", "The loss", problem, "It was "
            f"given outputs of shape {shape} and labels {tuple(labels.shape)}, {labels.dtype}. "
            + _way_out(case, shape[-1] if len(shape) > 1 else 1)))
        if case.step is not None:
            case.unseen.append("the loss: it does not take these labels; pass that of your loop "
                               "as loss_fn=…")
        return
    if loss.ndim:
        yield Finding("the loss is not one number", (
            f"The loss has the shape {tuple(loss.shape)}, but backward starts from one number. "
            'Take the mean over the batch: leave reduction="none" out.'))
        return
    case.ready = True
    if isinstance(outputs, Tensor) and outputs.shape[1:].numel() == 1 and compares_all(
            case.loss_fn, outputs, labels):
        yield from filter(None, [broadcast(tuple(outputs.shape), tuple(labels.shape))])
    if case.softmax:
        yield from _of_logits(case, outputs)
    if case.endless:
        yield not_log_probabilities(outputs)


def _of_logits(case: Case, outputs: Tensor) -> Iterator[Finding]:
    if outputs.shape[1] == 1:
        case.ready = case.softmax = False
        yield from unusable(case, ONE_OUTPUT)
    elif found := wrong_numbers(outputs) or wrong_last_layer(case, outputs):
        yield from case.of_loss(found)


def _try_out(case: Case, outputs: Tensor, loss: Tensor) -> None:
    """Note what the loss does with other outputs than those of the model."""
    # A softmax, and so a cross-entropy, does not change when all outputs of an image grow alike.
    more = 1 + torch.arange(len(outputs), device=outputs.device).square().sin()[:, None]
    more = more * (1 + outputs.abs().max() + case.few_labels.float().abs().max())
    case.softmax = outputs.ndim == 2 and torch.allclose(
        case.loss_fn(outputs + more.to(outputs.dtype), case.few_labels), loss, rtol=1e-3, atol=1e-3,
        equal_nan=True)
    try:
        twice = case.loss_fn(torch.cat([outputs] * 2), torch.cat([case.few_labels] * 2))
        case.summed = bool((twice - 2 * loss).abs() < 1e-3 * loss.abs())
        if case.labels.ndim == 1 and case.labels.dtype in NUMBERS and outputs.shape[1:].numel() > 1:
            _try_answers(case, outputs)
        elif case.labels.is_floating_point():
            # Far from all labels a loss is large, at one of the two ends at least.
            case.reversed = all(case.loss_fn(outputs + far, case.few_labels) < loss - 1
                                for far in (-FAR, FAR))
    except Exception:  # a loss for batches of this size, or with other labels, is not tried out
        return


def _try_answers(case: Case, outputs: Tensor) -> None:
    numbers = case.few_labels.long().where(case.few_labels != IGNORED, 0)
    right = SURE * F.one_hot(numbers, outputs.shape[1]).to(outputs.dtype)
    best, worst, surest = (case.loss_fn(answer, case.few_labels).item()
                           for answer in (right, right.roll(1, 1), 100 * right))
    case.reversed = best > worst + 1e-3 * abs(worst)
    case.endless = not case.softmax and bool(outputs.max() > 1e-3) and surest < BELOW


def _takes_exchanged(case: Case) -> bool:
    try:
        return case.loss_fn(case.few_labels, case.outputs).ndim == 0
    except Exception:
        return False


def _way_out(case: Case, classes: int) -> str:
    """Return what labels must be for the loss, as far as these are something else."""
    labels, shape = case.labels, tuple(case.labels.shape)
    hints: tuple[tuple[Any, str], ...] = (
        (not case.paired, f"There are {len(case.images)} images, but the labels have the shape "
         f"{shape}. Each image needs exactly one: look at where the two were cut, filtered or "
         "stacked apart."),
        (_takes_exchanged(case), "It takes the two in exchanged order: the outputs come first, "
         "loss_fn(outputs, labels), then the labels."),
        (classes == 1, "One output is for two classes, 0 and 1, with BCEWithLogitsLoss, or for a "
         "number, with MSELoss: pass yours as loss_fn=…, and labels as floats of the outputs' "
         "shape. Cross-entropy needs an output for each class."),
        (len(shape) == 2 and shape[1] not in (1, classes), "One-hot labels need one number for "
         f"each of the {classes} classes: give one_hot(labels, {classes}).float(), or just the "
         "numbers of the classes, (N,)."),
        (len(shape) > 2 or shape[1:] == (1,), "One class number for each image is wanted, (N,). A "
         "dimension of length 1 is taken away by labels.squeeze(1)."),
        (not (labels.is_floating_point() if len(shape) == 2 else labels.dtype in NUMBERS),
         "Cross-entropy takes the numbers of the classes as int64, (N,), or shares of the classes "
         "as floats, (N, K). Write labels.long() for numbers, labels.float() for rows."))
    return next((hint for wrong, hint in hints if wrong), "")
