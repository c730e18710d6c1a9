"""What a training run leaves behind: its curves, its speed, its best weights, and why it stopped."""

import copy
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm

_CHECK_EVERY = 50  # batches between looks at the loss: each look makes a GPU wait


@dataclass
class History:
    """Curves of a training run, one entry per epoch, and one per batch in `batch_loss`.

    Losses are means per image, accuracies fractions, `seconds` those of training alone (validation is in
    `val_seconds`), `lr` the learning rate that the epoch ended with. `source` is that of the training data.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    val_seconds: list[float] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list, repr=False)
    best_weights: dict[str, Tensor] = field(default_factory=dict, repr=False)
    source: str = ""

    @property
    def epochs(self) -> int:
        """Epochs that were finished."""
        return len(self.train_loss)

    @property
    def images_per_second(self) -> float:
        """Training images per second over all epochs, validation not counted."""
        return sum(self.images) / max(sum(self.seconds), 1e-9)

    @property
    def best_epoch(self) -> int:
        """Number (from 1) of the epoch with the best validation accuracy, or the lowest training loss without one."""
        scores = self.val_accuracy or [-loss for loss in self.train_loss]
        return 1 + max(range(len(scores)), key=scores.__getitem__) if scores else 0

    def add_epoch(self, meter: "Meter", validation: tuple[float, float] | None, val_seconds: float,
                  lr: float, model: nn.Module) -> None:
        """Enter one finished epoch, and keep a copy of the weights if it is the best so far."""
        self.train_loss.append(meter.loss)
        self.train_accuracy.append(meter.accuracy)
        self.images.append(meter.images)
        self.seconds.append(meter.seconds)
        self.lr.append(lr)
        self.batch_loss.extend(meter.batch_losses)
        if validation:
            self.val_loss.append(validation[0])
            self.val_accuracy.append(validation[1])
            self.val_seconds.append(val_seconds)
        if self.best_epoch == self.epochs:
            self.best_weights = copy.deepcopy(model.state_dict())

    def last_line(self) -> str:
        """Return the newest epoch as one line of text."""
        if not self.epochs:
            return "no epoch finished"
        line = (f"epoch {self.epochs:2} | training loss {self.train_loss[-1]:.3f}, "
                f"accuracy {100 * self.train_accuracy[-1]:.1f} %")
        if self.val_loss:
            line += f" | validation {self.val_loss[-1]:.3f}, {100 * self.val_accuracy[-1]:.1f} %"
        return line + f" | {self.seconds[-1]:.1f} s"

    def __repr__(self) -> str:
        return (f"History({self.epochs} epochs, {self.images_per_second:,.0f} images/s; last: {self.last_line()})")


class TrainingStopped(RuntimeError):
    """Training ended early. `.history` holds the finished epochs, `.history.best_weights` their best weights."""

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


class Meter:
    """Counts one epoch. Losses and hits stay on the device until it is over, so that a GPU need not wait."""

    def __init__(self):
        self.images = 0
        self.seconds = 0.0
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []
        self._hits: Tensor | int = 0
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Enter one batch."""
        self._losses.append(loss.detach())
        self._sizes.append(len(labels))
        self._hits = self._hits + (logits.detach().argmax(1) == labels).sum()
        self.images += len(labels)

    def close(self) -> "Meter":
        """Bring the numbers over from the device and stop the clock."""
        self.batch_losses = torch.stack(self._losses).tolist() if self._losses else []
        weighted = sum(loss * size for loss, size in zip(self.batch_losses, self._sizes, strict=True))
        self.loss = weighted / max(self.images, 1)
        self.accuracy = int(self._hits) / max(self.images, 1)
        self.seconds = time.perf_counter() - self._started
        return self

    def last_loss_is_finite(self) -> bool:
        """Look at the newest loss (on a GPU this waits for it)."""
        return not self._losses or bool(torch.isfinite(self._losses[-1]))


class Watch:
    """The guards of a training loop, kept outside it: see `watched`."""

    def __init__(self, history: History, optimizer, verbose: bool):
        self.history, self.optimizer, self.verbose = history, optimizer, verbose
        self.epoch = self.batch = 0
        self.meter = Meter()

    def batches(self, train: Iterable, epoch: int, epochs: int) -> Iterator:
        """Pass the batches of one epoch on, under a progress bar, looking at the loss now and then."""
        self.epoch, self.batch, self.meter = epoch + 1, 0, Meter()
        if not hasattr(train, "__iter__"):
            raise self.stopped(f"a {type(train).__name__} cannot be iterated over. Pass data.train.batches(…) or a "
                               "DataLoader.")
        hidden = {} if self.verbose else {"disable": True}  # else TQDM_DISABLE decides
        source = iter(tqdm(train, desc=f"epoch {epoch + 1}/{epochs}", leave=False, mininterval=0.5, **hidden))
        while True:
            try:
                batch = next(source)
            except StopIteration:
                break
            except Exception as problem:
                raise self.stopped(f"the training data raised {type(problem).__name__}: {problem}. Iterate over it "
                                   "alone, without a model, to find the batch that does.") from problem
            self.batch += 1
            yield batch
            if self.batch % _CHECK_EVERY == 0:
                self._check_loss()
        if not self.batch:
            raise self.stopped("the training data gave no batch. A generator can be used up once only: pass "
                               "data.train.batches(…) or a DataLoader, which start anew each epoch.")
        self._check_loss()

    def _check_loss(self):
        if not self.meter.last_loss_is_finite():
            lr = self.optimizer.param_groups[0]["lr"]
            raise self.stopped(f"the loss is no longer a finite number. Most often the learning rate is too high: it "
                               f"is {lr:.3g} now, try a tenth. Else look for a log or a division by zero in the model, "
                               "or for nan in the images.")

    def stopped(self, why: str) -> TrainingStopped:
        """Return the exception that says where and why training stopped."""
        message = (f"Training stopped in epoch {self.epoch}, batch {self.batch}: {why} The {self.history.epochs} "
                   "finished epochs are in .history of this exception.")
        return TrainingStopped(message, self.history)


@contextmanager
def watched(history: History, optimizer, verbose: bool) -> Iterator[Watch]:
    """Give a `Watch`. Ctrl-C becomes a quiet end, every other stop a TrainingStopped that says what to try."""
    watch = Watch(history, optimizer, verbose)
    try:
        yield watch
    except KeyboardInterrupt:
        print(f"Interrupted in epoch {watch.epoch}. The {history.epochs} finished epochs are in the history.")
    except TrainingStopped:
        raise
    except torch.OutOfMemoryError as problem:
        raise watch.stopped("the device ran out of memory. Try a smaller batch or a smaller model.") from problem
    except Exception as problem:
        if "can't allocate memory" in str(problem):
            raise watch.stopped("the computer ran out of memory. Try a smaller batch or model.") from problem
        raise watch.stopped(f"{type(problem).__name__}: {problem}".rstrip(".") + ".") from problem
