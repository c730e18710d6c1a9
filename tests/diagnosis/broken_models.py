"""Broken models and losses, and the name by which each must be found."""

import torch
import torch.nn.functional as F
from programs import BATCH, Changed, Registry, flat, lenet
from torch import nn

MODELS = broken = Registry()


@broken("loss far from chance")
def large_weights():
    model = flat()
    nn.init.normal_(model[1].weight)
    return model, BATCH, {}


@broken("all outputs the same", {"dead ReLU"})
def zeros():
    model = lenet()
    for p in model.parameters():
        nn.init.zeros_(p)
    return model, BATCH, {}


@broken("dead ReLU")
def a_bias_of_minus_100():
    model = flat(nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10))
    nn.init.constant_(model[1].bias[:38], -100)
    return model, BATCH, {}


@broken("nan in weights")
def of_a_layer():
    model = lenet()
    nn.init.constant_(model.conv1.weight, float("nan"))
    return model, BATCH, {}


@broken("parameters not registered")
def layers_in_a_list():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.others = nn.Linear(3072, 30), [nn.Linear(30, 30), nn.Linear(30, 10)]

        def forward(self, x):
            x = self.first(x.flatten(1))
            for layer in self.others:
                x = layer(x.relu())
            return x
    return Listed(), BATCH, {}


@broken("frozen parameters")
def the_first_layer():
    model = lenet()
    model.conv1.requires_grad_(False)
    return model, BATCH, {}


@broken("nan in the gradients")
def square_root_of_zero():
    class Rooted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.scale = flat(), nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.net(x) + (self.scale**2).sqrt()
    return Rooted(), BATCH, {}


for name, what, model, more in (
    ("the model raises", "a dense layer of another width", lambda: flat(nn.Linear(3000, 10)),
     {"says": "Linear(3072, 10)"}),
    ("the model raises", "a view of pixels", lambda: nn.Sequential(
        nn.Flatten(0, 1), nn.Linear(1, 9)), {"says": "a view mixes images"}),
    ("images changed by the model", "in place", lambda: Changed(before=lambda x: x.sub_(1)), {}),
    ("outputs are no tensor", "a pair", lambda: Changed(lambda x: (x, x)), {}),
    ("outputs of the wrong shape", "a map", lambda: nn.Conv2d(3, 10, 1), {}),
    ("wrong axis", "transposed", lambda: Changed(lambda x: x.T), {}),
    ("wrong axis", "softmax over the batch", lambda: nn.Sequential(lenet(), nn.Softmax(0)),
     {"also": {"images mixed"}}),
    ("images mixed", "another number of outputs", lambda: Changed(
        before=lambda x: x.reshape(-1, 1536), net=nn.Linear(1536, 10)), {}),
    ("images mixed", "normalised along the batch", lambda: Changed(
        before=lambda x: x - x.mean(0)), {}),
    ("images mixed", "batch normalization without averages", lambda: flat(
        nn.Linear(3072, 40), nn.BatchNorm1d(40, track_running_stats=False), nn.Linear(40, 10)),
     {"says": "without running averages"}),
    ("random in evaluation mode", "dropout always on", lambda: Changed(
        before=lambda x: F.dropout(x, 0.5)), {}),
    ("softmax before cross-entropy", "in the model", lambda: nn.Sequential(
        lenet(), nn.Softmax(1)), {"says": "cannot fall below 1.46"}),
    ("sigmoid before cross-entropy", "at the end", lambda: Changed(torch.sigmoid), {}),
    ("ReLU after the last layer", "at the end", lambda: Changed(F.relu), {}),
    ("nan in outputs", "log of zero", lambda: Changed(lambda x: x.relu().log()),
     {"also": {"ReLU after the last layer"}}),
    ("no gradient", "no graph", lambda: Changed(torch.Tensor.detach), {"says": "no graph"}),
    ("no gradient", "a graph that is cut", lambda: flat(
        Changed(torch.Tensor.detach, net=nn.Linear(3072, 30)), nn.Linear(30, 10)),
     {"says": "2 of 4 parameters"}),
):
    broken.add(name, what, lambda model=model: (model(), BATCH, {}), **more)

for name, what, more in (
    ("wrong number of outputs", "two too few", {"classes": 12}),
    ("the loss raises", "fewer labels", {"loss_fn": lambda x, y: F.nll_loss(x, y[:200])}),
    ("the loss is not one number", "unreduced", {"loss_fn": nn.CrossEntropyLoss(reduction="none")}),
):
    broken.add(name, what, lambda more=more: (flat(), BATCH, more))
