"""The count of one epoch: losses, hits, images, seconds."""

import time

import torch
from torch import Tensor


class Meter:
    """Counts one epoch.

    Losses and hits stay on the device until it is over, so that a GPU need not wait.
    """

    def __init__(self):
        self.images = 0
        self.seconds = 0.0
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []
        self._hits: Tensor | int = 0
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Enter one batch."""
        self._losses.append(loss.detach())
        self._sizes.append(len(labels))
        if labels.ndim == 2:  # shares of each class, as mixup makes them: the largest counts
            labels = labels.argmax(1)
        self._hits = self._hits + (logits.detach().argmax(1) == labels).sum()
        self.images += len(labels)

    def close(self) -> "Meter":
        """Bring the numbers over from the device and stop the clock."""
        self.batch_losses = torch.stack(self._losses).tolist() if self._losses else []
        weighted = sum(loss * size
                       for loss, size in zip(self.batch_losses, self._sizes, strict=True))
        self.loss = weighted / max(self.images, 1)
        self.accuracy = int(self._hits) / max(self.images, 1)
        self.seconds = time.perf_counter() - self._started
        return self

    def state(self) -> dict:
        """Return what has been counted so far, for a checkpoint."""
        return {"losses": self._losses, "sizes": self._sizes, "hits": int(self._hits),
                "seconds": time.perf_counter() - self._started}

    @classmethod
    def from_state(cls, state: dict) -> "Meter":
        """Return the meter that had this state, to count on."""
        meter = cls()
        meter._losses, meter._sizes, meter._hits = list(state["losses"]), list(
            state["sizes"]), state["hits"]
        meter.images = sum(meter._sizes)
        meter._started -= state["seconds"]
        return meter

    def losses_since(self, batch: int) -> list[float]:
        """Bring the losses after the first `batch` ones over (on a GPU this waits for them)."""
        return torch.stack(self._losses[batch:]).tolist() if self._losses[batch:] else []

    def last_loss_is_finite(self) -> bool:
        """Look at the newest loss (on a GPU this waits for it)."""
        return not self._losses or bool(torch.isfinite(self._losses[-1]))
