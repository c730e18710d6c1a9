"""Training settings that more than one place uses: a chapter, a benchmark, a test."""

import torch
from torch import nn

from .data import ImageSet


def lenet_run(model: nn.Module, train: ImageSet, epochs: int, *, batch_size: int = 64, num_samples: int = 15_000,
              max_lr: float = 0.05) -> dict:
    """Return the arguments of `fit` that chapter 5 arrives at: `fit(model, val=data.val, **lenet_run(…))`.

    Batches of 64, SGD with Nesterov momentum, the learning rate up and down once over the whole run (one-cycle:
    Smith and Topin, 2018). An epoch is `num_samples` images drawn anew, so that the curves get a point often enough.
    """
    batches = train.batches(batch_size, num_samples=min(num_samples, len(train)))
    optimizer = torch.optim.SGD(model.parameters(), lr=max_lr, momentum=0.9, nesterov=True, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps=epochs * len(batches),
                                                   pct_start=0.2, cycle_momentum=False)
    return {"train": batches, "epochs": epochs, "optimizer": optimizer, "batch_scheduler": schedule}
