"""Broken steps, optimizers and evaluations, and the name by which each must be found."""

from functools import partial

import torch
import torch.nn.functional as F
from programs import BATCH, IMAGES, fault, flat, lenet, loop, sgd
from torch import nn

from helpers.models import BNLeNet

RELU = partial(flat, nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10))


def steps(parts="train loss zero backward step", lr=0.001, **loss_fn):
    return lambda model: loop(model, sgd(model, lr), parts, **loss_fn)


def of_another(make_part):
    """Return what makes a step, an optimizer or an evaluation for a model that was made anew."""
    return lambda _: make_part(flat())


def by_hand(model):
    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
    return step


def looking(model):
    return lambda: torch.no_grad()(model)(IMAGES)


class Odd(torch.optim.SGD):
    def step(self):
        pass


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = flat()

    def forward(self, x):
        return self.net(F.dropout(x, 0.2, self.training))


def broken_lenet():
    model = lenet()
    nn.init.constant_(model.conv1.weight, float("nan"))
    return model


LOOPS = [
    fault("no zero_grad", "missing", lenet, step=steps("loss backward step", 0.05),
          says="100 % of it was still there"),
    fault("no zero_grad", "missing with the gradient clipped", lenet,
          step=steps("loss backward clip step", 0.05), says="scaled down"),
    fault("no zero_grad", "missing before an update by hand", lenet, step=by_hand),
    fault("softmax before cross-entropy", "in the loop", lenet,
          step=steps(lr=0.05, loss_fn=lambda x, y: nn.CrossEntropyLoss()(x.softmax(1), y))),
    fault("wrong axis", "log softmax over the batch", lenet,
          step=steps(lr=0.05, loss_fn=lambda x, y: F.cross_entropy(x.log_softmax(0), y))),
    fault("not in training mode", "left by the evaluation", BNLeNet,
          step=steps("eval zero loss backward step", 0.05)),
    fault("the step raises", "of a missing name",
          step=lambda _: lambda images, labels: missing_name),  # noqa: F821
    fault("another model in the step", "made anew", step=of_another(steps()),
          also={"parameters not in the optimizer"}),
    fault("no optimizer step", "forgotten", step=steps("loss backward")),
    fault("gradients wiped before the step", "zero_grad in between",
          step=steps("loss backward zero step")),
    fault("no backward", "also forgotten", step=steps("loss step")),
    fault("parameters not in the optimizer", "of another model", optimizer=of_another(sgd)),
    fault("parameters not in the optimizer", "all but the last layer", RELU,
          optimizer=lambda model: torch.optim.Adam(model[1].parameters(), lr=1e-3)),
    fault("the optimizer raises", "its own kind",
          optimizer=lambda model: Odd(model.parameters(), lr=0.01)),
    fault("learning rate too high", "ten of SGD", lenet, optimizer=partial(sgd, lr=10.0),
          says="lr = 10 "),
    fault("learning rate too high", "half of Adam found in the step", BNLeNet,
          step=lambda model: loop(model, torch.optim.Adam(model.parameters(), lr=0.5))),
    fault("learning rate too high", "after the disaster", broken_lenet,
          optimizer=partial(sgd, lr=10.0), also={"nan in weights"}),
    fault("learning rate too low", "a millionth", lenet, optimizer=partial(sgd, lr=1e-6)),
    fault("not in evaluation mode", "with batch norm", BNLeNet, evaluate=looking),
    fault("not in evaluation mode", "with dropout of another name", Noisy, evaluate=looking),
    fault("the evaluation raises", "of a division", evaluate=lambda _: lambda: 1 / 0),
    fault("another model in the evaluation", "evaluated", evaluate=of_another(looking)),
    fault("training in the evaluation", "step copied", also={"gradients in the evaluation"},
          evaluate=lambda model: partial(loop(model, sgd(model)), *BATCH)),
    fault("gradients in the evaluation", "no no_grad", lenet,
          evaluate=lambda model: lambda: model.eval()(IMAGES)),
]
