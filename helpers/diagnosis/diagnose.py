"""The doctor for networks that do not learn: `diagnose` names what can be seen from outside."""

import math
import textwrap
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batch import ENOUGH, Finding, in_images, in_labels, in_model_error, unrelated
from .loop import in_evaluation, in_learning_rate, in_step
from .model import in_model, in_optimizer, trained_by
from .restore import SENSITIVE, kept

_SHOWN = 256  # images that the model is shown: enough to see, and quick
_TRIED = 64   # images with which a learning rate is tried
# What follows from another fault: told last, and a learning rate cannot be tried on such a model as
# it stands.
_SPOILT = ("nan in weights", "nan in outputs", "all outputs the same", "dead ReLU",
           "loss far from chance")


def diagnose(model: nn.Module, batch: tuple[Tensor, Tensor], *, step: Callable | None = None,
             optimizer: torch.optim.Optimizer | None = None, evaluate: Callable | None = None,
             loss_fn: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
             classes: int | None = None) -> list[Finding]:
    """Print what seems wrong with a network that does not learn, and return it as a list, empty if
    nothing was seen.

    `batch` is what the loop gives to the model: images (N, C, H, W) and labels (N,), best 256 of
    them or more. `step(images, labels)` does one step of the learner's own loop, with its own model
    and optimizer; the model is in the mode in which it stands. `optimizer` is tried out on this
    batch. `evaluate()` runs the learner's own evaluation once, from training mode, as after an
    epoch. `classes` is how many there are, else as many as the model has outputs.

    Afterwards model, optimizer, gradients, modes and random states are what they were. What `step`
    counts by itself, such as an `i += 1`, cannot be turned back.
    """
    images, labels = _pair(batch)
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer is a {type(optimizer).__name__}, and only those of torch.optim "
                        "can be tried out. Leave it out and pass step=…: what your own one does is "
                        "seen there.")
    report = _Report()
    with torch.enable_grad():
        shown = _everything(report, model, images, labels, step, optimizer, evaluate, loss_fn,
                            classes)
    if not report.findings:
        unseen = [("the model: it does not take these images; pass what your step makes of them",
                   not shown),
                  ("the loop: pass step=…, a function of images and labels", step is None),
                  ("the learning rate: pass optimizer=…", optimizer is None and step is None),
                  ("the evaluation: pass evaluate=…, a function without arguments",
                   evaluate is None),
                  (f"whether labels belong to their images: pass {ENOUGH} of them, 25 of each class",
                   unrelated(images, labels, draws=0) is None)]
        lines = [f"    {what}" for what, missing in unseen if missing]
        print("Nothing wrong was seen in images, labels, outputs and gradients.",
              *(["Not looked at:", *lines] if lines else []), sep="\n")
    return report.findings


class _Report:
    """The findings so far.

    Each is printed when it comes, and passed over if its name is known already.
    """

    def __init__(self):
        self.findings: list[Finding] = []

    def names(self, *names: str) -> bool:
        """Return whether one of these is among the findings."""
        return any(finding.name in names for finding in self.findings)

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if not self.names(finding.name):
                self.findings.append(finding)
                print(f"{finding.name}\n{textwrap.indent(textwrap.fill(finding.text, 84), '    ')}")


def _pair(batch) -> tuple[Tensor, Tensor]:
    """Return images and labels of a batch, or say what a batch is."""
    if not (isinstance(batch, tuple | list) and len(batch) == 2
            and all(isinstance(part, Tensor) for part in batch)):
        raise TypeError("diagnose wants a batch of two tensors, (images, labels): what your loop "
                        "gets in one turn, next(iter(batches)).")
    if batch[0].ndim < 2 or not len(batch[0]):
        raise ValueError("diagnose wants a batch of images, (N, C, H, W), but this is "
                         f"{tuple(batch[0].shape)}.")
    return batch[0], batch[1]


def _everything(report, model, images, labels, step, optimizer, evaluate, loss_fn, classes) -> bool:
    """Look at all that was passed, causes before what follows from them; return whether the model
    took the images.
    """
    device = next((p.device for p in model.parameters()), images.device)
    unfit = []  # what does not suit the model alone; a step may prepare its images in its own way
    if not images.is_floating_point() and not _takes(model, images[:2].to(device)):
        unfit.append(Finding("uint8 images", (
            f"The images are {images.dtype}, but layers calculate with float32. Convert, then "
            "scale: images.float() / 255, then subtract the mean and divide by the standard "
            "deviation. In this order: uint8 has no negative numbers, and 100 - 128 becomes 228.")))
    floats = images if images.is_floating_point() else images.float() / 255
    report.add(in_images(floats))
    if report.names("nan in images"):
        return False
    paired = labels.ndim > 0 and len(labels) == len(images)
    few, their = floats[:_SHOWN].to(device, copy=True), labels[:_SHOWN].to(
        device) if paired else labels.to(device)
    width, ready, shown, spoilt = classes, False, True, []
    try:
        found, width, ready = in_model(model, few, their, loss_fn, classes)
        report.add(finding for finding in found if finding.name not in _SPOILT)
        spoilt = [finding for finding in found if finding.name in _SPOILT]
    except Exception as raised:
        unfit.append(in_model_error(raised, few, model))
        shown = False
    report.add(unfit if step is None else [])
    report.add(in_labels(labels, len(images), width))
    # Wrapped pixels have lost their brightness, by which the classes are told apart.
    if paired and not report.names("wrapped uint8") and (
        found := unrelated(images, labels)) and found[0] > found[1]:
        report.add([Finding("labels unrelated to images", (
            f"Put into random orders, the labels fit these {found[2]} images as well as now "
            f"{100 * found[0]:.1f} % of the time; right labels of photographs leave less than 1 %. "
            "Images and labels have probably been shuffled or sorted apart, and then there is "
            "nothing to learn. Give both the same order: order = torch.randperm(N), and "
            "images[order], labels[order]."))])
    matters = _mode_matters(model, few[:16]) if step or evaluate else False
    optimizers = [optimizer] if optimizer is not None else []
    if step is not None:
        found, moved = in_step(model, images[:_SHOWN], labels[:_SHOWN] if paired else labels, step,
                               optimizer, matters)
        report.add([*unfit, *found] if [finding.name for finding in found] == ["the step raises"]
                   else found)
        optimizers = optimizers or moved
    for each in optimizers:
        report.add(in_optimizer(model, each))
    optimizers = [each for each in optimizers if trained_by(model, each)]
    if ready:
        trial = few[:_TRIED], their[:_TRIED], loss_fn, math.log(width), bool(spoilt)
        for each in optimizers:
            try:
                found = in_learning_rate(model, each, *trial)
                # Little change has other reasons, too, if anything else is wrong.
                report.add(rate for rate in found if rate.name == "learning rate too high"
                           or not report.findings)
            except Exception as raised:
                report.add([Finding("the optimizer raises", (
                    f"A step of the optimizer stops with {type(raised).__name__}: "
                    f"{str(raised).strip().rstrip('.')}. Is it one of PyTorch's, made for this "
                    "model, with step(closure=None)?"))])
    if evaluate is not None:
        report.add(in_evaluation(model, evaluate, matters))
    report.add(spoilt)
    return shown


def _takes(model, images) -> bool:
    """Return whether the model computes something from these images."""
    with kept(model), torch.no_grad():
        try:
            model.eval()(images.clone())
        except Exception:
            return False
    return True


def _mode_matters(model: nn.Module, images: Tensor) -> bool:
    """Return whether the model does anything else in training mode than in evaluation mode."""
    outputs = []
    with kept(model):
        for training in (True, False):
            torch.manual_seed(0)
            try:
                outputs.append(model.train(training)(images).detach())
            except Exception:  # the loop may prepare images in a way that we do not know
                return any(isinstance(module, SENSITIVE) for module in model.modules())
    return not torch.allclose(*outputs, rtol=1e-4, atol=1e-6)
