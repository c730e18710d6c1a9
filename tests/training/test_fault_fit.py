"""Faults in what is given to `fit`, `evaluate` and `predict`: right numbers, or one sentence.

Letters and numbers in the names of cases are those of reports of what broke in other courses.
"""

import math
import warnings
from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import SGD, lr_scheduler

from helpers import History, TrainingStopped, evaluate, fit, plot_history, predict, set_seed
from helpers.training.forms import count_hits
from helpers.training.history import percent
from helpers.training.meter import Meter
from helpers.training.rhythm import doubts
from helpers.widgets import TrainingMonitor

COUNT, CLASSES = 40, 4
IMAGES = torch.randn(COUNT, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(COUNT) % CLASSES
SHARES = F.one_hot(LABELS, CLASSES).float()


def net(outputs=CLASSES):
    set_seed(0)
    return nn.Linear(6, outputs)


def sgd(model, lr=0.01):
    return SGD(model.parameters(), lr=lr)


def batches(labels, size=COUNT):
    return [*zip(IMAGES.split(size), labels.split(size), strict=True)]


def trained(model, data, loss_fn=F.cross_entropy, epochs=1, lr=0.0, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(model, data, data, epochs=epochs, optimizer=sgd(model, lr), loss_fn=loss_fn,
                   verbose=False, **settings)


def squeezing(logits, labels):
    return F.cross_entropy(logits, labels.squeeze(1))


# Labels of every form: the accuracy is the one counted by hand, in fit and in evaluate.

FORMS = {
    "numbers": (LABELS, F.cross_entropy), "F2 in a column": (LABELS[:, None], squeezing),
    "small numbers": (LABELS.byte(), lambda z, t: F.cross_entropy(z, t.long())),
    "F1 one in each row": (SHARES, F.cross_entropy),
    "whole ones in rows": (SHARES.long(), lambda z, t: F.cross_entropy(z, t.float())),
    "smoothed": (0.9 * SHARES + 0.1 / CLASSES, F.cross_entropy),
    "half precision": (SHARES.bfloat16(), lambda z, t: F.cross_entropy(z, t.float())),
    "regression on rows": (SHARES, F.mse_loss),
}


@pytest.mark.parametrize("size", [COUNT, CLASSES, 7])
@pytest.mark.parametrize("labels, loss_fn", FORMS.values(), ids=FORMS)
def test_fault_accuracy_of_every_form_of_labels(labels, loss_fn, size):
    """F1: 494 % where batches had as many images as classes; F2: 65.49."""
    model = net()
    right = (model(IMAGES).argmax(1) == LABELS).float().mean().item()
    assert 0 < right < 1
    data = batches(labels, size)
    history = trained(model, data, loss_fn)
    assert history.train_accuracy == history.val_accuracy == pytest.approx([right])
    assert evaluate(model, data, loss_fn=loss_fn)[1] == pytest.approx(right)


BITS = (torch.rand(COUNT, CLASSES, generator=torch.Generator().manual_seed(1)) > 0.5).float()
NO_CLASSES = {
    "F3 one output": (1, BITS[:, :1], F.binary_cross_entropy_with_logits),
    "one output in no column": (0, BITS[:, 0], F.binary_cross_entropy_with_logits),
    "several right at once": (CLASSES, BITS, F.binary_cross_entropy_with_logits),
    "numbers to be met": (CLASSES, IMAGES[:, :CLASSES], F.mse_loss),
    "one number to be met": (1, IMAGES[:, :1], F.mse_loss),
}


@pytest.mark.parametrize("outputs, labels, loss_fn", NO_CLASSES.values(), ids=NO_CLASSES)
def test_fault_no_accuracy_where_there_are_no_classes(outputs, labels, loss_fn, capsys):
    """F3: every network had an accuracy of 100 %."""
    model = net(outputs) if outputs else nn.Sequential(net(1), nn.Flatten(0))
    data = batches(labels, 13)
    loss, accuracy = evaluate(model, data, loss_fn=loss_fn)
    assert math.isnan(accuracy)
    assert loss == pytest.approx(loss_fn(model(IMAGES), labels).item(), rel=1e-5)
    monitor = TrainingMonitor()
    history = trained(model, data, loss_fn, epochs=3, lr=0.05, monitor=monitor)
    assert [*map(math.isnan, history.train_accuracy + history.val_accuracy)] == [True] * 6
    assert history.val_loss[-1] < history.val_loss[0] and history.best_epoch == 3
    assert "accuracy – | validation" in history.last_line() and "nan" not in repr(history)
    assert "nan" not in capsys.readouterr().out
    assert [e["train_accuracy"] for e in monitor.epochs] == [None] * 3, "NaN is no JSON"
    assert "nan" not in monitor.to_html() and "–" in monitor.to_html()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = plot_history(history)
    assert not axes[1].lines and "no accuracy" in axes[1].texts[0].get_text()


def test_fault_a_batch_that_is_no_shares_takes_the_accuracy_from_all():
    meter = Meter()
    for labels in (SHARES, BITS):
        meter.add(torch.tensor(1.0), net()(IMAGES), labels)
    meter.close()
    assert math.isnan(meter.accuracy)


REFUSED = {
    "class numbers as fractions": (LABELS.float(), r"shape \(40,\) and the type float32"),
    "in a column as fractions": (LABELS.float()[:, None], r"shape \(40, 1\) and the type float32"),
    "another width": (SHARES[:, :3], r"shape \(40, 3\) and the type float32"),
    "pictures of labels": (LABELS[:, None, None].repeat(1, 2, 2), r"shape \(40, 2, 2\)"),
    "complex": (SHARES.to(torch.complex64), "the type complex64"),
    "no axis": (torch.tensor(1), "40 outputs for no row of labels"),
    "fewer": (LABELS[:7], "40 outputs for 7 labels"),
    "in a column for PyTorch's loss": (LABELS[:, None], r"labels.squeeze\(1\)"),
}


@pytest.mark.parametrize("labels, words", REFUSED.values(), ids=REFUSED)
def test_fault_labels_of_no_form_are_refused_in_a_sentence(labels, words):
    data = [(IMAGES, labels)]
    with pytest.raises(TrainingStopped, match=words):
        trained(net(), data)
    with pytest.raises(ValueError, match=words):
        evaluate(net(), data)


def test_fault_hits_are_counted_from_shapes_alone():
    """No number is looked at, so no GPU is waited for: the count works where there is none."""
    away = {"device": "meta"}
    logits = torch.empty(COUNT, CLASSES, **away)
    for labels in (torch.empty(COUNT, dtype=torch.long, **away), torch.empty_like(logits)):
        hits = count_hits(logits, labels)
        assert hits.device.type == "meta" and hits.shape == ()


# What is no batch, no output, no loss.

BATCHES = {
    "three parts": ((IMAGES, LABELS, LABELS), "a tuple of 3"), "a dictionary": (
        {"images": IMAGES, "labels": LABELS}, "a dict"), "images alone": (IMAGES, "a tensor of"),
    "a list of labels": ((IMAGES, LABELS.tolist()), "a tuple of 2"),
    "arrays": ((IMAGES.numpy(), LABELS.numpy()), "a tuple of 2"),
}


@pytest.mark.parametrize("batch, words", BATCHES.values(), ids=BATCHES)
def test_fault_a_batch_of_another_form(batch, words):
    with pytest.raises(TrainingStopped, match=f"must be two tensors.* but this one is {words}"):
        trained(net(), [batch])
    for call in (evaluate, predict):
        with pytest.raises(ValueError, match="must be two tensors"):
            call(net(), [batch])


class Output(nn.Module):
    """A model that wraps its logits by a function."""

    def __init__(self, wrap):
        super().__init__()
        self.body, self.wrap = net(), wrap

    def forward(self, images):
        return self.wrap(self.body(images))


OUTPUTS = {"F16 a tuple": (lambda z: (z, z), "a tuple of 2"), "F16 a dictionary": (
    lambda z: {"logits": z}, "a dict"), "a list": (lambda z: [z], "a list of 1"),
    "an object": (lambda z: SimpleNamespace(logits=z), "a SimpleNamespace"),
    "nothing": (lambda z: None, "a NoneType")}


@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("wrap, words", OUTPUTS.values(), ids=OUTPUTS)
def test_fault_outputs_that_are_not_one_tensor(wrap, words, autocast):
    with pytest.raises(TrainingStopped, match=f"In training mode the model returns {words}"):
        trained(Output(wrap), batches(LABELS), autocast=autocast)
    for call in (evaluate, predict):
        with pytest.raises(ValueError, match=f"In evaluation mode the model returns {words}"):
            call(Output(wrap), batches(LABELS), autocast=autocast)


@pytest.mark.parametrize("shape", [(), (CLASSES, 2), (CLASSES, 1, 1)])
def test_fault_outputs_of_another_shape(shape):
    with pytest.raises(ValueError, match="one number for each class is needed"):
        evaluate(Output(lambda z: z.mean() if not shape else z[..., None].expand(
            COUNT, CLASSES, shape[1]).reshape(COUNT, *shape)), batches(LABELS))


SUMS = {
    "F14 module": nn.CrossEntropyLoss(reduction="sum"),
    "F14 partial": partial(F.cross_entropy, reduction="sum"),
    "F14 function": lambda z, t: F.cross_entropy(z, t, reduction="sum"),
    "F14 by hand": lambda z, t: -z.log_softmax(1)[torch.arange(len(t)), t].sum(),
}


@pytest.mark.parametrize("loss_fn", SUMS.values(), ids=SUMS)
def test_fault_a_loss_that_is_a_sum(loss_fn):
    """F14: a mean loss per image of 2,305."""
    model, data = net(), batches(LABELS, 15)
    mean = F.cross_entropy(model(IMAGES), LABELS).item()
    assert evaluate(model, data, loss_fn=loss_fn)[0] == pytest.approx(mean, rel=1e-5)
    with pytest.warns(UserWarning, match="loss_fn is the sum over a batch, not the mean"):
        history = fit(model, data, epochs=1, optimizer=sgd(model, 0.0), loss_fn=loss_fn,
                      verbose=False)
    assert history.train_loss[0] == pytest.approx(mean, rel=1e-5)
    assert history.batch_loss[0] == pytest.approx(
        F.cross_entropy(model(IMAGES[:15]), LABELS[:15]).item(), rel=1e-5)


MEANS = {
    "module": nn.CrossEntropyLoss(), "smoothed": partial(F.cross_entropy, label_smoothing=0.1),
    "function": lambda z, t: F.cross_entropy(z, t), "weighted": nn.CrossEntropyLoss(torch.rand(4)),
    "by hand": lambda z, t: -z.log_softmax(1)[torch.arange(len(t)), t].mean(),
    "one axis": lambda z, t: F.cross_entropy(z, t).reshape(1),
    "random": lambda z, t: F.cross_entropy(z + torch.randn_like(z), t),
}


@pytest.mark.parametrize("loss_fn", MEANS.values(), ids=MEANS)
def test_fault_a_mean_is_left_alone(loss_fn):
    """No warning, and the numbers of the bare loop, also where the loss draws random numbers."""
    model, bare = net(), net()
    data = batches(LABELS, 10)
    optimizer, losses = sgd(bare), []
    torch.manual_seed(3)
    for images, labels in data:
        loss = loss_fn(bare(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(model, data, epochs=1, optimizer=sgd(model), loss_fn=loss_fn, verbose=False)
    assert history.batch_loss == losses


@pytest.mark.parametrize("loss_fn, words", [
    (nn.CrossEntropyLoss(reduction="none"), r"a tensor of shape \(40,\)"),
    (lambda z, t: F.cross_entropy(z, t).item(), "a float"), (lambda z, t: None, "a NoneType"),
    (lambda z, t: (F.cross_entropy(z, t), z), "a tuple of 2")])
def test_fault_a_loss_that_is_not_one_number(loss_fn, words):
    with pytest.raises(TrainingStopped, match=f"loss_fn must give one number.*it gives {words}"):
        trained(net(), batches(LABELS), loss_fn)
    with pytest.raises(ValueError, match="loss_fn must give one number"):
        evaluate(net(), batches(LABELS), loss_fn=loss_fn)


@pytest.mark.parametrize("loss_fn", [
    lambda z, t: F.cross_entropy(z.detach(), t),
    lambda z, t: F.cross_entropy(F.one_hot(z.argmax(1), 4).float(), t)])
def test_fault_a_loss_that_is_cut_off(loss_fn):
    with pytest.raises(TrainingStopped, match="does not depend on a parameter"):
        trained(net(), batches(LABELS), loss_fn)


# Models and optimizers.

class InAList(nn.Module):
    """F11: the layers are not registered."""

    def __init__(self):
        super().__init__()
        self.layers = [net()]

    def forward(self, images):
        return self.layers[0](images)


def test_fault_f11_a_model_without_parameters():
    """A bare StopIteration before."""
    model = InAList()
    with pytest.raises(TrainingStopped, match="has not begun: the model has no parameters"):
        fit(model, batches(LABELS), epochs=1, optimizer=sgd(net()), verbose=False)
    assert predict(model, batches(LABELS)).equal(net()(IMAGES).detach())
    assert evaluate(model, batches(LABELS)) == evaluate(net(), batches(LABELS))
    assert predict(nn.Flatten(), batches(LABELS)).equal(IMAGES)


def of_another(make):
    return lambda optimizer: make(sgd(net()))


PARTS = {
    "F34 another model": ({"optimizer": sgd(net())}, "holds no parameter of this model"),
    "F31 schedule of another": (
        {"scheduler": of_another(partial(lr_scheduler.StepLR, step_size=1))},
        "StepLR belongs to another optimizer"),
    "batch schedule of another": (
        {"batch_scheduler": of_another(partial(lr_scheduler.ExponentialLR, gamma=0.9))},
        "ExponentialLR belongs to another optimizer"),
    "plateau of another": ({"scheduler": of_another(lr_scheduler.ReduceLROnPlateau)},
                           "ReduceLROnPlateau belongs to another optimizer"),
}


@pytest.mark.parametrize("parts, words", PARTS.values(), ids=PARTS)
def test_fault_parts_that_do_not_belong_together(parts, words):
    model = net()
    before = model.weight.clone()
    optimizer = parts.get("optimizer") or sgd(model)
    made = {name: make(optimizer) for name, make in parts.items() if name != "optimizer"}
    with pytest.raises(TrainingStopped, match=words):
        fit(model, batches(LABELS), epochs=2, optimizer=optimizer, verbose=False, **made)
    assert model.weight.equal(before)


def test_fault_parameters_replaced_after_the_optimizer_was_made():
    model = net()
    optimizer = sgd(model)
    model.weight, model.bias = (nn.Parameter(p.detach().clone()) for p in model.parameters())
    with pytest.raises(TrainingStopped, match="after the last change of the model"):
        fit(model, batches(LABELS), epochs=2, optimizer=optimizer, verbose=False)


def test_fault_one_schedule_in_both_places():
    model = net()
    optimizer = sgd(model)
    schedule = lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(TrainingStopped, match="Choose one"):
        fit(model, batches(LABELS), epochs=2, optimizer=optimizer, scheduler=schedule,
            batch_scheduler=schedule, verbose=False)


def test_fault_part_of_the_model_is_trained():
    """Frozen layers, and parameters of others beside the model's, are nobody's fault."""
    model, extra = nn.Sequential(net(), nn.Linear(4, 4)), nn.Parameter(torch.ones(1))
    model[0].requires_grad_(False)
    optimizer = SGD([*model[1].parameters(), extra], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, batches(LABELS), epochs=1, optimizer=optimizer, verbose=False)


# Schedules at the wrong rhythm: 20 batches in each of 3 epochs.

def rhythm(kind, make, epochs=3):
    """Train with a schedule; return what was warned of."""
    model = net()
    optimizer = sgd(model)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        fit(model, batches(LABELS, 2), epochs=epochs, optimizer=optimizer, verbose=False,
            **{kind: make(optimizer)})
    return " ".join(str(one.message) for one in seen if one.category is UserWarning)


L = lr_scheduler
WRONG = {
    "F31 steps": ("batch_scheduler", lambda o: L.StepLR(o, 5), "falls to 1e-12 of what it is. "
                  "Does it count epochs? Then pass it as scheduler"),
    "F31 shares": ("batch_scheduler", lambda o: L.ExponentialLR(o, 0.5), "Does it count epochs"),
    "F31 one cycle per epoch": ("scheduler", lambda o: L.OneCycleLR(o, 0.1, total_steps=60),
                                "steps 3 times in this run, once an epoch, but is made for 60"),
    "one cycle too long": ("batch_scheduler", lambda o: L.OneCycleLR(o, 0.1, total_steps=600),
                           "but is made for 600"),
    "cosine of epochs": ("batch_scheduler", lambda o: L.CosineAnnealingLR(o, 3),
                         "at its lowest rate after 3, and rises again"),
    "cosine of batches": ("scheduler", lambda o: L.CosineAnnealingLR(o, 60), "is made for 60"),
    "cosine too short": ("scheduler", lambda o: L.CosineAnnealingLR(o, 1), "rises again"),
    "milestones of epochs": ("batch_scheduler", lambda o: L.MultiStepLR(o, [1, 2]),
                             "for the last time after 2. Does it count epochs"),
    "steps of batches": ("scheduler", lambda o: L.StepLR(o, 40),
                         "changes the rate after 40 only. Does it count batches"),
    "milestones of batches": ("scheduler", lambda o: L.MultiStepLR(o, [30, 50]),
                              "changes the rate after 30 only"),
    "a function of epochs": ("batch_scheduler", lambda o: L.LambdaLR(o, lambda step: 0.5 ** step),
                             "The learning rate is 9e-15 after 2 of 3 epochs"),
}


@pytest.mark.parametrize("kind, make, words", WRONG.values(), ids=WRONG)
def test_fault_a_schedule_at_the_wrong_rhythm(kind, make, words):
    assert words in rhythm(kind, make)


def test_fault_a_one_cycle_that_is_too_short_is_told_before_it_stops():
    with (pytest.warns(UserWarning, match="has 3 left, and PyTorch stops there"),
          pytest.raises(TrainingStopped, match="Tried to step 4 times")):
        model = net()
        optimizer = sgd(model)
        fit(model, batches(LABELS, 2), epochs=3, optimizer=optimizer, verbose=False,
            batch_scheduler=L.OneCycleLR(optimizer, 0.1, total_steps=3))


RIGHT = {
    "one cycle": ("batch_scheduler", lambda o: L.OneCycleLR(o, 0.1, total_steps=60)),
    "one cycle, an epoch each": ("scheduler", lambda o: L.OneCycleLR(o, 0.1, total_steps=3)),
    "cosine": ("scheduler", lambda o: L.CosineAnnealingLR(o, 3)),
    "cosine per batch": ("batch_scheduler", lambda o: L.CosineAnnealingLR(o, 60)),
    "half of a cosine": ("scheduler", lambda o: L.CosineAnnealingLR(o, 6)),
    "cosine to its last but one": ("scheduler", lambda o: L.CosineAnnealingLR(o, 2)),
    "steps": ("scheduler", lambda o: L.StepLR(o, 1)),
    "steps after the end": ("scheduler", lambda o: L.StepLR(o, 9)),
    "slowly": ("batch_scheduler", lambda o: L.ExponentialLR(o, 0.9)),
    "milestones": ("batch_scheduler", lambda o: L.MultiStepLR(o, [20, 40])),
    "warm-up from 0": ("batch_scheduler", lambda o: L.LambdaLR(o, lambda i: min(1, i / 50))),
    "warm-up by epochs": ("scheduler", lambda o: L.LambdaLR(o, lambda i: min(1, i / 2))),
    "down to 0": ("batch_scheduler", lambda o: L.LambdaLR(o, lambda i: max(0, 1 - i / 60))),
    "restarts": ("batch_scheduler", lambda o: L.CosineAnnealingWarmRestarts(o, 20)),
    "plateau": ("scheduler", lambda o: L.ReduceLROnPlateau(o)),
    "sequence": ("batch_scheduler", lambda o: L.SequentialLR(
        o, [L.LinearLR(o, total_iters=5), L.CosineAnnealingLR(o, 55)], [5])),
}


@pytest.mark.parametrize("kind, make", RIGHT.values(), ids=RIGHT)
def test_fault_no_warning_of_a_right_schedule(kind, make):
    assert rhythm(kind, make) == ""


def test_fault_no_warning_where_all_is_done():
    schedule = L.CosineAnnealingLR(sgd(net()), 200)
    assert [*doubts(schedule, None, 3, 20)] and not [*doubts(schedule, None, 0, 20)]


def test_fault_what_a_history_says_without_accuracy():
    assert percent(math.nan) == "–" and percent(0.5) == "50.0 %"
    history = History(train_loss=[2.0, 1.0], val_loss=[1.0, 2.0], val_accuracy=[math.nan] * 2)
    assert history.best_epoch == 1


@pytest.mark.parametrize("ignored", [-100, 10])
def test_fault_labels_that_the_loss_ignores_are_no_misses(ignored):
    """Half of the labels are of no class: an accuracy of all images would be half of the truth."""
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.Flatten(), nn.Linear(12, 10)), torch.rand(8, 3, 2, 2)
    labels = model(images).argmax(1)
    assert evaluate(model, [(images, labels)])[1] == 1
    labels[::2] = ignored
    loss = partial(F.cross_entropy, ignore_index=ignored)
    assert math.isnan(evaluate(model, [(images, labels)], loss_fn=loss)[1])
