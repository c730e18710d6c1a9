"""What ranks send each other in an all-reduce, step by step, and how long it takes."""

from typing import NamedTuple

import torch
from torch import Tensor

ALGORITHMS = RING, ONE, ALL = ("ring", "to one and back", "everyone to everyone")
"""The ways to sum that the figure knows."""


class Transfer(NamedTuple):
    """What one rank sends to another in a step: the numbers of the chunks."""

    sender: int
    receiver: int
    chunks: tuple[int, ...]


def steps_of(algorithm: str, ranks: int) -> int:
    """Return how many steps an algorithm takes."""
    return (1 if algorithm == ALL else 2) * (ranks - 1)


def transfers(algorithm: str, ranks: int, step: int) -> list[Transfer]:
    """Return what is sent in step 1, 2, …, all at the same time; nothing in step 0."""
    everything, forth = tuple(range(ranks)), step < ranks
    if step == 0:
        return []
    if algorithm == ONE:
        return [Transfer(*((step, 0) if forth else (0, step - ranks + 1)), everything)]
    if algorithm == ALL:
        return [Transfer(rank, (rank + step) % ranks, everything) for rank in range(ranks)]
    shift = 1 - step if forth else 1 + ranks - step
    return [Transfer(rank, (rank + 1) % ranks, ((rank + shift) % ranks,)) for rank in range(ranks)]


def held_after(values: Tensor, algorithm: str, step: int) -> Tensor:
    """Return what the ranks hold, (P, P), after `step` steps from `values`."""
    held, ranks = values, len(values)
    for number in range(1, step + 1):
        before, held = values if algorithm == ALL else held, held.clone()
        for sender, receiver, chunks in transfers(algorithm, ranks, number):
            columns = list(chunks)
            if number < ranks:
                held[receiver, columns] += before[sender, columns]
            else:
                held[receiver, columns] = before[sender, columns]
    return held


def counted(algorithm: str, ranks: int, step: int) -> Tensor:
    """Return how many chunks each rank has sent and received by then: (P, 2), int64."""
    counts = torch.zeros(ranks, 2, dtype=torch.int64)
    for number in range(1, step + 1):
        for sender, receiver, chunks in transfers(algorithm, ranks, number):
            counts[sender, 0] += len(chunks)
            counts[receiver, 1] += len(chunks)
    return counts


def written(seconds: float) -> str:
    """Return a time with its unit, in three digits."""
    unit, size = ("µs", 1e6) if seconds < 1e-3 else ("ms", 1e3) if seconds < 1 else ("s", 1)
    return f"{float(f'{seconds * size:.3g}'):g} {unit}"
