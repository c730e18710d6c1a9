"""The check of a learner's own step, which is run and undone. See `diagnose`."""

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .case import SHOWN, Case
from .evaluation import what_changes
from .finding import Finding, stopped
from .logits import wrong_numbers
from .record import Recorder
from .restore import draw_weights, restored_afterwards

CALLS = 8     # of a step in which the optimizer should move once, also where gradients are gathered
ALIKE = 0.9   # cosine of the gradients and a mark that was put into them, if it is still there
UNSCALED = 0.5  # part of the mark that is left, unless clipping has scaled it down
Gradients = dict[nn.Parameter, Tensor]


@dataclass
class _Trace:
    """What a few calls of a step have shown."""

    seen: Recorder
    moved: bool = False   # some weight has changed, or an optimizer has made a step
    gradients: list[Tensor | None] | None = None  # the model's before an optimizer's first step
    alike: float = 0.0    # the cosine of a mark and the later gradients
    left: float = 0.0     # what part of the mark was in them


def check_step(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with one step of the learner's loop."""
    if case.step is None:
        case.unseen.append("the loop: pass step=…, a function of images and labels")
        return
    try:
        trace = _run(case)
    except Exception as problem:
        yield from case.held_back
        yield stopped("the step raises", "Your step", problem, "Run it alone on one batch, and "
            "print the shapes, types and devices of what goes into the line that fails.")
        return
    seen = trace.seen
    case.optimizers = case.optimizers or seen.optimizers
    if not seen.calls:
        yield Finding("another model in the step", "Your step does not use this model at all, it "
            "trains another one. Was the model made anew in a later cell? Run the cells that make "
            "model, optimizer and step once more, in this order.")
        return
    yield from _order(trace)
    if seen.modes and not any(seen.modes) and case.mode_matters:
        yield Finding("not in training mode", "During your step the model is in evaluation mode, "
            f"so {what_changes(case.model, False)}. Evaluation has left it so: call model.train() "
            "at the start of each epoch. (If your loop does that before this step, do it before "
            "diagnose too.)")
    if seen.losses and (wrong := wrong_numbers(seen.losses[0][0])):
        yield wrong


def _run(case: Case) -> _Trace:
    """Call the step from a clean state until the optimizer moves, and once more with a mark.

    If gradients are left after the first move, they are overwritten with the mark: where it is
    still in the gradients of the next step, nothing has set them to zero.
    """
    assert case.step is not None
    images = case.images[:SHOWN]
    labels = case.labels[:SHOWN] if case.paired else case.labels
    with restored_afterwards(case.model, case.optimizer, case.step) as undo, \
            Recorder(case.model, undo) as seen, contextlib.redirect_stdout(io.StringIO()):
        trace = _Trace(seen)
        if not case.finite:
            draw_weights(case.model)
        before = [p.detach().clone() for p in seen.parameters]
        for _ in range(CALLS):
            case.step(images.clone(), labels.clone())
            trace.moved = bool(seen.steps) or not all(map(torch.equal, seen.parameters, before))
            if trace.moved:
                break
        trace.gradients = seen.steps[0] if seen.steps else None
        mark = _marked(case.model, seen.optimizers) if trace.moved else {}
        if mark:
            seen.steps.clear()
            for p, old in zip(seen.parameters, before, strict=True):
                p.data.copy_(old)  # after a very large step nothing could be computed
            case.step(images.clone(), labels.clone())
            now = seen.steps[0] if seen.steps else [p.grad for p in seen.parameters]
            trace.alike, trace.left = _compared(zip(seen.parameters, now, strict=True), mark)
    return trace


def _order(trace: _Trace) -> Iterator[Finding]:
    if not trace.moved:
        yield Finding("no optimizer step", f"In {CALLS} calls of your step backward ran "
            f"{trace.seen.backwards} times, but no weight has changed. Each step takes "
            "loss.backward() and then optimizer.step(). (Gathering gradients over more than "
            f"{CALLS} batches looks the same from outside.)")
    elif trace.gradients and not any(g is not None and g.any() for g in trace.gradients):
        if trace.seen.backwards:
            yield Finding("gradients wiped before the step", "When the optimizer moves, all "
                "gradients of this model are gone: zero_grad comes between backward and step, or "
                "they belong to another model. The order is zero_grad, backward, step.")
        else:
            yield Finding("no backward", "The optimizer moves, but backward was never called, so "
                "it has no gradients to follow. Call loss.backward() before optimizer.step().")
    if trace.alike > ALIKE:
        still = (f"{100 * trace.left:.0f} % of it was still there" if trace.left > UNSCALED else
                 "it was still there, scaled down")
        yield Finding("no zero_grad", "We put a mark into the gradients before your step, and "
            f"afterwards {still}: nothing sets them to zero, and backward adds. So each step "
            "follows the sum of all gradients since the beginning. Call optimizer.zero_grad() "
            "before backward. (To gather several batches on purpose, call it after each step of "
            "the optimizer.)")


def _marked(model: nn.Module, optimizers: list[Optimizer]) -> Gradients:
    """Overwrite gradients that are left with random signs, far larger, and return these."""
    trained = {p for o in optimizers for group in o.param_groups for p in group["params"]}
    left = {p: p.grad for p in model.parameters() if p.grad is not None and p.grad.any()
            and (p in trained or not trained)}
    if not left:
        return {}
    size = 1000 * (1 + max(g.abs().nan_to_num(0, 0, 0).max().item() for g in left.values()))
    generator, mark = torch.Generator().manual_seed(0), {}
    for p in left:
        signs = torch.randint(2, p.shape, generator=generator).mul(2).sub(1)
        mark[p] = signs.to(p.device, p.dtype) * size
        p.grad = mark[p].clone()
    return mark


def _compared(gradients: Iterable[tuple[nn.Parameter, Tensor | None]],
              mark: Gradients) -> tuple[float, float]:
    """Return the cosine of gradients and mark, unchanged by clipping, and what part is left."""
    pairs = [(g.flatten(), mark[p].flatten()) for p, g in gradients if p in mark and g is not None]
    if not pairs:
        return 0.0, 0.0
    g, m = (torch.cat(part) for part in zip(*pairs, strict=True))
    dot = (g @ m).item()
    return dot / max(g.norm().item() * m.norm().item(), 1e-300), dot / max((m @ m).item(), 1e-300)
