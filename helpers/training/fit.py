"""The training loop, evaluation and prediction that every chapter after the fifth uses."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..data import ImageSet
from .checkpoint import Checkpoint
from .forms import Loss, count_hits, device_of, image_set, logits_of, pair, said
from .guard import guarded
from .history import History, TrainingStopped
from .losses import NOTHING_COUNTS, CheckedLoss
from .parts import counted, misplaced, no_batches
from .scaling import scaler_for

_EVAL_BATCH = 1000
_EMPTY = ("The data gave none: a generator can be used up once only, drop_last=True leaves out a "
          "last small batch, and a filter may have left nothing")


def fit(model: nn.Module, train: Iterable, val: ImageSet | Iterable | None = None, *, epochs: int,
        optimizer: Optimizer, scheduler: LRScheduler | None = None,
        batch_scheduler: LRScheduler | None = None, loss_fn: Loss = F.cross_entropy,
        autocast: torch.dtype | None = None, verbose: bool = True, monitor: Any = None,
        checkpoint: Checkpoint | None = None) -> History:
    """Train `model` and return the `History` of the run.

    model: the network, on the device where it is to be trained.
    train: batches `(images, labels)`, such as `data.train.batches(64)` or a DataLoader; each pass
        over them is an epoch. Labels are class numbers (N,) or shares of the classes (N, K). For
        other labels, and for one output, there is no accuracy: it is nan.
    val: an `ImageSet`, or batches, to be evaluated after each epoch.
    epochs: how many passes to make.
    optimizer: what changes the weights, such as `torch.optim.SGD(model.parameters(), lr=0.05)`.
    scheduler: steps once an epoch; a ReduceLROnPlateau gets the validation loss.
    batch_scheduler: steps once a batch.
    loss_fn: `loss_fn(logits, labels)`, a mean over the batch. The history of a sum is divided by
        the number of images, and a warning says that the steps are not. Where cross-entropy has
        weights of classes, or ignores labels, the history is that of all images at once, as far
        as it is PyTorch's own: a module, or a partial. A function is taken for a mean by images.
    autocast: the type in which the model may compute what bears it, such as
        `half_precision(device)`; weights and loss stay in theirs. In torch.float16 the loss is
        multiplied for the backward pass, or small gradients would be 0 (`scaling.py`).
    verbose: whether to show a progress bar, and a line for each epoch.
    monitor: a `TrainingMonitor`, which draws live curves instead.
    checkpoint: a `Checkpoint`; training goes on from its file if there is one.

    Ctrl-C returns the history so far. Every other stop (a loss that is not finite, out of memory,
    a loader that raises, an optimizer of another model) is a `TrainingStopped` that says what to
    try and carries `.history`; a checkpoint that is not this run's raises `BadCheckpoint`. Where
    schedule and run hardly go together, a warning says so.
    """
    history = History(source=getattr(image_set(train), "source", ""))
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler,
             "batch_scheduler": batch_scheduler, "epochs": epochs, "monitor": monitor,
             "checkpoint": checkpoint}
    if why := (misplaced(parts, loss_fn, autocast) or no_batches(train, "train")
               or (val is not None and no_batches(val, "val", epochs))):
        raise TrainingStopped(f"Training has not begun: {why}", history)
    device = device_of(model)
    compute_loss, scaler = CheckedLoss(loss_fn, train), scaler_for(device, autocast)
    if checkpoint is not None:
        checkpoint.attach(history, train=train, loss_fn=loss_fn, val=val, autocast=autocast,
                          model=model, optimizer=optimizer, scheduler=scheduler,
                          batch_scheduler=batch_scheduler,
                          scaler=scaler if scaler.is_enabled() else None)
    with guarded(history, optimizer, verbose, monitor, checkpoint) as guard:
        guard.look_at(model, (scheduler, batch_scheduler), epochs, train)
        for meter in guard.epochs(epochs):
            model.train()
            for batch in guard.batches(train):
                images, labels = pair(batch, device)
                logits = logits_of(model, images, autocast)
                loss = compute_loss(logits, labels)
                optimizer.zero_grad()
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                if batch_scheduler is not None:
                    batch_scheduler.step()
                loss, weight = compute_loss.mean(loss, logits, labels)
                meter.add(loss, logits, labels, weight)
            meter.close()
            validation = None
            if val is not None:
                validation = evaluate(model, val, loss_fn=loss_fn, autocast=autocast)
            history.add_epoch(model, meter=meter, validation=validation,
                              lr=float(optimizer.param_groups[0]["lr"]))
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(validation[0] if validation else meter.loss)
            elif scheduler is not None:
                scheduler.step()
    return history


def evaluate(model: nn.Module, data: ImageSet | Iterable, *, loss_fn: Loss = F.cross_entropy,
             autocast: torch.dtype | None = None) -> tuple[float, float]:
    """Return mean loss per image and accuracy of `model`: a fraction, or nan as in `fit`.

    model: the network; it is put in evaluation mode for this and back as it was after.
    data: an `ImageSet`, such as `data.test`, or batches `(images, labels)`.
    loss_fn: `loss_fn(logits, labels)`, a mean or a sum over the batch, as in `fit`.
    autocast: the type in which the model may compute what bears it, as in `fit`.

    Raises ValueError where there is no image, and for a model, batches, outputs, labels or losses
    of another form.
    """
    if why := misplaced({"model": model}, loss_fn, autocast) or no_batches(data, "data"):
        raise ValueError(why)
    total, weights, hits, count = 0.0, 0.0, 0.0, 0
    compute_loss = CheckedLoss(loss_fn, data)
    for logits, labels, _ in _forward(model, data, autocast):
        loss, weight = compute_loss.mean(compute_loss(logits, labels).detach(), logits, labels)
        total += torch.where(weight > 0, loss * weight, 0.0)  # else it is 0 / 0
        weights += weight
        right = count_hits(logits, labels)
        hits += math.nan if right is None else right
        count += len(labels)
    if not count:
        raise ValueError(f"There is no image to evaluate on. {_EMPTY}")
    if not float(weights):
        raise ValueError(NOTHING_COUNTS)
    return float(total) / float(weights), float(hits) / count


def predict(model: nn.Module, data: ImageSet | Iterable, *,
            autocast: torch.dtype | None = None) -> Tensor:
    """Return the logits (N, K) of `model` for all images of `data`, in their order, on the CPU.

    `predict(…).argmax(1)` are the predicted labels, `predict(…).softmax(1)` the probabilities.
    Raises ValueError where there is no image, and for data or a model of another form.
    """
    if why := misplaced({"model": model}, F.cross_entropy, autocast) or no_batches(data, "data"):
        raise ValueError(why)
    found = []
    for logits, _, count in _forward(model, data, autocast):
        if not logits.ndim or len(logits) != count:
            raise ValueError(f"The model gives {said(logits)} for {count} images: a view, reshape "
                             "or mean in it mixes images. Use flatten(1), which keeps the batch")
        found.append(logits.cpu())
    if not found:
        raise ValueError(f"There is no image to predict. {_EMPTY}")
    return torch.cat(found)


@torch.inference_mode()
def _forward(model: nn.Module, data: ImageSet | Iterable, autocast: torch.dtype | None
             ) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Yield logits, labels and the number of images of each batch, in evaluation mode."""
    device = device_of(model)
    batches = data.batches(_EVAL_BATCH, shuffle=False) if isinstance(data, ImageSet) else data
    was_training = model.training
    model.eval()
    try:
        for batch in counted(batches):
            images, labels = pair(batch, device)
            yield logits_of(model, images, autocast), labels, len(images)
    finally:
        model.train(was_training)
