"""Checks of a model by itself: what it makes of images, and its gradients. See `diagnose`."""

import contextlib
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .case import Case
from .finding import Finding
from .layers import check_flow
from .logits import unusable, wrong_input, wrong_shape
from .notes import Taken
from .raised import explained
from .record import Recorder
from .restore import SENSITIVE, restored_afterwards
from .start import consequences

# By how much of the largest output two runs may differ: in float32 and more, and in half precision.
ROUNDING, ROUNDING_OF_HALF = 1e-3, 3e-2
AGAIN, FEW = 8, 32  # passes, of so many images, after which no gradient has come


@explained
def check_outputs(case: Case) -> Iterator[Finding]:
    """Yield whether the model gives K numbers for each image, and of this image alone."""
    if case.lazy:
        case.hopeless = True
        case.unseen.append("the model: it has lazy layers, which are made when the first images "
                           "arrive. Run a batch through it first, model(images), and diagnose then")
        return
    if not case.finite:
        case.consequences.append(Finding("nan in weights", "Weights of the model are nan or inf, "
            "and from there no training returns. Most often the learning rate was too high. Make "
            "the model and its optimizer anew, and diagnose them before training."))
    with restored_afterwards(case.model) as undo, torch.no_grad():
        images = case.few.clone()
        outputs = case.model.eval()(images)
        if not images.equal(case.few):
            found = [Finding("images changed by the model", "The model changes the images that it "
                "is given in place, so that the next look at them sees others. A method with _ at "
                "its end does that, inplace=True, and x -= mean: write x = x - mean, or begin with "
                "x = x.clone().")]
        elif found := list(wrong_shape(case, outputs)):
            found = list(unusable(case, found[0]))
        else:
            found = list(_depends_on_rest(case, Recorder(case.model, undo))
                         if isinstance(outputs, Tensor) else ())
            case.outputs = outputs
            if isinstance(outputs, Tensor) and outputs.ndim == 2:
                case.width = outputs.shape[1]
    yield from found


def _depends_on_rest(case: Case, seen: Recorder) -> Iterator[Finding]:
    """Yield whether outputs change by chance or with the batch; the mode is that of evaluation."""
    few = case.few[:16]
    with seen:
        torch.manual_seed(1)
        first = case.model(few)
    torch.manual_seed(2)
    rounding = ROUNDING if first.dtype in (torch.float32, torch.float64) else ROUNDING_OF_HALF
    tolerance = rounding * first.abs().max().item()
    if (case.model(few) - first).abs().max() > tolerance:
        if seen.foreign:
            yield Finding("parameters not registered", "A layer is made in forward: it has new "
                "weights in each call, so that the same images give other outputs each time, and "
                "nothing can train them. Make it in __init__, as self.layer = …")
            return
        why = (
            "F.dropout drops units always: it needs training=self.training, or use a layer, "
            "nn.Dropout, which knows the mode." if seen.dropped else
            "Something draws random numbers, such as noise: ask for self.training before it. "
            "(Where each output is meant to be drawn, that is as it should be.)")
        yield Finding("random in evaluation mode", "In evaluation mode, the same images give other "
            f"outputs each time. {why}")
    elif len(few) > 1:
        halves = torch.cat([case.model(half) for half in few.split((len(few) + 1) // 2)])
        apart = (halves - first).abs().max().item()
        if apart > tolerance:
            forgetful = any(isinstance(m, SENSITIVE[1]) and not m.track_running_stats
                            for m in case.model.modules())
            why = ("Batch normalization without running averages (track_running_stats=False) does "
                   "this." if forgetful else
                   "Look for a softmax, mean or normalization along axis 0, the batch, or a view "
                   "that cuts across it.")
            yield Finding("images mixed", "In evaluation mode, what the model says of an image "
                "depends on the other images of its batch: in half as large a batch, outputs "
                f"change by up to {apart:.2g}. {why} Each image must be judged alone.")


@dataclass
class _Pass:
    """What one pass in training mode has shown; no graph, so that what it held is free."""

    logits: Tensor | None
    loss: float
    gradients: dict[str, Tensor | None] | None  # None where the loss has no graph
    losses: list[Taken]
    dead: list[float]
    strangers: list[weakref.ref[Tensor]]


@explained
def check_gradients(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with parameters and gradients, seen in one pass in training mode."""
    if not case.ready:
        return
    case.ready = False  # until the pass has ended
    passed = _passed(case)
    if isinstance(passed, Finding):
        yield from unusable(case, passed)
        return
    # A tensor that forward has made for this call, such as a first state, is gone by now.
    strangers = [tensor for alive in passed.strangers if (tensor := alive()) is not None]
    if strangers:
        yield Finding("parameters not registered", f"{len(strangers)} tensors work in the model "
            "that are to be trained, but model.parameters() does not know them, so that no "
            "optimizer made from it trains them and no .to(device) moves them. Layers in a Python "
            "list or dict are not found: use nn.ModuleList, nn.ModuleDict or nn.Sequential. A "
            "tensor with requires_grad=True is not either: make it an nn.Parameter.")
    for found in filter(None, map(wrong_input, passed.losses)):
        yield from case.of_loss(found)
    case.gradients = passed.gradients or {}
    for seed in range(1, AGAIN):  # some networks leave layers out by chance
        if None in case.gradients.values():
            _look_again(case, seed)
    if case.finite:
        yield from _wrong_gradients(case, passed, bool(strangers))
    case.consequences += consequences(case, passed.logits, passed.loss, passed.dead)
    case.ready = bool(passed.gradients)
    yield from check_flow(case)


def _look_again(case: Case, seed: int) -> None:
    """Fill in gradients that come in another pass."""
    with contextlib.suppress(Exception):  # a loss for batches of another size
        again = _passed(case, seed, FEW)
        if isinstance(again, _Pass) and again.gradients:
            case.gradients.update({name: g for name, g in again.gradients.items()
                                   if case.gradients[name] is None})


def _passed(case: Case, seed: int = 0, count: int | None = None) -> _Pass | Finding:
    model, named = case.model, {name: p for name, p in case.model.named_parameters()
                                if p.requires_grad}
    with restored_afterwards(model) as undo, Recorder(model, undo) as seen:
        torch.manual_seed(seed)
        logits = model.train()(case.few[:count])
        strangers = list(seen.strangers.values())  # the loss may have parameters of its own
        for finding in wrong_shape(case, logits, " in training mode") if count is None else ():
            return finding
        loss = case.loss_fn(logits, case.few_labels[:count])
        gradients: dict[str, Tensor | None] | None = None
        if loss.requires_grad:
            gradients = dict(zip(named, torch.autograd.grad(
                loss, list(named.values()), allow_unused=True) if named else (), strict=True))
    return _Pass(logits.detach() if isinstance(logits, Tensor) else None, loss.item(), gradients,
                 seen.losses, seen.dead, strangers)


def _wrong_gradients(case: Case, passed: _Pass, strangers: bool) -> Iterator[Finding]:
    """Yield what is wrong with gradients of parameters."""
    gradients = passed.gradients
    if gradients is None:
        yield Finding("no gradient", "The loss has no graph behind it, so backward reaches no "
            "parameter. Look in forward for detach(), .data, .item(), numpy or no_grad, and "
            "whether all parameters are frozen (requires_grad=False).")
    elif not gradients and not strangers:
        yield Finding("no gradient", "model.parameters() holds nothing that can be trained.")
    elif torch.isfinite(torch.tensor(passed.loss)) and not all(
            g is None or torch.isfinite(g).all() for g in gradients.values()):
        yield Finding("nan in the gradients", "The loss is a number, but its gradients are nan or "
            "inf. The slope of a square root or a norm at 0 is infinite, that of a log too: add a "
            "small number, such as 1e-8, inside.")
