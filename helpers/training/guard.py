"""What watches over a training loop from outside it: guards, progress bar, live curves, saves."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import length_hint
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ..data.place import bar
from .checkpoint import BadCheckpoint, Checkpoint
from .forms import pair
from .history import History, TrainingStopped
from .losses import NOTHING_COUNTS
from .meter import Meter
from .parts import counted
from .rhythm import doubts, forgotten, has_vanished, mistake

_CHECK_EVERY = 50  # batches between looks at the loss: each look makes a GPU wait
# What to try, by a text that PyTorch's error contains.
HINTS = {
    "out of memory": "the device ran out of memory. Try a smaller batch or a smaller model.",
    "DefaultCPUAllocator": "the computer ran out of memory. Try a smaller batch or model.",
    "Expected more than 1 value per channel":
        "this batch has one image, and batch normalization cannot train on that: a single number "
        "for each feature has no spread to be divided by. Choose a batch size or num_samples that "
        "leaves no rest of one, or drop_last=True in a DataLoader.",
    "device-side assert": "the GPU has met a number that cannot be, most often a label that no "
        "output of the model is for. Restart, and run one batch on the CPU, which says more.",
    "does not require grad": "the loss does not depend on a parameter that is to be trained. Is "
        "the model under no_grad, are all its parameters frozen, or is the loss made anew, by "
        "item(), detach() or argmax()?",
}


class Guard:
    """The guards of a training loop, kept outside it: `with guarded(…) as guard`."""

    def __init__(self, history: History, optimizer: Optimizer, verbose: bool, monitor: Any,
                 checkpoint: Checkpoint | None):
        self.history, self.optimizer, self.verbose = history, optimizer, verbose
        self.monitor, self.checkpoint = monitor, checkpoint
        self.epoch = self.batch = 0  # under way, counted from 1
        self._title, self._shown, self._warned = "", 0, False
        self._first_rate = float(optimizer.param_groups[0]["lr"])
        self.meter = Meter()

    def epochs(self, count: int) -> Iterator[Meter]:
        """Yield an empty meter for each epoch still to be done; show and save each afterwards."""
        if self.monitor is not None:
            self.monitor.start(self.history, count)
        if self.checkpoint:
            self.checkpoint.begin(count)
        for epoch in range(self._done() + 1, count + 1):
            self.epoch, self.batch, self._shown = epoch, 0, 0
            self._title, self.meter = f"epoch {epoch}/{count}", Meter()
            yield self.meter
            self._end_epoch(count)

    def look_at(self, model: nn.Module, schedules: tuple[Any, Any], epochs: int,
                train: Iterable) -> None:
        """Stop where the parts of a run do not belong together; warn where they hardly can."""
        if why := mistake(model, self.optimizer, *schedules):
            raise self.stopped(why)
        if why := forgotten(model, self.optimizer):
            warnings.warn(why, stacklevel=3)
        over = self.checkpoint.batch if self.checkpoint else 0
        for doubt in doubts(*schedules, epochs - self._done(), length_hint(train), over):
            warnings.warn(doubt, stacklevel=3)

    def batches(self, train: Iterable) -> Iterator:
        """Pass the batches of one epoch on, looking at the loss now and then.

        Where the run goes on from a checkpoint, those that were done before are passed over.
        """
        saved = self.checkpoint
        done = saved.begin_epoch() if saved else 0
        for batch in self._read(train):
            self.batch += 1
            if self.batch > done:
                yield batch
                self._end_batch(train, batch)
            elif saved and self.batch == done:
                saved.catch_up(self.meter, pair(batch, None))
        if saved and self.batch < done:
            raise saved.other_data()
        if not self.batch:
            raise self.stopped("the training data gave no batch. A generator can be used up once "
                               "only: pass data.train.batches(…) or a DataLoader, which start anew "
                               "each epoch.")
        self._check_loss()
        if not self.meter.counts:
            raise self.stopped(NOTHING_COUNTS)

    def _read(self, train: Iterable) -> Iterator:
        """Yield what `train` gives, under a progress bar; say so where it raises."""
        quiet = not self.verbose or self.monitor is not None
        hidden: dict[str, Any] = {"disable": True} if quiet else {}  # else TQDM_DISABLE decides
        try:
            yield from bar(counted(train), desc=self._title, leave=False, mininterval=0.5,
                           total=length_hint(train) or None, **hidden)
        except Exception as problem:
            raise self.stopped(f"the training data raised {type(problem).__name__}: {problem}. "
                               "Iterate over it alone, without a model, to find the batch that "
                               "does.") from problem

    def _end_batch(self, train: Iterable, batch: Any) -> None:
        save = self.checkpoint and self.batch % self.checkpoint.every == 0
        if save or self.batch % _CHECK_EVERY == 0:
            self._check_loss()
        if self.monitor is not None and self.monitor.is_due():
            new = self.meter.losses_since(self._shown)
            self._shown += len(new)
            self.monitor.show_batch(self.epoch, self.batch, length_hint(train) or None, new)
        if save:
            self._save(self.epoch - 1, self.batch, self.meter.state(), batch)

    def _end_epoch(self, count: int) -> None:
        self._save(self.epoch, 0, {})
        rates = self.history.lr
        if self.epoch < count and not self._warned and has_vanished(rates, self._first_rate):
            self._warned = True
            warnings.warn(f"The learning rate is {rates[-1]:.0e} after {self.epoch} of {count} "
                          "epochs, and nothing is learned with it. Does the schedule count epochs, "
                          "and steps once a batch? Then pass it as scheduler.", stacklevel=4)
        if self.monitor is not None:
            self.monitor.show_losses(self.meter.batch_losses[self._shown:])
            self.monitor.show_epoch(self.history, self.batch)
        elif self.verbose:
            print(self.history.last_line())

    def _save(self, epoch: int, batch: int, counts: dict, last: Any = None) -> None:
        if self.checkpoint is None:
            return
        try:
            self.checkpoint.save(epoch, batch, counts, last)
        except (OSError, TypeError) as problem:
            why = getattr(problem, "strerror", None) or problem
            raise self.stopped(f"{self.checkpoint.path} could not be written: {why}. What it "
                               "held before is unharmed, and the same call goes on from there as "
                               "soon as it can be written.") from problem

    def _done(self) -> int:
        return self.checkpoint.epoch if self.checkpoint else 0

    def _check_loss(self) -> None:
        if not (first := self.meter.first_bad_loss()):
            return
        since = "" if first == self.batch else f" since batch {first}"
        rate = self.optimizer.param_groups[0]["lr"]
        why = ("No step has been taken before, so the learning rate is not to blame: look for nan "
               "in the images or the weights, for" if first == self.epoch == 1 else
               f"Most often the learning rate is too high: it is {rate:.3g} now, try a tenth. Else "
               "look for nan in the images, for labels that the loss ignores, for")
        raise self.stopped(f"the loss is no longer a finite number{since}. {why} a log or a "
                           "division by zero in the model.")

    def stopped(self, why: str) -> TrainingStopped:
        """Return the exception that says where and why training stopped."""
        where = (f"Training stopped in epoch {self.epoch}, batch {self.batch}" if self.epoch else
                 "Training has not begun")
        message = (f"{where}: {why} The {self.history.epochs} finished epochs are in .history of "
                   "this exception.")
        return TrainingStopped(message, self.history)


@contextmanager
def guarded(history: History, optimizer: Optimizer, verbose: bool, monitor: Any,
            checkpoint: Checkpoint | None) -> Iterator[Guard]:
    """Give a `Guard`. Ctrl-C becomes a quiet end, every other stop a TrainingStopped."""
    guard, why = Guard(history, optimizer, verbose, monitor, checkpoint), ""
    try:
        yield guard
    except KeyboardInterrupt:
        why = (f"Interrupted in epoch {guard.epoch}. The {history.epochs} finished epochs are in "
               "the history.")
        print(why)
    except (TrainingStopped, BadCheckpoint) as stopped:
        why = str(stopped)
        raise
    except Exception as problem:
        stopped = guard.stopped(_hint(problem))
        why = str(stopped)
        raise stopped from problem
    finally:
        if monitor is not None:
            monitor.stop(history, why)


def _hint(problem: Exception) -> str:
    """Say what to try where the problem is a known one, else what it says of itself."""
    said = f"{type(problem).__name__}: {problem}"
    return next((hint for text, hint in HINTS.items() if text in said), said.rstrip(".") + ".")
