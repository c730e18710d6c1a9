"""What else a class passes to `fit`, `evaluate` and `predict`: right numbers, or one sentence."""

import itertools
import math
import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from test_fault_fit import BITS, CLASSES, COUNT, IMAGES, LABELS, SHARES, batches, net, sgd, trained
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from helpers import (
    Checkpoint,
    ImageSet,
    TrainingMonitor,
    TrainingStopped,
    evaluate,
    fit,
    predict,
)
from helpers.training import parts
from tests.training.stopping import Stops

DRAWN = torch.randint(CLASSES, (COUNT,), generator=torch.Generator().manual_seed(3))
IGNORED = DRAWN.where(torch.arange(COUNT) % 3 > 0, -100)
WHOLE_BATCH = DRAWN.where(torch.arange(COUNT) >= 7, -100)
WEIGHT = torch.tensor([1.0, 2.0, 5.0, 10.0])

# Means that PyTorch divides by something else than the number of images.

WEIGHED = {
    "weights": (nn.CrossEntropyLoss(WEIGHT), DRAWN),
    "weights in a partial": (partial(F.cross_entropy, weight=WEIGHT), DRAWN),
    "weights and smoothing": (nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1), DRAWN),
    "weights and shares": (nn.CrossEntropyLoss(WEIGHT), 0.9 * SHARES + 0.025),
    "a class ignored": (nn.CrossEntropyLoss(ignore_index=3), DRAWN),
    "both": (partial(F.cross_entropy, weight=WEIGHT, ignore_index=1), DRAWN),
    "ignored labels": (F.cross_entropy, IGNORED),
    "a whole batch ignored": (F.cross_entropy, WHOLE_BATCH),
    "bytes": (nn.CrossEntropyLoss(WEIGHT), DRAWN.byte()),
    "NLLLoss": (nn.NLLLoss(WEIGHT), DRAWN),
    "positive weights": (nn.BCEWithLogitsLoss(pos_weight=WEIGHT), BITS),
}


@pytest.mark.parametrize("size", [1, 7, COUNT])
@pytest.mark.parametrize("loss_fn, labels", WEIGHED.values(), ids=WEIGHED)
def test_fault_the_mean_does_not_depend_on_the_cut(loss_fn, labels, size):
    """1.54 in place of 1.58 with weights of classes, and nan where a batch was ignored."""
    model = nn.Sequential(net(), nn.LogSoftmax(1))
    right = loss_fn(model(IMAGES), labels).item()
    assert evaluate(model, batches(labels, size), loss_fn=loss_fn)[0] == pytest.approx(right, 1e-5)
    history = trained(model, batches(labels, size), loss_fn)
    assert history.train_loss + history.val_loss == pytest.approx([right, right], 1e-5)


@pytest.mark.parametrize("settings", [{"weight": torch.tensor([0.1, 1.0, 5.0])},
                                      {"ignore_index": 1}, {}], ids=str)
def test_fault_the_mean_over_an_image_set(settings):
    """Of the course's own images all labels count, but not with every loss."""
    torch.manual_seed(0)
    labels, third = torch.randint(3, (50,)), torch.ones(3) / 3
    images = ImageSet(torch.randint(256, (50, 3, 2, 2), dtype=torch.uint8), labels,
                      ("a", "b", "c"), third, third, "test")
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    loss_fn = nn.CrossEntropyLoss(**settings)
    whole = loss_fn(model(images.normalize(images.images)), labels).item()
    for data in (images, images.batches(7, shuffle=False)):
        assert evaluate(model, data, loss_fn=loss_fn)[0] == pytest.approx(whole, rel=1e-5)


def test_fault_an_empty_batch_changes_nothing():
    """The loss of no image is 0 / 0: it made the whole evaluation nan."""
    empty = (IMAGES[:0], LABELS[:0])
    for data in ([empty, *batches(LABELS)], [*batches(LABELS), empty]):
        assert evaluate(net(), data) == evaluate(net(), batches(LABELS))
        assert trained(net(), data).train_loss == trained(net(), batches(LABELS)).train_loss


def test_fault_a_run_with_ignored_batches_goes_on_with_its_weights(tmp_path):
    def run(path, cut=10**9):
        model, Stops.left = net(), cut
        return fit(model, batches(WHOLE_BATCH, 7), epochs=1, verbose=False,
                   optimizer=Stops(model.parameters(), lr=0.1),
                   checkpoint=Checkpoint(path, every=2)).train_loss

    run(tmp_path / "cut.pt", cut=4)
    assert run(tmp_path / "cut.pt") == run(tmp_path / "whole.pt") != []


@pytest.mark.parametrize("labels, loss_fn", [
    (torch.full((COUNT,), -100), F.cross_entropy), (DRAWN, nn.CrossEntropyLoss(torch.zeros(4)))])
def test_fault_no_label_counts(labels, loss_fn):
    with pytest.raises(ValueError, match="No label counts"):
        evaluate(net(), batches(labels), loss_fn=loss_fn)
    with pytest.raises(TrainingStopped, match="No label counts"):
        trained(net(), batches(labels), loss_fn)


# Losses that raise, or that teach nothing.

def column(labels):
    return labels.float()[:, None]


COLUMN = IMAGES[:, 0]
LOSSES = {
    "int32": (4, DRAWN.int(), F.cross_entropy, "labels are int32, but class numbers must be int64"),
    "bool": (4, DRAWN > 1, F.cross_entropy, "labels are bool, but class numbers must be int64"),
    "from 1": (4, LABELS + 1, F.cross_entropy, "run from 1 to 4, but the model's 4 outputs"),
    "-1 for none": (4, LABELS - 1, F.cross_entropy, "Is -1 a mark for images without a label"),
    "rows of whole numbers": (4, SHARES.long(), F.cross_entropy, r"give labels.float\(\)"),
    "exchanged": (4, LABELS, lambda t, z: F.cross_entropy(z, t), "in exchanged order"),
    "weights of whole numbers": (4, LABELS, nn.CrossEntropyLoss(torch.ones(4).long()),
                                 "weights of the classes are int64: give them as float32"),
    "one output": (1, LABELS * 0, F.cross_entropy, "one output, and the softmax"),
    "one output, labels in a column": (1, column(LABELS > 1), nn.CrossEntropyLoss(),
                                       "train one by F.binary_cross_entropy_with_logits"),
    "a column and a row": (1, COLUMN, F.mse_loss, "compares each output with each label"),
    "the same by hand": (1, COLUMN, lambda z, t: (z - t).abs().mean(), r"shape \(40, 1\)"),
    "a row and a column": (0, COLUMN[:, None], F.smooth_l1_loss, "compares each output with each"),
}


@pytest.mark.parametrize("outputs, labels, loss_fn, words", LOSSES.values(), ids=LOSSES)
def test_fault_a_loss_that_raises_or_teaches_nothing(outputs, labels, loss_fn, words):
    """PyTorch's riddles before, or a training of each output on the mean of all labels."""
    model = net(outputs) if outputs else nn.Sequential(net(1), nn.Flatten(0))
    for call in (partial(evaluate, model, loss_fn=loss_fn), partial(trained, model,
                                                                   loss_fn=loss_fn)):
        with pytest.raises((ValueError, TrainingStopped), match=words):
            call(batches(labels))


SQUEEZED = {
    "output": lambda z, t: F.mse_loss(z.squeeze(1), t),
    "labels": lambda z, t: F.binary_cross_entropy_with_logits(z, (t > 0).float()[:, None]),
    "random": lambda z, t: (z.squeeze(1) + torch.randn(len(t)) - t).square().mean(),
}


@pytest.mark.parametrize("loss_fn", SQUEEZED.values(), ids=SQUEEZED)
@pytest.mark.parametrize("labels", [COLUMN, COLUMN * 1e-4 + 1000, COLUMN * 0])
def test_fault_no_alarm_where_the_loss_itself_makes_shapes_equal(loss_fn, labels):
    for model in (net(1), nn.Sequential(net(1), nn.Linear(1, 1))):
        nn.init.zeros_([*model.parameters()][-1])
        assert trained(model, batches(labels), loss_fn).epochs == 1


class Whole(nn.Module):
    """A model that gives predictions in place of logits."""

    def forward(self, images):
        return images[:, :4].argmax(1)


def test_fault_predictions_in_place_of_logits():
    with pytest.raises(ValueError, match="has argmax been taken"):
        evaluate(Whole(), batches(LABELS))


@pytest.mark.parametrize("images", [IMAGES.mul(50).byte(), IMAGES.double(), IMAGES.half()])
def test_fault_images_of_another_type_than_the_weights(images):
    data = [(images, LABELS)]
    for call in (evaluate, predict, trained):
        with pytest.raises((ValueError, TrainingStopped), match="Convert the images to float32"):
            call(net(), data)
    assert evaluate(net().half(), [(IMAGES.half(), LABELS)])[1] > 0


@pytest.mark.parametrize("layers, words", [
    ([nn.Conv2d(3, 4, 3)], "segmentation"),
    ([nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1)], r"End it with flatten\(1\)")])
def test_fault_dense_outputs(layers, words):
    data = [(torch.ones(8, 3, 8, 8), torch.zeros(8, 6, 6, dtype=torch.long))]
    with pytest.raises(ValueError, match=f"one number for each class is needed.*{words}"):
        evaluate(nn.Sequential(*layers), data)


def test_fault_where_the_loss_was_lost():
    """The learning rate was blamed for nan in an image, in the last batch of the epoch."""
    images = IMAGES.clone()
    images[23] = math.nan
    data = [*zip(images.split(10), LABELS.split(10), strict=True)]
    with pytest.raises(TrainingStopped, match=r"since batch 3. Most often .* nan in the images"):
        trained(net(), data)
    with pytest.raises(TrainingStopped, match=r"since batch 1. No step has been taken before"):
        trained(net(), data[2:])


# Data of other forms.

NOTHING = {"list": list, "used up": lambda: itertools.islice(batches(LABELS), 0), "drop_last":
           lambda: DataLoader(TensorDataset(IMAGES, LABELS), 64, drop_last=True)}


@pytest.mark.parametrize("make", NOTHING.values(), ids=NOTHING)
def test_fault_no_image_at_all(make):
    for call in (evaluate, predict):
        with pytest.raises(ValueError, match="There is no image to .* The data gave none"):
            call(net(), make())


def test_fault_an_empty_set_of_images(standin):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    assert predict(model, standin.test.take(0)).shape == (0, 10)
    with pytest.raises(ValueError, match="There is no image to evaluate on"):
        evaluate(model, standin.test.take(0))


SINGLE = TensorDataset(IMAGES, LABELS)
FORMS = {
    "a dataset": (SINGLE, "a TensorDataset, which gives single images"),
    "one batch": ((IMAGES, LABELS), r"is one batch, .* \[\(images, labels\)\] is a list of one"),
    "images": (IMAGES, "is a tensor, where batches are wanted"),
    "a number": (3, "a int cannot be iterated over"), "nothing": (None, "cannot be iterated over"),
}


@pytest.mark.parametrize("data, words", FORMS.values(), ids=FORMS)
def test_fault_data_that_are_no_batches(data, words):
    """`predict` on a dataset gave all logits in one row."""
    for call in (evaluate, predict):
        with pytest.raises(ValueError, match=words):
            call(net(), data)
    model = net()
    rest = {"epochs": 1, "optimizer": sgd(model), "verbose": False}
    with pytest.raises(TrainingStopped, match=f"Training has not begun: .*{words}"):
        fit(model, data, **rest)
    if data is not None:  # no validation is asked for
        with pytest.raises(TrainingStopped, match=f"Training has not begun: .*{words}"):
            fit(model, batches(LABELS), data, **rest)


def test_fault_all_splits_at_once(standin):
    with pytest.raises(ValueError, match="Pass one part of it, such as data.test"):
        evaluate(net(), standin)
    with pytest.raises(TrainingStopped, match="train is a ImageSet, which gives single images"):
        fit(net(), standin.train, epochs=1, optimizer=sgd(net()))


def test_fault_predictions_of_mixed_images():
    mixing = nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Flatten(0, 1), nn.Linear(3, 4))
    with pytest.raises(ValueError, match=r"shape \(80, 4\) for 40 images"):
        predict(mixing, batches(LABELS))


@pytest.mark.parametrize("val", [iter(batches(LABELS)), (batch for batch in batches(LABELS)),
                                 zip([IMAGES], [LABELS], strict=True),
                                 iter(DataLoader(SINGLE, 8)), itertools.cycle(batches(LABELS))])
def test_fault_validation_data_for_one_epoch_only(val):
    """The second epoch was trained, and lost."""
    model = net()
    before = model.weight.clone()
    with pytest.raises(TrainingStopped, match="used up once only, or has no end, and 2 epochs"):
        fit(model, batches(LABELS), val, epochs=2, optimizer=sgd(model), verbose=False)
    assert model.weight.equal(before)


class Stream(IterableDataset):
    """Images one by one, and no length."""

    def __iter__(self):
        yield from zip(IMAGES, LABELS, strict=True)


def test_fault_data_that_may_have_no_end(monkeypatch):
    monkeypatch.setattr(parts, "MANY", 5)
    model, warned = net(), "given 5 batches in one pass, and have no length: do they end"
    for call in (evaluate, predict):
        with pytest.warns(UserWarning, match=warned):
            call(model, DataLoader(Stream(), 8))
    with pytest.warns(UserWarning, match=warned):
        fit(model, DataLoader(Stream(), 8), epochs=1, optimizer=sgd(model), verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(model, DataLoader(Stream(), 10))
        evaluate(model, DataLoader(SINGLE, 4))


# What is passed for the parts of a run.

def of(make):
    return lambda model: make(sgd(model))


PASSED = {
    "a class of optimizers": ({"optimizer": lambda _: optim.SGD}, r"Make one: SGD\(…\)"),
    "no optimizer": ({"optimizer": lambda _: None}, "optimizer is a NoneType"),
    "a schedule": ({"optimizer": of(lambda o: lr_scheduler.StepLR(o, 1))}, "optimizer is a StepLR"),
    "LBFGS": ({"optimizer": lambda m: optim.LBFGS(m.parameters())}, "LBFGS asks for the loss"),
    "a class of schedules": ({"scheduler": lambda _: lr_scheduler.StepLR}, "StepLR itself"),
    "a number": ({"scheduler": lambda _: 0.9}, "scheduler is a float"),
    "a plateau": ({"batch_scheduler": of(lr_scheduler.ReduceLROnPlateau)}, "Pass it as scheduler"),
    "a class of losses": ({"loss_fn": lambda _: nn.CrossEntropyLoss}, "Make one: CrossEntropyLoss"),
    "a loss's name": ({"loss_fn": lambda _: "cross_entropy"}, "loss_fn is a str"),
    "a path": ({"checkpoint": lambda _: "run.pt"}, r'Pass Checkpoint\("run.pt"\)'),
    "a class of monitors": ({"monitor": lambda _: TrainingMonitor}, "TrainingMonitor itself"),
    "a monitor's name": ({"monitor": lambda _: "yes"}, "monitor is a str"),
    "a type's name": ({"autocast": lambda _: "bfloat16"}, "autocast is a str"),
    **{f"{epochs!r} epochs": ({"epochs": lambda _, e=epochs: e}, "Pass a whole number of passes")
       for epochs in (-1, 1.5, "3", True, None)},
}


@pytest.mark.parametrize("made, words", PASSED.values(), ids=PASSED)
def test_fault_a_part_that_is_none(made, words):
    """Attributes that are missing, or Python's words after an epoch, before."""
    model = net()
    settings = {"epochs": 1, "optimizer": sgd(model), "verbose": False}
    settings |= {name: make(model) for name, make in made.items()}
    with pytest.raises(TrainingStopped, match=f"Training has not begun: .*{words}"):
        fit(model, batches(LABELS), **settings)


def test_fault_a_model_that_is_none():
    for model, words in ((nn.Linear, "the class Linear itself"), (lambda x: x, "not an nn.Module")):
        for call in (evaluate, predict):
            with pytest.raises(ValueError, match=words):
                call(model, batches(LABELS))
        with pytest.raises(TrainingStopped, match=words):
            fit(model, batches(LABELS), epochs=1, optimizer=sgd(net()))


def test_fault_an_optimizer_of_frozen_parameters():
    model = nn.Sequential(net(), nn.Linear(4, 4))
    model[0].requires_grad_(False)
    with pytest.raises(TrainingStopped, match="all parameters in the optimizer are frozen"):
        fit(model, batches(LABELS), epochs=1, optimizer=sgd(model[0]), verbose=False)


def test_fault_a_layer_replaced_after_the_optimizer_was_made():
    model = nn.Sequential(net(), nn.Linear(4, 4))
    optimizer = sgd(model)
    model[1] = nn.Linear(4, 4)
    with pytest.warns(UserWarning, match=r"2 parameters of the model, 1\.weight for one, are not"):
        fit(model, batches(LABELS), epochs=1, optimizer=optimizer, verbose=False)
