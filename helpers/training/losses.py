"""The loss that a learner passes: looked at first, explained where it raises, and weighed."""

import warnings
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .forms import Loss, form_of, image_set, said
from .memory import untouched

NOTHING_COUNTS = ("No label counts: all are ignored by the loss, or of classes of weight 0. Look "
                  "at its ignore_index and weight.")
_WEIGHING = (nn.CrossEntropyLoss.forward, nn.NLLLoss.forward)


class CheckedLoss:
    """A loss with a look at the shapes first, where PyTorch's errors are riddles."""

    def __init__(self, loss_fn: Loss, data: object):
        self.loss_fn = loss_fn
        images = image_set(data)
        self.classes = len(images.classes) if images is not None else None
        self.adds_up: bool | None = None  # whether it is the sum over a batch; known from the first
        self._rule = _rule(loss_fn)
        # An ImageSet has no labels to be ignored: no need to count on, which a GPU would feel.
        self._all_count = images is not None and self._rule is not None \
            and self._rule[0] is None and self._rule[1] < 0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch as the learner's function gives it, one number."""
        self._look_at(logits, labels)
        if first := self.adds_up is None:  # before there is a graph that a trial could spoil
            self.adds_up = _adds_up(self.loss_fn, logits, labels)
        try:
            loss = self.loss_fn(logits, labels)
        except Exception as problem:
            if not (why := _explained(self.loss_fn, logits, labels, problem)):
                raise
            raise ValueError(why) from problem
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise ValueError("loss_fn must give one number, the mean over the batch, as PyTorch's "
                             f"losses do with reduction=\"mean\"; it gives {said(loss)}")
        if first and self.adds_up and loss.requires_grad:
            warnings.warn("loss_fn is the sum over a batch, not the mean: the steps grow with the "
                          "batch's size. The losses that are shown are means per image.",
                          stacklevel=3)
        return loss.reshape(())

    def mean(self, loss: Tensor, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch, and how much it counts in that of all batches.

        A batch counts by its images; in PyTorch's own mean of cross-entropy by the weights of its
        labels' classes, without the labels that are ignored: it divides by that, too.
        """
        count = torch.full((), len(labels), dtype=torch.float32, device=logits.device)
        if self.adds_up:
            return loss / len(labels), count
        if self._rule is not None and not self._all_count and labels.numel() == len(labels):
            weight, ignored = self._rule  # labels in rows are shares, which all count
            numbers = labels.detach().reshape(-1).long()
            counted = numbers != ignored
            ones = counted if weight is None else counted * weight.detach().to(labels.device)[
                numbers.where(counted, 0)]
            count = ones.sum().float()
        return loss, count

    def _look_at(self, logits: Tensor, labels: Tensor) -> None:
        """Raise a ValueError where these are no outputs and labels for a loss."""
        shape, width = tuple(logits.shape), logits.shape[1] if logits.ndim == 2 else None
        if logits.ndim not in (1, 2) or self.classes not in (None, width):
            each = f"each of the {self.classes} classes" if self.classes else "each class"
            ones = logits.ndim > 2 and logits.shape[2:].numel() == 1
            way = ("End it with flatten(1)" if ones else
                   "For a number at each pixel, as in segmentation or an autoencoder, write the "
                   "loop yourself; for one class an image, average over the pixels or flatten(1) "
                   "before the last layer" if logits.ndim > 2 else "Look at its last layer")
            raise ValueError(f"The model gives an output of shape {shape}, but one number for "
                             f"{each} is needed: (batch, {self.classes or 'classes'}). {way}")
        form = form_of(logits, labels)
        if not logits.is_floating_point():
            raise ValueError(f"The model gives whole numbers, {said(logits)}: has argmax been "
                             "taken? A loss needs the logits themselves")
        if form == "none" and self._rule is not None:
            raise ValueError("The model gives one output, and the softmax in cross-entropy makes 1 "
                             "of any one number: there is nothing to learn. Give it an output for "
                             "each class, or train one by F.binary_cross_entropy_with_logits, with "
                             "labels as floats of the outputs' shape")
        if form == "none" and self.adds_up is None and compares_all(self.loss_fn, logits, labels):
            raise ValueError(f"The outputs have the shape {shape} and the labels "
                             f"{tuple(labels.shape)}, so that loss_fn compares each output with "
                             "each label, not with its own. Give both the same shape: squeeze(1) "
                             "what is a column, or labels[:, None]")


def _explained(loss_fn: Loss, logits: Tensor, labels: Tensor, problem: Exception) -> str:
    """Say what is wrong with the labels of a loss that has raised; "" where nobody knows."""
    numbers, whole = labels.numel() == len(labels), not labels.is_floating_point()
    kind, words = _type(labels), str(problem)
    if "multi-target not supported" in words:
        return ("F.cross_entropy takes class numbers (N,), not in a column "
                f"{tuple(labels.shape)}. Give it labels.squeeze(1)")
    if whole and numbers and labels.dtype != torch.int64 and not isinstance(problem, IndexError):
        return f"The labels are {kind}, but class numbers must be int64: give labels.long()"
    if isinstance(problem, IndexError) and whole and numbers and labels.numel():
        low, high = (int(label) for label in labels.aminmax())
        way = ("Is -1 a mark for images without a label? Cross-entropy passes over -100" if low < 0
               else "Do yours begin with 1? Subtract it. Else the last layer needs more outputs")
        return (f"The labels run from {low} to {high}, but the model's {logits.shape[-1]} outputs "
                f"are for the classes 0 to {logits.shape[-1] - 1}. {way}")
    if whole and not numbers and "floating" in words:
        return f"The labels are rows of {kind}, but shares must be floats: give labels.float()"
    weight = (_rule(loss_fn) or (None,))[0]
    if weight is not None and weight.dtype != logits.dtype and "expected" in words:
        return f"The weights of the classes are {_type(weight)}: give them as {_type(logits)}"
    if _tried(loss_fn, (labels, logits.detach())):
        return "loss_fn is called as loss_fn(logits, labels), but takes the two in exchanged order"
    return ""


def _type(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def _rule(loss_fn: object) -> tuple[Tensor | None, int] | None:
    """Return weights of classes and ignored label of PyTorch's cross-entropy; None for others."""
    options: dict = {}
    while isinstance(loss_fn, partial) and not loss_fn.args:
        loss_fn, options = loss_fn.func, {**loss_fn.keywords, **options}
    if loss_fn in (F.cross_entropy, F.nll_loss):
        return options.get("weight"), options.get("ignore_index", -100)
    if isinstance(loss_fn, nn.Module) and type(loss_fn).forward in _WEIGHING and not options:
        return loss_fn.weight, loss_fn.ignore_index  # pyright: ignore
    return None


def _reduction(loss_fn: object) -> str | None:
    """Return what a loss says of how it sums up a batch; None if it says nothing."""
    if isinstance(loss_fn, partial):
        return loss_fn.keywords.get("reduction") or _reduction(loss_fn.func)
    told = getattr(loss_fn, "reduction", None)
    known = getattr(loss_fn, "__module__", None) == F.__name__
    return told if isinstance(told, str) else "mean" if known else None


def _tried(loss_fn: Loss, *pairs: tuple[Tensor, Tensor]) -> list[float]:
    """Return the losses of some outputs and labels, as if nobody had asked; [] where it raises."""
    losses = []
    try:
        for logits, labels in pairs:
            with untouched(loss_fn), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                losses.append(float(loss_fn(logits, labels)))
    except Exception:  # a loss for batches of this size or type only
        return []
    return losses


def _adds_up(loss_fn: Loss, logits: Tensor, labels: Tensor) -> bool:
    """Whether a loss is the sum over the batch: then it doubles where all images come twice."""
    if (told := _reduction(loss_fn)) is not None:
        return told == "sum"
    logits = logits.detach()
    losses = _tried(loss_fn, (logits, labels), (torch.cat([logits] * 2), torch.cat([labels] * 2)))
    return (len(losses) == 2 and losses[0] != 0
            and abs(losses[1] - 2 * losses[0]) < 1e-3 * abs(losses[0]))


def compares_all(loss_fn: Loss, logits: Tensor, labels: Tensor) -> bool:
    """Whether a loss of one output compares each with each label: then their order is all one."""
    if logits.shape == labels.shape or len(labels) < 3 or labels.numel() != len(labels):
        return False
    outputs, values = (each.detach().cpu().double() for each in (logits, labels))
    if any(each.max() - each.min() <= 1e-3 * each.abs().max() for each in (outputs, values)):
        return False
    losses = _tried(loss_fn, *((outputs, values.roll(by, 0)) for by in (0, 1, 2)))
    return bool(losses) and losses[0] != 0 and all(
        abs(loss - losses[0]) < 1e-9 * abs(losses[0]) for loss in losses)
