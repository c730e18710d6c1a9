"""The training loop, evaluation and prediction that every chapter after the fifth uses."""

import time
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import ImageSet
from .checkpoint import Checkpoint
from .guard import watched
from .history import History

_EVAL_BATCH = 1000


def fit(model: nn.Module, train: Iterable, val: ImageSet | Iterable | None = None, *, epochs: int,
        optimizer: torch.optim.Optimizer, scheduler=None, batch_scheduler=None,
        loss_fn: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
        autocast: torch.dtype | None = None,
        verbose: bool = True, monitor=None, checkpoint: Checkpoint | None = None) -> History:
    """Train `model` on `train`, any iterable of `(images, labels)` batches, and return the
    `History`.

    `val`, if given, is evaluated after each epoch. `scheduler` steps once an epoch (with the
    validation loss if it is a ReduceLROnPlateau), `batch_scheduler` once a batch. `loss_fn(logits,
    labels)` returns a mean over the batch. `autocast` is the type in which the model may compute
    what bears it, such as `half_precision(device)`; weights and loss stay in theirs. A
    `TrainingMonitor` draws live curves instead of a progress bar and a line for each epoch. With a
    `Checkpoint`, training goes on from its file if there is one.

    Ctrl-C returns the history so far. Every other stop (a loss that is not finite, out of memory, a
    loader that raises) is a `TrainingStopped` that says what to try and carries `.history`.
    """
    device = next(model.parameters()).device
    history = History(source=_source(train))
    compute_loss = _checked(loss_fn, train)
    if checkpoint is not None:
        checkpoint.attach(history, model=model, optimizer=optimizer, scheduler=scheduler,
                          batch_scheduler=batch_scheduler)
    with watched(history, optimizer, verbose, monitor, epochs, checkpoint) as watch:
        for epoch in watch.epochs(epochs):
            model.train()
            for images, labels in watch.batches(train, epoch, epochs):
                images, labels = images.to(device), labels.to(device)
                logits = _logits(model, images, autocast)
                loss = compute_loss(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if batch_scheduler is not None:
                    batch_scheduler.step()
                watch.meter.add(loss, logits, labels)
            meter = watch.meter.close()
            lr = optimizer.param_groups[0]["lr"]
            started = time.perf_counter()
            validation = evaluate(model, val, loss_fn=loss_fn,
                                  autocast=autocast) if val is not None else None
            history.add_epoch(meter, validation, time.perf_counter() - started, lr, model)
            if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                scheduler.step(validation[0] if validation else meter.loss)
            elif scheduler is not None:
                scheduler.step()
            watch.report()
    return history


def evaluate(model: nn.Module, data: ImageSet | Iterable, *,
             loss_fn: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
             autocast: torch.dtype | None = None) -> tuple[float, float]:
    """Return mean loss per image and accuracy (a fraction) of `model` on an `ImageSet` or on
    batches.

    The model is put in evaluation mode for this and back as it was after. Raises ValueError where
    there is no image.
    """
    total_loss, hits, count = 0.0, 0, 0
    compute_loss = _checked(loss_fn, data)
    for logits, labels in _forward(model, data, autocast):
        total_loss += compute_loss(logits, labels) * len(labels)
        hits += (logits.argmax(1) == labels).sum()
        count += len(labels)
    if not count:
        raise ValueError("There is no image to evaluate on.")
    return float(total_loss) / count, int(hits) / count


def predict(model: nn.Module, data: ImageSet | Iterable, *,
            autocast: torch.dtype | None = None) -> Tensor:
    """Return the logits (N, K) of `model` for all images of `data`, in their order, on the CPU.

    `predict(…).argmax(1)` are the predicted labels, `predict(…).softmax(1)` the probabilities.
    """
    return torch.cat([logits.cpu() for logits, _ in _forward(model, data, autocast)])


@torch.inference_mode()
def _forward(model, data, autocast):
    """Yield (logits, labels) for each batch, in evaluation mode."""
    device = next(model.parameters()).device
    batches = data.batches(_EVAL_BATCH, shuffle=False) if isinstance(data, ImageSet) else data
    was_training = model.training
    model.eval()
    try:
        for images, labels in batches:
            yield _logits(model, images.to(device), autocast), labels.to(device)
    finally:
        model.train(was_training)


def _logits(model, images, autocast):
    """Return the model's logits, computed in the type `autocast` where that is safe, or as it
    stands.
    """
    if autocast is None:
        return model(images)
    with torch.autocast(images.device.type, autocast):
        return model(images).float()


def _source(data) -> str:
    """Where the images came from, if `data` knows."""
    return getattr(data, "source", "") or getattr(getattr(data, "data", None), "source", "")


def _checked(loss_fn, data):
    """Return `loss_fn` with a look at the shapes before it: the few mistakes that PyTorch reports
    in riddles.
    """
    known = getattr(data, "classes", None) or getattr(getattr(data, "data", None), "classes", None)
    classes = len(known) if known else None

    def compute(logits: Tensor, labels: Tensor) -> Tensor:
        if logits.ndim != 2 or (classes and logits.shape[1] != classes):
            goal = f"(batch, {classes or 'classes'})"
            raise ValueError(f"The model gives an output of shape {tuple(logits.shape)}, but one "
                             f"number for each of the {classes or ''} classes is needed: {goal}. "
                             "Look at its last layer")
        if len(logits) != len(labels):
            raise ValueError(f"The model gives {len(logits)} outputs for {len(labels)} labels: a "
                             "view or reshape in it mixes images. Use flatten(1), which keeps the "
                             "batch")
        return loss_fn(logits, labels)

    return compute
