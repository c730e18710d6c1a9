"""The count of one epoch: losses, hits, images, seconds."""

import math
import time
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
        self._losses: list[Tensor] = []      # and those after them
        self._sizes: list[int] = []
        self._hits: Tensor | float = 0
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Enter one batch: its mean loss, its outputs, and labels as `count_hits` takes them."""
        hits = count_hits(logits, labels)
        self._losses.append(loss.detach())
        self._sizes.append(len(labels))
        self._hits = self._hits + (math.nan if hits is None else hits)
        self.images += len(labels)

    def close(self) -> None:
        """Bring the numbers over from the device and stop the clock."""
        self._bring_over()
        self.loss = sum(map(mul, self.batch_losses, self._sizes)) / max(self.images, 1)
        self.accuracy = float(self._hits) / max(self.images, 1)
        self.seconds = time.perf_counter() - self._started

    def state(self) -> dict:
        """Return what has been counted so far, for a checkpoint: plain numbers, on no device."""
        self._bring_over()
        return {"losses": [*self.batch_losses], "sizes": [*self._sizes], "hits": float(self._hits),
                "seconds": time.perf_counter() - self._started}

    def load_state(self, state: dict) -> None:
        """Count on from such a state. Raises ValueError for another one."""
        losses, sizes = state["losses"], state["sizes"]
        numbers = (*losses, state["hits"], state["seconds"])
        if (not all(type(number) is float for number in numbers) or len(losses) != len(sizes)
                or not all(type(size) is int and 0 <= size < 1 << 40 for size in sizes)):
            raise ValueError("its counts are no counts")
        self.batch_losses, self._sizes, self._losses = [*losses], [*sizes], []
        hits, self.images = state["hits"], sum(sizes)
        self._hits = int(hits) if hits.is_integer() else math.nan
        self._started = time.perf_counter() - state["seconds"]

    def losses_since(self, batch: int) -> list[float]:
        """Bring the losses after the first `batch` ones over (on a GPU this waits for them)."""
        self._bring_over()
        return self.batch_losses[batch:]

    def last_loss_is_finite(self) -> bool:
        """Look at the newest loss (on a GPU this waits for it)."""
        newest = (self._losses or self.batch_losses)[-1:]
        return all(math.isfinite(loss) for loss in newest)

    def _bring_over(self) -> None:
        if self._losses:
            self.batch_losses += torch.stack(self._losses).tolist()
            self._losses = []
