"""`TrainingMonitor`: the curves of a training run while it goes on, and afterwards."""

import itertools
import math
import time
from collections.abc import Mapping
from typing import Any

import traitlets as t

from ..plots.backend import has_front_end
from ..training.history import History, percent
from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Count, whole

_POINTS = 400      # more points than a screen has columns say nothing more
_RUNS = 5          # earlier runs that are kept: with more lines nobody sees which one is which
_INTERVAL = 0.5    # seconds between two pictures: a reader sees no more, and a GPU waits each time


class TrainingMonitor(Figure):
    """Live curves of `fit(…, monitor=monitor)`, or the finished ones of a `History`.

    Show it in one cell, and train in the next one: it draws twice a second and after each epoch.
    Where there is no notebook, each epoch is printed as a line instead. If it watches another
    `fit`, the curves of the last one stay, as `runs`, to race against. `runs` can be given, too:
    `TrainingMonitor(runs={"plain": history, "mirrored": another})`, of which the last one is drawn
    in full; `run_name` is its name.
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
    runs = t.List().tag(sync=True)
    run_name = t.Unicode("").tag(sync=True)
    smoothing = Count(6, 0, 9)
    log_scale = t.Bool(False).tag(sync=True)

    def __init__(self, history: History | None = None, *, runs: Any = (), **settings: Any):
        if isinstance(runs, Mapping):
            saved = [{"name": str(name), "epochs": _rows(one)} for name, one in runs.items()]
            if history is None and saved:
                settings["run_name"], history = saved.pop()["name"], [*runs.values()][-1]
            runs = saved
        super().__init__(runs=runs or [], **settings)
        self._pending: list[float] = []
        self._shown_at = 0.0
        if history is not None:
            self.start(history, history.epochs)
            self.show_losses(history.batch_loss)
            self.show_epochs(history)
            self.batches_per_epoch = max(1, len(history.batch_loss) // max(1, history.epochs))
            self.stop(history)

    @t.validate("runs")
    def _are_runs(self, proposal: Any) -> Any:
        if not all(isinstance(one, dict) and {"name", "epochs"} <= {*one}
                   for one in proposal["value"]):
            raise BadValue(_NO_RUNS)
        if len(proposal["value"]) > _RUNS:
            raise BadValue(f"A monitor holds at most {_RUNS + 1} runs: with more lines nobody sees "
                           "which one is which.")
        return proposal["value"]

    def start(self, history: History, epochs: int) -> None:
        """Begin a run of `epochs` epochs with empty curves; those of the last run stay thin."""
        self._pending, self._shown_at = [], 0.0
        with self.hold_sync():
            if self.epochs:
                last = {"name": self.run_name or f"run {len(self.runs) + 1}", "epochs": self.epochs}
                self.runs, self.run_name = [*self.runs, last][-_RUNS:], ""
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
        self.epochs = _rows(history)

    def standings(self, epoch: int) -> tuple[str, list[tuple[str, int, float | None]]]:
        """Return what runs are compared by, and each one's name, epoch and value, best first.

        The epoch is the last one up to `epoch`. They are compared by the first of validation
        accuracy, training accuracy, validation loss and training loss that all of them have.
        """
        epoch = whole("epoch", epoch, 1, 10**6)
        runs = [*self.runs, {"name": self.run_name or "this run", "epochs": self.epochs}]
        rows = [(run["name"], n, run["epochs"][n - 1]) for run in runs
                if (n := min(epoch, len(run["epochs"])))]
        score = next((one for one in _SCORES if all(row[one] is not None for *_, row in rows)),
                     _SCORES[-1])
        sign = 1 if score.endswith("loss") else -1
        found = [(name, n, row[score]) for name, n, row in rows]
        return score, sorted(found, key=lambda one: math.inf if one[2] is None else sign * one[2])

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
        tables = [html_table(rows, self.status, head)]
        if self.runs:
            last = max(len(run["epochs"]) for run in [*self.runs, {"epochs": self.epochs}])
            score, found = self.standings(max(last, 1))
            tables.append(html_table([[name, at, "" if value is None else value]
                                      for name, at, value in found], "all runs, the best first",
                                     ("run", "epoch", _WORDS[score])))
        return html_boxes(*tables, note=note)


_COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
_WORDS = {"val_accuracy": "validation accuracy", "train_accuracy": "training accuracy",
          "val_loss": "validation loss", "train_loss": "training loss"}
_SCORES = tuple(_WORDS)
_NO_RUNS = "runs must be histories by name, as fit returns them: {\"plain\": history}."


def _rows(history: History) -> list[dict[str, float | None]]:
    """Return the epochs of a history as JSON can have them."""
    if not isinstance(history, History):
        raise BadValue(_NO_RUNS)
    rows = itertools.zip_longest(*(getattr(history, name) for name in _COLUMNS))
    return [{name: None if value is None or math.isnan(value) else value
             for name, value in zip(_COLUMNS, row, strict=True)}
            for row in itertools.islice(rows, history.epochs)]
