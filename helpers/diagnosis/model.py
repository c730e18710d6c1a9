"""What can be wrong with a model, its outputs, gradients and parameters, seen from outside: see
`diagnose`.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from .batch import Finding, in_labels, in_outputs
from .logits import floor_of_probabilities, in_numbers
from .restore import SENSITIVE, Witness, kept


def in_model(model: nn.Module, images: Tensor, labels: Tensor, loss_fn: Callable,
             classes: int | None) -> tuple[list[Finding], int | None, bool]:
    """Return what is wrong with a model, how many classes it knows, and whether it has a loss to be
    trained with.

    What the model raises is passed on: `in_model_error` explains it.
    """
    finite = all(torch.isfinite(p).all() for p in model.parameters())
    found = [] if finite else [Finding("nan in weights", (
        "Weights of the model are nan or inf, and from there no training returns. Most often the "
        "learning rate was too high. Make the model and its optimizer anew, and diagnose them "
        "before training."))]
    with kept(model), torch.no_grad():
        before = images.clone()
        outputs = model.eval()(images)
        if not images.equal(before):
            return [*found, Finding("images changed by the model", (
                "The model changes the images that it is given, so that the next look at them sees "
                "others. A method with _ at its end does that, and x -= mean: write x = x - "
                "mean."))], classes, False
        misshapen = list(in_outputs(outputs, len(images), classes))
        if misshapen:
            return found + misshapen, classes, False
        found += in_company(model, images)
    width = outputs.shape[1]
    mistakes = list(in_labels(labels, len(images), width))
    found += mistakes
    if any(mistake.name != "only one class" for mistake in mistakes):
        return found, width, False
    try:
        loss = loss_fn(outputs, labels)
        # Adding 1 to all outputs does not change what a softmax, and so a cross-entropy, makes of
        # them.
        softmax = torch.allclose(loss_fn(outputs + 1, labels), loss, rtol=1e-3, atol=1e-3,
                                 equal_nan=True)
    except Exception as problem:
        return [*found, Finding("the loss raises", (
            f"The loss stops with {type(problem).__name__}: {str(problem).strip().rstrip('.')}. It "
            f"was given outputs of shape {tuple(outputs.shape)} and labels {tuple(labels.shape)}, "
            f"{labels.dtype}."))], width, False
    if loss.ndim:
        return [*found, Finding("the loss is not one number", (
            f"The loss has the shape {tuple(loss.shape)}, but backward starts from one number. Take the mean over the "
            'batch: leave reduction="none" out.'))], width, False
    if softmax:
        found += filter(None, [in_numbers(outputs) or in_last_layer(model, images, outputs)])
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with kept(model) as undo, Witness(model, undo) as seen:
        logits = model.train()(images)
        loss = loss_fn(logits, labels)
        gradients = torch.autograd.grad(loss, list(named.values()),
                                        allow_unused=True) if loss.requires_grad else None
    found += in_parameters(model, seen.strangers)
    found += in_gradients(named, gradients) if finite else []
    if math.isfinite(loss.item()):
        found += in_start(model, images, labels, loss_fn, outputs, logits.detach(), seen.dead)
        if softmax:
            found += in_loss(loss.item(), logits.detach(), labels)
    elif finite:
        found.append(Finding("nan in outputs", (
            "Images and weights are finite, but the loss is not. Look for a log of 0, a division "
            "by 0 or an exp of something large in the model and the loss: print x.isfinite().all() "
            "after each line of forward.")))
    return found, width, gradients is not None


def in_company(model: nn.Module, images: Tensor) -> Iterator[Finding]:
    """Yield whether, in evaluation mode, an image's outputs change by chance, or with the images
    beside it.
    """
    few = images[:16]
    torch.manual_seed(1)
    first = model(few)
    torch.manual_seed(2)
    tolerance = (1e-3 if first.dtype in (torch.float32, torch.float64)
                 else 3e-2) * first.abs().max().item()
    if (model(few) - first).abs().max() > tolerance:
        yield Finding("random in evaluation mode", (
            "In evaluation mode, the same images give other outputs each time. Something drops "
            "units always: F.dropout needs training=self.training, or use a layer, nn.Dropout, "
            "which knows the mode."))
    elif len(few) > 1:
        halves = torch.cat([model(half) for half in few.split((len(few) + 1) // 2)])
        apart = (halves - first).abs().max().item()
        if apart > tolerance:
            forgetful = any(isinstance(m, SENSITIVE[1]) and not m.track_running_stats
                            for m in model.modules())
            why = ("Batch normalization without running averages (track_running_stats=False) does "
                   "this."
                   if forgetful else
                   "Look for a softmax, mean or normalization along axis 0, the batch, or a view "
                   "that cuts across it.")
            yield Finding("images mixed", (
                "In evaluation mode, what the model says of an image depends on the other images "
                f"of its batch: in half as large a batch, outputs change by up to {apart:.2g}. "
                f"{why} Each image must be judged alone."))


def in_last_layer(model: nn.Module, images: Tensor, outputs: Tensor) -> Finding | None:
    """Return whether a function at the end holds the outputs back from the softmax of
    cross-entropy.
    """
    if outputs.min() < 0 or not outputs.any():
        return None
    zeros = (outputs == 0).float().mean().item()
    if zeros > 0.05:
        return Finding("ReLU after the last layer", (
            f"No output is negative, and {100 * zeros:.0f} % are exactly 0: a ReLU follows the "
            "last layer. So no class can be called unlikely, and where it is 0 no gradient passes. "
            "Let the last layer's numbers out as they are."))
    with kept(model), torch.no_grad():
        # A sigmoid stays within 0 and 1 whatever comes; fresh logits that are small by chance do
        # not.
        extremes = [model.eval()(factor * images) for factor in (-1000, 1000)]
    if all(each.min() >= 0 and each.max() <= 1 for each in (outputs, *extremes)):
        return Finding("sigmoid before cross-entropy", (
            "The outputs lie between 0 and 1 whatever the images are: a sigmoid follows the last "
            "layer. Cross-entropy takes a softmax of them, which cannot come near certainty: the "
            f"loss cannot fall below {floor_of_probabilities(outputs.shape[1]):.2f}. Let the last "
            "layer's numbers out as they are."))
    return None


def in_parameters(model: nn.Module, strangers: Iterable) -> Iterator[Finding]:
    """Yield what is wrong with what the model calls its parameters; `strangers` are others at work
    in it.
    """
    if strangers:
        yield Finding("parameters not registered", (
            f"{len(strangers)} parameters work in the model, but model.parameters() does not know "
            "them, so that no optimizer trains them and no .to(device) moves them. Layers in a "
            "Python list are not found: use nn.ModuleList or nn.Sequential."))
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    if frozen:
        yield Finding("frozen parameters", (
            f"{len(frozen)} of {len(list(model.parameters()))} parameters have "
            f"requires_grad=False, {frozen[0]} for one, and are never changed. That is right for "
            "layers that you took over trained; else call requires_grad_(True) on them."))


def in_gradients(named: dict[str, Tensor], gradients) -> Iterator[Finding]:
    """Yield what is wrong with the gradients of the named parameters; None where the loss has no
    graph at all.
    """
    without = [name for name, g in zip(named, gradients or [None] * len(named), strict=True)
               if g is None]
    if gradients is None:
        yield Finding("no gradient", (
            "The loss has no graph behind it, so backward reaches no parameter. Look in forward "
            "for detach(), .data, .item(), numpy or no_grad, and whether all parameters are frozen "
            "(requires_grad=False)."))
    elif without:
        yield Finding("no gradient", (
            f"{len(without)} of {len(named)} parameters get no gradient, {without[0]} for one: "
            "forward does not use them, or detach() or .data cuts the graph behind them. They stay "
            "as they were drawn."))
    elif not all(torch.isfinite(g).all() for g in gradients):
        yield Finding("nan in the gradients", (
            "The loss is a number, but its gradients are nan or inf. The slope of a square root or "
            "a norm at 0 is infinite, that of a log too: add a small number, such as 1e-8, "
            "inside."))


def in_start(model, images, labels, loss_fn, outputs, logits, dead) -> Iterator[Finding]:
    """Yield whether a network is stuck: outputs (evaluation) and logits (training) the same for all
    images, dead units.

    Both modes must agree. A deep plain network whose running averages are still 0 and 1 gives
    nearly the same outputs in evaluation mode, and is well in training.
    """
    if len(images) > 1 and not _spread(images) < 1e-6 and _spread(outputs) < 1e-5:
        normed = any(isinstance(module, SENSITIVE[1]) for module in model.modules())
        if (not normed or _spread(logits) < 1e-5) and _stays(model, images, labels, loss_fn):
            yield Finding("all outputs the same", (
                f"The model says the same of all {len(images)} images: no output differs by more "
                f"than {100 * _spread(outputs):.1g} % of the largest. Nothing of the image arrives "
                "at the end, and a step does not change that. Weights that all start at 0 do this, "
                "and ReLUs that have died of too large steps. Make the model anew, with PyTorch's "
                "own initial weights, and take a tenth of the rate."))
    if dead and max(dead) > 0.9:
        yield Finding("dead ReLU", (
            f"In ReLU number {dead.index(max(dead)) + 1} of {len(dead)}, {100 * max(dead):.0f} % "
            f"of the units are 0 for all {len(images)} images. Such a unit has no gradient and "
            "does not come back. Too large steps cause it, or far too large images or weights: "
            "make the model anew, and take a tenth of the rate."))


def _spread(values: Tensor) -> float:
    """Return how far values differ from image to image, as a fraction of the largest."""
    values = values.flatten(1)
    return ((values.amax(0) - values.amin(0)).max() / values.abs().max().clamp_min(1e-30)).item()


def _stays(model, images, labels, loss_fn) -> bool:
    """Return whether the outputs are still the same after a step; a last layer that starts at 0 on
    purpose moves.
    """
    with kept(model):
        loss = loss_fn(model.eval()(images), labels)
        if not loss.requires_grad:
            return True
        loss.backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        return _spread(model(images).detach()) < 1e-5


def in_loss(loss: float, logits: Tensor, labels: Tensor) -> Iterator[Finding]:
    """Yield whether a loss is far worse than that of guessing."""
    chance = math.log(logits.shape[1])
    right = labels if labels.ndim == 1 else labels.argmax(1)
    accuracy = (logits.argmax(1) == right).float().mean().item()
    if loss > 2 * chance and accuracy < 2 / logits.shape[1]:
        yield Finding("loss far from chance", (
            f"The loss is {loss:.3g}, where a network that knows nothing has "
            f"log({logits.shape[1]}) = {chance:.2f}: with outputs of up to "
            f"{logits.abs().max().item():.2g}, it is sure of what is wrong. Initial weights or "
            "images are too large, or too large a step was taken: take PyTorch's weights, and "
            "normalise images."))


def trained_by(model: nn.Module, optimizer: torch.optim.Optimizer) -> set[str]:
    """Return the names of the parameters of `model` that the optimizer holds."""
    held = {p for group in optimizer.param_groups for p in group["params"]}
    return {name for name, p in model.named_parameters() if p in held}


def in_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Finding]:
    """Return whether the optimizer trains the parameters of this model."""
    held = trained_by(model, optimizer)
    wanted = [name for name, p in model.named_parameters() if p.requires_grad]
    missing = [name for name in wanted if name not in held]
    if not missing:
        return []
    if len(missing) == len(wanted):
        seen, advice = "None of the model's parameters is", ("Was the model made anew after the "
                                                             "optimizer? Make the optimizer last, "
                                                             "from model.parameters() of this "
                                                             "model.")
    else:
        seen = (
            f"{len(missing)} of the model's {len(wanted)} parameters, {missing[0]} for one, are "
            "not")
        advice = "Give it model.parameters(), all of them, unless those are to stay as they are."
    return [Finding("parameters not in the optimizer",
                    f"{seen} in the optimizer, and what is not there is never changed. {advice}")]
