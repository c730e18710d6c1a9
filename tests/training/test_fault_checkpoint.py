"""Faults of files, disks, processes and settings: a run goes on to the same bits, or says why not.

Letters and numbers in the names of cases are those of reports of what broke in other courses.
"""

import io
import itertools
import json
import os
import random
import signal
import sys
import warnings
import zipfile
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import fuzz
import kills
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.optim import lr_scheduler as schedules
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from helpers import Checkpoint, History, TrainingStopped, fit, resnet_recipe
from helpers.training import archive
from helpers.training.checkpoint import BadCheckpoint
from helpers.training.meter import Meter

IMAGES = torch.randn(48, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(48) % 3
DATA = TensorDataset(IMAGES, LABELS)
HALVES = {}  # files of runs that were stopped, by their settings


def net(width=5):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.Dropout(0.1), nn.ReLU(),
                         nn.Linear(width, 3))


def sgd(model, lr=0.1):
    return optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def shuffled():
    return DataLoader(DATA, 8, shuffle=True)


class Cut:
    """A loss with a power cut after so many batches."""

    def __init__(self, after, reduction="mean"):
        self.after, self.reduction = after, reduction

    def __call__(self, logits, labels):
        if self.after == 0:
            raise KeyboardInterrupt
        self.after -= 1
        return F.cross_entropy(logits, labels)


def run(path, *, cut=10**9, epochs=3, loader=shuffled, make=sgd, model=None, every=2, **schedule):
    """Train; `loader`, `make` and the schedules are functions that make what is used."""
    model = model or net()
    optimizer = make(model)
    made = {name: function(optimizer) for name, function in schedule.items()}
    torch.manual_seed(2)
    random.seed(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = fit(model, loader(), [(IMAGES, LABELS)], epochs=epochs, optimizer=optimizer,
                      loss_fn=Cut(cut), verbose=False,
                      checkpoint=Checkpoint(path, every=every) if path else None, **made)
    return history, model


def numbers(ended):
    history, model = ended
    return (history.batch_loss, history.val_loss, history.lr,
            [value.tolist() for value in model.state_dict().values()])


def half_a_run(path, **settings):
    """Leave a checkpoint after 8 of 18 batches, in the second epoch."""
    key = repr(sorted(settings.items(), key=str))
    if key not in HALVES:
        run(path, cut=9, **settings)
        content = torch.load(path, weights_only=True)
        assert content["epoch"] == 1 and content["batch"] == 2
        HALVES[key] = path.read_bytes()
    path.write_bytes(HALVES[key])
    return path


def goes_on(path, moments=(9, 12, 13), **settings):
    """Whether a run that is cut at these moments ends as one that never was."""
    whole = numbers(run(None, **settings))
    for moment in moments:
        run(path, cut=moment, **settings)
        assert path.exists()
        if numbers(run(path, **settings)) != whole:
            return False
        path.unlink()
    return True


# What a loader, a loss or a model may draw from.

class Noisy(TensorDataset):
    """Images with noise from a generator of the data's own."""

    def __init__(self, draw):
        super().__init__(IMAGES, LABELS)
        self.draw = draw

    def __getitem__(self, at):
        image, label = super().__getitem__(at)
        return image + float(self.draw()), label


class CountsEpochs:
    """Draws its order by the number of the epoch, as a DistributedSampler does."""

    def __init__(self):
        self.epoch = 0

    def __iter__(self):
        drawn = torch.Generator().manual_seed(self.epoch)
        self.epoch += 1
        for picked in torch.randperm(48, generator=drawn).split(8):
            yield IMAGES[picked], LABELS[picked]


COMMON = np.random.default_rng(5)


def with_common(batch):
    images, labels = zip(*batch, strict=True)
    return torch.stack(images) + float(COMMON.normal()), torch.stack(labels)


def fresh_common():
    COMMON.bit_generator.state = np.random.default_rng(5).bit_generator.state
    return DataLoader(DATA, 8, shuffle=True, collate_fn=with_common)


def generator():
    return torch.Generator().manual_seed(1)


def closed_over():
    own = random.Random(7)
    return DataLoader(DATA, 8, collate_fn=lambda batch: (
        torch.stack([image for image, _ in batch]) + own.random(),
        torch.stack([label for _, label in batch])))


LOADERS = {
    "F5 its own generator": lambda: DataLoader(DATA, 8, shuffle=True, generator=generator()),
    "a sampler's generator": lambda: DataLoader(
        DATA, 8, sampler=RandomSampler(DATA, generator=generator())),
    "NumPy's, of the data": lambda: DataLoader(Noisy(np.random.default_rng(3).normal), 8),
    "NumPy's old kind": lambda: DataLoader(Noisy(np.random.RandomState(3).rand), 8),
    "Python's, of the data": lambda: DataLoader(Noisy(random.Random(3).random), 8),
    "a function's": closed_over, "a global one": fresh_common,
    "a number of the epoch": CountsEpochs,
    "partial": lambda: DataLoader(DATA, 8, collate_fn=partial(
        lambda batch, own: (torch.stack([image * own.random() for image, _ in batch]),
                            torch.stack([label for _, label in batch])), own=random.Random(1))),
}


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_fault_a_generator_of_ones_own(tmp_path, loader):
    """F5: it went on with other numbers, and said nothing."""
    assert goes_on(tmp_path / "run.pt", moments=[9, 13], loader=loader)


@pytest.mark.slow
def test_fault_a_generator_of_ones_own_with_workers(tmp_path):
    assert goes_on(tmp_path / "run.pt", moments=[9], loader=lambda: DataLoader(
        Noisy(np.random.default_rng(3).normal), 8, shuffle=True, num_workers=2,
        generator=generator()))


def test_fault_workers_that_stay_are_refused(tmp_path):
    loader = DataLoader(DATA, 8, num_workers=1, persistent_workers=True)
    with pytest.raises(BadCheckpoint, match="persistent_workers=True"):
        run(tmp_path / "run.pt", loader=lambda: loader)


def test_fault_a_loader_that_nobody_sees_through(tmp_path):
    """What cannot be brought back is told by the images that come."""
    class Counts:
        calls = itertools.count()

        def __iter__(self):
            drawn = torch.Generator().manual_seed(next(self.calls))
            for picked in torch.randperm(48, generator=drawn).split(8):
                yield IMAGES[picked], LABELS[picked]

    path = half_a_run(tmp_path / "run.pt", loader=Counts)
    with pytest.raises(BadCheckpoint, match="of other images than come now"):
        run(path, loader=Counts)


SCHEDULES = {
    "step": partial(schedules.StepLR, step_size=2), "plateau": schedules.ReduceLROnPlateau,
    "milestones": partial(schedules.MultiStepLR, milestones=[2, 7]),
    "constant": schedules.ConstantLR, "linear": schedules.LinearLR,
    "polynomial": partial(schedules.PolynomialLR, total_iters=20),
    "exponential": partial(schedules.ExponentialLR, gamma=0.9),
    "cosine": partial(schedules.CosineAnnealingLR, T_max=18),
    "restarts": partial(schedules.CosineAnnealingWarmRestarts, T_0=4, T_mult=2),
    "one cycle": partial(schedules.OneCycleLR, max_lr=0.1, total_steps=18),
    "cyclic": partial(schedules.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=4),
    "lambda": partial(schedules.LambdaLR, lr_lambda=lambda step: 1 / (step + 1)),
    "product": partial(schedules.MultiplicativeLR, lr_lambda=lambda step: 0.9),
    "sequence": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o), schedules.CosineAnnealingLR(o, 9)], [3]),
    "chain": lambda o: schedules.ChainedScheduler(
        [schedules.StepLR(o, 3), schedules.ExponentialLR(o, 0.9)]),
    "swa": partial(optim.swa_utils.SWALR, swa_lr=0.01, anneal_epochs=4),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_fault_every_schedule_goes_on(tmp_path, make):
    kind = "scheduler" if make is schedules.ReduceLROnPlateau else "batch_scheduler"
    assert goes_on(tmp_path / "run.pt", moments=[9], **{kind: make})


OPTIMIZERS = [name for name in dir(optim) if isinstance(getattr(optim, name), type)
              and name not in ("Optimizer", "LBFGS", "SparseAdam", "Muon")]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fault_every_optimizer_goes_on(tmp_path, name):
    assert goes_on(tmp_path / "run.pt", moments=[9],
                   make=lambda model: getattr(optim, name)(model.parameters(), lr=0.01))


def test_fault_numbers_of_numpy(tmp_path):
    """They were written, and then the file was called damaged."""
    assert goes_on(tmp_path / "run.pt", moments=[9], make=lambda model: sgd(model, np.float64(0.1)),
                   scheduler=lambda o: schedules.StepLR(o, np.int64(1), np.float32(0.5)))


def test_fault_the_same_objects_after_an_interrupt(tmp_path):
    """The cell with `fit` is run again: model, optimizer and schedule are those that went on."""
    whole = numbers(run(None, batch_scheduler=SCHEDULES["one cycle"]))
    model = net()
    optimizer = sgd(model)
    schedule = SCHEDULES["one cycle"](optimizer)
    torch.manual_seed(2)
    for cut in (4, 9, 10**9):
        history = fit(model, shuffled(), [(IMAGES, LABELS)], epochs=3, optimizer=optimizer,
                      batch_scheduler=schedule, loss_fn=Cut(cut), verbose=False,
                      checkpoint=Checkpoint(tmp_path / "run.pt", every=2))
    assert numbers((history, model)) == whole


# What must be the same in both runs.

def recipe_schedule(steps):
    return lambda optimizer: resnet_recipe(net(), steps)["batch_scheduler"].__class__(
        optimizer, lambda step: 1 - step / steps)


OTHERS = {
    "F6 cosine": ({"scheduler": partial(schedules.CosineAnnealingLR, T_max=3)},
                  {"scheduler": partial(schedules.CosineAnnealingLR, T_max=6), "epochs": 6},
                  "scheduler's T_max is 3, but yours is 6"),
    "F6 one cycle": ({"batch_scheduler": partial(schedules.OneCycleLR, max_lr=.1, total_steps=18)},
                     {"batch_scheduler": partial(schedules.OneCycleLR, max_lr=.1, total_steps=36),
                      "epochs": 6}, "total_steps is 18, but yours is 36"),
    "F6 function": ({"batch_scheduler": recipe_schedule(18)},
                    {"batch_scheduler": recipe_schedule(36), "epochs": 6}, "lr_lambda 0 after"),
    "milestones": ({"scheduler": partial(schedules.MultiStepLR, milestones=[1])},
                   {"scheduler": partial(schedules.MultiStepLR, milestones=[2])}, "milestones"),
    "first rate of a schedule": (
        {"scheduler": partial(schedules.StepLR, step_size=1)},
        {"scheduler": partial(schedules.StepLR, step_size=1), "make": partial(sgd, lr=0.01)},
        "initial_lr"),
    "part of a sequence": (
        {"scheduler": SCHEDULES["sequence"]},
        {"scheduler": lambda o: schedules.SequentialLR(
            o, [schedules.LinearLR(o), schedules.CosineAnnealingLR(o, 10)], [3])},
        "part 1: T_max is 9, but yours is 10"),
    "rate": ({}, {"make": partial(sgd, lr=0.01)}, "optimizer's lr"),
    "weight decay": ({}, {"make": lambda model: optim.SGD(model.parameters(), lr=.1, momentum=.9,
                                                          weight_decay=.1)}, "weight_decay"),
    "optimizer": ({}, {"make": lambda model: optim.Adam(model.parameters())},
                  "optimizer is SGD, but yours is Adam"),
    "order of parameters": (
        {}, {"make": lambda model: optim.SGD([*model.parameters()][::-1], lr=.1, momentum=.9)},
        "another list of the optimizer's parameters"),
    "schedule": ({"scheduler": partial(schedules.StepLR, step_size=1)},
                 {"scheduler": partial(schedules.ExponentialLR, gamma=.9)},
                 "scheduler is StepLR, but yours is ExponentialLR"),
    "no schedule": ({"scheduler": partial(schedules.StepLR, step_size=1)}, {},
                    "with model and optimizer and scheduler, but this run has model and optimizer"),
    "network": ({}, {"model": net(4)}, "another network"),
    "network of another type": ({}, {"model": net().double(), "loader": lambda: DataLoader(
        TensorDataset(IMAGES.double(), LABELS), 8, shuffle=True)}, "another network"),
    "F7 size of a batch": ({}, {"loader": lambda: DataLoader(DATA, 16, shuffle=True)},
                           "number of batches in an epoch is 6, but yours is 3"),
    "F7 size, as many batches": ({}, {"loader": lambda: DataLoader(DATA, 9, shuffle=True)},
                                 "batch_size is 8, but yours is 9"),
    "other images": ({}, {"loader": lambda: DataLoader(TensorDataset(IMAGES + 1, LABELS), 8,
                                                       shuffle=True)},
                     "another train.dataset.tensors[0]"),
    "fewer images": ({"loader": lambda: iter_of(48)}, {"loader": lambda: iter_of(8)},
                     "of other images"),
    "generators": ({}, {"loader": LOADERS["F5 its own generator"]},
                   "0 random generators or counters of epochs of its own, but yours has 1"),
    "fewer epochs": ({}, {"epochs": 1}, "a begun one, more than the 1 asked for"),
}


class iter_of:
    """Batches without a length."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        yield from zip(IMAGES[:self.count].split(8), LABELS[:self.count].split(8), strict=True)


@pytest.mark.parametrize("first, then, words", OTHERS.values(), ids=OTHERS)
def test_fault_another_run_than_the_files(tmp_path, first, then, words):
    path = half_a_run(tmp_path / "run.pt", **first)
    before = path.read_bytes()
    with pytest.raises(BadCheckpoint) as caught:
        run(path, **then)
    assert words in str(caught.value) and str(path) in str(caught.value)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
    numbers(run(path, **first))  # the right one still goes on


def test_fault_a_finished_run_of_more_epochs(tmp_path):
    path = tmp_path / "run.pt"
    run(path)
    with pytest.raises(BadCheckpoint, match="3 finished epochs, more than the 2 asked for"):
        run(path, epochs=2)


def test_fault_another_device_is_told(tmp_path):
    path = half_a_run(tmp_path / "run.pt")
    content = archive.read(path)
    content["settings"]["device"] = "cuda"
    archive.write(content, path)
    model = net()
    with pytest.warns(UserWarning, match="saved on cuda and goes on on cpu: not to the same bits"):
        fit(model, shuffled(), epochs=3, optimizer=sgd(model), verbose=False, loss_fn=Cut(99),
            checkpoint=Checkpoint(path))


def test_fault_counts_in_a_file_are_on_no_device():
    """On a GPU the losses so far came back on the CPU, and were stacked with new ones."""
    meter = Meter()
    for _ in range(3):
        meter.add(torch.tensor(0.5), torch.eye(3), torch.arange(3))
    state = json.loads(json.dumps(meter.state()))
    assert state | {"seconds": 0} == {"losses": [0.5] * 3, "weights": [3.0] * 3,
                                      "sizes": [3] * 3, "hits": 9.0, "seconds": 0}
    other = Meter()
    other.load_state(state)
    other.add(torch.tensor(1.5, device="meta"), torch.eye(3), torch.arange(3))
    assert other.batch_losses == [0.5] * 3, "nothing on the CPU is stacked with those of a device"
    assert [loss.device.type for loss in other._losses] == ["meta"]


@pytest.mark.filterwarnings("ignore:for [0-9]:UserWarning", "ignore:.* goes on on meta")
def test_fault_best_weights_come_back_to_the_models_device(tmp_path):
    path = half_a_run(tmp_path / "run.pt")
    history, model = History(), net().to("meta")
    Checkpoint(path).attach(history, train=shuffled(), model=model, optimizer=sgd(model),
                            loss_fn=Cut(99))
    assert {value.device.type for value in history.best_weights.values()} == {"meta"}


def test_fault_the_file_of_another_rank(tmp_path):
    path = half_a_run(tmp_path / "run.pt")
    content = archive.read(path)
    content["settings"] |= {"rank": 1, "number of ranks": 2}
    archive.write(content, path)
    with pytest.raises(BadCheckpoint, match="whose rank is 1, but yours is 0"):
        run(path)


class Shy:
    """An object that raises where it is looked at, as proxies of other libraries do."""

    def __getattribute__(self, name):
        raise RuntimeError("not now")


def test_fault_objects_that_cannot_be_looked_at(tmp_path):
    class Holding(DataLoader):
        shy = None

    def loader():
        made = Holding(DATA, 8, shuffle=True, generator=generator())
        made.shy = Shy()
        return made

    assert goes_on(tmp_path / "run.pt", moments=[9], loader=loader)


# Files of every kind.

def renewed(**changes):
    return lambda content: {**content, **changes}


def within(part, **changes):
    return lambda content: {**content, part: {**content[part], **changes}}


def without(*names):
    return lambda content: {name: v for name, v in content.items() if name not in names}


def optimizer_state(**kept):
    return lambda content: within("optimizer", state={0: kept})(content)


HUGE = 10**400
CONTENTS = {
    "C03 a state_dict": lambda content: content["model"], "C03b a list": lambda _: [1, 2],
    "C03c a tensor": lambda _: torch.ones(3), "a number": lambda _: 5, "nothing": lambda _: None,
    "C05 a curve is missing": lambda c: {**c, "history": without("lr")(c["history"])},
    "C05b a curve too many": within("history", more=[]),
    "C05c start lacks a generator": renewed(start={"torch": torch.zeros(5056)}),
    "C05d now is a word": renewed(now="x"), "C05e now lacks numpy": lambda c: {
        **c, "now": without("numpy")(c["now"])},
    "C05f torch's state of another size": within("now", torch=torch.zeros(10, dtype=torch.uint8)),
    "torch's state is no state": within("start", torch=torch.zeros(5056, dtype=torch.uint8)),
    "python's state of words": within("now", python=[3, ["a"] * 625, None]),
    "python's state of huge numbers": within("now", python=[3, torch.full((625,), 2**62), None]),
    "numpy's state of other places": within("start", numpy=[
        "MT19937", torch.ones(624, dtype=torch.int64), HUGE, 0, 0.]),
    "numpy's state of another kind": within("now", numpy=[
        "PCG64", torch.ones(624, dtype=torch.int64), 0, 0, 0.]),
    "C06 model is 5": renewed(model=5), "C06b model of numbers": within("model", **{"0.weight": 1}),
    "C06c history is a list": renewed(history=[1]), "C06d no model": without("model", "optimizer"),
    "C06e epoch is a word": renewed(epoch="two"), "epoch is true": renewed(epoch=True),
    "epoch is huge": renewed(epoch=HUGE), "epoch is negative": renewed(epoch=-1),
    "epoch and curves differ": renewed(epoch=2), "batch and counts differ": renewed(batch=3),
    "batch is a fraction": renewed(batch=1.5), "counts of words": within("meter", losses=["a", 1.]),
    "counts of tensors": within("meter", hits=torch.ones(2)), "no counts": renewed(meter={}),
    "sizes negative": within("meter", sizes=[-8, 8]), "curve of words": within(
        "history", train_loss=["low"]), "best weights of others": within(
        "history", best_weights={"a": torch.ones(1)}),
    "C06f optimizer is {}": renewed(optimizer={}), "optimizer of a word": renewed(optimizer="SGD"),
    "C06g state of another shape": optimizer_state(momentum_buffer=torch.ones(2)),
    "state of a word": optimizer_state(momentum_buffer="fast"),
    "state of a parameter that is not there": lambda c: within("optimizer", state={99: {}})(c),
    "rate is a word": lambda c: within("optimizer", param_groups=[
        {**c["optimizer"]["param_groups"][0], "lr": "fast"}])(c),
    "rate is none": lambda c: within("optimizer", param_groups=[
        {**c["optimizer"]["param_groups"][0], "lr": None}])(c),
    "no groups": within("optimizer", param_groups=[]),
    "a schedule's method": within("scheduler", step=5), "a schedule without a place": lambda c: {
        **c, "scheduler": without("last_epoch")(c["scheduler"])},
    "a schedule's size is 0": within("scheduler", step_size=0),
    "a schedule's place is a word": within("scheduler", last_epoch="now"),
    "own generators of words": lambda c: {**c, "now": {**c["now"], "own": "abc"}},
    "mark is a word": renewed(mark="x"), "mark of another batch": renewed(mark=[8., 1, 1, 1, 1]),
    "settings are a list": renewed(settings=[]),
}


@pytest.mark.parametrize("change", CONTENTS.values(), ids=CONTENTS)
def test_fault_a_file_of_other_content(tmp_path, change):
    """E16: raw errors of every kind, or a run of other numbers."""
    path = half_a_run(tmp_path / "run.pt", scheduler=SCHEDULES["step"])
    torch.save(change(archive.read(path)), path)
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    content = path.read_bytes()
    with pytest.raises(BadCheckpoint) as caught:
        run(path, model=model, scheduler=SCHEDULES["step"])
    assert str(path) in str(caught.value) and path.read_bytes() == content
    if "of other images" not in str(caught.value) and "not a checkpoint" not in str(caught.value):
        assert all(value.equal(before[name]) for name, value in model.state_dict().items())


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def spoiled(path, how):
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    ran = path.with_name("ran")
    if how == "hostile":
        torch.save({**archive.read(path), "meter": Evil(ran)}, path)
    elif how == "hostile, old format":
        torch.save({"meter": Evil(ran)}, path, _use_new_zipfile_serialization=False)
    elif how == "a module":
        torch.save(net(), path)
    elif how == "torch.jit":
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(path))
    elif how == "numpy in it":
        torch.save({**archive.read(path), "meter": np.ones(3)}, path)
    elif how == "a class of PyTorch":
        torch.save(OrderedDict({**archive.read(path), "meter": torch.Size([2])}), path)
    elif how == "packed":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, part in members.items():
                file.writestr(name, part)
    elif how == "a longer tensor than its numbers":
        with zipfile.ZipFile(path, "w") as file:
            for name, part in members.items():
                file.writestr(name, part[:8] if "/data/" in name else part)
    elif how == "a flipped bit":
        at = content.index(members[next(n for n in members if "/data/" in n)])
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
    else:
        path.write_bytes({"C01 half": content[:len(content) // 2], "C01b empty": b"",
                          "C01c HTML": b"<html>", "C01d a byte less": content[:-1],
                          "C10 another zip": fuzz_zip(), "a pickle": b"\x80\x02K\x05."}[how])
    return ran


def fuzz_zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a", "b")
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("how", [
    "C01 half", "C01b empty", "C01c HTML", "C01d a byte less", "C10 another zip", "a pickle",
    "hostile", "hostile, old format", "a module", "torch.jit", "numpy in it", "a class of PyTorch",
    "packed", "a longer tensor than its numbers", "a flipped bit"])
def test_fault_a_file_that_is_none(tmp_path, how):
    path = half_a_run(tmp_path / "run.pt")
    ran = spoiled(path, how)
    before = path.read_bytes()
    with pytest.raises(BadCheckpoint, match="is not a checkpoint of this course, or is damaged"):
        run(path)
    assert path.read_bytes() == before and not ran.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders there")
def test_fault_a_pipe_or_a_folder_for_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(BadCheckpoint, match="cannot be read: it is not a file"):
            run(path)


def test_fault_what_no_file_can_hold(tmp_path):
    """It was written, and could not be read again: now it is said before the training."""
    class Strange(nn.Linear):
        def get_extra_state(self):
            return object()

        def set_extra_state(self, state):
            pass

    with pytest.raises(BadCheckpoint, match=r"cannot hold this run: the model's state\['_extra"):
        run(tmp_path / "run.pt", model=Strange(6, 3))


# Disks that do not take the file.

@contextmanager
def as_nobody():
    """Without the rights of root, which may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of folders there")
def test_fault_e15_a_folder_that_is_read_only(tmp_path):
    for above in (tmp_path, *list(tmp_path.parents)[:3]):
        above.chmod(0o755)
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    with as_nobody(), pytest.raises(BadCheckpoint, match="cannot be written: Permission denied"):
        run(folder / "run.pt")
    folder.chmod(0o700 if os.geteuid() == 0 else 0o000)
    with as_nobody(), pytest.raises(BadCheckpoint, match="cannot be read: Permission denied"):
        run(folder / "run.pt")
    folder.chmod(0o755)
    (tmp_path / "file").touch()
    with pytest.raises(BadCheckpoint, match=r"cannot be (written|read): (Not a dir|File exists)"):
        run(tmp_path / "file" / "run.pt")


@contextmanager
def room_for(size):
    """As on a disk that is full after so many bytes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
def test_fault_e15_a_disk_that_is_full(tmp_path):
    path = half_a_run(tmp_path / "run.pt")
    before = path.read_bytes()
    with room_for(5000), pytest.raises(TrainingStopped) as caught:
        run(path)
    assert "run.pt could not be written: File too large. What it held before" in str(caught.value)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
    assert numbers(run(path)) == numbers(run(None))


def test_fault_a_part_that_comes_to_hold_an_object(tmp_path):
    class Remembers(optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            self.state[self.param_groups[0]["params"][0]]["what"] = object()

    with pytest.raises(TrainingStopped, match=r"could not be written: .*\['what'\] is a object"):
        run(tmp_path / "run.pt", make=lambda model: Remembers(model.parameters(), lr=0.1))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_fault_a_link_stays_one(tmp_path):
    (tmp_path / "scratch").mkdir()
    link = tmp_path / "run.pt"
    link.symlink_to(tmp_path / "scratch" / "far.pt")
    assert numbers(run(link)) == numbers(run(None))
    assert link.is_symlink() and [p.name for p in (tmp_path / "scratch").iterdir()] == ["far.pt"]


def test_fault_leftovers_are_swept_and_others_are_not(tmp_path):
    """E15: the half of a file that a killed process has written stayed for ever."""
    path = tmp_path / "run.pt"
    gone, lives = (tmp_path / f"run.pt.{pid}.new" for pid in (2**22 + 5, os.getppid()))
    other = tmp_path / "other.pt.4194309.new"
    for left in (gone, lives, other):
        left.touch()
    run(path)
    assert {*tmp_path.iterdir()} == {path, lives, other}


# Processes that are killed, and files of random bytes.

def saves(begin, path):
    """Train with a file that takes a while to write, without end."""
    torch.set_num_threads(1)
    model = nn.Linear(600, 600)
    data = [(torch.ones(2, 600), torch.tensor([0, 1]))] * 4
    for epochs in (1 + (archive.read(path)["epoch"] if path.exists() else 0), 10**6):
        if epochs == 10**6:
            begin()
        fit(model, data, epochs=epochs, optimizer=sgd(model), verbose=False,
            checkpoint=Checkpoint(path, every=1))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills as on Linux and macOS")
@pytest.mark.parametrize("count", [6, pytest.param(200, marks=pytest.mark.long)])
def test_fault_killed_while_it_saves(tmp_path, count):
    path, left = tmp_path / "run.pt", 0
    reached = []
    for code in kills.kill_often(saves, path, count=count, within=0.3):
        assert code == -signal.SIGKILL
        left += len([*tmp_path.glob("*.new")])
        if path.exists():
            content = archive.read(path)
            reached.append((content["epoch"], content["batch"]))
    saves_one_more(path)
    print(f"{count} kills, {left} of them while writing; reached {reached[-1]}")
    assert reached == sorted(reached) and reached[-1] > reached[0]
    assert [*tmp_path.iterdir()] == [path]


def saves_one_more(path):
    epoch = archive.read(path)["epoch"]
    model = nn.Linear(600, 600)
    data = [(torch.ones(2, 600), torch.tensor([0, 1]))] * 4
    history = fit(model, data, epochs=epoch + 1, optimizer=sgd(model), verbose=False,
                  checkpoint=Checkpoint(path, every=1))
    assert history.epochs == epoch + 1


def reader():
    """Go on from a file of these bytes."""
    import tempfile

    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "run.pt"
    settings = {"loader": LOADERS["NumPy's, of the data"], "scheduler": SCHEDULES["step"],
                "batch_scheduler": SCHEDULES["sequence"]}
    half_a_run(path, **settings)
    middle = path.read_bytes()
    run(path, cut=4, **settings)
    originals = [middle, path.read_bytes()]

    def read(content, folder=folder):
        path.write_bytes(content)
        try:
            run(path, epochs=2, **settings)
        except TrainingStopped as stopped:  # as announced: a rate that has become too high
            assert isinstance(stopped, TrainingStopped)

    return fuzz.Case(read, originals, BadCheckpoint)


def test_fault_mutants_of_a_file_are_refused_or_gone_on_from():
    ends = fuzz.feed(reader(), range(100))
    assert {*ends} <= {"refused", "taken"} and ends["refused"] > 50


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory as on Linux")
@pytest.mark.parametrize("count", [500, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_fault_mutants_of_a_file_in_a_process_of_their_own(count):
    ends = fuzz.feed_long("test_fault_checkpoint:reader", count)
    print(dict(ends))
    assert {*ends} <= {"refused", "taken"}
