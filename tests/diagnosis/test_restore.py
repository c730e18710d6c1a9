"""Nothing is changed by a diagnosis, however the learner's functions end."""

import copy
import random

import numpy as np
import pytest
import torch
from programs import BATCH, IMAGES, LABELS, flat, lenet, loop, sgd, unchanged

from helpers.device import set_seed
from helpers.diagnosis.diagnose import diagnose
from helpers.models import BNLeNet


def with_a_past():
    """A BatchNorm network after two steps, one layer in another mode, with Adam and a scheduler."""
    set_seed(1)
    model = BNLeNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.002, total_steps=10)
    for _ in range(2):
        loop(model, optimizer)(IMAGES[:64], LABELS[:64])
        scheduler.step()
    model.bn2.eval()
    return model, optimizer, scheduler


def test_a_whole_diagnosis_changes_nothing():
    model, optimizer, scheduler = with_a_past()
    other = sgd(lenet())

    def everything(images, labels):
        images.mul_(2)
        random.random()
        np.random.rand()
        loop(model, optimizer)(images, labels)
        scheduler.step()
        other.param_groups[0]["lr"] = 7.0

    batch, schedule = IMAGES.clone(), copy.deepcopy(scheduler.state_dict())
    with unchanged(model, optimizer):
        diagnose(model, BATCH, step=everything, optimizer=optimizer,
                 evaluate=lambda: everything(batch.clone(), LABELS))
        diagnose(model, BATCH, step=everything)
    assert schedule == scheduler.state_dict() and other.param_groups[0]["lr"] == 0.05
    assert batch.equal(IMAGES)
    loop(model, optimizer)(*BATCH)  # and training goes on


def test_a_loop_that_stops_halfway_changes_nothing():
    model, optimizer, _ = with_a_past()

    def step(images=IMAGES, labels=LABELS):
        loop(model, optimizer)(images, labels)
        raise problem("stop here")

    problem = RuntimeError
    with unchanged(model, optimizer):
        findings = diagnose(model, BATCH, step=step, evaluate=step)
    assert [f.name for f in findings] == ["the step raises", "the evaluation raises"]
    assert all("RuntimeError: stop here." in f.text for f in findings)
    problem = KeyboardInterrupt
    with unchanged(model, optimizer), pytest.raises(KeyboardInterrupt):
        diagnose(model, BATCH, step=step)


def test_it_says_the_same_each_time_and_without_gradients_around():
    model = flat()
    optimizer = sgd(model, 10.0)
    with torch.no_grad():
        first = diagnose(model, BATCH, optimizer=optimizer)
        assert not torch.is_grad_enabled()
    assert first and first == diagnose(model, BATCH, optimizer=optimizer)
