"""Training that goes on where it stopped, bit for bit."""

import copy
import os
import warnings
from pathlib import Path
from typing import Any

from torch import Tensor

from . import archive
from .contents import is_damaged, marks, misfit, same_batch, state_for
from .history import History
from .memory import Memory
from .meter import Meter
from .plain import plain
from .settings import settings
from .states import out_of_reach

_WAY_OUT = "Build the same to go on, or name another file to begin anew."


class BadCheckpoint(ValueError):
    """A file that cannot be gone on from, or a run that none can hold. The file stays as it is."""


class Checkpoint:
    """A file that holds a whole training run: `fit(…, checkpoint=Checkpoint("run.pt", every=100))`.

    path: the file. It is written after each epoch, and in between.
    every: the number of batches between two writes.

    If the file is there when `fit` begins, training goes on from it and ends, on the CPU, with
    exactly the numbers of a run that was never stopped. Model, optimizer, schedulers, curves, the
    states of random generators and the position in the data are in it, and what loader, loss,
    model and hooks count or average by themselves. On a GPU some operations add in an order that
    changes, see `set_seed(deterministic=True)`. Where file and run do not belong together, or the
    data come in another order, `fit` raises `BadCheckpoint` and has trained nothing; a value of
    your own code that is another one is told. An open stream is not seen through.
    """

    def __init__(self, path: str | os.PathLike, every: int = 100):
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every must be a number of batches, from 1, not {every!r}.")
        self.path, self.every = Path(os.path.expanduser(path)), every  # noqa: PTH111  # or with "~"

    def attach(self, history: History, *, train: Any = None, loss_fn: Any = None,
               val: Any = None, autocast: Any = None, **parts: Any) -> None:
        """Keep `parts`, the model and what trains it, or bring them back from the file.

        history: of this run. train, loss_fn: what may have random generators of its own.
        """
        self.history, self._train, self._autocast = history, train, autocast
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self.epoch = self.batch = 0  # finished epochs, and finished batches of the one after them
        self.meter: dict = {}
        self._at_start: dict = {}  # random states of when the epoch began and its order was drawn
        self._now: dict = {}
        self._mark: list[float] = []  # of the last finished batch
        self._memory = Memory(train, loss_fn, parts["model"], parts.get("optimizer"), val)
        try:
            if why := out_of_reach(train, self.parts):
                raise TypeError(why)
            mine = self._content(0, 0, {})
        except TypeError as problem:
            raise BadCheckpoint(f"{self.path} cannot hold this run: {problem}.") from problem
        archive.sweep(self.path)
        try:
            content = archive.read(self.path)
        except FileNotFoundError:
            self._try_to_write()
        except OSError as problem:
            raise BadCheckpoint(f"{self.path} cannot be read: {problem.strerror}. Name a file of "
                                "your own.") from problem
        except Exception as problem:  # whatever a damaged file makes Python's readers say
            raise self._not_ours() from problem
        else:
            self._load(content, mine)

    def begin(self, epochs: int) -> None:
        """Raise BadCheckpoint where the file's run is longer than `epochs`, or not whole."""
        counted = len(self.meter.get("losses", ()))
        if self.epoch != self.history.epochs or counted != self.batch:
            raise self._not_ours()
        if self.epoch + (self.batch > 0) > epochs:
            raise BadCheckpoint(f"{self.path} holds a run of {self.epoch} finished epochs"
                                f"{' and a begun one' if self.batch else ''}, more than the "
                                f"{epochs} asked for. Ask for as many, or name another file to "
                                "begin anew.")

    def begin_epoch(self) -> int:
        """Set the generators as they were when this epoch began; return its finished batches."""
        if self._at_start:
            self._memory.set_states(self._at_start)
        else:
            self._at_start = self._memory.states()
        return self.batch

    def catch_up(self, meter: Meter, last: tuple[Tensor, Tensor]) -> None:
        """Set counts and generators as they were at the save: the finished batches are over.

        last: the last of them, which must be that of the file.
        """
        if not same_batch(self._mark, marks(last)):
            raise self.other_data()
        try:
            meter.load_state(self.meter)
        except (KeyError, TypeError, ValueError) as problem:
            raise self._not_ours() from problem
        self._memory.set_states(self._now)
        self.batch = 0

    def other_data(self) -> BadCheckpoint:
        """Return what is raised where the finished batches do not come again."""
        return BadCheckpoint(f"{self.path} was saved after {self.batch} batches of other images "
                             "than come now. Has the size of a batch been changed, or the data, or "
                             "has the loader an order that cannot be brought back? " + _WAY_OUT)

    def save(self, epoch: int, batch: int, meter: dict,
             last: tuple[Tensor, Tensor] | None = None) -> None:
        """Write the file, so that a crash leaves the old one or the new.

        epoch, batch: how many are finished. meter: the counts of the epoch so far. last: the last
        batch. Raises OSError where it cannot be written, and TypeError where a part has come to
        hold what no file can; the old file is there then.
        """
        if batch == 0:
            self._at_start = {}  # the next epoch begins with the states that are there now
        self._mark = marks(last) if last is not None and batch else []
        archive.write(self._content(epoch, batch, meter), self.path)

    def _content(self, epoch: int, batch: int, meter: dict) -> dict:
        history = {**vars(self.history), "best_weights": plain(
            self.history.best_weights, "best_weights")}
        return {"epoch": epoch, "batch": batch, "meter": meter, "start": self._at_start,
                "now": self._memory.states(), "mark": self._mark, "history": history,
                "memory": self._memory.settings,
                "settings": settings(self._train, self._autocast, **self.parts),
                **{name: plain(part.state_dict(), f"the {name}'s state")
                   for name, part in self.parts.items()}}

    def _try_to_write(self) -> None:
        """Find out before the training whether there is a place for the file."""
        try:
            archive.try_to_write(self.path)
        except OSError as problem:
            raise BadCheckpoint(f"{self.path} cannot be written: {problem.strerror}. Name a file "
                                "in a folder of your own, with room for it.") from problem

    def _load(self, content: Any, mine: dict) -> None:
        """Bring the run back, if all of the file fits; else leave all as it is."""
        try:
            why = ("" if is_damaged(content, mine) else misfit(content, mine, self.parts)
                   or self._memory.misfit(content) or "fits")
        except Exception:  # some part of it has another form
            why = ""
        if not why:
            raise self._not_ours()
        if why != "fits":
            raise BadCheckpoint(f"{self.path} {why}. {_WAY_OUT}")
        self._bring_back(content)
        vars(self.history).update(content["history"])
        for name, value in self.history.best_weights.items():
            if isinstance(value, Tensor):
                self.history.best_weights[name] = value.to(mine["model"][name].device)
        self.epoch, self.batch = content["epoch"], content["batch"]
        self.meter, self._mark = content["meter"], content["mark"]
        self._at_start, self._now = content["start"], content["now"]
        there, here = (one["settings"].get("device") for one in (content, mine))
        if there != here:
            warnings.warn(f"{self.path} was saved on {there} and goes on on {here}: not to the "
                          "same bits, and with other random numbers there.", stacklevel=4)
        for said in self._memory.told:
            warnings.warn(f"{self.path} {said}. It goes on with yours.", stacklevel=4)

    def _bring_back(self, content: dict) -> None:
        """Give each part its state, and the generators theirs; where one fails, give all back."""
        before = {name: part.state_dict() for name, part in self.parts.items() if name != "model"}
        before = {name: state if name == "optimizer" else copy.deepcopy(state)
                  for name, state in before.items()}
        random, name = self._memory.states(), "random generators"
        try:
            for states in (content["start"], content["now"]):
                if states:
                    self._memory.set_states(states)
            if content["batch"]:
                self._memory.set_states(random)  # begin_epoch brings them back
            # the model last: it takes every state that has its names and shapes
            for name in reversed([name for name in self.parts if name in content]):
                self.parts[name].load_state_dict(state_for(name, content[name], self.parts[name]))
        except Exception as problem:
            self._memory.set_states(random)
            for other, state in before.items():
                self.parts[other].load_state_dict(state)
            raise BadCheckpoint(f"{self.path} does not fit: its {name} cannot be those of yours. "
                                f"{_WAY_OUT} ({problem})") from problem

    def _not_ours(self) -> BadCheckpoint:
        return BadCheckpoint(f"{self.path} is not a checkpoint of this course, or is damaged, or "
                             "of another version. To begin anew, move it away or name another.")
