"""What watches over a training loop from outside it: the guards, the progress bar, the live curves.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from tqdm import tqdm

from .checkpoint import Checkpoint
from .history import History, TrainingStopped
from .meter import Meter

_CHECK_EVERY = 50  # batches between looks at the loss: each look makes a GPU wait


class Watch:
    """The guards of a training loop, kept outside it: see `watched`."""

    def __init__(self, history: History, optimizer, verbose: bool, monitor=None,
                 checkpoint: Checkpoint | None = None):
        self.history, self.optimizer, self.verbose, self.monitor = history, optimizer, verbose, monitor
        self.checkpoint = checkpoint
        self.epoch = self.batch = self._shown = 0
        self.meter = Meter()

    def epochs(self, count: int) -> range:
        """Return the epochs that are still to be done."""
        return range(self.checkpoint.epoch if self.checkpoint else 0, count)

    def batches(self, train: Iterable, epoch: int, epochs: int) -> Iterator:
        """Pass the batches of one epoch on, under a progress bar, looking at the loss now and then.
        """
        self.epoch, self.batch, self._shown, self.meter = epoch + 1, 0, 0, Meter()
        if not hasattr(train, "__iter__"):
            raise self.stopped(f"a {type(train).__name__} cannot be iterated over. Pass "
                               "data.train.batches(…) or a DataLoader.")
        quiet = not self.verbose or self.monitor is not None
        hidden = {"disable": True} if quiet else {}  # else TQDM_DISABLE decides
        done = self.checkpoint.begin_epoch() if self.checkpoint else 0
        source = iter(tqdm(train, desc=f"epoch {epoch + 1}/{epochs}", leave=False, mininterval=0.5,
                           **hidden))
        if done:  # pass over what was done before the stop
            self.batch = sum(1 for _ in itertools.islice(source, done))
            self.meter = Meter.from_state(self.checkpoint.meter)
            self.checkpoint.catch_up()
        while True:
            try:
                batch = next(source)
            except StopIteration:
                break
            except Exception as problem:
                raise self.stopped(f"the training data raised {type(problem).__name__}: {problem}. "
                                   "Iterate over it alone, without a model, to find the batch that "
                                   "does.") from problem
            self.batch += 1
            yield batch
            if self.batch % _CHECK_EVERY == 0:
                self._check_loss()
            if self.monitor is not None and self.monitor.is_due():
                self._show_batch(train)
            if self.checkpoint and self.batch % self.checkpoint.every == 0:
                self._check_loss()
                self.checkpoint.save(epoch, self.batch, self.meter.state())
        if not self.batch:
            raise self.stopped("the training data gave no batch. A generator can be used up once "
                               "only: pass data.train.batches(…) or a DataLoader, which start anew "
                               "each epoch.")
        self._check_loss()

    def _show_batch(self, train):
        new = self.meter.losses_since(self._shown)
        self._shown += len(new)
        self.monitor.show_batch(self.epoch, self.batch,
                                len(train) if hasattr(train, "__len__") else None, new)

    def report(self) -> None:
        """Show the epoch that has just been entered in the history, and save it if that is wanted.
        """
        if self.checkpoint:
            self.checkpoint.save(self.epoch, 0, {})
        if self.monitor is not None:
            self.monitor.show_losses(self.meter.batch_losses[self._shown:])
            self.monitor.show_epoch(self.history, self.batch)
        elif self.verbose:
            print(self.history.last_line())

    def _check_loss(self):
        if not self.meter.last_loss_is_finite():
            lr = self.optimizer.param_groups[0]["lr"]
            raise self.stopped("the loss is no longer a finite number. Most often the learning "
                               f"rate is too high: it is {lr:.3g} now, try a tenth. Else look for "
                               "a log or a division by zero in the model, or for nan in the "
                               "images.")

    def stopped(self, why: str) -> TrainingStopped:
        """Return the exception that says where and why training stopped."""
        message = (f"Training stopped in epoch {self.epoch}, batch {self.batch}: {why} The "
                   f"{self.history.epochs} finished epochs are in .history of this exception.")
        return TrainingStopped(message, self.history)


@contextmanager
def watched(history: History, optimizer, verbose: bool, monitor=None, epochs: int = 0,
            checkpoint: Checkpoint | None = None) -> Iterator[Watch]:
    """Give a `Watch`.

    Ctrl-C becomes a quiet end, every other stop a TrainingStopped that says what to try.
    """
    watch, problem = Watch(history, optimizer, verbose, monitor, checkpoint), ""
    if monitor is not None:
        monitor.start(history, epochs)
    try:
        with _told(watch):
            yield watch
    except KeyboardInterrupt:
        problem = (
            f"Interrupted in epoch {watch.epoch}. The {history.epochs} finished epochs are in the "
            "history.")
        print(problem)
    except TrainingStopped as stopped:
        problem = str(stopped)
        raise
    finally:
        if monitor is not None:
            monitor.stop(history, problem)


@contextmanager
def _told(watch: Watch) -> Iterator[None]:
    """Turn whatever ends training into a TrainingStopped with words for a learner."""
    try:
        yield
    except TrainingStopped:
        raise
    except torch.OutOfMemoryError as problem:
        raise watch.stopped(
            "the device ran out of memory. Try a smaller batch or a smaller model.") from problem
    except Exception as problem:
        if "Expected more than 1 value per channel" in str(problem):
            raise watch.stopped("this batch has one image, and batch normalization cannot train on "
                                "that: a single number for each feature has no spread to be "
                                "divided by. Choose a batch size or num_samples that leaves no "
                                "rest of one, or drop_last=True in a DataLoader."
                                ) from problem
        if "can't allocate memory" in str(problem):
            raise watch.stopped(
                "the computer ran out of memory. Try a smaller batch or model.") from problem
        raise watch.stopped(f"{type(problem).__name__}: {problem}".rstrip(".") + ".") from problem
