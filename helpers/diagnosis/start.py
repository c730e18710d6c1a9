"""What follows from other faults: outputs that are all the same, dead units, a huge loss."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from .case import Case
from .finding import Finding
from .restore import SENSITIVE, restored_afterwards

SAME = 1e-5        # how far outputs differ from image to image, as part of the largest, if stuck
SAME_IMAGES = 1e-6  # the same of images, which then have no other outputs
DEAD = 0.9         # share of a ReLU's units without which hardly anything passes
FAR = 2            # times the loss of a guess, with fewer than 2 / K hits


def consequences(case: Case, logits: Tensor | None, loss: float,
                 dead: list[float]) -> Iterator[Finding]:
    """Yield what a fault has done to a model: its `logits` and `loss` are those of training mode.

    `dead` is, for each ReLU, the share of its units that are zero for all images.
    """
    if math.isfinite(loss):
        if logits is not None:
            yield from _stuck(case, logits)
        yield from _dead(case, dead)
        if case.softmax and logits is not None:
            yield from _far_from_chance(case, loss, logits)
    elif case.finite:
        yield Finding("nan in outputs", "Images and weights are finite, but the loss is not. Look "
            "for a log of 0, a division by 0 or an exp of something large in the model and the "
            "loss: print x.isfinite().all() after each line of forward.")


def _stuck(case: Case, logits: Tensor) -> Iterator[Finding]:
    """Yield whether outputs are the same for all images, in both modes.

    A deep plain network whose running averages are still 0 and 1 gives nearly the same outputs in
    evaluation mode, and is well in training.
    """
    images, outputs = case.few, case.outputs
    if not isinstance(outputs, Tensor) or len(images) < 2 or _spread(images) < SAME_IMAGES \
            or not _spread(outputs) < SAME:
        return
    normed = any(isinstance(module, SENSITIVE[1]) for module in case.model.modules())
    if (not normed or _spread(logits) < SAME) and _stays(case):
        yield Finding("all outputs the same", f"The model says the same of all {len(images)} "
            f"images: no output differs by more than {100 * _spread(outputs):.1g} % of the "
            "largest. Nothing of the image arrives at the end, and a step does not change that. "
            "Weights that all start at 0 do this, and ReLUs that have died of too large steps. "
            "Make the model anew, with PyTorch's own initial weights, and take a tenth of the "
            "rate.")


def _spread(values: Tensor) -> float:
    """Return how far values differ from image to image, as a fraction of the largest."""
    values = values.flatten(1)
    return ((values.amax(0) - values.amin(0)).max() / values.abs().max().clamp_min(1e-30)).item()


def _stays(case: Case) -> bool:
    """Return whether a step changes nothing; a last layer that is 0 on purpose does move."""
    model = case.model
    with restored_afterwards(model):
        loss = case.loss_fn(model.eval()(case.few), case.few_labels)
        if not loss.requires_grad:
            return True
        loss.backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        return _spread(model(case.few).detach()) < SAME


def _dead(case: Case, dead: list[float]) -> Iterator[Finding]:
    if dead and max(dead) > DEAD:
        yield Finding("dead ReLU", f"In ReLU number {dead.index(max(dead)) + 1} of {len(dead)}, "
            f"{100 * max(dead):.0f} % of the units are 0 for all {len(case.few)} images. Such a "
            "unit has no gradient and does not come back. Too large steps cause it, or far too "
            "large images or weights: make the model anew, and take a tenth of the rate.")


def _far_from_chance(case: Case, loss: float, logits: Tensor) -> Iterator[Finding]:
    labels, classes = case.few_labels, logits.shape[1]
    chance = math.log(classes)
    loss /= len(labels) if case.summed else 1
    right = labels if labels.ndim == 1 else labels.argmax(1)
    accuracy = (logits.argmax(1) == right).float().mean().item()
    if loss > FAR * chance and accuracy < 2 / classes and not _bounded(case, logits):
        yield Finding("loss far from chance", f"The loss is {loss:.3g}, where a network that knows "
            f"nothing has log({classes}) = {chance:.2f}: with outputs of up to "
            f"{logits.abs().max().item():.2g}, it is sure of what is wrong. Initial weights or "
            "images are too large, or too large a step was taken: take PyTorch's weights, and "
            "normalize images.")


def _bounded(case: Case, logits: Tensor) -> bool:
    """Return whether outputs keep their size whatever the images': cosines, times a number."""
    if case.outputs is None:
        return False
    with restored_afterwards(case.model), torch.no_grad():
        larger = case.model.eval()(100 * case.few)
    return bool(larger.abs().max() < 2 * logits.abs().max())


def check_consequences(case: Case) -> Iterator[Finding]:
    """Yield what follows from other faults, after all of them."""
    if case.other_loss:
        case.consequences = [f for f in case.consequences if f.name != "loss far from chance"]
    told = {"loss far from chance": ("images not normalized", "no gradient"),
            "all outputs the same": ("vanishing gradients",)}
    yield from (found for found in case.consequences
                if not case.has(*told.get(found.name, ())))
