"""How the course's networks are trained: settings that chapters, benchmarks and tests share."""

import base64
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from .augment import random_crop, random_flip
from .data import ImageData, ImageSet
from .device import half_precision
from .measured import read_json
from .models import LeNet

FINAL_EPOCHS = 14  # of the course's last and best run
AUGMENT = (partial(random_crop, padding=2, mode="reflect"), random_flip)


def lenet_recipe(model: nn.Module, steps: int, *, max_lr: float = 0.05) -> dict:
    """Return optimizer and schedule for LeNet: `fit(…, **lenet_recipe(model, steps))`.

    `steps` is the number of batches in the whole run, `epochs * len(train)`; batches of 64 suit
    it. SGD with Nesterov momentum, the learning rate up to `max_lr` and down once over the whole
    run (one-cycle: Smith and Topin, 2018).
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=max_lr, momentum=0.9, nesterov=True,
                                fused=True)
    steps = max(3, steps)  # OneCycleLR divides by the length of its first part, less one step
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, total_steps=steps, cycle_momentum=False, pct_start=max(0.2, 2 / steps))
    return {"optimizer": optimizer, "batch_scheduler": schedule}


def trained_lenet() -> LeNet:
    """Return LeNet as `benchmarks/lenet_weights.py` has trained it on CIFAR-10.

    Its weights are kept in half precision; `lenet_weights.json` in `helpers/measured` says how they
    came about, and with which `mean` and `std` images are normalized for it.
    """
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, and these are not needed
        model = LeNet().eval()
    data = bytearray(base64.b64decode(read_json("lenet_weights.json")["weights"]))
    numbers, state = torch.frombuffer(data, dtype=torch.float16), model.state_dict()
    parts = numbers.float().split([value.numel() for value in state.values()])
    model.load_state_dict({name: part.reshape(value.shape) for (name, value), part
                           in zip(state.items(), parts, strict=True)})
    return model


def resnet_recipe(model: nn.Module, steps: int, *, max_lr: float = 0.25,
                  weight_decay: float = 5e-4, label_smoothing: float = 0.1) -> dict:
    """Return how a residual network is trained: `fit(…, **resnet_recipe(model, steps))`.

    `steps` is the number of batches in the whole run, `epochs * len(train)`; batches of 250,
    changed by `AUGMENT`, suit it. SGD with Nesterov momentum, the learning rate up to `max_lr`
    for a fifth of the run and down to 0 in straight lines; weight decay on the weights of
    convolutions and dense layers, not on biases, γ and β; the loss with label smoothing; 16 bits
    where the model's device is faster with them.
    """
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=max_lr, momentum=0.9, nesterov=True, fused=True)
    up = max(1, steps // 5)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: max(0.0, min((step + 1) / up, (steps - step) / (steps - up + 1))))
    return {"optimizer": optimizer, "batch_scheduler": schedule,
            "loss_fn": partial(F.cross_entropy, label_smoothing=label_smoothing),
            "autocast": half_precision(next(model.parameters()).device)}


def textbook_resnet18(classes: int = 10) -> nn.Module:
    """Return torchvision's ResNet-18 as textbooks adapt it to CIFAR-10.

    A 3×3 convolution first, no pooling after it, weights drawn by Xavier. Takes images
    (N, 3, 32, 32) to logits (N, `classes`).
    """
    import torchvision  # here, because it takes as long to import as all the rest of the course

    model = torchvision.models.resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.add_module("maxpool", nn.Identity())  # in the place of the pooling
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
    return model


def merged(data: ImageData) -> ImageSet:
    """Return training and validation images as one set: for a last run, when all is chosen."""
    parts = (data.train, data.val)
    return replace(data.train, images=torch.cat([p.images for p in parts]),
                   labels=torch.cat([p.labels for p in parts]))
