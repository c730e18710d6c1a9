"""Training that goes on where it stopped, bit for bit."""

import os
import pickle
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .history import History

_WAY_OUT = "Build the same to go on, or name another file to begin anew."
_PARTS = ("model", "optimizer", "scheduler", "batch_scheduler")


def random_states() -> dict:
    """Return the states of the generators that training draws from, on each device."""
    version, numbers, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()
    # lists and tensors, not NumPy arrays: torch.load then needs to trust no code
    return {"python": [version, list(numbers), gauss],
            "numpy": [kind, np.asarray(keys).tolist(), *rest],
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def set_random_states(states: dict) -> None:
    """Put the generators back to `states`, so that they draw the same numbers again."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


class BadCheckpoint(ValueError):
    """A file that cannot be gone on from. It is left as it is."""


class Checkpoint:
    """A file that holds a whole training run: `fit(…, checkpoint=Checkpoint("run.pt", every=100))`.

    path: the file. It is written after each epoch, and in between.
    every: the number of batches between two writes.

    If the file is there when `fit` begins, training goes on from it and ends, on the CPU, with
    exactly the numbers of a run that was never stopped: model, optimizer, schedulers, curves, the
    states of the random generators, and the position in the data are all in it. On a GPU some
    operations add in an order that changes, see `set_seed(deterministic=True)`.
    """

    def __init__(self, path: str | os.PathLike, every: int = 100):
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every must be a number of batches, from 1, not {every!r}.")
        self.path, self.every = Path(path), every

    def attach(self, history: History, **parts: Any) -> None:
        """Keep `parts`, the model and what trains it, or bring them back from the file."""
        self.history = history
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self.epoch = self.batch = 0  # finished epochs, and finished batches of the one after them
        self.meter: dict = {}
        self._at_start: dict = {}  # random states of when the epoch began and its order was drawn
        self._now: dict = {}
        if self.path.exists():
            self._load()

    def begin_epoch(self) -> int:
        """Set the generators as they were when this epoch began; return its finished batches."""
        if self._at_start:
            set_random_states(self._at_start)
        else:
            self._at_start = random_states()
        return self.batch

    def catch_up(self) -> None:
        """Set the generators as they were at the save: the finished batches are passed over."""
        set_random_states(self._now)
        self.batch = 0

    def save(self, epoch: int, batch: int, meter: dict) -> None:
        """Write the file: first beside the old one, so that a crash leaves the old or the new."""
        if batch == 0:
            self._at_start = {}  # the next epoch begins with the states that are there now
        content = {"epoch": epoch, "batch": batch, "meter": meter, "start": self._at_start,
                   "now": random_states(), "history": asdict(self.history),
                   **{name: part.state_dict() for name, part in self.parts.items()}}
        new = self.path.with_name(self.path.name + ".new")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def _load(self) -> None:
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            found = {name for name in _PARTS if name in content}
            history, self.meter = content["history"], content["meter"]
            self._at_start, self._now = content["start"], content["now"]
            self.epoch, self.batch = content["epoch"], content["batch"]
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError,
                OSError) as problem:
            raise BadCheckpoint(f"{self.path} is not a checkpoint of this course, or is damaged. "
                                "Move it away, or name another file, to begin anew.") from problem
        wanted = set(self.parts)
        if found != wanted:
            raise BadCheckpoint(f"{self.path} was saved with {_listed(found)}, but this run has "
                                f"{_listed(wanted)}. Pass the same to go on, or name another file "
                                "to begin anew.")
        # load_state_dict copies what fits before it complains about the rest, so look first
        if _shapes(content["model"]) != _shapes(self.parts["model"].state_dict()):
            raise BadCheckpoint(f"{self.path} holds another network than yours. {_WAY_OUT}")
        # the model last: what the others change, the next run sets anew
        for name in sorted(wanted, key=_PARTS.index, reverse=True):
            try:
                self.parts[name].load_state_dict(content[name])
            except (RuntimeError, ValueError, KeyError) as problem:
                raise BadCheckpoint(f"{self.path} does not fit: its {name} is another one than "
                                    f"yours. {_WAY_OUT} ({problem})") from problem
        vars(self.history).update(history)
        if not self.batch:
            set_random_states(self._now)


def _shapes(state: dict) -> dict:
    return {name: tensor.shape for name, tensor in state.items()}


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names, key=_PARTS.index))
