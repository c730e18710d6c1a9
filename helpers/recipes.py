"""Training settings that more than one place uses: a chapter, a benchmark, a test."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from .augment import random_crop, random_flip
from .data import ImageData, ImageSet
from .device import half_precision

FINAL_EPOCHS = 14  # of chapter 8's last run
AUGMENT = (partial(random_crop, padding=2, mode="reflect"), random_flip)


def lenet_run(model: nn.Module, train: ImageSet, epochs: int, *, batch_size: int = 64,
              num_samples: int = 15_000,
              max_lr: float = 0.05) -> dict:
    """Return the arguments of `fit` that chapter 5 arrives at: `fit(model, val=data.val,
    **lenet_run(…))`.

    Batches of 64, SGD with Nesterov momentum, the learning rate up and down once over the whole run
    (one-cycle: Smith and Topin, 2018). An epoch is `num_samples` images drawn anew, so that the
    curves get a point often enough.
    """
    batches = train.batches(batch_size, num_samples=min(num_samples, len(train)))
    optimizer = torch.optim.SGD(model.parameters(), lr=max_lr, momentum=0.9, nesterov=True,
                                fused=True)
    # OneCycleLR divides by the length of its first part, less one step
    steps = max(3, epochs * len(batches))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, total_steps=steps, cycle_momentum=False,
        pct_start=max(0.2, 2 / steps))
    return {"train": batches, "epochs": epochs, "optimizer": optimizer, "batch_scheduler": schedule}


def resnet_run(model: nn.Module, train: ImageSet, epochs: int, *, batch_size: int = 250,
               num_samples: int | None = None,
               max_lr: float = 0.25, weight_decay: float = 5e-4, label_smoothing: float = 0.1,
               augment: Sequence = AUGMENT) -> dict:
    """Return the arguments of `fit` for the residual networks of chapters 7 and 8: `fit(model,
    **resnet_run(…))`.

    SGD with Nesterov momentum, the learning rate up for a fifth of the run and down to 0 in
    straight lines; weight decay on the weights of convolutions and dense layers, not on biases, γ
    and β; bfloat16 where the device is faster with it. An epoch is `num_samples` images, all by
    default.
    """
    batches = train.batches(batch_size, num_samples=num_samples and min(num_samples, len(train)),
                            augment=augment)
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD([{"params": weights, "weight_decay": weight_decay},
                                 {"params": others}],
                                lr=max_lr, momentum=0.9, nesterov=True, fused=True)
    steps = epochs * len(batches)
    up = max(1, steps // 5)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: max(0.0, min((step + 1) / up, (steps - step) / (steps - up + 1))))
    return {"train": batches, "epochs": epochs, "optimizer": optimizer, "batch_scheduler": schedule,
            "loss_fn": partial(F.cross_entropy, label_smoothing=label_smoothing),
            "autocast": half_precision(train.images.device)}


def textbook_resnet18(classes: int = 10) -> nn.Module:
    """Return torchvision's ResNet-18 as textbooks adapt it to CIFAR-10: a 3×3 convolution first, no
    pooling, Xavier.

    Takes images (N, 3, 32, 32) to logits (N, `classes`).
    """
    import torchvision  # here, because it takes as long to import as all the rest of the course

    model = torchvision.models.resnet18(num_classes=classes)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
    return model


def merged(data: ImageData) -> ImageSet:
    """Return training and validation images as one set: for a last run, when nothing is left to be
    chosen.
    """
    parts = (data.train, data.val)
    return replace(data.train, images=torch.cat([p.images for p in parts]),
                   labels=torch.cat([p.labels for p in parts]))
