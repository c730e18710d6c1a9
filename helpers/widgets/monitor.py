"""`TrainingMonitor`: the curves of a training run while it goes on, and afterwards."""

import itertools
import math
import time
from typing import Any

import traitlets as t

from ..plots.backend import has_front_end
from ..training.history import History, percent
from .figure import Figure, constant, html_boxes, html_table, module
from .traits import Count

_POINTS = 400      # more points than a screen has columns say nothing more
_INTERVAL = 0.5    # seconds between two pictures: a reader sees no more, and a GPU waits each time


class TrainingMonitor(Figure):
    """Live curves of `fit(…, monitor=monitor)`, or the finished ones of a `History`.

    Show it in one cell, and train in the next one: it draws twice a second and after each epoch.
    Where there is no notebook, each epoch is printed as a line instead.
    """

    title = "The training monitor"
    challenge = "In which epoch would you have stopped?"
    caption = ("The line of the training and that of the validation go down together at first. "
               "Where only the first one falls further, the network begins to learn by heart.")
    presets = {
        "every batch": {"smoothing": 0, "log_scale": False},
        "smooth": {"smoothing": 9, "log_scale": False},
        "logarithmic": {"smoothing": 6, "log_scale": True},
    }
    _esm = module("monitor")
    limits = constant({"points": _POINTS})
    losses = t.List().tag(sync=True)
    every = t.Int(1).tag(sync=True)
    batches_per_epoch = t.Int(0).tag(sync=True)
    epochs = t.List().tag(sync=True)
    total_epochs = t.Int(0).tag(sync=True)
    status = t.Unicode("Waiting for fit(…, monitor=…).").tag(sync=True)
    running = t.Bool(False).tag(sync=True, kept=False)
    source = t.Unicode("").tag(sync=True)
    smoothing = Count(6, 0, 9)
    log_scale = t.Bool(False).tag(sync=True)

    def __init__(self, history: History | None = None, **settings: Any):
        super().__init__(**settings)
        self._pending: list[float] = []
        self._shown_at = 0.0
        if history is not None:
            self.start(history, history.epochs)
            self.show_losses(history.batch_loss)
            self.show_epochs(history)
            self.batches_per_epoch = max(1, len(history.batch_loss) // max(1, history.epochs))
            self.stop(history)

    def start(self, history: History, epochs: int) -> None:
        """Begin a run of `epochs` epochs with empty curves."""
        self._pending, self._shown_at = [], 0.0
        with self.hold_sync():
            self.losses, self.every, self.batches_per_epoch, self.epochs = [], 1, 0, []
            self.total_epochs, self.running, self.source = epochs, True, history.source
            self.status = "Training has started."

    def is_due(self) -> bool:
        """Whether it is time for another picture."""
        return time.monotonic() - self._shown_at >= _INTERVAL

    def show_losses(self, new: list[float]) -> None:
        """Draw the losses of more batches, each point the mean of `every` of them."""
        self._pending.extend(new)
        points, every = [*self.losses], self.every
        while len(self._pending) >= every:
            points.append(sum(self._pending[:every]) / every)
            del self._pending[:every]
            if len(points) >= _POINTS:  # full: two points become one
                points = [(a + b) / 2 for a, b in zip(points[::2], points[1::2], strict=True)]
                every *= 2
        with self.hold_sync():
            self.every, self.losses = every, points
        self._shown_at = time.monotonic()

    def show_batch(self, epoch: int, batch: int, batches: int | None, new: list[float]) -> None:
        """Draw the losses of new batches in the middle of an epoch."""
        self.show_losses(new)
        with self.hold_sync():
            self.batches_per_epoch = batches or max(batch, self.batches_per_epoch)
            count = f"{batch} of {batches}" if batches else str(batch)
            self.status = f"Epoch {epoch} of {self.total_epochs}, batch {count}."

    def show_epoch(self, history: History, batches: int) -> None:
        """Draw the epoch of so many batches that has ended, or print it where none can be drawn."""
        self.batches_per_epoch = batches
        self.show_epochs(history)
        if not has_front_end():
            print(history.last_line())

    def show_epochs(self, history: History) -> None:
        """Draw the finished epochs."""
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
        rows = itertools.zip_longest(*(getattr(history, name) for name in names))
        self.epochs = [{name: None if value is None or math.isnan(value) else value  # as JSON can
                        for name, value in zip(names, row, strict=True)}
                       for row in itertools.islice(rows, history.epochs)]

    def stop(self, history: History, problem: str = "") -> None:
        """End the run: finished, or stopped by a problem."""
        with self.hold_sync():
            self.running = False
            epochs = "1 epoch" if history.epochs == 1 else f"{history.epochs} epochs"
            done = f"Finished: {epochs}, {history.images_per_second:,.0f} images/s."
            self.status = f"Stopped: {problem}" if problem else done

    def to_html(self) -> str:
        """Return the epochs as a table."""
        def numbers(loss: float | None, accuracy: float | None) -> tuple[str, str]:
            return (("", "") if loss is None else
                    (f"{loss:.3f}", percent(math.nan if accuracy is None else accuracy)))

        rows = [[i, *numbers(e["train_loss"], e["train_accuracy"]),
                 *numbers(e["val_loss"], e["val_accuracy"])] for i, e in enumerate(self.epochs, 1)]
        head = ("epoch", "training loss", "accuracy", "validation loss", "accuracy")
        note = f"Trained on: {self.source}." if self.source else ""
        return html_boxes(html_table(rows, self.status, head), note=note)
