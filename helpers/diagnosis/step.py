"""The check of a learner's own step, which is run and undone. See `diagnose`."""

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .case import SHOWN, Case
from .evaluation import what_changes
from .finding import Finding, stopped
from .logits import broadcast, wrong_input
from .parameters import held_by
from .raised import hint
from .record import Recorder
from .restore import draw_weights, length, restored_afterwards, used_by
from .trace import Trace

# Calls of a step in which the optimizer should move; more, with fewer images, where gradients are
# gathered.
CALLS, PATIENCE, FEW = 8, 64, 16
ALIKE = 0.9   # cosine of the gradients and a mark that was put into them, if it is still there
UNSCALED = 0.5  # part of the mark that is left, unless clipping has scaled it down
Gradients = dict[nn.Parameter, Tensor]


def check_step(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with one step of the learner's loop."""
    if case.step is None:
        case.unseen.append("the loop: pass step=…, a function of images and labels")
        return
    try:
        case.trace = trace = _run(case)
    except Exception as problem:
        yield from (*case.held_back, *case.of_logits)
        yield stopped("the step raises", "Your step", problem, hint(str(problem)) or "Run it alone "
            "on one batch, and print the shapes, types and devices of what goes into the line that "
            "fails.")
        return
    seen = trace.seen
    if not seen.calls:
        yield Finding("another model in the step", "Your step does not use this model at all, it "
            "trains another one. Was the model made anew in a later cell? Run the cells that make "
            "model, optimizer and step once more, in this order.")
        return
    if not case.other_loss:
        yield from case.of_logits
    yield from _order(trace)
    yield from _modes(case, seen)
    yield from filter(None, map(wrong_input, seen.losses))
    yield from filter(None, (broadcast(*shapes) for shapes in seen.broadcast))


def _modes(case: Case, seen: Recorder) -> Iterator[Finding]:
    if seen.learning and not any(seen.learning) and case.mode_matters:
        yield Finding("not in training mode", "During your step the model is in evaluation mode, "
            f"so {what_changes(case.model, False)}. Evaluation has left it so: call model.train() "
            "at the start of each epoch. (If your loop does that before this step, do it before "
            "diagnose too.)")
    if seen.drifting:
        yield Finding("frozen batch normalization moves", f"In {seen.drifting} layers of batch "
            "normalization nothing is trained, nor before them, and yet their running averages "
            "follow your batches: requires_grad=False does not hold them, training mode moves "
            "them. Call eval() on the frozen part after model.train(). (Averages that are to "
            "adapt to your images may move.)")


def _run(case: Case) -> Trace:
    """Call the step from a clean state until the optimizer moves, and once more with a mark.

    If gradients are left after the first move, they are overwritten with the mark: where it is
    still in the gradients of the next step, nothing has set them to zero.
    """
    assert case.step is not None
    images = case.images[:SHOWN]
    labels = case.labels[:SHOWN] if case.paired else case.labels
    with restored_afterwards(case.model, case.optimizers, case.step) as undo, \
            Recorder(case.model, undo) as seen, contextlib.redirect_stdout(io.StringIO()):
        trace = Trace(seen)
        if not case.finite:
            draw_weights(case.model)
        before = [p.detach().clone() for p in seen.parameters]
        epochs = {s: s.last_epoch for s in used_by(case.step) if isinstance(s, LRScheduler)}
        _call_until_it_moves(case.step, images, labels, before, trace)
        trace.schedules = [s for s, epoch in epochs.items() if s.last_epoch != epoch]
        trace.gradients = seen.steps[0] if seen.steps else None
        mark = _marked(case.model, seen.optimizers) if trace.moved else {}
        if mark:
            seen.steps.clear()
            for p, old in zip(seen.parameters, before, strict=True):
                p.data.copy_(old)  # after a very large step nothing could be computed
            case.step(images.clone(), labels.clone())
            now = seen.steps[0] if seen.steps else [p.grad for p in seen.parameters]
            trace.alike, trace.left = _compared(zip(seen.parameters, now, strict=True), mark)
    reference = {p: g for name, p in case.model.named_parameters()
                 if (g := case.gradients.get(name)) is not None}
    trace.direction, trace.factor = _compared(
        zip(seen.parameters, trace.gradients or [], strict=False), reference)
    return trace


def _call_until_it_moves(step: Callable, images: Tensor, labels: Tensor, before: list[Tensor],
                         trace: Trace) -> None:
    """Call the step until weights or an optimizer move, and note by how much."""
    seen = trace.seen
    for call in range(PATIENCE):
        few = slice(None if call < CALLS else FEW)
        torch.manual_seed(0)
        step(images[few].clone(), labels[few].clone())
        trace.calls = call + 1
        moves = list(zip(seen.parameters, before, strict=True))
        trace.changed = {id(p) for p, old in moves if not p.equal(old)}
        trace.moved = bool(seen.optimizers or trace.changed)
        if trace.moved:
            break
        trace.lengths.append(length([p.grad for p in seen.parameters if p.grad is not None]))
        # Gradients that grow from call to call are gathered for a step that may still come.
        if call + 1 >= CALLS and not trace.lengths[CALLS - 1] > 2 * trace.lengths[0]:
            return
    held = held_by(seen.optimizers) or {*seen.parameters}
    weights = [(p, old) for p, old in moves if p.ndim > 1 and p in held]
    trace.change = length([p.detach() - old for p, old in weights]) / max(
        length([old for _, old in weights]), 1e-12)
    if seen.steps:
        trace.lost = _lost(zip(seen.parameters, before, seen.steps[0], strict=True))


def _lost(weights: Iterable[tuple[nn.Parameter, Tensor, Tensor | None]]) -> float:
    """Return which part of weights in half precision has a gradient, and has not changed."""
    half = [(p == old, g != 0) for p, old, g in weights
            if g is not None and p.dtype in (torch.bfloat16, torch.float16)]
    still = sum((same & wanted).sum().item() for same, wanted in half)
    return still / max(sum(wanted.sum().item() for _, wanted in half), 1)


def _order(trace: Trace) -> Iterator[Finding]:
    if not trace.moved:
        yield Finding("no optimizer step", f"In {trace.calls} calls of your step backward ran "
            f"{len(trace.seen.backwards)} times, but no weight has changed. Each step takes "
            "loss.backward() and then optimizer.step(). (Gathering gradients over more than "
            f"{trace.calls} batches looks the same from outside.)")
    elif trace.gradients and not any(g is not None and g.any() for g in trace.gradients):
        if trace.seen.filled:
            yield Finding("gradients wiped before the step", "When the optimizer moves, all "
                "gradients of this model are gone: zero_grad comes between backward and step. The "
                "order is zero_grad, backward, step.")
        elif trace.seen.backwards and not trace.seen.reached:
            yield Finding("no gradient", "backward ran, but no gradient came to this model: the "
                "loss that it starts from is cut off. item(), detach(), argmax, numpy, no_grad and "
                "torch.tensor(loss) do that, and requires_grad_() only silences PyTorch's error. "
                "Call backward on what the loss function has returned.")
        elif not trace.seen.reached:
            yield Finding("no backward", "The optimizer moves, but backward was never called, so "
                "it has no gradients to follow. Call loss.backward() before optimizer.step().")
    elif trace.calls > 3 and trace.lengths[-1] < 0.5 * (1 + len(trace.lengths)**0.5) * (
            trace.lengths[0]):
        yield Finding("gathered gradients wiped", f"The optimizer moves after {trace.calls} calls, "
            "so gradients of several batches are to be gathered, but they do not grow from call to "
            "call: zero_grad is called for each batch, and only the last one counts. Call it after "
            "each step of the optimizer.")
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
    g, m = (torch.cat(part).float() for part in zip(*pairs, strict=True))
    if not bool(torch.isfinite(g).all() and torch.isfinite(m).all()):
        return 0.0, 0.0
    dot = (g @ m).item()
    return dot / max(g.norm().item() * m.norm().item(), 1e-300), dot / max((m @ m).item(), 1e-300)
