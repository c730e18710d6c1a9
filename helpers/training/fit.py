"""The training loop, evaluation and prediction that every chapter after the fifth uses."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..data import ImageSet
from .checkpoint import Checkpoint
from .guard import guarded
from .history import History

Loss = Callable[[Tensor, Tensor], Tensor]
_EVAL_BATCH = 1000


def fit(model: nn.Module, train: Iterable, val: ImageSet | Iterable | None = None, *, epochs: int,
        optimizer: Optimizer, scheduler: LRScheduler | None = None,
        batch_scheduler: LRScheduler | None = None, loss_fn: Loss = F.cross_entropy,
        autocast: torch.dtype | None = None, verbose: bool = True, monitor: Any = None,
        checkpoint: Checkpoint | None = None) -> History:
    """Train `model` and return the `History` of the run.

    model: the network, on the device where it is to be trained.
    train: batches `(images, labels)`, such as `data.train.batches(64)` or a DataLoader; each pass
        over them is an epoch.
    val: an `ImageSet`, or batches, to be evaluated after each epoch.
    epochs: how many passes to make.
    optimizer: what changes the weights, such as `torch.optim.SGD(model.parameters(), lr=0.05)`.
    scheduler: steps once an epoch; a ReduceLROnPlateau gets the validation loss.
    batch_scheduler: steps once a batch.
    loss_fn: `loss_fn(logits, labels)`, a mean over the batch.
    autocast: the type in which the model may compute what bears it, such as
        `half_precision(device)`; weights and loss stay in theirs.
    verbose: whether to show a progress bar, and a line for each epoch.
    monitor: a `TrainingMonitor`, which draws live curves instead.
    checkpoint: a `Checkpoint`; training goes on from its file if there is one.

    Ctrl-C returns the history so far. Every other stop (a loss that is not finite, out of memory,
    a loader that raises) is a `TrainingStopped` that says what to try and carries `.history`.
    """
    device = next(model.parameters()).device
    history = History(source=getattr(_image_set(train), "source", ""))
    compute_loss = _checked(loss_fn, train)
    if checkpoint is not None:
        checkpoint.attach(history, model=model, optimizer=optimizer, scheduler=scheduler,
                          batch_scheduler=batch_scheduler)
    with guarded(history, optimizer, verbose, monitor, checkpoint) as guard:
        for meter in guard.epochs(epochs):
            model.train()
            for images, labels in guard.batches(train):
                images, labels = images.to(device), labels.to(device)
                logits = _logits(model, images, autocast)
                loss = compute_loss(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if batch_scheduler is not None:
                    batch_scheduler.step()
                meter.add(loss, logits, labels)
            meter.close()
            validation = None
            if val is not None:
                validation = evaluate(model, val, loss_fn=loss_fn, autocast=autocast)
            history.add_epoch(model, meter=meter, validation=validation,
                              lr=optimizer.param_groups[0]["lr"])
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(validation[0] if validation else meter.loss)
            elif scheduler is not None:
                scheduler.step()
    return history


def evaluate(model: nn.Module, data: ImageSet | Iterable, *, loss_fn: Loss = F.cross_entropy,
             autocast: torch.dtype | None = None) -> tuple[float, float]:
    """Return mean loss per image and accuracy (a fraction) of `model`.

    model: the network; it is put in evaluation mode for this and back as it was after.
    data: an `ImageSet`, such as `data.test`, or batches `(images, labels)`.
    loss_fn: `loss_fn(logits, labels)`, a mean over the batch.
    autocast: the type in which the model may compute what bears it, as in `fit`.

    Raises ValueError where there is no image.
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
def _forward(model: nn.Module, data: ImageSet | Iterable,
             autocast: torch.dtype | None) -> Iterator[tuple[Tensor, Tensor]]:
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


def _logits(model: nn.Module, images: Tensor, autocast: torch.dtype | None) -> Tensor:
    """Return the model's logits, computed in the type `autocast` where that is safe."""
    if autocast is None:
        return model(images)
    with torch.autocast(images.device.type, autocast):
        return model(images).float()


def _image_set(data: object) -> ImageSet | None:
    """Return the images of batches that are ours: `Batches`, `Shard`, `Mixup` have `.data`."""
    found = getattr(data, "data", data)
    return found if isinstance(found, ImageSet) else None


def _checked(loss_fn: Loss, data: object) -> Loss:
    """Return `loss_fn` with a look at the shapes first, where PyTorch's errors are riddles."""
    images = _image_set(data)
    classes = len(images.classes) if images is not None else None

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
