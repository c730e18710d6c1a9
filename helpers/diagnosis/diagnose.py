"""The doctor for networks that do not learn: `diagnose` names what can be seen from outside."""

import sys
import textwrap
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from ..training.memory import untouched
from ..training.parts import misplaced
from .batch import check_images, check_labels, check_type
from .case import Case
from .effect import check_effect
from .evaluation import check_evaluation
from .finding import Finding
from .layers import check_layers
from .loss import check_loss
from .model import check_gradients, check_outputs
from .pairing import check_pairing, check_pairs
from .parameters import check_parameters
from .rate import check_rate
from .settings import check_decay, check_direction, check_schedule
from .start import check_consequences
from .step import check_step

# Causes before what follows from them: each check knows what those before it have learned.
CHECKS = (check_images, check_type, check_layers, check_outputs, check_labels, check_loss,
          check_gradients, check_pairing, check_step, check_pairs, check_parameters,
          check_direction, check_decay, check_schedule, check_rate, check_effect, check_evaluation,
          check_consequences)


def diagnose(model: nn.Module, batch: tuple[Tensor, Tensor], *, step: Callable | None = None,
             optimizer: Optimizer | Sequence[Optimizer] | None = None,
             evaluate: Callable | None = None,
             loss_fn: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
             classes: int | None = None) -> list[Finding]:
    """Print what seems wrong with a network that does not learn, and return it as a list.

    The list is empty if nothing was seen. Each of these that is passed can be looked at:

        model: the network, in the mode in which it stands in the loop
        batch: what the loop gives to the model, images (N, C, H, W) and labels (N,), best 256 of
            them or more
        step: a function of images and labels that does one step of the learner's own loop, with
            its own model and optimizer
        optimizer: one of torch.optim, or a list of them, tried out on this batch together with
            those that move in `step`
        evaluate: a function without arguments, the learner's own evaluation, run once from
            training mode, as after an epoch
        loss_fn: the loss of outputs and labels with which the model is trained
        classes: how many there are, else as many as the model has outputs

    Afterwards model, optimizer, loss, gradients, modes and random states are what they were. What
    `step` counts by itself, such as an `i += 1`, cannot be turned back.

    Raises TypeError or ValueError where batch or optimizer is something else.

    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Softmax(dim=1))
    >>> images, labels = torch.linspace(-2, 2, 96).view(8, 3, 2, 2), torch.arange(8) % 3
    >>> diagnose(model, (images, labels))  # doctest: +ELLIPSIS
    softmax before cross-entropy
        What the loss is given is positive and adds up to 1 for each image: ...
    [Finding(name='softmax before cross-entropy')]
    """
    if not (isinstance(batch, tuple | list) and len(batch) == 2
            and all(isinstance(part, Tensor) for part in batch)):
        raise TypeError("diagnose wants a batch of two tensors, (images, labels): what your loop "
                        "gets in one turn, next(iter(batches)).")
    images, labels = batch
    for name, part in (("step", step), ("evaluate", evaluate)):
        if part is not None and not callable(part):
            raise TypeError(f"{name} is a {type(part).__name__}. Pass a function, not what it has "
                            "given.")
    if not isinstance(classes, int | None):
        raise TypeError(f"classes is a {type(classes).__name__}. Pass how many there are.")
    if why := misplaced({"model": model}, loss_fn):
        raise TypeError(why)
    if images.ndim > 3 and not labels.ndim:
        raise ValueError("diagnose wants labels (N,), one for each image, but this is one number.")
    if images.ndim < 2 or not len(images):
        raise ValueError("diagnose wants a batch of images, (N, C, H, W), but this is "
                         f"{tuple(images.shape)}.")
    optimizers: list[Any] = ([] if optimizer is None else list(optimizer)
                             if isinstance(optimizer, list | tuple) else [optimizer])
    for each in optimizers:
        if not isinstance(each, Optimizer):
            raise TypeError(
                f"optimizer is a {type(each).__name__}, and only those of torch.optim can be "
                "tried out. Leave it out and pass step=…: what your own one does is seen there.")
    case = Case(model, images, labels, step, optimizers, evaluate, loss_fn, classes)
    with torch.enable_grad(), _uncompiled(), untouched(loss_fn), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the loop itself has given them
        _examine(case)
    if not case.findings:
        seen = "the images" if case.lazy else "images, labels, outputs and gradients"
        print(f"Nothing wrong was seen in {seen}.", *(["Not looked at:"] if case.unseen else []),
              *(f"    {what}" for what in dict.fromkeys(case.unseen)), sep="\n")
    return case.findings


def _uncompiled() -> AbstractContextManager:
    """Let what torch.compile has made run as it was written: hooks do not reach into the rest."""
    if "torch._dynamo" in sys.modules:
        return torch.compiler.set_stance("force_eager")
    return nullcontext()


def _examine(case: Case) -> None:
    """Print each finding when it comes, and pass over those whose name is known already."""
    for check in CHECKS:
        for finding in check(case):
            if not case.has(finding.name):
                case.findings.append(finding)
                print(f"{finding.name}\n{textwrap.indent(textwrap.fill(finding.text, 84), '    ')}")
        if case.hopeless:
            break
