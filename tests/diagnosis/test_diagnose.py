"""`diagnose`: every fault found by its name, healthy twins left in peace, nothing changed by
looking.
"""

import copy
import random
import re
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support import ROOT
from torch import nn
from torch.optim.optimizer import _global_optimizer_pre_hooks

from helpers.augment import color_jitter, cutout, random_crop, random_flip, random_resized_crop
from helpers.data import ImageSet, channel_statistics, load_cifar10, standin
from helpers.device import set_seed
from helpers.diagnosis.batch import unrelated, wrapped
from helpers.diagnosis.diagnose import diagnose
from helpers.models import BNLeNet, FastResNet, LeNet, ResNet
from helpers.training.fit import evaluate, fit


def small_standin() -> ImageSet:
    """2000 drawn images: all 60,000 would take longer than these tests."""
    images, labels, _, _ = standin.draw(2000, 8, seed=3)
    return ImageSet(images, labels, standin.CLASSES, *channel_statistics(images), "stand-in")


DATA = small_standin()
IMAGES, LABELS = DATA.normalize(DATA.images[:256]), DATA.labels[:256]
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


CASES = []


def case(name, also=None):
    """Register a broken case: its arguments, by which `name` must be found, and nothing else unless
    named in `also`.
    """
    def register(function):
        CASES.append(pytest.param(function, name, also or set(), id=f"{name}: {function.__name__}"))
        return function
    return register


# The seven loops of chapter 9.

@case("no zero_grad")
def missing():
    model = lenet()
    return model, BATCH, {"step": without_zero_grad(model, sgd(model))}


@case("no zero_grad")
def missing_with_the_gradient_clipped():
    model = lenet()
    return model, BATCH, {"step": without_zero_grad(model, sgd(model), clip=0.01)}


@case("no zero_grad")
def missing_before_an_update_by_hand():
    model = lenet()

    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
    return model, BATCH, {"step": step}


@case("softmax before cross-entropy")
def in_the_model():
    return nn.Sequential(lenet(), nn.Softmax(1)), BATCH, {}


@case("softmax before cross-entropy")
def in_the_loop():
    model = lenet()
    optimizer = sgd(model)
    return model, BATCH, {"step": healthy(model, optimizer, lambda x,
                                          y: nn.CrossEntropyLoss()(x.softmax(1), y))}


@case("not in training mode")
def left_by_the_evaluation():
    model = BNLeNet()
    optimizer = sgd(model)
    evaluation_mode = model.eval()

    def step(images, labels):
        optimizer.zero_grad()
        F.cross_entropy(evaluation_mode(images), labels).backward()
        optimizer.step()
    return model, BATCH, {"step": step}


@case("not in evaluation mode")
def with_batch_norm():
    model = BNLeNet()
    return model, BATCH, {
        "evaluate": lambda: torch.no_grad()(model)(IMAGES).argmax(1).eq(LABELS).float().mean()}


@case("not in evaluation mode")
def with_dropout_of_another_name():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = flat()

        def forward(self, x):
            return self.net(F.dropout(x, 0.2, self.training))
    model = Noisy()
    return model, BATCH, {"evaluate": lambda: torch.no_grad()(model)(IMAGES)}


@case("uint8 images")
def as_they_are_stored():
    return lenet(), (DATA.images[:256], LABELS), {}


@case("wrapped uint8")
def subtracted():
    return lenet(), ((DATA.images[:256] - 128) / 64, LABELS), {}


@case("wrapped uint8")
def brightened():
    return lenet(), (DATA.normalize((DATA.images[:256] + 50).float() / 255), LABELS), {}


@case("wrong axis", {"images mixed"})
def softmax_over_the_batch():
    return nn.Sequential(lenet(), nn.Softmax(0)), BATCH, {}


@case("wrong axis")
def log_softmax_over_the_batch():
    model = lenet()
    return model, BATCH, {"step": healthy(model, sgd(model), lambda x,
                                          y: F.cross_entropy(x.log_softmax(0), y))}


@case("learning rate too high")
def ten_of_sgd():
    model = lenet()
    return model, BATCH, {"optimizer": sgd(model, 10.0)}


@case("learning rate too high")
def half_of_adam_found_in_the_step():
    model = BNLeNet()
    return model, BATCH, {"step": healthy(model, torch.optim.Adam(model.parameters(), lr=0.5))}


@case("learning rate too high", {"nan in weights"})
def after_the_disaster():
    model = lenet()
    optimizer = sgd(model, 10.0)
    with torch.no_grad():
        model.conv1.weight.fill_(float("nan"))
    return model, BATCH, {"optimizer": optimizer}


@case("learning rate too low")
def a_millionth():
    model = lenet()
    return model, BATCH, {"optimizer": sgd(model, 1e-6)}


@case("labels unrelated to images")
def shuffled_apart():
    return flat(), (
        IMAGES, LABELS[torch.randperm(256, generator=torch.Generator().manual_seed(5))]), {}


# The batch.

@case("nan in images")
def one_of_them():
    images = IMAGES.clone()
    images[3, 0, 2, 2] = float("nan")
    return flat(), (images, LABELS), {}


@case("images not normalised")
def up_to_255():
    return lenet(), (DATA.images[:256].float(), LABELS), {}


@case("images not normalised")
def divided_twice():
    return lenet(), (DATA.images[:256].float() / 255 / 255, LABELS), {}


@case("labels and images differ in number")
def cut_apart():
    return flat(), (IMAGES, LABELS[:200]), {}


@case("one-hot labels of another length")
def one_class_more():
    return flat(), (IMAGES, F.one_hot(LABELS, 11).float()), {}


@case("labels of the wrong shape")
def a_column():
    return flat(), (IMAGES, LABELS[:, None]), {}


@case("labels of the wrong type")
def numbers_as_floats():
    return flat(), (IMAGES, LABELS.float()), {}


@case("labels of the wrong type")
def one_hot_as_integers():
    return flat(), (IMAGES, F.one_hot(LABELS, 10)), {}


@case("labels out of range")
def beginning_with_1():
    return flat(), (IMAGES, LABELS + 1), {}


@case("labels out of range")
def negative():
    return flat(), (IMAGES, LABELS - 1), {}


@case("only one class")
def sorted_by_class():
    return flat(), (IMAGES, LABELS * 0 + 4), {}


# The outputs.

@case("outputs are no tensor")
def a_pair():
    return Changed(lambda x: (x, x)), BATCH, {}


@case("wrong axis")
def transposed():
    return Changed(lambda x: x.T), BATCH, {}


@case("wrong axis")
def channels_last():
    return lenet(), (IMAGES.permute(0, 2, 3, 1), LABELS), {}


@case("images mixed")
def another_number_of_outputs():
    return Changed(before=lambda x: x.reshape(-1, 1536), net=nn.Linear(1536, 10)), BATCH, {}


@case("images mixed")
def normalised_along_the_batch():
    return Changed(before=lambda x: x - x.mean(0)), BATCH, {}


@case("images mixed")
def batch_norm_without_averages():
    return flat(nn.Linear(3072, 40), nn.BatchNorm1d(40, track_running_stats=False),
                nn.Linear(40, 10)), BATCH, {}


@case("images changed by the model")
def in_place():
    return Changed(before=lambda x: x.sub_(1)), BATCH, {}


@case("outputs of the wrong shape")
def a_map():
    return nn.Conv2d(3, 10, 1), BATCH, {}


@case("wrong number of outputs")
def seven():
    return flat(nn.Linear(3072, 7)), BATCH, {"classes": 10}


@case("random in evaluation mode")
def dropout_always_on():
    return Changed(before=lambda x: F.dropout(x, 0.5)), BATCH, {}


@case("the loss raises")
def of_a_wrong_loss():
    return flat(), BATCH, {"loss_fn": lambda x, y: F.mse_loss(x, y[:200].float())}


@case("the loss is not one number")
def unreduced():
    return flat(), BATCH, {"loss_fn": nn.CrossEntropyLoss(reduction="none")}


@case("ReLU after the last layer")
def relu():
    return Changed(F.relu), BATCH, {}


@case("sigmoid before cross-entropy")
def sigmoid():
    return Changed(torch.sigmoid), BATCH, {}


@case("the model raises")
def of_a_wrong_width():
    return flat(nn.Linear(3000, 10)), BATCH, {}


@case("nan in outputs", {"ReLU after the last layer"})
def log_of_zero():
    return Changed(lambda x: x.relu().log()), BATCH, {}


@case("loss far from chance")
def large_weights():
    model = flat()
    nn.init.normal_(model[1].weight)
    return model, BATCH, {}


@case("all outputs the same", {"dead ReLU"})
def zeros():
    model = lenet()
    for p in model.parameters():
        nn.init.zeros_(p)
    return model, BATCH, {}


@case("dead ReLU")
def a_bias_of_minus_100():
    model = flat(nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10))
    nn.init.constant_(model[1].bias[:38], -100)
    return model, BATCH, {}


# Parameters and gradients.

@case("nan in weights")
def of_a_layer():
    model = lenet()
    nn.init.constant_(model.conv1.weight, float("nan"))
    return model, BATCH, {}


@case("parameters not registered")
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


@case("frozen parameters")
def the_first_layer():
    model = lenet()
    model.conv1.requires_grad_(False)
    return model, BATCH, {}


@case("no gradient")
def cut_from_the_graph():
    return Changed(before=torch.Tensor.detach,
                   net=flat(Changed(torch.Tensor.detach, net=nn.Linear(3072, 30)),
                                                       nn.Linear(30, 10))), BATCH, {}


@case("no gradient")
def no_graph():
    return Changed(torch.Tensor.detach), BATCH, {}


@case("nan in the gradients")
def square_root_of_zero():
    class Rooted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.scale = flat(), nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.net(x) + (self.scale**2).sqrt()
    return Rooted(), BATCH, {}


@case("parameters not in the optimizer")
def of_another_model():
    return flat(), BATCH, {"optimizer": sgd(flat())}


@case("parameters not in the optimizer")
def all_but_the_last_layer():
    model = flat(nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10))
    return model, BATCH, {"optimizer": torch.optim.Adam(model[1].parameters(), lr=1e-3)}


@case("the optimizer raises")
def its_own_kind():
    class Odd(torch.optim.SGD):
        def step(self):
            pass
    model = flat()
    return model, BATCH, {"optimizer": Odd(model.parameters(), lr=0.01)}


# Other broken loops.

@case("the step raises")
def of_a_missing_name():
    return flat(), BATCH, {"step": lambda images, labels: missing_name}  # noqa: F821


@case("another model in the step", {"parameters not in the optimizer"})
def made_anew():
    other = flat()
    return flat(), BATCH, {"step": healthy(other, sgd(other))}


@case("no optimizer step")
def forgotten():
    model = flat()
    return model, BATCH, {"step": lambda images,
                          labels: F.cross_entropy(model(images), labels).backward()}


@case("gradients wiped before the step")
def zero_grad_in_between():
    model = flat()
    optimizer = sgd(model, 0.001)

    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        optimizer.zero_grad()
        optimizer.step()
    return model, BATCH, {"step": step}


@case("no backward")
def also_forgotten():
    model = flat()
    optimizer = sgd(model, 0.001)

    def step(images, labels):
        F.cross_entropy(model(images), labels)
        optimizer.step()
    return model, BATCH, {"step": step}


@case("the evaluation raises")
def of_a_division():
    return flat(), BATCH, {"evaluate": lambda: 1 / 0}


@case("another model in the evaluation")
def evaluated():
    other = flat()
    return flat(), BATCH, {"evaluate": lambda: torch.no_grad()(other)(IMAGES)}


@case("training in the evaluation", {"gradients in the evaluation"})
def step_copied():
    model = flat()
    return model, BATCH, {"evaluate": partial(healthy(model, sgd(model)), *BATCH)}


@case("gradients in the evaluation")
def no_no_grad():
    model = lenet()
    return model, BATCH, {"evaluate": lambda: model.eval()(IMAGES)}


@pytest.mark.parametrize("make, name, also", CASES)
def test_every_fault_has_its_name(make, name, also):
    set_seed(0)
    model, batch, more = make()
    before = snapshot(model, more.get("optimizer"))
    found = names(model, batch, **more)
    assert name in found and not {*found} - {name} - also, found
    assert_same(before, snapshot(model, more.get("optimizer")))


def test_every_check_has_a_case():
    """As many cases as places where a name is given: none can be taken away unseen."""
    given = Counter()
    for module in ("diagnose", "batch", "logits", "model", "loop"):
        given.update(re.findall(r'(?:Finding\(|name, hint = )"([^"]+)"',
                                (ROOT / "helpers" / "diagnosis" /
                                 f"{module}.py").read_text(encoding="utf-8")))
    tested = Counter(parameters.values[1] for parameters in CASES)
    assert len(given) > 40 and {*given} - {*tested, "the model raises"} == set()
    assert not [name for name, count in given.items() if tested[name] < count]
    assert not {*tested} - {*given, "the model raises"}, "a name that no check gives"


# Healthy twins.

@pytest.mark.parametrize("broken, lr, cause", [(without_zero_grad, 0.05, "no zero_grad"),
                                               (without_zero_grad, 0.3, "no zero_grad"),
                                               (healthy, 1.0, "learning rate too high"),
                                               (healthy, 10.0, "learning rate too high")])
def test_causes_are_told_before_what_follows(broken, lr, cause):
    """A network that broke a while ago: too large steps, gradients that add up."""
    model = lenet()
    step = broken(model, sgd(model, lr))
    for images, labels in DATA.batches(20):
        step(images, labels)
    found = names(model, BATCH, step=step)
    assert found[0] == cause and {*found[1:]} & {"all outputs the same", "nan in weights"}


def healthy_findings(make, optimizer, seed, batch=BATCH, data=DATA):
    set_seed(seed)
    model = make()
    optimizer = optimizer(model.parameters())
    return names(model, batch, step=healthy(model, optimizer), optimizer=optimizer,
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
                picked = torch.randperm(len(DATA),
                                        generator=torch.Generator().manual_seed(seed))[:256]
                batch = DATA.normalize(DATA.images[picked]), DATA.labels[picked]
                assert healthy_findings(make, optimizer, seed, batch) == [], (make, optimizer, seed)


def test_a_trained_network_is_left_in_peace():
    model = lenet()
    optimizer = sgd(model, 0.02)
    fit(model, DATA.batches(50), epochs=3, optimizer=optimizer, verbose=False)
    before = snapshot(model, optimizer)
    assert names(model, BATCH, step=healthy(model, optimizer), optimizer=optimizer,
                 evaluate=lambda: evaluate(model, DATA.take(100))) == []
    assert_same(before, snapshot(model, optimizer))


def zero_at_the_end(model, optimizer):
    def step(images, labels):
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return step


def zero_to_zeros(model, optimizer):
    def step(images, labels):
        model.zero_grad(set_to_none=False)
        F.cross_entropy(model(images), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        optimizer.step()
    return step


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


@pytest.mark.parametrize("loop", [zero_at_the_end, zero_to_zeros,
                                  partial(gathering, zero_first=True),
                                  partial(gathering, zero_first=False)])
def test_zero_grad_in_other_places_is_fine(loop):
    model = flat()
    assert names(model, BATCH, step=loop(model, sgd(model, 0.005))) == []


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
    assert names(model, BATCH, loss_fn=lambda p,
                 labels: F.nll_loss(p.clamp_min(1e-9).log(), labels)) == []


def test_modes_do_not_matter_where_nothing_depends_on_them():
    model = lenet().eval()
    optimizer = sgd(model)

    def step(images, labels):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert names(model, BATCH, step=step,
                 evaluate=lambda: torch.no_grad()(model.train())(IMAGES)) == []


def test_batch_norm_may_stand_still_on_purpose():
    set_seed(0)
    model = BNLeNet()
    optimizer = sgd(model)

    def step(images, labels):
        model.train()
        model.bn1.eval()
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert names(model, BATCH, step=step) == []


def test_a_last_layer_of_zeros_is_a_fine_start():
    model = lenet()
    nn.init.zeros_(model.fc3.weight)
    nn.init.zeros_(model.fc3.bias)
    assert names(model, BATCH) == []


def test_a_deep_plain_network_is_not_called_stuck():
    """In evaluation mode its outputs hardly differ before the first step; in training mode they do.
    """
    set_seed(0)
    assert names(ResNet(3, residual=False), (IMAGES[:48], LABELS[:48])) == []


def test_a_loop_may_prepare_images_in_its_own_way(capsys):
    """The model alone cannot take these images; nobody is accused, and it is said what was not
    looked at.
    """
    model = lenet()
    after = healthy(model, sgd(model))
    assert names(model, (DATA.images[:256], LABELS), step=lambda x,
                 y: after(DATA.normalize(x), y)) == []
    for images, prepare in ((IMAGES, lambda x: x.flatten(1)),
                            (IMAGES.permute(0, 2, 3, 1), lambda x: x.reshape(-1, 3072))):
        model = nn.Linear(3072, 10)
        optimizer = sgd(model, 0.001)

        def step(images, labels, model=model, optimizer=optimizer, prepare=prepare):
            optimizer.zero_grad()
            F.cross_entropy(model(prepare(images)), labels).backward()
            optimizer.step()
        assert names(model, (images, LABELS), step=step) == []
        assert "the model: it does not take these images" in capsys.readouterr().out


def test_a_model_may_take_uint8():
    model = Changed(before=lambda x: (x.float() - 120) / 60, net=lenet())
    assert names(model, (DATA.images[:256], LABELS)) == []


def test_soft_labels_and_small_batches_are_fine():
    assert names(flat(), (IMAGES, F.one_hot(LABELS, 10).float())) == []
    for count in (1, 2, 7):
        model = lenet()
        assert names(model, (IMAGES[:count], LABELS[:count]), step=healthy(model, sgd(model))) == []


# The two statistics, on thousands of images.

AUGMENTED = {
    "plain": lambda x: x,
    "crop and flip": lambda x: random_crop(random_flip(x)),
    "cutout": partial(cutout, size=16),
    "jitter": partial(color_jitter, brightness=1.0, contrast=1.0, saturation=1.0),
    "all": lambda x: cutout(color_jitter(random_resized_crop(random_flip(x)), 0.4, 0.4, 0.4)),
    "grey": lambda x: x.mean(1, keepdim=True),
    "black and white": lambda x: (x > 0.5).float(),
    "noise": torch.rand_like,
    "normal noise": torch.randn_like,
}
WRAPPED = {
    "x - 128": lambda x: (x - 128) / 64, "x - 120": lambda x: x - 120,
    "x + 25": lambda x: (x + 25) / 255,
    "x * 2": lambda x: (x * 2) / 255, "x * 3": lambda x: x * 3,
    "x - mean": lambda x: (x - torch.tensor([125, 123, 114], dtype=torch.uint8).view(1, 3, 1, 1)) /
    63,
    "augmented": lambda x: random_crop(random_flip((x - 128).float() / 255)),
}


def is_wrapped(images):
    jumps, peak = wrapped(images)
    return jumps > 0.004 and peak > 0.35


def count_wrapped(data, draws, sizes=(64, 128, 500)):
    """False alarms in each kind of images, and batches missed in each kind of wrapping."""
    set_seed(0)
    alarms, missed = Counter(), Counter()
    for size in sizes:
        for _ in range(draws):
            images = data.images[torch.randint(len(data), (size,))]
            for name, change in AUGMENTED.items():
                alarms[name] += is_wrapped(change(images.float() / 255))
            for name, change in WRAPPED.items():
                missed[name] += not is_wrapped(change(images))
    return +alarms, +missed


def is_unrelated(images, labels):
    share, limit, _ = unrelated(images, labels)
    return share > limit


def count_unrelated(data, draws, sizes=(256, 500)):
    """How often right labels are accused, and how often shuffled ones are found, in so many draws
    of each size.
    """
    set_seed(0)
    accused = found = 0
    for size in sizes:
        for change in (AUGMENTED["plain"], AUGMENTED["crop and flip"], AUGMENTED["all"]):
            for _ in range(draws):
                picked = torch.randint(len(data), (size,))
                images, labels = change(data.images[picked].float() / 255), data.labels[picked]
                accused += is_unrelated(images, labels)
                found += is_unrelated(images, labels[torch.randperm(size)])
    return accused, found / (draws * len(sizes) * 3)


def test_wrapped_uint8_is_told_from_other_images():
    assert count_wrapped(DATA, draws=2, sizes=(64, 128)) == ({}, {})


def test_labels_that_belong_are_told_from_shuffled_ones():
    accused, found = count_unrelated(DATA, draws=4)
    assert accused == 0 and found > 0.9


@pytest.mark.long
@pytest.mark.parametrize("source", ["stand-in", "real"])
def test_both_over_many_draws(source, request, monkeypatch):
    """No false alarm in 30 × 36 and 100 × 6 draws; all of the wrapping found, and 97 % of the
    shuffling.
    """
    if source == "real":
        monkeypatch.setenv("COURSE_DATA", request.getfixturevalue("real_folder"))
        data = load_cifar10(verbose=False).train
    else:
        data = request.getfixturevalue("standin").train
    assert count_wrapped(data, draws=30) == ({}, {})
    alarms, missed = count_wrapped(data, draws=30, sizes=(16,))
    assert not alarms and missed.total() <= 4, (
        "of 210: few images may show too few of the pixels that x + 25 wraps")
    accused, found = count_unrelated(data, draws=100)
    assert accused == 0 and found > 0.97


def test_too_few_images_are_not_judged():
    assert unrelated(IMAGES[:255], LABELS[:255]) is None
    assert unrelated(IMAGES, torch.arange(256) % 20) is None, "25 of each class are needed"
    assert unrelated(IMAGES, LABELS) is not None
    assert names(flat(), (IMAGES[:200], LABELS[:200].flip(0))) == []


# Nothing is changed.

def snapshot(model, optimizer=None) -> list:
    """All that must be the same afterwards: values, and for what others hold by name, which objects
    they are.
    """
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


def with_a_past():
    """A BatchNorm network after two steps, with gradients, one frozen layer's worth of modes, Adam
    and a scheduler.
    """
    set_seed(1)
    model = BNLeNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.002, total_steps=10)
    for _ in range(2):
        healthy(model, optimizer)(IMAGES[:64], LABELS[:64])
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
        healthy(model, optimizer)(images, labels)
        scheduler.step()
        other.param_groups[0]["lr"] = 7.0

    before, schedule, batch = snapshot(model, optimizer), copy.deepcopy(
        scheduler.state_dict()), IMAGES.clone()
    diagnose(model, BATCH, step=everything, optimizer=optimizer,
             evaluate=lambda: everything(batch.clone(), LABELS))
    diagnose(model, BATCH, step=everything)
    assert_same(before, snapshot(model, optimizer))
    assert schedule == scheduler.state_dict() and other.param_groups[0][
        "lr"] == 0.05 and batch.equal(IMAGES)
    healthy(model, optimizer)(*BATCH)  # and training goes on


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
def test_a_loop_that_stops_halfway_changes_nothing(problem):
    model, optimizer, _ = with_a_past()

    def step(images=IMAGES, labels=LABELS):
        healthy(model, optimizer)(images, labels)
        raise problem("stop here")

    before = snapshot(model, optimizer)
    if problem is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            diagnose(model, BATCH, step=step)
    else:
        findings = diagnose(model, BATCH, step=step, evaluate=step)
        assert [f.name for f in findings] == ["the step raises", "the evaluation raises"]
        assert all("RuntimeError: stop here." in f.text for f in findings)
    assert_same(before, snapshot(model, optimizer))


def test_it_says_the_same_each_time_and_without_gradients_around():
    model = flat()
    optimizer = sgd(model, 10.0)
    with torch.no_grad():
        first = diagnose(model, BATCH, optimizer=optimizer)
        assert not torch.is_grad_enabled()
    assert first and first == diagnose(model, BATCH, optimizer=optimizer)


# What the learner reads.

def test_findings_are_printed_and_returned(capsys):
    findings = diagnose(nn.Sequential(lenet(), nn.Softmax(1)), BATCH)
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == findings[0].name == "softmax before cross-entropy"
    assert " ".join(findings[0].text.split()) in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 88, "fits the page"
    assert repr(findings) == "[Finding(name='softmax before cross-entropy')]"


def test_what_was_not_looked_at_is_said(capsys):
    model = flat()
    optimizer = sgd(model, 0.005)
    arguments = {"step": healthy(model, optimizer), "optimizer": optimizer,
                 "evaluate": lambda: evaluate(model, DATA.take(64))}
    assert diagnose(model, (IMAGES[:64], LABELS[:64])) == []
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Nothing wrong was seen") and len(lines) == 6
    assert diagnose(model, BATCH, **arguments) == []
    assert len(capsys.readouterr().out.splitlines()) == 1
    for missing in arguments:
        diagnose(model, BATCH,
                 **{name: value for name, value in arguments.items() if name != missing})
        printed = capsys.readouterr().out
        assert (f"pass {missing}=" in printed) == (
            missing != "optimizer"), "the step shows the optimizer"


def test_the_numbers_seen_are_named():
    def text(name, model, batch=BATCH, **more):
        (text,) = (f.text for f in diagnose(model, batch, **more) if f.name == name)
        return text

    model = lenet()
    assert "100 % of it was still there" in text("no zero_grad", model,
                                                 step=without_zero_grad(model, sgd(model)))
    assert "scaled down" in text("no zero_grad", model,
                                 step=without_zero_grad(model, sgd(model), clip=1e-3))
    assert "cannot fall below 1.46" in text("softmax before cross-entropy",
                                            nn.Sequential(model, nn.Softmax(1)))
    assert "from 1 to 10, but 10 classes" in text("labels out of range", model,
                                                  (IMAGES, LABELS + 1))
    assert "from 0 to 255" in text("images not normalised", model,
                                   (DATA.images[:256].float(), LABELS))
    assert "Linear(3072, 10)" in text("the model raises", flat(nn.Linear(3000, 10)))
    assert "permute(0, 3, 1, 2)" in text("wrong axis", model, (IMAGES.permute(0, 2, 3, 1), LABELS))
    assert "images.float()" in text("the model raises", model, (IMAGES.double(), LABELS))
    assert "lr = 10 " in text("learning rate too high", model, optimizer=sgd(model, 10.0))
    assert "larger batch" in text("the model raises", BNLeNet(), (IMAGES[:1], LABELS[:1]))
    assert "a view mixes images" in text("the model raises",
                                         nn.Sequential(nn.Flatten(0, 1), nn.Linear(1, 9)))


@pytest.mark.parametrize("batch, words",
                         [(IMAGES, "two tensors"), ((IMAGES, [1, 2]), "two tensors"),
                                          ((IMAGES[:0], LABELS[:0]), "a batch of images"),
                                          ((torch.tensor(1.0), LABELS), "a batch of images")])
def test_something_that_is_no_batch(batch, words):
    with pytest.raises((TypeError, ValueError), match=words):
        diagnose(flat(), batch)


def test_an_optimizer_of_ones_own_is_seen_through_the_step():
    with pytest.raises(TypeError, match="pass step="):
        diagnose(flat(), BATCH, optimizer=object())
