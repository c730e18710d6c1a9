"""Checks of what the loss is given: logits (N, K), or what was made of them too early."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .batch import NUMBERS
from .case import Case
from .finding import Finding, stopped
from .raised import explained
from .restore import restored_afterwards

ZEROS = 0.05      # share of outputs that are exactly 0, which logits never are
ROUNDING = 1e-2   # by which sums of probabilities may differ from 1, in half precision too


def wrong_shape(outputs: Any, count: int, classes: int | None) -> Iterator[Finding]:
    """Yield what is wrong with the shape of what a model gives for `count` images."""
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else None
    if shape is None or (len(shape) not in (0, 2) and shape[0] == count):
        given = f"a {type(outputs).__name__}" if shape is None else f"a tensor of shape {shape}"
        yield Finding("outputs of the wrong shape", f"The model gives {given}, where the loss "
            f"wants one tensor with a number for each class, ({count}, {classes or 'K'}). Flatten "
            "before the last layer, x.flatten(1), or average over what is too much, and end "
            "forward with return x, nothing after the x.")
    elif len(shape) == 2 and shape[0] != count and shape[1] == count:
        yield Finding("wrong axis", f"The outputs have the shape {shape} for {count} images: "
            "images lie along the second axis, classes along the first. The loss reads rows as "
            "images. Transpose: return x.T, or look for the step that swapped them.")
    elif not shape or shape[0] != count:
        yield Finding("images mixed", f"{count} images go in, but the outputs have the shape "
            f"{shape}: a view or reshape in the model gives part of one image to another. Use "
            "x.flatten(1), which keeps the first axis, instead of x.view(-1, …).")
    elif classes and shape[1] != classes:
        yield Finding("wrong number of outputs", f"The model gives {shape[1]} numbers for each "
            f"image, but there are {classes} classes. Its last layer needs {classes} outputs, one "
            "for each.")


@explained
def check_loss(case: Case) -> Iterator[Finding]:
    """Yield whether the loss is one number, and is given what it wants."""
    outputs, labels = case.outputs, case.few_labels
    if outputs is None or case.has("labels out of range"):
        return
    try:
        loss = case.loss_fn(outputs, labels)
        # A softmax, and so a cross-entropy, does not change when 1 is added to all outputs.
        case.softmax = torch.allclose(case.loss_fn(outputs + 1, labels), loss, rtol=1e-3,
                                      atol=1e-3, equal_nan=True)
    except Exception as problem:
        yield stopped("the loss raises", "The loss", problem, "It was given outputs of shape "
            f"{tuple(outputs.shape)} and labels {tuple(labels.shape)}, {labels.dtype}. "
            + _way_out(case, outputs.shape[1]))
        return
    if loss.ndim:
        yield Finding("the loss is not one number", (
            f"The loss has the shape {tuple(loss.shape)}, but backward starts from one number. "
            'Take the mean over the batch: leave reduction="none" out.'))
        return
    case.ready = True
    if case.softmax and (found := wrong_numbers(outputs) or wrong_last_layer(case, outputs)):
        yield found


def _way_out(case: Case, classes: int) -> str:
    """Return what labels must be for the loss, as far as these are something else."""
    labels, shape = case.labels, tuple(case.labels.shape)
    hints = (
        (not case.paired, f"There are {len(case.images)} images, but the labels have the shape "
         f"{shape}. Each image needs exactly one: look at where the two were cut, filtered or "
         "stacked apart."),
        (len(shape) == 2 and shape[1] not in (1, classes), "One-hot labels need one number for "
         f"each of the {classes} classes: give one_hot(labels, {classes}).float(), or just the "
         "numbers of the classes, (N,)."),
        (len(shape) > 2 or shape[1:] == (1,), "One class number for each image is wanted, (N,). A "
         "dimension of length 1 is taken away by labels.squeeze(1)."),
        (not (labels.is_floating_point() if len(shape) == 2 else labels.dtype in NUMBERS),
         "Cross-entropy takes the numbers of the classes as int64, (N,), or shares of the classes "
         "as floats, (N, K). Write labels.long() for numbers, labels.float() for rows."))
    return next((hint for wrong, hint in hints if wrong), "")


def wrong_numbers(logits: Tensor) -> Finding | None:
    """Return what is wrong with numbers (N, K) for a cross-entropy, which takes the softmax."""
    if logits.ndim != 2 or len(logits) < 2 or not torch.isfinite(logits).all():
        return None
    positive, numbers = logits.min() >= 0, logits.float()
    if positive and logits.shape[1] > 1 and _ones(numbers.sum(1)):
        return Finding("softmax before cross-entropy", "What the loss is given is positive and "
            "adds up to 1 for each image: a softmax has been taken, and cross-entropy takes it "
            "once more. Numbers between 0 and 1 look much alike to it: the loss cannot fall below "
            f"{floor_of_probabilities(logits.shape[1]):.2f} and gradients are small. Leave the "
            "softmax out, and take it when you want to read probabilities.")
    if _ones(numbers.sum(0) if positive else numbers.exp().sum(0)):
        name = "softmax" if positive else "log_softmax"
        return Finding("wrong axis", "What the loss is given was normalised over the "
            f"{len(logits)} images, for each class: a {name} over the batch, so that the images of "
            "a batch compete with each other. An image's classes lie along axis 1; and before "
            "cross-entropy there should be no softmax at all, since it takes its own.")
    return None


def _ones(sums: Tensor) -> bool:
    return bool((sums - 1).abs().max() < ROUNDING)


def floor_of_probabilities(classes: int) -> float:
    """Return the lowest cross-entropy of numbers from 0 to 1: 1 for the right class, else 0."""
    return math.log(1 + (classes - 1) / math.e)


def wrong_last_layer(case: Case, outputs: Tensor) -> Finding | None:
    """Return whether a function at the end holds `outputs` (N, K) back from the loss's softmax."""
    if outputs.min() < 0 or not outputs.any():
        return None
    zeros = (outputs == 0).float().mean().item()
    if zeros > ZEROS:
        return Finding("ReLU after the last layer", f"No output is negative, and {100 * zeros:.0f} "
            "% are exactly 0: a ReLU follows the last layer. So no class can be called unlikely, "
            "and where it is 0 no gradient passes. Let the last layer's numbers out as they are.")
    with restored_afterwards(case.model), torch.no_grad():
        # A sigmoid stays within 0 and 1 whatever comes; logits that are small by chance do not.
        extremes = [case.model.eval()(factor * case.few) for factor in (-1000, 1000)]
    if all(each.min() >= 0 and each.max() <= 1 for each in (outputs, *extremes)):
        return Finding("sigmoid before cross-entropy", "The outputs lie between 0 and 1 whatever "
            "the images are: a sigmoid follows the last layer. Cross-entropy takes a softmax of "
            "them, which cannot come near certainty: the loss cannot fall below "
            f"{floor_of_probabilities(outputs.shape[1]):.2f}. Let the last layer's numbers out as "
            "they are.")
    return None
