"""The count of one epoch: losses, hits, images, seconds."""

import time
from operator import mul

import torch
from torch import Tensor


class Meter:
    """Counts one epoch; losses and hits stay on the device till its end: a GPU need not wait."""

    def __init__(self):
        self.images = 0
        self.loss = self.accuracy = self.seconds = 0.0  # of the epoch, once it is closed
        self.batch_losses: list[float] = []
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []
        self._hits: Tensor | int = 0
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Enter one batch: its mean loss, logits (N, K), and labels (N,) or shares (N, K)."""
        self._losses.append(loss.detach())
        self._sizes.append(len(labels))
        if labels.ndim == 2:  # shares of each class, as mixup makes them: the largest counts
            labels = labels.argmax(1)
        self._hits = self._hits + (logits.detach().argmax(1) == labels).sum()
        self.images += len(labels)

    def close(self) -> None:
        """Bring the numbers over from the device and stop the clock."""
        self.batch_losses = self.losses_since(0)
        self.loss = sum(map(mul, self.batch_losses, self._sizes)) / max(self.images, 1)
        self.accuracy = int(self._hits) / max(self.images, 1)
        self.seconds = time.perf_counter() - self._started

    def state(self) -> dict:
        """Return what has been counted so far, for a checkpoint."""
        return {"losses": self._losses, "sizes": self._sizes, "hits": int(self._hits),
                "seconds": time.perf_counter() - self._started}

    def load_state(self, state: dict) -> None:
        """Count on from such a state."""
        self._losses, self._sizes = list(state["losses"]), list(state["sizes"])
        self._hits, self.images = state["hits"], sum(self._sizes)
        self._started = time.perf_counter() - state["seconds"]

    def losses_since(self, batch: int) -> list[float]:
        """Bring the losses after the first `batch` ones over (on a GPU this waits for them)."""
        return torch.stack(self._losses[batch:]).tolist() if self._losses[batch:] else []

    def last_loss_is_finite(self) -> bool:
        """Look at the newest loss (on a GPU this waits for it)."""
        return not self._losses or bool(torch.isfinite(self._losses[-1]))
