"""`AllReduce`: how the gradients of several processes are summed, step by step."""

from typing import Any, NamedTuple

import torch
import traitlets as t
from torch import Tensor

from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Choice, Count, Matrix, Real, one_of, rows_of, whole

ALGORITHMS = ("ring", "to one and back", "everyone to everyone")
"""The ways to sum that the figure knows."""

_RING, _ONE, _ALL = ALGORITHMS
_LOW, _HIGH = 2, 6            # processes that a grid holds and a reader can follow
_SIZES = (2, 4, 8, 16)        # processes in the table of times
_MOST = 100_000               # processes that a time is computed for
_START = [[3, 1, 4, 2, 6, 1], [5, 2, -1, 6, 3, 4], [1, 7, 3, -2, 2, 5], [2, 4, 5, 8, 1, 0],
          [4, 0, 2, 3, 7, 2], [1, 3, 6, 2, 0, 9]]
_LIMITS = {"processes": [_LOW, _HIGH], "megabytes": [0.1, 1000.0], "gigabits": [0.1, 1000.0],
           "latency": [0.1, 10_000.0], "start": _START}


class Transfer(NamedTuple):
    """What one rank sends to another in a step: the numbers of the chunks."""

    sender: int
    receiver: int
    chunks: tuple[int, ...]


class AllReduce(Figure):
    """An all-reduce of P = `processes` ranks, 2 to 6: in the end each holds `values.sum(0)`.

    `values`, (processes, processes): row r is the vector of rank r, in as many chunks, each of one
    number here. `step`, from 0 to `steps`: how many steps are done. `algorithm`:

    "ring" (Patarasuk and Yuan, 2009), 2(P − 1) steps. In steps 1 to P − 1, the reduce-scatter, rank
    r sends chunk (r − s) mod P to rank (r + 1) mod P, which adds it, s = 0 … P − 2 being the step
    less 1. In the others, the all-gather, it sends chunk (r + 1 − s) mod P, s counting from 0
    again, and the receiver puts it in the place of its own. "to one and back", 2(P − 1) steps:
    ranks 1 … P − 1 send their vectors to rank 0, one after the other, and it sends the sum back to
    each. "everyone to everyone", P − 1 steps: in step s rank r sends its own vector to rank (r + s)
    mod P, which adds it.

    `megabytes` a vector, `gigabits` a second of a link, and `latency`, in microseconds a step, are
    for `seconds`. Raises BadValue where the rows are not as long as there are ranks, and where
    there is no such step.
    """

    title = "Adding up without a master"
    challenge = "Guess which numbers change in the next step, then press ▶."
    caption = ("Every rank sends one chunk to its neighbor and gets one from the other side. "
               "Halfway each has one complete sum, in the end each has all, and no link has "
               "carried more than two vectors, however many ranks there are.")
    presets = {
        "ring": {"algorithm": "ring", "step": 0},
        "ring, halfway": {"algorithm": "ring", "step": 3},
        "to one and back": {"algorithm": "to one and back", "step": 1},
        "everyone to everyone": {"algorithm": "everyone to everyone", "step": 1},
    }
    _esm = module("allreduce")
    limits = constant(_LIMITS)
    values = Matrix([row[:4] for row in _START[:4]], _HIGH)
    algorithm = Choice(*ALGORITHMS)
    step = Count(0, 0, 2 * (_HIGH - 1))
    megabytes = Real(100.0, *_LIMITS["megabytes"])
    gigabits = Real(10.0, *_LIMITS["gigabits"])
    latency = Real(20.0, *_LIMITS["latency"])

    def __init__(self, processes: int | None = None, *, values: Any = None, **settings: Any):
        if values is None:
            values = _first(4 if processes is None else processes)
        super().__init__(values=values, **settings)
        if processes not in (None, self.processes):
            raise BadValue(f"processes is {processes!r}, but values has {self.processes} rows: "
                           "leave one of them out.")

    @t.validate("values", "algorithm", "step")
    def _fits(self, proposal: Any) -> Any:
        values, algorithm, step = self.proposed(proposal, "values", "algorithm", "step").values()
        ranks, chunks = values.shape
        if ranks < _LOW or ranks != chunks:
            raise BadValue(f"values must have from {_LOW} to {_HIGH} rows, one for each rank, and "
                           f"as many columns, one for each chunk; this has {ranks} and {chunks}.")
        last = _steps(algorithm, ranks)
        if step > last:
            raise BadValue(f"There is no step {step}: {algorithm} takes {last} with {ranks} "
                           "processes. Set step and the others together, inside `with "
                           "figure.hold_trait_notifications():`.")
        return proposal["value"]

    @property
    def processes(self) -> int:
        """How many ranks there are. Setting it keeps the values that remain, and goes to step 0."""
        return len(self.values)

    @processes.setter
    def processes(self, count: int):
        values, old = torch.tensor(_first(count), dtype=torch.float32), self.values[:count, :count]
        values[:len(old), :len(old)] = old
        with self.hold_trait_notifications():
            self.values, self.step = values, 0

    @property
    def steps(self) -> int:
        """How many steps there are in all."""
        return _steps(self.algorithm, self.processes)

    def sent(self, step: int) -> list[Transfer]:
        """Return what is sent in step 1, 2, … `steps`, all at the same time."""
        step, n = whole("step", step, 0, self.steps), self.processes
        everything, forth = tuple(range(n)), step < n
        if step == 0:
            return []
        if self.algorithm == _ONE:
            return [Transfer(*((step, 0) if forth else (0, step - n + 1)), everything)]
        if self.algorithm == _ALL:
            return [Transfer(rank, (rank + step) % n, everything) for rank in range(n)]
        shift = 1 - step if forth else 1 + n - step
        return [Transfer(rank, (rank + 1) % n, ((rank + shift) % n,)) for rank in range(n)]

    def state(self, step: int | None = None) -> Tensor:
        """Return what the ranks hold after `step` steps, or the figure's: (P, P), float32."""
        held = own = self.values
        for number in self._until(step):
            before, held = own if self.algorithm == _ALL else held, held.clone()
            for sender, receiver, chunks in self.sent(number):
                columns = list(chunks)
                if number < self.processes:
                    held[receiver, columns] += before[sender, columns]
                else:
                    held[receiver, columns] = before[sender, columns]
        return held

    def _until(self, step: int | None) -> range:
        """The numbers of the steps up to `step`, or to the figure's own."""
        return range(1, whole("step", self.step if step is None else step, 0, self.steps) + 1)

    def traffic(self, step: int | None = None) -> Tensor:
        """Return how many numbers each rank has sent and received by then: (P, 2), int64."""
        counts = torch.zeros(self.processes, 2, dtype=torch.int64)
        for number in self._until(step):
            for sender, receiver, chunks in self.sent(number):
                counts[sender, 0] += len(chunks)
                counts[receiver, 1] += len(chunks)
        return counts

    def seconds(self, algorithm: str | None = None, processes: int | None = None) -> float:
        """Return how long an all-reduce of `megabytes` takes: steps × latency + bytes / bandwidth.

        Each rank has one link of `gigabits` a second to a switch that is never the bottleneck, and
        sends and receives at the same time. `algorithm` and `processes` are the figure's own, if
        left out. Adding costs nothing here.
        """
        algorithm = one_of("algorithm", algorithm or self.algorithm, ALGORITHMS)
        n = whole("processes", self.processes if processes is None else processes, _LOW, _MOST)
        steps = _steps(algorithm, n)
        # that go through the busiest link, one after the other
        vectors = steps / n if algorithm == _RING else steps
        return steps * self.latency * 1e-6 + vectors * self.megabytes * 8e-3 / self.gigabits

    def to_html(self) -> str:
        """Return the numbers at the start and after the step, or the last one, and the times."""
        n, step = self.processes, self.step or self.steps

        def grid(title: str, held: Tensor) -> str:
            rows = [[f"rank {rank}", *row] for rank, row in enumerate(rows_of(held))]
            return html_table(rows, title, ["", *(f"chunk {chunk}" for chunk in range(n))])

        start = grid("gradients at the start", self.values)
        after = grid(f"{self.algorithm}, after step {step} of {self.steps}", self.state(step))
        rows = [[p, *(written(self.seconds(name, p)) for name in ALGORITHMS)] for p in _SIZES]
        times = html_table(rows, "time of one all-reduce", ("processes", *ALGORITHMS))
        most = self.traffic(self.steps).max(dim=0).values.tolist()
        return html_boxes(start, after, times, note=(
            f"No rank sends more than {most[0]} numbers or receives more than {most[1]}. The times "
            f"are for a vector of {self.megabytes:g} MB, links of {self.gigabits:g} Gbit/s and a "
            f"latency of {self.latency:g} µs a step."))


def _first(count: int) -> list[list[float]]:
    """Return the numbers that a figure of `count` ranks starts with."""
    count = whole("processes", count, _LOW, _HIGH)
    return [[float(one) for one in row[:count]] for row in _START[:count]]


def _steps(algorithm: str, processes: int) -> int:
    """Return how many steps an algorithm takes."""
    return (1 if algorithm == _ALL else 2) * (processes - 1)


def written(seconds: float) -> str:
    """Return a time with its unit, in three digits."""
    unit, size = ("µs", 1e6) if seconds < 1e-3 else ("ms", 1e3) if seconds < 1 else ("s", 1)
    return f"{float(f'{seconds * size:.3g}'):g} {unit}"
