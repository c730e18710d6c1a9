"""The count of one epoch: losses, hits, images, seconds."""

import math
import time
from itertools import starmap
from operator import mul

import torch
from torch import Tensor

from .forms import count_hits


class Meter:
    """Counts one epoch; losses and hits stay on the device till its end: a GPU need not wait."""

    def __init__(self):
        self.images = 0
        self.loss = self.accuracy = self.seconds = 0.0  # of the epoch, once it is closed
        self.batch_losses: list[float] = []  # brought over so far
        self.weights: list[float] = []       # how much each counts in the mean over the epoch
        self._losses: list[Tensor] = []      # and those after them
        self._weights: list[Tensor] = []
        self._sizes: list[int] = []
        self._hits: Tensor | float = 0
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor,
            weight: Tensor | None = None) -> None:
        """Enter one batch: its mean loss, its outputs, and labels as `count_hits` takes them.

        weight: how much the loss counts in the mean over the epoch; else the number of images.
        """
        hits = count_hits(logits, labels)
        self._losses.append(loss.detach())
        self._weights.append(torch.full((), len(labels), dtype=torch.float32, device=loss.device)
                             if weight is None else weight)
        self._sizes.append(len(labels))
        self._hits = self._hits + (math.nan if hits is None else hits)
        self.images += len(labels)

    def close(self) -> None:
        """Bring the numbers over from the device and stop the clock."""
        self._bring_over()
        counted = [pair for pair in zip(self.batch_losses, self.weights, strict=True) if pair[1]]
        total = sum(weight for _, weight in counted)
        self.loss = sum(starmap(mul, counted)) / total if total else math.nan
        self.accuracy = float(self._hits) / max(self.images, 1)
        self.seconds = time.perf_counter() - self._started

    def state(self) -> dict:
        """Return what has been counted so far, for a checkpoint: plain numbers, on no device."""
        self._bring_over()
        return {"losses": [*self.batch_losses], "weights": [*self.weights], "sizes": [*self._sizes],
                "hits": float(self._hits), "seconds": time.perf_counter() - self._started}

    def load_state(self, state: dict) -> None:
        """Count on from such a state. Raises ValueError for another one."""
        losses, weights, sizes = state["losses"], state["weights"], state["sizes"]
        numbers = (*losses, *weights, state["hits"], state["seconds"])
        if (not all(type(number) is float for number in numbers)
                or not len(losses) == len(weights) == len(sizes)
                or not all(type(size) is int and 0 <= size < 1 << 40 for size in sizes)):
            raise ValueError("its counts are no counts")
        self.batch_losses, self.weights, self._sizes = [*losses], [*weights], [*sizes]
        self._losses, self._weights = [], []
        hits, self.images = state["hits"], sum(sizes)
        self._hits = int(hits) if hits.is_integer() else math.nan
        self._started = time.perf_counter() - state["seconds"]

    def losses_since(self, batch: int) -> list[float]:
        """Bring the losses after the first `batch` ones over (on a GPU this waits for them)."""
        self._bring_over()
        return self.batch_losses[batch:]

    def first_bad_loss(self) -> int:
        """Return the number of the first loss that is not finite, if the newest is not; else 0.

        A batch that does not count, with no label or ignored ones only, has none. (On a GPU this
        waits for the losses.)
        """
        self._bring_over()
        bad = [at for at, (loss, weight) in enumerate(
            zip(self.batch_losses, self.weights, strict=True), 1) if weight
            and not math.isfinite(loss)]
        return bad[0] if bad and bad[-1] == len(self.batch_losses) else 0

    @property
    def counts(self) -> bool:
        """Whether any label of the batches so far counts."""
        self._bring_over()
        return any(self.weights)

    def _bring_over(self) -> None:
        if self._losses:
            self.batch_losses += torch.stack(self._losses).tolist()
            self.weights += torch.stack(self._weights).tolist()
            self._losses, self._weights = [], []
