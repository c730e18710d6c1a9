"""Broken steps, optimizers and evaluations, and the name by which each must be found."""

from functools import partial

import torch
import torch.nn.functional as F
from programs import BATCH, IMAGES, LABELS, Registry, flat, healthy, lenet, sgd, without_zero_grad
from torch import nn

from helpers.models import BNLeNet

LOOPS = broken = Registry()


@broken("no zero_grad", says="100 % of it was still there")
def missing():
    model = lenet()
    return model, BATCH, {"step": without_zero_grad(model, sgd(model))}


@broken("no zero_grad", says="scaled down")
def missing_with_the_gradient_clipped():
    model = lenet()
    return model, BATCH, {"step": without_zero_grad(model, sgd(model), clip=0.01)}


@broken("no zero_grad")
def missing_before_an_update_by_hand():
    model = lenet()

    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
    return model, BATCH, {"step": step}


@broken("softmax before cross-entropy")
def in_the_loop():
    model = lenet()
    optimizer = sgd(model)
    loss_fn = nn.CrossEntropyLoss()
    return model, BATCH, {
        "step": healthy(model, optimizer, lambda x, y: loss_fn(x.softmax(1), y))}


@broken("wrong axis")
def log_softmax_over_the_batch():
    model = lenet()
    return model, BATCH, {"step": healthy(
        model, sgd(model), lambda x, y: F.cross_entropy(x.log_softmax(0), y))}


@broken("not in training mode")
def left_by_the_evaluation():
    model = BNLeNet()
    optimizer = sgd(model)
    evaluation_mode = model.eval()

    def step(images, labels):
        optimizer.zero_grad()
        F.cross_entropy(evaluation_mode(images), labels).backward()
        optimizer.step()
    return model, BATCH, {"step": step}


@broken("the step raises")
def of_a_missing_name():
    return flat(), BATCH, {"step": lambda images, labels: missing_name}  # noqa: F821


@broken("another model in the step", {"parameters not in the optimizer"})
def made_anew():
    other = flat()
    return flat(), BATCH, {"step": healthy(other, sgd(other))}


@broken("no optimizer step")
def forgotten():
    model = flat()
    return model, BATCH, {"step": lambda x, y: F.cross_entropy(model(x), y).backward()}


@broken("gradients wiped before the step")
def zero_grad_in_between():
    model = flat()
    optimizer = sgd(model, 0.001)

    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        optimizer.zero_grad()
        optimizer.step()
    return model, BATCH, {"step": step}


@broken("no backward")
def also_forgotten():
    model = flat()
    optimizer = sgd(model, 0.001)

    def step(images, labels):
        F.cross_entropy(model(images), labels)
        optimizer.step()
    return model, BATCH, {"step": step}


@broken("parameters not in the optimizer")
def of_another_model():
    return flat(), BATCH, {"optimizer": sgd(flat())}


@broken("parameters not in the optimizer")
def all_but_the_last_layer():
    model = flat(nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10))
    return model, BATCH, {"optimizer": torch.optim.Adam(model[1].parameters(), lr=1e-3)}


@broken("the optimizer raises")
def its_own_kind():
    class Odd(torch.optim.SGD):
        def step(self):
            pass
    model = flat()
    return model, BATCH, {"optimizer": Odd(model.parameters(), lr=0.01)}


@broken("learning rate too high", says="lr = 10 ")
def ten_of_sgd():
    model = lenet()
    return model, BATCH, {"optimizer": sgd(model, 10.0)}


@broken("learning rate too high")
def half_of_adam_found_in_the_step():
    model = BNLeNet()
    return model, BATCH, {"step": healthy(model, torch.optim.Adam(model.parameters(), lr=0.5))}


@broken("learning rate too high", {"nan in weights"})
def after_the_disaster():
    model = lenet()
    optimizer = sgd(model, 10.0)
    with torch.no_grad():
        model.conv1.weight.fill_(float("nan"))
    return model, BATCH, {"optimizer": optimizer}


@broken("learning rate too low")
def a_millionth():
    model = lenet()
    return model, BATCH, {"optimizer": sgd(model, 1e-6)}


@broken("not in evaluation mode")
def with_batch_norm():
    model = BNLeNet()
    return model, BATCH, {
        "evaluate": lambda: torch.no_grad()(model)(IMAGES).argmax(1).eq(LABELS).float().mean()}


@broken("not in evaluation mode")
def with_dropout_of_another_name():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = flat()

        def forward(self, x):
            return self.net(F.dropout(x, 0.2, self.training))
    model = Noisy()
    return model, BATCH, {"evaluate": lambda: torch.no_grad()(model)(IMAGES)}


@broken("the evaluation raises")
def of_a_division():
    return flat(), BATCH, {"evaluate": lambda: 1 / 0}


@broken("another model in the evaluation")
def evaluated():
    other = flat()
    return flat(), BATCH, {"evaluate": lambda: torch.no_grad()(other)(IMAGES)}


@broken("training in the evaluation", {"gradients in the evaluation"})
def step_copied():
    model = flat()
    return model, BATCH, {"evaluate": partial(healthy(model, sgd(model)), *BATCH)}


@broken("gradients in the evaluation")
def no_no_grad():
    model = lenet()
    return model, BATCH, {"evaluate": lambda: model.eval()(IMAGES)}
