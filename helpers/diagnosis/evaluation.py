"""The check of a learner's own evaluation, which is run and undone. See `diagnose`."""

import contextlib
import io
import math
import random
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.swa_utils import AveragedModel

from .case import SHOWN, Case
from .finding import Finding, stopped
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
        seen, called = _watched(case, model := case.model)
        if not seen.calls and (twin := _twin(case, called)) is not None:
            seen, _ = _watched(case, model := twin)
    except Exception as problem:
        yield stopped("the evaluation raises", "Your evaluation", problem)
        return
    if not seen.calls:
        yield Finding("another model in the evaluation", "Your evaluation does not use this model "
            "at all, but another one. Run the cells that make the model and the evaluation once "
            "more, in this order.")
        return
    if seen.steps:
        yield Finding("training in the evaluation", "During evaluation the optimizer moved "
            f"{len(seen.steps)} times: the network learns the images on which it is judged. "
            "Evaluation only looks: no backward, no step.")
    if any(seen.modes) and case.mode_matters:
        yield Finding("not in evaluation mode", "During your evaluation the model is in training "
            f"mode, so {what_changes(case.model, True)}. Call model.eval() before it, and "
            "model.train() before training goes on. (If your loop calls eval just before, that "
            "will do.)")
    if seen.graphs == seen.calls:
        yield Finding("gradients in the evaluation", "Evaluation keeps the graph for gradients "
            "that nobody asks for. The numbers are right, but it takes time and much memory: put "
            "it under with torch.no_grad(), or torch.inference_mode().")
    yield from _other_images(case, seen, model)


def _watched(case: Case, model: nn.Module, seed: int | None = None) -> tuple[
        Recorder, dict[nn.Module, None]]:
    """Run the evaluation; return what was seen of `model`, and all modules that were called."""
    assert case.evaluate is not None
    called: dict[nn.Module, None] = {}
    with restored_afterwards(case.model, (), case.evaluate) as undo, \
            Recorder(model, undo) as seen, contextlib.redirect_stdout(io.StringIO()):
        hook = register_module_forward_pre_hook(lambda module, _: called.setdefault(module))
        undo.callback(hook.remove)
        if seed is not None:
            for set_seed in (torch.manual_seed, np.random.seed, random.seed):
                set_seed(seed)
        states = random.getstate(), np.random.get_state()[2]
        case.model.train()
        case.evaluate()
        seen.drawn |= states != (random.getstate(), np.random.get_state()[2])
    return seen, called


def _twin(case: Case, called: dict[nn.Module, None]) -> nn.Module | None:
    """Return the called module that is an average or a copy of the model, not another draw."""
    weights = [p.detach().flatten() for p in case.model.parameters() if p.ndim > 1]
    for other in called:
        others = [p.detach().flatten() for p in other.parameters() if p.ndim > 1]
        if weights and [len(w) for w in weights] == [len(w) for w in others]:
            a, b = torch.cat(weights).float(), torch.cat(others).float().to(case.device)
            if isinstance(other, AveragedModel) or _follows(case, other):
                return other
            # The same seed draws the same weights, for a model that was made anew, too.
            if not a.equal(b) and torch.cosine_similarity(a, b, 0) > SIMILAR:
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


def _other_images(case: Case, seen: Recorder, model: nn.Module) -> Iterator[Finding]:
    """Yield whether the model gets images of another kind than in training, or random ones."""
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
    elif seen.drawn and not any(seen.modes):
        again, _ = _watched(case, model, seed=1)
        mean_again, std_again = _statistics(again.inputs or seen.inputs)
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
