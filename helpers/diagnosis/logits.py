"""Checks of outputs: their shape, and what was made of them before the loss. See `diagnose`."""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .case import Case
from .finding import Finding
from .notes import Taken
from .restore import restored_afterwards

ZEROS = 0.05      # share of outputs that are exactly 0, which logits never are
ROUNDING = 1e-2   # by which sums of probabilities may differ from 1, in half precision too


ONE_OUTPUT = Finding("wrong number of outputs", "The loss takes a softmax, and the softmax of one "
    "number is always 1: there is nothing to learn. Two classes need two outputs, or one with "
    "BCEWithLogitsLoss and labels as floats of the same shape.")


def wrong_shape(case: Case, outputs: Any, when: str = "") -> Iterator[Finding]:
    """Yield what is wrong with the shape of outputs, unless the loss takes them as they are."""
    count, classes = len(case.few), case.classes
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else None
    if shape and len(shape) == 2 and shape[0] == count:
        if not (outputs.is_floating_point() or outputs.is_complex()):
            yield Finding("outputs of the wrong shape", f"The model gives {outputs.dtype}, where "
                "the loss wants floats: a comparison, argmax or round has been taken, through "
                "which no gradient passes. Let the last layer's numbers out as they are.")
        elif classes and shape[1] != classes:
            yield Finding("wrong number of outputs", f"The model gives {shape[1]} numbers for each "
                f"image, but there are {classes} classes. Its last layer needs {classes} outputs, "
                "one for each.")
    elif _taken_by_loss(case, outputs):
        return
    elif shape is None or (shape and len(shape) != 2 and shape[0] == count):
        given = f"a {type(outputs).__name__}" if shape is None else f"a tensor of shape {shape}"
        hint = ("If your loop takes it apart, pass loss_fn=lambda outputs, labels: … that does the "
                "same, or step=…" if shape is None else "Flatten before the last layer, "
                "x.flatten(1), or average over what is too much")
        yield Finding("outputs of the wrong shape", f"The model gives {given}{when}, where the "
            f"loss wants one tensor with a number for each class, ({count}, {classes or 'K'}). "
            f"{hint}; and end forward with return x, nothing after the x.")
    elif len(shape) == 2 and shape[1] == count:
        yield Finding("wrong axis", f"The outputs have the shape {shape} for {count} images: "
            "images lie along the second axis, classes along the first. The loss reads rows as "
            "images. Transpose: return x.T, or look for the step that swapped them.")
    else:
        yield Finding("images mixed", f"{count} images go in, but the outputs have the shape "
            f"{shape}: a view or reshape in the model gives part of one image to another. Use "
            "x.flatten(1), which keeps the first axis, instead of x.view(-1, …).")


def _taken_by_loss(case: Case, outputs: Any) -> bool:
    try:
        return case.loss_fn(outputs, case.few_labels).ndim == 0
    except Exception:
        return False


def unusable(case: Case, finding: Finding) -> Iterator[Finding]:
    """Yield a finding about outputs, unless a step runs that may take them apart."""
    if finding.name == "wrong number of outputs" and case.classes:  # as the learner has said
        yield finding
        return
    case.unseen.append("the model's outputs: what your step makes of them is not known; pass that "
                       "as loss_fn=…, a function of outputs and labels")
    yield from case.of_model_alone(finding)


def wrong_input(taken: Taken) -> Finding | None:
    """Return what is wrong with what one of PyTorch's losses was given."""
    outputs, maker, which = taken.input, taken.maker, getattr(taken.loss, "__name__", "")
    if taken.loss is F.cross_entropy and outputs.shape[1:] == (1,):
        return ONE_OUTPUT
    if taken.loss is F.cross_entropy:
        return wrong_numbers(outputs) or _held_back(maker, outputs)
    if taken.loss is F.binary_cross_entropy_with_logits:
        low, high = (edge.item() for edge in taken.target.aminmax())
        if low < 0 or high > 1:
            return Finding("labels out of range", f"The labels run from {low:g} to {high:g}, but "
                f"{which} wants them between 0 and 1, 0 or 1 for two classes: with others the loss "
                "falls without end. Subtract 1, or write (labels == 2).float().")
        if maker in ("Sigmoid", "Softmax"):
            return Finding("sigmoid before cross-entropy", f"The loss, {which}, takes the sigmoid "
                f"of what it is given, and that has come out of a {maker.lower()} already. "
                "Probabilities, 0 to 1, become 0.5 to 0.73: nothing can be called unlikely. Leave "
                f"the {maker.lower()} out, and take it when you want to read probabilities.")
        return _held_back(maker, outputs)
    if taken.loss is F.nll_loss and outputs.max() > 1e-3:
        return not_log_probabilities(outputs)
    if isinstance(taken.target, Tensor) and taken.loss is not F.nll_loss:
        return broadcast(tuple(outputs.shape), tuple(taken.target.shape))
    return None


def not_log_probabilities(outputs: Tensor) -> Finding:
    """Return the finding that a loss wants log-probabilities, and gets something else."""
    if outputs.min() >= 0 and _ones(outputs.float().sum(1)):
        given = "probabilities, the outputs of a softmax"
    else:
        given = f"numbers up to {outputs.max().item():.2g}"
    return Finding("NLLLoss without log_softmax", "The loss takes the number of the right class as "
        f"a log of a probability, never above 0, but it is given {given}. So it falls below 0 "
        "without end, or hardly learns. Use CrossEntropyLoss on what the last layer gives, or end "
        "the model with LogSoftmax(dim=1).")


def broadcast(outputs: tuple, labels: tuple) -> Finding | None:
    """Return whether outputs and labels of these shapes make more pairs than there are labels."""
    try:
        together = torch.broadcast_shapes(outputs, labels)
    except RuntimeError:
        return None
    if math.prod(together) <= max(math.prod(outputs), math.prod(labels)):
        return None
    return Finding("each output paired with each label", f"The loss compares {outputs} with "
        f"{labels}, and PyTorch broadcasts them to {tuple(together)}: each output is compared with "
        "each label, not with its own, and the best that can be learned is the labels' mean. Give "
        "both the same shape: outputs.squeeze(1) for labels (N,), or labels.unsqueeze(1).")


def wrong_numbers(logits: Tensor) -> Finding | None:
    """Return what is wrong with numbers (N, K) for a cross-entropy, which takes the softmax."""
    if logits.ndim != 2 or len(logits) < 2 or not torch.isfinite(logits).all():
        return None
    positive, numbers = logits.min() >= 0, logits.float()
    if positive and logits.shape[1] > 1 and _ones(numbers.sum(1)):
        return Finding("softmax before cross-entropy", "What the loss is given is positive and "
            "adds up to 1 for each image: a softmax has been taken, and cross-entropy takes it "
            "once more. Numbers between 0 and 1 look much alike to it: the loss cannot fall below "
            f"{floor(logits.shape[1]):.2f} and gradients are small. Leave the softmax out, and "
            "take it when you want to read probabilities.")
    if _ones(numbers.sum(0) if positive else numbers.exp().sum(0)):
        name = "softmax" if positive else "log_softmax"
        return Finding("wrong axis", "What the loss is given was normalized over the "
            f"{len(logits)} images, for each class: a {name} over the batch, so that the images of "
            "a batch compete with each other. An image's classes lie along axis 1; and before "
            "cross-entropy there should be no softmax at all, since it takes its own.")
    return None


def _ones(sums: Tensor) -> bool:
    return bool((sums - 1).abs().max() < ROUNDING)


def floor(classes: int, low: float = 0) -> float:
    """Return the lowest cross-entropy of numbers from `low` to 1: 1 for the right class only."""
    return math.log(1 + (classes - 1) * math.exp(low - 1))


def wrong_last_layer(case: Case, outputs: Tensor) -> Finding | None:
    """Return whether a function at the end holds `outputs` (N, K) back from the loss's softmax."""
    if outputs.min() < 0 or not outputs.any():
        return None
    if (outputs == 0).float().mean() > ZEROS:
        return _held_back("Relu", outputs)
    with restored_afterwards(case.model), torch.no_grad():
        # A sigmoid stays within 0 and 1 whatever comes; logits that are small by chance do not.
        extremes = [case.model.eval()(factor * case.few) for factor in (-1000, 1000)]
    if all(each.min() >= 0 and each.max() <= 1 for each in (outputs, *extremes)):
        return _held_back("Sigmoid", outputs)
    return None


def _held_back(maker: str, outputs: Tensor) -> Finding | None:
    """Return whether the function `maker` holds back what a softmax or a sigmoid is given."""
    if maker in ("Relu", "Hardtanh", "Threshold"):
        zeros = (outputs == 0).float().mean().item()
        return Finding("ReLU after the last layer", f"No output is negative, and {100 * zeros:.0f} "
            "% are exactly 0: a ReLU follows the last layer. So no class can be called unlikely, "
            "and where it is 0 no gradient passes. Let the last layer's numbers out as they are.")
    if maker not in ("Sigmoid", "Tanh"):
        return None
    low = 0 if maker == "Sigmoid" else -1
    classes = outputs.shape[1] if outputs.ndim > 1 else 1
    end = (f"Cross-entropy takes a softmax of them, which cannot come near certainty: the loss "
           f"cannot fall below {floor(classes, low):.2f}" if classes > 1 else
           "The loss takes a sigmoid of them, which cannot come near certainty")
    return Finding("sigmoid before cross-entropy" if low == 0 else "tanh after the last layer",
        f"The outputs lie between {low} and 1 whatever the images are: a {maker.lower()} follows "
        f"the last layer. {end}. Let the last layer's numbers out as they are.")
