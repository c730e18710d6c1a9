"""`AllReduce`: how the gradients of several processes are summed, step by step."""

from typing import Any

import torch
import traitlets as t
from torch import Tensor

from .figure import Figure, constant, html_boxes, html_table, module
from .rounds import (
    ALGORITHMS,
    ALL,
    ONE,
    RING,
    Transfer,
    counted,
    held_after,
    steps_of,
    transfers,
    written,
)
from .traits import BadValue, Choice, Count, Matrix, Real, one_of, rows_of, whole

_LOW, _HIGH = 2, 8            # processes that a circle holds and a reader can follow
_SIZES = (2, 4, 8, 16)        # processes in the table of times
_MOST = 100_000               # processes that a time is computed for
_START = [[3, 1, 4, 2, 6, 1, 2, 5], [5, 2, -1, 6, 3, 4, 1, 7], [1, 7, 3, -2, 2, 5, 6, 0],
          [2, 4, 5, 8, 1, 0, 3, -3], [4, 0, 2, 3, 7, 2, 8, 1], [1, 3, 6, 2, 0, 9, 4, 2],
          [6, 2, 0, 5, -4, 3, 1, 8], [0, 5, 3, 1, 4, -2, 7, 2]]
_LIMITS = {"processes": [_LOW, _HIGH], "megabytes": [0.1, 1000.0], "gigabits": [0.1, 1000.0],
           "latency": [0.1, 10_000.0], "start": _START}


def _first(count: int) -> list[list[float]]:
    """Return the numbers that a figure of `count` ranks starts with."""
    count = whole("processes", count, _LOW, _HIGH)
    return [[float(one) for one in row[:count]] for row in _START[:count]]


class AllReduce(Figure):
    """An all-reduce of P = `processes` ranks, 2 to 8: in the end each holds `values.sum(0)`.

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
    challenge = "Guess how far the slower way is when the faster one is done. Then watch them race."
    caption = ("An all-reduce: each process has a vector, and all need the sum. In the ring each "
               "sends a part to one neighbor and gets one from the other, so all links work. "
               "Halfway each has one complete part, in the end all. With a master, all goes "
               "through one link while others wait.")
    presets = {
        "4 ranks": {"values": _first(4), "algorithm": RING, "step": 0},
        "halfway": {"values": _first(4), "algorithm": RING, "step": 3},
        "8 ranks": {"values": _first(8), "algorithm": RING, "step": 0},
        "the master": {"values": _first(8), "algorithm": ONE, "step": 3},
        "tiny gradient": {"values": _first(8), "algorithm": ALL, "step": 0, "megabytes": 0.1,
                          "latency": 1000.0},
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
        last = steps_of(algorithm, ranks)
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
        return steps_of(self.algorithm, self.processes)

    def sent(self, step: int) -> list[Transfer]:
        """Return what is sent in step 1, 2, … `steps`, all at the same time."""
        return transfers(self.algorithm, self.processes, self._step(step))

    def state(self, step: int | None = None) -> Tensor:
        """Return what the ranks hold after `step` steps, or the figure's: (P, P), float32."""
        return held_after(self.values, self.algorithm, self._step(step))

    def traffic(self, step: int | None = None) -> Tensor:
        """Return how many chunks each rank has sent and received by then: (P, 2), int64."""
        return counted(self.algorithm, self.processes, self._step(step))

    def megabytes_moved(self, step: int | None = None) -> Tensor:
        """Return how many MB each rank has sent and received by then: (P, 2), float64."""
        return self.traffic(step).double() * self.megabytes / self.processes

    def _step(self, step: int | None) -> int:
        return whole("step", self.step if step is None else step, 0, self.steps)

    def seconds(self, algorithm: str | None = None, processes: int | None = None) -> float:
        """Return how long an all-reduce of `megabytes` takes: steps × latency + bytes / bandwidth.

        Each rank has one link of `gigabits` a second to a switch that is never the bottleneck, and
        sends and receives at the same time. `algorithm` and `processes` are the figure's own, if
        left out. Adding costs nothing here.
        """
        algorithm = one_of("algorithm", algorithm or self.algorithm, ALGORITHMS)
        n = whole("processes", self.processes if processes is None else processes, _LOW, _MOST)
        steps = steps_of(algorithm, n)
        # that go through the busiest link, one after the other
        vectors = steps / n if algorithm == RING else steps
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
