"""What goes into a cross-entropy: logits, or something that was made of them too early. See
`diagnose`.
"""

import math

import torch
from torch import Tensor

from .batch import Finding


def in_numbers(logits: Tensor) -> Finding | None:
    """Return what is wrong with numbers (N, K) that go into a cross-entropy, which takes the
    softmax itself.
    """
    if logits.ndim != 2 or len(logits) < 2 or not torch.isfinite(logits).all():
        return None
    positive, numbers = logits.min() >= 0, logits.float()
    if positive and logits.shape[1] > 1 and _ones(numbers.sum(1)):
        return Finding("softmax before cross-entropy", (
            "What the loss is given is positive and adds up to 1 for each image: a softmax has "
            "been taken, and cross-entropy takes it once more. Numbers between 0 and 1 look much "
            "alike to it: the loss cannot fall below "
            f"{floor_of_probabilities(logits.shape[1]):.2f} and gradients are small. Leave the "
            "softmax out, and take it when you want to read probabilities."))
    if _ones(numbers.sum(0) if positive else numbers.exp().sum(0)):
        name = "softmax" if positive else "log_softmax"
        return Finding("wrong axis", (
            f"What the loss is given was normalised over the {len(logits)} images, for each class: "
            f"a {name} over the batch, so that the images of a batch compete with each other. An "
            "image's classes lie along axis 1; and before cross-entropy there should be no softmax "
            "at all, since it takes its own."))
    return None


def _ones(sums: Tensor) -> bool:
    return bool((sums - 1).abs().max() < 1e-2)


def floor_of_probabilities(classes: int) -> float:
    """Return the lowest cross-entropy that numbers from 0 to 1 can reach: 1 for the right class, 0
    for the others.
    """
    return math.log(1 + (classes - 1) / math.e)
