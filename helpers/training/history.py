"""What a run of training leaves: its curves, its speed, its best weights, and why it stopped."""

import copy
import math
from dataclasses import dataclass, field

from torch import Tensor, nn

from .meter import Meter


@dataclass
class History:
    """Curves of a training run, one entry per epoch, and one per batch in `batch_loss`.

    Losses are means per image, accuracies fractions, or nan where outputs and labels are no
    classes, `seconds` those of training alone, `lr` the learning rate that the epoch ended with.
    `source` is that of the training data.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
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
        """Number (from 1) of the epoch with the best validation accuracy.

        Where there is no accuracy it is that with the least validation loss, else training loss.
        """
        scores = self.val_accuracy
        if not scores or any(map(math.isnan, scores)):
            scores = [-loss for loss in self.val_loss or self.train_loss]
        return 1 + max(range(len(scores)), key=scores.__getitem__) if scores else 0

    def add_epoch(self, model: nn.Module, *, meter: Meter, validation: tuple[float, float] | None,
                  lr: float) -> None:
        """Enter one finished epoch, and keep a copy of the weights if it is the best so far.

        A run of hours that breaks must not lose what it had reached: `TrainingStopped` carries it.
        """
        self.train_loss.append(meter.loss)
        self.train_accuracy.append(meter.accuracy)
        self.images.append(meter.images)
        self.seconds.append(meter.seconds)
        self.lr.append(lr)
        self.batch_loss.extend(meter.batch_losses)
        if validation:
            self.val_loss.append(validation[0])
            self.val_accuracy.append(validation[1])
        if self.best_epoch == self.epochs:
            self.best_weights = copy.deepcopy(model.state_dict())

    def last_line(self) -> str:
        """Return the newest epoch as one line of text."""
        if not self.epochs:
            return "no epoch finished"
        line = (f"epoch {self.epochs:2} | training loss {self.train_loss[-1]:.3f}, "
                f"accuracy {percent(self.train_accuracy[-1])}")
        if self.val_loss:
            line += f" | validation {self.val_loss[-1]:.3f}, {percent(self.val_accuracy[-1])}"
        return line + f" | {self.seconds[-1]:.1f} s"

    def __repr__(self) -> str:
        return (f"History({self.epochs} epochs, {self.images_per_second:,.0f} images/s; last: "
                f"{self.last_line()})")


def percent(fraction: float) -> str:
    """Return an accuracy as a reader wants it: in percent, or a dash where there is none."""
    return "–" if math.isnan(fraction) else f"{100 * fraction:.1f} %"


class TrainingStopped(RuntimeError):
    """Training ended early: `.history` has the finished epochs, and in it their `best_weights`."""

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history
