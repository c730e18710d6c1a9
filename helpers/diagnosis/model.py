"""Checks of a model by itself: what it makes of images, its parameters, and their gradients."""

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from .case import Case
from .finding import Finding
from .logits import wrong_shape
from .raised import explained
from .record import Recorder
from .restore import SENSITIVE, restored_afterwards
from .start import consequences

# By how much of the largest output two runs may differ: in float32 and more, and in half precision.
ROUNDING, ROUNDING_OF_HALF = 1e-3, 3e-2


@explained
def check_outputs(case: Case) -> Iterator[Finding]:
    """Yield whether the model gives K numbers for each image, and of this image alone."""
    if not case.finite:
        case.consequences.append(Finding("nan in weights", "Weights of the model are nan or inf, "
            "and from there no training returns. Most often the learning rate was too high. Make "
            "the model and its optimizer anew, and diagnose them before training."))
    with restored_afterwards(case.model), torch.no_grad():
        images = case.few.clone()
        outputs = case.model.eval()(images)
        if not images.equal(case.few):
            found = [Finding("images changed by the model", "The model changes the images that it "
                "is given, so that the next look at them sees others. A method with _ at its end "
                "does that, and x -= mean: write x = x - mean.")]
        elif not (found := list(wrong_shape(outputs, len(images), case.classes))):
            found = list(_depends_on_rest(case))
            case.outputs, case.width = outputs, outputs.shape[1]
    yield from found


def _depends_on_rest(case: Case) -> Iterator[Finding]:
    """Yield whether outputs change by chance or with the batch; the mode is that of evaluation."""
    few = case.few[:16]
    torch.manual_seed(1)
    first = case.model(few)
    torch.manual_seed(2)
    rounding = ROUNDING if first.dtype in (torch.float32, torch.float64) else ROUNDING_OF_HALF
    tolerance = rounding * first.abs().max().item()
    if (case.model(few) - first).abs().max() > tolerance:
        yield Finding("random in evaluation mode", "In evaluation mode, the same images give other "
            "outputs each time. Something drops units always: F.dropout needs "
            "training=self.training, or use a layer, nn.Dropout, which knows the mode.")
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


@explained
def check_gradients(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with parameters and gradients, seen in one pass in training mode."""
    if not case.ready:
        return
    case.ready = False  # until the pass has ended
    model, named = case.model, {name: p for name, p in case.model.named_parameters()
                                if p.requires_grad}
    with restored_afterwards(model) as undo, Recorder(model, undo) as seen:
        logits = model.train()(case.few)
        loss = case.loss_fn(logits, case.few_labels)
        gradients = torch.autograd.grad(loss, list(named.values()),
                                        allow_unused=True) if loss.requires_grad else None
    yield from _wrong_parameters(model, seen.unregistered)
    if case.finite:
        yield from _wrong_gradients(named, gradients)
    case.consequences += consequences(case, logits.detach(), loss.item(), seen.dead)
    case.ready = gradients is not None


def _wrong_parameters(model: nn.Module, unregistered: Collection) -> Iterator[Finding]:
    if unregistered:
        yield Finding("parameters not registered", f"{len(unregistered)} parameters work in the "
            "model, but model.parameters() does not know them, so that no optimizer trains them "
            "and no .to(device) moves them. Layers in a Python list are not found: use "
            "nn.ModuleList or nn.Sequential.")
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    if frozen:
        yield Finding("frozen parameters", f"{len(frozen)} of {len(list(model.parameters()))} "
            f"parameters have requires_grad=False, {frozen[0]} for one, and are never changed. "
            "That is right for layers that you took over trained; else call requires_grad_(True) "
            "on them.")


def _wrong_gradients(named: dict[str, nn.Parameter],
                     gradients: tuple[Tensor | None, ...] | None) -> Iterator[Finding]:
    """Yield what is wrong with gradients of parameters; None where the loss has no graph."""
    without = [name for name, g in zip(named, gradients or [None] * len(named), strict=True)
               if g is None]
    if gradients is None:
        yield Finding("no gradient", "The loss has no graph behind it, so backward reaches no "
            "parameter. Look in forward for detach(), .data, .item(), numpy or no_grad, and "
            "whether all parameters are frozen (requires_grad=False).")
    elif without:
        yield Finding("no gradient", f"{len(without)} of {len(named)} parameters get no gradient, "
            f"{without[0]} for one: forward does not use them, or detach() or .data cuts the graph "
            "behind them. They stay as they were drawn.")
    elif not all(g is None or torch.isfinite(g).all() for g in gradients):
        yield Finding("nan in the gradients", "The loss is a number, but its gradients are nan or "
            "inf. The slope of a square root or a norm at 0 is infinite, that of a log too: add a "
            "small number, such as 1e-8, inside.")
