"""The check of a learner's own evaluation, which is run and undone. See `diagnose`."""

import contextlib
import io
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.swa_utils import AveragedModel

from .case import SHOWN, Case
from .finding import Finding, stopped
from .raised import hint
from .record import Recorder
from .restore import SENSITIVE, remember_model, restored_afterwards

SIMILAR = 0.5           # cosine of a network's weights and those of its average or copy
SPREADS, SHIFT = 1.9, 0.9  # by how much spread and mean of images may differ: factor, spreads
EXACT = 1e-3            # by how much those of the same images may, in parts of the spread


def check_evaluation(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the evaluation, called from training mode, as after an epoch."""
    if case.evaluate is None:
        case.unseen.append("the evaluation: pass evaluate=…, a function without arguments")
        return
    try:
        look = _watched(case, case.model)
        if not look.seen.calls and (twin := _twin(case, look)) is not None:
            look = _watched(case, twin)
    except Exception as problem:
        if not case.has("the loss raises"):  # of which it has the labels, too
            yield stopped("the evaluation raises", "Your evaluation", problem, hint(str(problem)))
        return
    seen = look.seen
    if not seen.calls:
        yield Finding("another model in the evaluation", "Your evaluation does not use this model "
            "at all, but another one. Run the cells that make the model and the evaluation once "
            "more, in this order.")
        return
    if seen.steps:
        yield Finding("training in the evaluation", "During evaluation the optimizer moved "
            f"{len(seen.steps)} times: the network learns the images on which it is judged. "
            "Evaluation only looks: no backward, no step.")
    if any(seen.modes.values()) and case.mode_matters:
        yield Finding("not in evaluation mode", "During your evaluation the model is in training "
            f"mode, so {what_changes(case.model, True)}. Call model.eval() before it, and "
            "model.train() before training goes on. (If your loop calls eval just before, that "
            "will do.)")
    if seen.graphs == seen.calls:
        yield Finding("gradients in the evaluation", "Evaluation keeps the graph for gradients "
            "that nobody asks for. The numbers are right, but it takes time and much memory: put "
            "it under with torch.no_grad(), or torch.inference_mode().")
    if look.gradients_off:
        yield Finding("gradients left switched off", "After your evaluation gradients are switched "
            "off for good, and the next step has no graph: torch.set_grad_enabled(False) holds "
            "until somebody calls it with True. Use with torch.no_grad(): instead.")
    yield from _wrong_count(look)
    yield from _other_images(case, look)


@dataclass
class _Look:
    """What one run of the evaluation has shown."""

    model: nn.Module
    seen: Recorder
    similar: dict[nn.Module, float]  # networks of the same form, and the cosine of their weights
    result: Any = None
    gradients_off: bool = False


def _watched(case: Case, model: nn.Module, seed: int | None = None) -> _Look:
    """Run the evaluation, and return what was seen of `model` in it."""
    assert case.evaluate is not None
    with restored_afterwards(case.model, (), case.evaluate) as undo, \
            Recorder(model, undo) as seen, contextlib.redirect_stdout(io.StringIO()):
        look = _Look(model, seen, {})
        undo.callback(register_module_forward_pre_hook(
            lambda module, _: _note_similar(case.model, module, look)).remove)
        if seed is not None:
            for set_seed in (torch.manual_seed, np.random.seed, random.seed):
                set_seed(seed)
        states = random.getstate(), np.random.get_state()[2]
        case.model.train()
        undo.callback(torch.set_grad_enabled, True)
        look.result = case.evaluate()
        look.gradients_off = not torch.is_grad_enabled()
        seen.drawn |= states != (random.getstate(), np.random.get_state()[2])
    return look


def _note_similar(model: nn.Module, other: nn.Module, look: _Look) -> None:
    if other is not model and other not in look.similar and not look.seen.calls:
        look.similar[other] = _similarity(model, other)


def _similarity(model: nn.Module, other: nn.Module) -> float:
    """Return the cosine of the weights of two networks, 0 if they do not have the same form."""
    weights, others = ([p.detach().flatten() for p in each.parameters() if p.ndim > 1]
                       for each in (model, other))
    if not weights or [len(w) for w in weights] != [len(w) for w in others]:
        return 0.0
    a, b = torch.cat(weights).double(), torch.cat(others).double()
    return 1.0 if a.equal(b.to(a.device)) else min(
        torch.cosine_similarity(a, b.to(a.device), 0).item(), 1 - 1e-9)


def _twin(case: Case, look: _Look) -> nn.Module | None:
    """Return the called module that is an average or a copy of the model, not another draw."""
    for other, similarity in look.similar.items():
        if similarity > SIMILAR:
            loaded = similarity == 1 > _similarity(case.model, other)  # within the evaluation
            if loaded or isinstance(other, AveragedModel) or _follows(case, other):
                return other
            # The same seed draws the same weights, for a model that was made anew, too.
            if similarity < 1:
                case.unseen.append("whether the model of your evaluation, a copy or an average of "
                                   "this one, is kept up to date: pass a step=… that does it")
                return other
    return None


def _follows(case: Case, other: nn.Module) -> bool:
    """Return whether the step changes another model, as that of an average does."""
    if case.step is None or case.trace is None:
        return False
    with restored_afterwards(case.model, case.optimizers, case.step) as undo, \
            Recorder(case.model, undo), contextlib.redirect_stdout(io.StringIO()):
        remember_model(undo, other)
        before = [p.detach().clone() for p in other.parameters()]
        case.step(case.images[:SHOWN].clone(), case.labels[:SHOWN].clone())
        return any(not p.equal(old) for p, old in zip(other.parameters(), before, strict=True))


def _wrong_count(look: _Look) -> Iterator[Finding]:
    """Yield whether what it calls an accuracy counts something else than right predictions."""
    compared = look.seen.compared
    if any(not each.whole for each in compared):
        yield Finding("outputs compared with labels", "Your evaluation compares outputs as they "
            "are with the numbers of classes, and these are hardly ever equal. Take the place of "
            "the largest: outputs.argmax(1), or the second part of outputs.max(1). The accuracy is "
            "(outputs.argmax(1) == labels).float().mean().")
    hits, batches = sum(each.hits for each in compared), len(compared)
    results = look.result if isinstance(look.result, tuple | list) else [look.result]
    if batches > 1 and hits > batches and any(
            isinstance(value, float) and math.isclose(value, hits / batches) for value in results):
        yield Finding("accuracy above 1", f"Your evaluation gives {hits / batches:.4g}: its {hits} "
            f"hits are divided by the {batches} batches. Divide them by the number of images, "
            f"{sum(each.count for each in compared)} here.")


def _other_images(case: Case, look: _Look) -> Iterator[Finding]:
    """Yield whether the model gets images of another kind than in training, or random ones."""
    seen = look.seen
    trained = case.trace.seen.inputs if case.trace else []
    if not seen.inputs or (case.step is not None and not trained):
        return
    x = case.floats
    (mean, std), (mean_here, std_here) = (_statistics(inputs) for inputs in (
        trained or [(x.numel(), x.mean().item(), x.square().mean().item())], seen.inputs))
    ratio = max(std, std_here) / max(min(std, std_here), 1e-12)
    if ratio > SPREADS or abs(mean - mean_here) > SHIFT * max(std, std_here):
        yield Finding("images prepared otherwise in the evaluation", "In your evaluation the model "
            f"gets numbers with mean {mean_here:.2f} and standard deviation {std_here:.2f}, in "
            f"training with {mean:.2f} and {std:.2f}. It knows only what it was trained on: "
            "convert, scale and normalise images in the same way, with the mean and deviation of "
            "the training images.")
    elif seen.drawn and not any(seen.modes.values()):
        again = _watched(case, look.model, seed=1).seen.inputs
        mean_again, std_again = _statistics(again or seen.inputs)
        if max(abs(mean_again - mean_here), abs(std_again - std_here)) > EXACT * std_here:
            yield Finding("random images in the evaluation", "With other random numbers your "
                "evaluation gives the model other images: flips, crops and other random changes "
                "are for training. Judge the images as they are. (A random choice of images looks "
                "the same from here: then choose once, so that numbers can be compared.)")


def _statistics(inputs: list[tuple[int, float, float]]) -> tuple[float, float]:
    """Return mean and standard deviation of all numbers that a model was given."""
    count = sum(n for n, _, _ in inputs)
    mean, square = (sum(part[0] * part[i] for part in inputs) / count for i in (1, 2))
    return mean, math.sqrt(max(square - mean**2, 0))


def what_changes(model: nn.Module, training: bool) -> str:
    """Return what the modules of `model` do in the wrong mode."""
    parts = []
    if any(isinstance(module, SENSITIVE[0]) for module in model.modules()):
        parts.append("dropout still drops units" if training else "dropout drops nothing")
    if any(isinstance(module, SENSITIVE[1]) for module in model.modules()):
        parts.append("batch normalization uses the mean and variance of the batch, and its running "
                     "averages learn from images that are only to be judged" if training else
                     "batch normalization uses its running averages, which no longer follow the "
                     "weights")
    return " and ".join(parts) or "a layer that asks for self.training does the wrong thing"
