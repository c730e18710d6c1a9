"""What the broken and the healthy programs of these tests are made of."""

import copy
import random
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import _global_optimizer_pre_hooks

from helpers.data import ImageSet, channel_statistics, standin
from helpers.device import set_seed
from helpers.diagnosis.diagnose import diagnose
from helpers.models import LeNet

# 2000 drawn images: all 60,000 would take longer than these tests
_images, _labels, _, _ = standin.draw(2000, 8, seed=3)
DATA = ImageSet(_images, _labels, standin.CLASSES, *channel_statistics(_images), "stand-in")
STORED = DATA.images[:256]  # uint8
BATCH = IMAGES, LABELS = DATA.normalize(STORED), DATA.labels[:256]


def names(*args, **kwargs) -> list[str]:
    return [finding.name for finding in diagnose(*args, **kwargs)]


def sgd(model, lr=0.05):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def loop(model, optimizer, parts="train loss zero backward step", loss_fn=F.cross_entropy):
    """Return a step of a loop that does these parts, in this order."""
    def step(images, labels):
        do = {"train": model.train, "eval": model.eval, "zero": optimizer.zero_grad,
              "zeros": partial(model.zero_grad, set_to_none=False), "step": optimizer.step,
              "clip": partial(nn.utils.clip_grad_norm_, model.parameters(), 1e-3)}
        for part in parts.split():
            if part == "loss":
                do["backward"] = loss_fn(model(images), labels).backward
            else:
                do[part]()
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


def fault(name, what, make=flat, batch=BATCH, also=(), says="", **passed):
    """Return a case: `make` a model, and pass `diagnose` what functions of it give.

    It must be found by this name, consequences by those in `also`; the text `says` this.
    """
    return pytest.param(make, batch, passed, name, {*also}, says, id=f"{name}: {what}")


@contextmanager
def unchanged(model, optimizer=None):
    """Hold that all is the same afterwards: values, and which objects others hold by name."""
    def snapshot():
        state = [random.getstate(), np.random.get_state()[1], torch.get_rng_state(),
                 len(_global_optimizer_pre_hooks)]
        for module in model.modules():
            state += [module.training, len(module._forward_pre_hooks)]
        for p in model.parameters():
            state += [id(p), p.detach(), p.requires_grad, id(p.grad), p.grad]
        state += [{name: [id(buffer), buffer] for name, buffer in model.named_buffers()}]
        if optimizer is not None:
            state += [optimizer.state_dict(), id(optimizer.param_groups[0]),
                      dict.fromkeys(vars(optimizer), 0)]
        return copy.deepcopy(state)
    before = snapshot()
    yield
    torch.testing.assert_close(snapshot(), before, rtol=0, atol=0, equal_nan=True)
