"""What can be wrong with a loop: a learner's own step, evaluation and optimizer, run and undone.
See `diagnose`.
"""

import contextlib
import io
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .batch import Finding
from .logits import in_numbers
from .restore import SENSITIVE, Witness, anew, kept

_CALLS = 8   # of a step in which the optimizer should move once, also where gradients are gathered
_STEPS = 12  # on one batch, to try a learning rate: momentum has built up after ten


def in_step(model: nn.Module, images: Tensor, labels: Tensor, step: Callable, optimizer,
            matters: bool) -> tuple[list[Finding], list]:
    """Return what is wrong with `step(images, labels)`, and the optimizers that moved in it.

    It is called from a clean state until the optimizer moves. If gradients are left then, they are
    overwritten with a mark, and it is called once more: where the mark is still in the gradients,
    nothing has set them to zero.
    """
    found = []
    with kept(model, optimizer, step) as undo, Witness(model, undo) as seen:
        anew(model, only_if_spoilt=True)
        before = [p.detach().clone() for p in seen.parameters]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                for _ in range(_CALLS):
                    step(images.clone(), labels.clone())
                    moved = bool(seen.steps) or not all(map(torch.equal, seen.parameters, before))
                    if moved:
                        break
                gradients = seen.steps[0] if seen.steps else None
                mark = _marked(model, seen.optimizers) if moved else {}
                if mark:
                    seen.steps.clear()
                    for p, old in zip(seen.parameters, before, strict=True):
                        # a step may have been so large that nothing can be computed after it
                        p.data.copy_(old)
                    step(images.clone(), labels.clone())
                    now = seen.steps[0] if seen.steps else [p.grad for p in seen.parameters]
                    alike, left = _compared(dict(zip(seen.parameters, now, strict=True)), mark)
        except Exception as problem:
            return [Finding("the step raises", (
                f"Your step stops with {type(problem).__name__}: "
                f"{str(problem).strip().rstrip('.')}. Run it alone on one batch, and print the "
                "shapes, types and devices of what goes into the line that fails."))], []
    if not seen.calls:
        return [Finding("another model in the step", (
            "Your step does not use this model at all, it trains another one. Was the model made "
            "anew in a later cell? Run the cells that make model, optimizer and step once more, in "
            "this order."))], seen.optimizers
    if not moved:
        found.append(Finding("no optimizer step", (
            f"In {_CALLS} calls of your step backward ran {seen.backwards} times, but no weight "
            "has changed. Each step takes loss.backward() and then optimizer.step(). (Gathering "
            f"gradients over more than {_CALLS} batches looks the same from outside.)")))
    elif gradients and not any(g is not None and g.any() for g in gradients):
        if seen.backwards:
            found.append(Finding("gradients wiped before the step", (
                "When the optimizer moves, all gradients of this model are gone: zero_grad comes "
                "between backward and step, or they belong to another model. The order is "
                "zero_grad, backward, step.")))
        else:
            found.append(Finding("no backward", (
                "The optimizer moves, but backward was never called, so it has no gradients to "
                "follow. Call loss.backward() before optimizer.step().")))
    if mark and alike > 0.9:
        still = f"{100 * left:.0f} % of it was still there" if left > 0.5 else (
            "it was still there, scaled down")
        found.append(Finding("no zero_grad", (
            f"We put a mark into the gradients before your step, and afterwards {still}: nothing "
            "sets them to zero, and backward adds. So each step follows the sum of all gradients "
            "since the beginning. Call optimizer.zero_grad() before backward. (To gather several "
            "batches on purpose, call it after each step of the optimizer.)")))
    if matters and seen.modes and not any(seen.modes):
        found.append(Finding("not in training mode", (
            f"During your step the model is in evaluation mode, so {_what_changes(model, False)}. "
            "Evaluation has left it so: call model.train() at the start of each epoch. (If your "
            "loop does that before this step, do it before diagnose too.)")))
    if seen.losses and (wrong := in_numbers(seen.losses[0][0])):
        found.append(wrong)
    return found, seen.optimizers


def _marked(model, optimizers) -> dict:
    """Overwrite gradients that are left with random signs, far larger, and return these by
    parameter.
    """
    trained = {p for o in optimizers for group in o.param_groups for p in group["params"]}
    left = [p for p in model.parameters() if p.grad is not None and p.grad.any()
            and (p in trained or not trained)]
    if not left:
        return {}
    size = 1000 * (1 + max(p.grad.abs().nan_to_num(0, 0, 0).max().item() for p in left))
    generator, mark = torch.Generator().manual_seed(0), {}
    for p in left:
        signs = torch.randint(2, p.shape, generator=generator).mul(2).sub(1)
        mark[p] = signs.to(p.device, p.dtype) * size
        p.grad = mark[p].clone()
    return mark


def _compared(gradients: dict, mark: dict) -> tuple[float, float]:
    """Return the cosine of gradients and mark, which clipping does not change, and what part of the
    mark is left.
    """
    pairs = [(gradients[p].flatten(), m.flatten())
             for p, m in mark.items() if gradients[p] is not None]
    if not pairs:
        return 0.0, 0.0
    g, m = (torch.cat(part) for part in zip(*pairs, strict=True))
    dot = (g @ m).item()
    return dot / max(g.norm().item() * m.norm().item(), 1e-300), dot / max((m @ m).item(), 1e-300)


def in_evaluation(model: nn.Module, evaluate: Callable, matters: bool) -> list[Finding]:
    """Return what is wrong with `evaluate()`, called from training mode, as after an epoch."""
    found = []
    with kept(model, None, evaluate) as undo, Witness(model, undo) as seen:
        model.train()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                evaluate()
        except Exception as problem:
            return [Finding("the evaluation raises", (
                f"Your evaluation stops with {type(problem).__name__}: "
                f"{str(problem).strip().rstrip('.')}."))]
    if not seen.calls:
        return [Finding("another model in the evaluation", (
            "Your evaluation does not use this model at all, but another one. Run the cells that "
            "make the model and the evaluation once more, in this order."))]
    if seen.steps:
        found.append(Finding("training in the evaluation", (
            f"During evaluation the optimizer moved {len(seen.steps)} times: the network learns "
            "the images on which it is judged. Evaluation only looks: no backward, no step.")))
    if matters and any(seen.modes):
        found.append(Finding("not in evaluation mode", (
            "During your evaluation the model is in training mode, so "
            f"{_what_changes(model, True)}. Call model.eval() before it, and model.train() before "
            "training goes on. (If your loop calls eval just before, that will do.)"
        )))
    if seen.graphs == seen.calls:
        found.append(Finding("gradients in the evaluation", (
            "Evaluation keeps the graph for gradients that nobody asks for. The numbers are right, "
            "but it takes time and much memory: put it under with torch.no_grad(), or "
            "torch.inference_mode().")))
    return found


def _what_changes(model, training: bool) -> str:
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


def in_learning_rate(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor,
                     labels: Tensor,
                     loss_fn: Callable, chance: float, spoilt: bool) -> list[Finding]:
    """Return whether the learning rate is far too high or low, from a few steps on one batch.

    A model that is `spoilt`, whose outputs are nan or all the same, cannot show it: such a one
    starts anew.

    Too high: the loss rises tenfold (from `chance`, if it is lower), or a step changes the weights
    by so much that it rises half as high again, or does not fall by a tenth. Too low: a step
    changes the weights by less than 1/20,000. Measured over 12 seeds on CIFAR-10, with LeNet,
    BNLeNet, FastResNet and a ResNet-8: with momentum, rates of 0.01 to 0.1 and Adam's of 0.0003 to
    0.003 change weights by 0.0007 to 0.1, and none is called too high or low. 3 is called too high
    on all, 0.5 on the plain LeNet (11 of 12) and FastResNet: batch normalization bears more. 1e-6
    is called too low on all, and nearly always 1e-5. On fewer than 64 images, which a network
    learns by heart in a few steps, only the tenfold rise counts. See tests/test_diagnose.py.
    """
    with kept(model, optimizer):
        if spoilt:
            optimizer.state.clear()
            anew(model)
        losses, changes = _tried(model.train(), optimizer, images, labels, loss_fn)
    lr = float(optimizer.param_groups[0]["lr"])
    height, change = max(losses, key=lambda x: x if math.isfinite(x)
                         else math.inf), max(changes, default=0.0)
    start = (
        f"{'From new weights, ' if spoilt else ''}{len(losses)} steps on the same {len(images)} "
        "images")
    rise, large = height / max(losses[0], chance), len(images) >= 64
    if not rise < 10 or (large and ((change > 0.3 and rise > 1.5)
                                    or (change > 0.2 and losses[-1] > 0.9 * losses[0]))):
        return [Finding("learning rate too high", (
            f"{start} with lr = {lr:g} take the loss from {losses[0]:.2f} to {height:.3g}, where "
            f"it should fall. One step changes the weights by up to {100 * change:.3g} %; 0.1 to 1 "
            "% is usual. Each step leaps over the valley: try a tenth of it, and again. (Warm-up, "
            "a schedule that begins low, lets a network bear more.)"))]
    if not spoilt and changes and max(changes) < 5e-5 and losses[0] > 0.2 * chance:
        return [Finding("learning rate too low", (
            f"{start} with lr = {lr:g} take the loss from {losses[0]:.4f} to {losses[-1]:.4f}. One "
            f"step changes the weights by {100 * change:.1g} %, where 0.1 to 1 % is usual: nothing "
            "is broken, but it would take for ever. Try ten times as much, and again. (At the end "
            "of a schedule that is as it should be.)"))]
    return []


def _tried(model, optimizer, images, labels, loss_fn) -> tuple[list[float], list[float]]:
    """Return the losses of a few steps on one batch, and by what part of their length they changed
    the weights.
    """
    weights = [p for p in model.parameters() if p.ndim > 1 and p.requires_grad]
    losses, changes = [], []

    def closure():
        torch.manual_seed(0)  # the same units dropped each time, so that losses can be compared
        optimizer.zero_grad()
        loss = loss_fn(model(images.clone()), labels)
        loss.backward()
        return loss

    for _ in range(_STEPS):
        before = [w.detach().clone() for w in weights]
        losses.append(optimizer.step(closure).item())
        moved, length = (math.sqrt(sum(t.square().sum().item() for t in part)) for part in (
            [w.detach() - old for w, old in zip(weights, before, strict=True)], before))
        changes.append(moved / max(length, 1e-12))
        if not math.isfinite(losses[-1]) or not math.isfinite(changes[-1]):
            break
    return losses, changes
