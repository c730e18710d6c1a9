"""What the broken and the healthy programs of these tests are made of."""

import copy
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import _global_optimizer_pre_hooks

from helpers.data import ImageSet, channel_statistics, standin
from helpers.device import set_seed
from helpers.diagnosis.diagnose import diagnose
from helpers.models import LeNet


def small_standin() -> ImageSet:
    """2000 drawn images: all 60,000 would take longer than these tests."""
    images, labels, _, _ = standin.draw(2000, 8, seed=3)
    return ImageSet(images, labels, standin.CLASSES, *channel_statistics(images), "stand-in")


DATA = small_standin()
STORED = DATA.images[:256]  # uint8
IMAGES, LABELS = DATA.normalize(STORED), DATA.labels[:256]
BATCH = IMAGES, LABELS


def names(*args, **kwargs) -> list[str]:
    return [finding.name for finding in diagnose(*args, **kwargs)]


def sgd(model, lr=0.05):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def healthy(model, optimizer, loss_fn=F.cross_entropy):
    def step(images, labels):
        model.train()
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step


def without_zero_grad(model, optimizer, clip=None):
    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    return step


def lenet(seed=0):
    set_seed(seed)
    return LeNet()


def flat(*layers):
    """A small network, quickly made and tried."""
    set_seed(0)
    return nn.Sequential(nn.Flatten(), *(layers or [nn.Linear(3072, 10)]))


class Changed(nn.Module):
    """A network with a change of its outputs, or of what goes into it."""

    def __init__(self, after=lambda x: x, before=lambda x: x, net=None):
        super().__init__()
        self.net, self.after, self.before = net or flat(), after, before

    def forward(self, x):
        return self.after(self.net(self.before(x)))


class Registry(dict):
    """Broken programs: functions that return (model, batch, what else `diagnose` gets).

    With each, the `name` by which it must be found, what else may be found, the consequences
    (`also`), and what the finding's text must contain (`says`).
    """

    def __call__(self, name, also=(), says=""):
        def register(function):
            self.add(name, function.__name__.replace("_", " "), function, also, says)
            return function
        return register

    def add(self, name, what, function, also=(), says=""):
        self[f"{name}: {what}"] = function, name, {*also}, says


def snapshot(model, optimizer=None) -> list:
    """All that must be the same afterwards: values, and which objects others hold by name."""
    state = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()]
    for module in model.modules():
        state += [module.training, len(module._forward_pre_hooks)]
    for p in model.parameters():
        state += [id(p), p.detach().clone(), p.requires_grad, id(p.grad),
                  None if p.grad is None else p.grad.clone()]
    for name, buffer in model.named_buffers():
        state += [name, id(buffer), buffer.clone()]
    if optimizer is not None:
        state += [copy.deepcopy(optimizer.state_dict()), id(optimizer.param_groups[0]),
                  sorted(vars(optimizer))]
    return [*state, len(_global_optimizer_pre_hooks)]


def assert_same(before, after):
    if isinstance(before, torch.Tensor):
        torch.testing.assert_close(after, before, rtol=0, atol=0, equal_nan=True)
    elif isinstance(before, dict):
        assert before.keys() == after.keys()
        assert_same(list(before.values()), list(after.values()))
    elif isinstance(before, list | tuple):
        assert len(before) == len(after)
        for a, b in zip(before, after, strict=True):
            assert_same(a, b)
    else:
        assert before == after
