"""Healthy twins of broken programs, and unusual ones that are right, are left in peace."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from programs import BATCH, DATA, STORED, Changed, flat, lenet, loop, names, sgd, unchanged
from torch import nn

from helpers.device import set_seed
from helpers.models import BNLeNet, FastResNet, LeNet, ResNet
from helpers.training.fit import evaluate, fit

IMAGES, LABELS = BATCH


def healthy_findings(make, optimizer, seed, batch=BATCH, data=DATA):
    set_seed(seed)
    model = make()
    optimizer = optimizer(model.parameters())
    return names(model, batch, step=loop(model, optimizer), optimizer=optimizer,
                 evaluate=lambda: evaluate(model, data.take(64)))


RATES = [partial(torch.optim.SGD, lr=lr, momentum=0.9) for lr in (0.01, 0.05, 0.1)] + [
    partial(torch.optim.SGD, lr=0.1), partial(torch.optim.Adam, lr=1e-3),
    partial(torch.optim.AdamW, lr=3e-4),
    partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True, fused=True)]


@pytest.mark.parametrize("make", [LeNet, BNLeNet])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("optimizer", RATES[1:5:3], ids=["SGD", "Adam"])
def test_healthy_loops_are_left_in_peace(make, seed, optimizer):
    assert healthy_findings(make, optimizer, seed) == []


def test_a_healthy_fast_resnet_is_left_in_peace():
    assert healthy_findings(FastResNet, RATES[0], 0, (IMAGES[:128], LABELS[:128])) == []


@pytest.mark.long
def test_false_alarms_over_seeds_and_rates():
    """None in 7 settings of 4 networks; with 5 seeds for each of them none in 140 either."""
    for make, seeds in ((LeNet, 5), (BNLeNet, 5), (FastResNet, 1), (partial(ResNet, 1), 2)):
        for optimizer in RATES:
            for seed in range(seeds):
                generator = torch.Generator().manual_seed(seed)
                picked = torch.randperm(len(DATA), generator=generator)[:256]
                batch = DATA.normalize(DATA.images[picked]), DATA.labels[picked]
                assert healthy_findings(make, optimizer, seed, batch) == [], (make, optimizer, seed)


def test_a_trained_network_is_left_in_peace():
    model = lenet()
    optimizer = sgd(model, 0.02)
    fit(model, DATA.batches(50), epochs=3, optimizer=optimizer, verbose=False)
    with unchanged(model, optimizer):
        assert names(model, BATCH, step=loop(model, optimizer), optimizer=optimizer,
                     evaluate=lambda: evaluate(model, DATA.take(100))) == []


def gathering(model, optimizer, zero_first):
    calls = 0

    def step(images, labels):
        nonlocal calls
        if zero_first and calls % 4 == 0:
            optimizer.zero_grad()
        (F.cross_entropy(model(images), labels) / 4).backward()
        calls += 1
        if calls % 4 == 0:
            optimizer.step()
            if not zero_first:
                optimizer.zero_grad()
    return step


@pytest.mark.parametrize("make_step", [
    partial(loop, parts="loss backward step zero"),
    partial(loop, parts="zeros loss backward clip step"),
    partial(gathering, zero_first=True), partial(gathering, zero_first=False)])
def test_zero_grad_in_other_places_is_fine(make_step):
    model = flat()
    assert names(model, BATCH, step=make_step(model, sgd(model, 0.005))) == []


def test_an_update_by_hand_is_fine():
    model = flat()

    def step(images, labels):
        gradients = torch.autograd.grad(F.cross_entropy(model(images), labels),
                                        list(model.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), gradients, strict=True):
                p -= 0.1 * g
    assert names(model, BATCH, step=step) == []


def test_log_softmax_is_harmless_and_its_own_loss_right():
    model = nn.Sequential(lenet(), nn.LogSoftmax(1))
    assert names(model, BATCH) == names(model, BATCH, loss_fn=F.nll_loss) == []


def test_probabilities_before_a_loss_that_wants_them():
    model = nn.Sequential(lenet(), nn.Softmax(1))
    assert names(model, BATCH, loss_fn=lambda p, y: F.nll_loss(p.clamp_min(1e-9).log(), y)) == []


def test_modes_do_not_matter_where_nothing_depends_on_them():
    model = lenet().eval()
    assert names(model, BATCH, step=loop(model, sgd(model), "loss backward step zero"),
                 evaluate=lambda: torch.no_grad()(model.train())(IMAGES)) == []


def test_batch_norm_may_stand_still_on_purpose():
    set_seed(0)
    model = BNLeNet()
    after = loop(model, sgd(model), "zero loss backward step")

    def step(images, labels):
        model.train()
        model.bn1.eval()
        after(images, labels)
    assert names(model, BATCH, step=step) == []


def test_a_last_layer_of_zeros_is_a_fine_start():
    model = lenet()
    for p in model.fc3.parameters():
        nn.init.zeros_(p)
    assert names(model, BATCH) == []


def test_a_deep_plain_network_is_not_called_stuck():
    """Before the first step its outputs hardly differ in evaluation mode; in training they do."""
    set_seed(0)
    assert names(ResNet(3, residual=False), (IMAGES[:48], LABELS[:48])) == []


def test_a_loop_may_prepare_images_in_its_own_way(capsys):
    """The model alone cannot take these images: it is said that it was not looked at."""
    model = lenet()
    after = loop(model, sgd(model))
    assert names(model, (STORED, LABELS), step=lambda x, y: after(DATA.normalize(x), y)) == []
    for images, prepare in ((IMAGES, lambda x: x.flatten(1)),
                            (IMAGES.permute(0, 2, 3, 1), lambda x: x.reshape(-1, 3072))):
        model = nn.Linear(3072, 10)
        after = loop(model, sgd(model, 0.001))
        assert names(model, (images, LABELS), step=lambda x, y, after=after, prepare=prepare:
                     after(prepare(x), y)) == []
        assert "the model: it does not take these images" in capsys.readouterr().out


def test_a_model_may_take_uint8():
    model = Changed(before=lambda x: (x.float() - 120) / 60, net=lenet())
    assert names(model, (STORED, LABELS)) == []


def test_soft_labels_and_small_batches_are_fine():
    assert names(flat(), (IMAGES, F.one_hot(LABELS, 10).float())) == []
    for count in (1, 2, 7):
        model = lenet()
        assert names(model, (IMAGES[:count], LABELS[:count]), step=loop(model, sgd(model))) == []
