"""A look at one run of the learner's evaluation: which network it uses, and how. See `diagnose`."""

import contextlib
import io
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.swa_utils import AveragedModel

from .case import SHOWN, Case
from .record import Recorder
from .restore import remember_model, restored_afterwards

SIMILAR = 0.5  # cosine of a network's weights and those of its average or copy


@dataclass
class Look:
    """What one run of the evaluation has shown."""

    model: nn.Module
    seen: Recorder
    similar: dict[nn.Module, float]  # networks of the same form, and the cosine of their weights
    result: Any = None
    gradients_off: bool = False
    changed: bool = False  # weights are others afterwards
    frozen: bool = False   # and so are their flags


def watched(case: Case, model: nn.Module, seed: int | None = None) -> Look:
    """Run the evaluation, and return what was seen of `model` in it."""
    assert case.evaluate is not None
    with restored_afterwards(case.model, (), case.evaluate) as undo, \
            Recorder(model, undo) as seen, contextlib.redirect_stdout(io.StringIO()):
        look = Look(model, seen, {})
        undo.callback(register_module_forward_pre_hook(
            lambda module, _: _note_similar(case.model, module, look)).remove)
        if seed is not None:
            for set_seed in (torch.manual_seed, np.random.seed, random.seed):
                set_seed(seed)
        states = random.getstate(), str(np.random.get_state())
        case.model.train()
        undo.callback(torch.set_grad_enabled, True)
        before = [(p, p.detach().clone(), p.requires_grad) for p in case.model.parameters()]
        look.result = case.evaluate()
        look.changed = any(not p.detach().equal(old.to(p.dtype)) for p, old, _ in before)
        look.frozen = any(flag and not p.requires_grad for p, _, flag in before)
        look.gradients_off = not torch.is_grad_enabled()
        seen.drawn |= states != (random.getstate(), str(np.random.get_state()))
    return look


def _note_similar(model: nn.Module, other: nn.Module, look: Look) -> None:
    if other is not model and other not in look.similar and not look.seen.calls:
        look.similar[other] = _similarity(model, other)


def _similarity(model: nn.Module, other: nn.Module) -> float:
    """Return the cosine of the weights of two networks, 0 if they do not have the same form."""
    weights, others = ([p.detach().flatten() for p in each.parameters() if p.ndim > 1]
                       for each in (model, other))
    if not weights or [len(w) for w in weights] != [len(w) for w in others]:
        return 0.0
    a, b = torch.cat(weights).float(), torch.cat(others).float()
    return 1.0 if a.equal(b.to(a.device)) else min(
        torch.cosine_similarity(a, b.to(a.device), 0).item(), 1 - 1e-6)


def twin_of(case: Case, look: Look) -> nn.Module | None:
    """Return the called module that is an average or a copy of the model, not another draw."""
    for other, similarity in look.similar.items():
        if similarity > SIMILAR:
            loaded = similarity == 1 > _similarity(case.model, other)  # within the evaluation
            if loaded or _follows(case, other):
                return other
            # The same seed draws the same weights, for a model that was made anew, too.
            if similarity < 1 or isinstance(other, AveragedModel):
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
