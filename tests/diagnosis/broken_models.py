"""Broken models and losses, and the name by which each must be found."""

import torch
import torch.nn.functional as F
from programs import Changed, fault, flat, lenet
from torch import nn


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.others = nn.Linear(3072, 30), [nn.Linear(30, 30), nn.Linear(30, 10)]

    def forward(self, x):
        x = self.first(x.flatten(1))
        for layer in self.others:
            x = layer(x.relu())
        return x


class Rooted(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.scale = flat(), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.net(x) + (self.scale**2).sqrt()


def altered(model, change, *parameters):
    for name in parameters or dict(model.named_parameters()):
        change(model.get_parameter(name))
    return model


MODELS = [
    fault("loss far from chance", "large weights",
          lambda: altered(flat(), nn.init.normal_, "1.weight")),
    fault("all outputs the same", "zeros", lambda: altered(lenet(), nn.init.zeros_),
          also={"dead ReLU"}),
    fault("dead ReLU", "a bias of -100", lambda: altered(
        flat(nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10)),
        lambda bias: nn.init.constant_(bias[:38], -100), "1.bias")),
    fault("nan in weights", "of a layer", lambda: altered(
        lenet(), lambda weight: nn.init.constant_(weight, float("nan")), "conv1.weight")),
    fault("parameters not registered", "layers in a list", Listed),
    fault("frozen parameters", "the first layer", lambda: altered(
        lenet(), lambda p: p.requires_grad_(False), "conv1.weight", "conv1.bias")),
    fault("nan in the gradients", "square root of zero", Rooted),
    fault("the model raises", "a dense layer of another width", lambda: flat(nn.Linear(3000, 10)),
          says="Linear(3072, 10)"),
    fault("the model raises", "a view of pixels",
          lambda: nn.Sequential(nn.Flatten(0, 1), nn.Linear(1, 9)), says="a view mixes images"),
    fault("images changed by the model", "in place", lambda: Changed(before=lambda x: x.sub_(1))),
    fault("outputs of the wrong shape", "a pair", lambda: Changed(lambda x: (x, x)),
          says="gives a tuple"),
    fault("outputs of the wrong shape", "a map", lambda: nn.Conv2d(3, 10, 1), says="32, 32)"),
    fault("wrong axis", "transposed", lambda: Changed(lambda x: x.T)),
    fault("wrong axis", "softmax over the batch", lambda: nn.Sequential(lenet(), nn.Softmax(0)),
          also={"images mixed"}),
    fault("images mixed", "another number of outputs", lambda: Changed(
        before=lambda x: x.reshape(-1, 1536), net=nn.Linear(1536, 10))),
    fault("images mixed", "normalized along the batch",
          lambda: Changed(before=lambda x: x - x.mean(0))),
    fault("images mixed", "batch normalization without averages", lambda: flat(
        nn.Linear(3072, 40), nn.BatchNorm1d(40, track_running_stats=False), nn.Linear(40, 10)),
          says="without running averages"),
    fault("random in evaluation mode", "dropout always on",
          lambda: Changed(before=lambda x: F.dropout(x, 0.5))),
    fault("softmax before cross-entropy", "in the model",
          lambda: nn.Sequential(lenet(), nn.Softmax(1)), says="cannot fall below 1.46"),
    fault("sigmoid before cross-entropy", "at the end", lambda: Changed(torch.sigmoid)),
    fault("ReLU after the last layer", "at the end", lambda: Changed(F.relu)),
    fault("nan in outputs", "log of zero", lambda: Changed(lambda x: x.relu().log()),
          also={"ReLU after the last layer"}),
    fault("no gradient", "no graph", lambda: Changed(torch.Tensor.detach), says="no graph"),
    fault("no gradient", "a graph that is cut", lambda: flat(
        Changed(torch.Tensor.detach, net=nn.Linear(3072, 30)), nn.Linear(30, 10)),
          says="2 of 4 parameters"),
    fault("wrong number of outputs", "two too few", classes=lambda _: 12),
    fault("the loss raises", "fewer labels", loss_fn=lambda _: lambda x, y: F.nll_loss(x, y[:200])),
    fault("the loss is not one number", "unreduced",
          loss_fn=lambda _: nn.CrossEntropyLoss(reduction="none")),
]
