"""Chapter 9: what it builds by hand, and its clinic."""

import inspect
import logging
import math
import random
import tempfile
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from support import define, text_of
from torch import nn
from torch.optim import lr_scheduler

import helpers
from helpers import (
    PATIENTS,
    BNLeNet,
    Checkpoint,
    diagnose,
    fit,
    plot_patients,
    set_seed,
    train_patient,
)

FAULTS = {"A": "softmax before cross-entropy", "B": "no zero_grad", "C": "not in evaluation mode",
          "D": "wrapped uint8", "F": "wrong axis", "G": "labels unrelated to images",
          "H": "learning rate too high"}


def optimizer(*rates):
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(2))], "lr": rate}
                            for rate in rates])


@pytest.mark.parametrize("seed", range(20))
def test_the_schedule_by_hand_is_that_of_pytorch(seed):
    draw = random.Random(seed)
    total = draw.randint(3, 60)
    warmup, start = draw.randint(1, total - 1), draw.choice([0.01, 0.1, 0.5, 1.0])
    mine, theirs = optimizer(0.1, 3.0), optimizer(0.1, 3.0)
    ours = define("09", "warmup-cosine", math=math)["WarmupCosine"](mine, total, warmup, start)
    both = lr_scheduler.SequentialLR(theirs, [
        lr_scheduler.LinearLR(theirs, start_factor=start, total_iters=warmup),
        lr_scheduler.CosineAnnealingLR(theirs, T_max=total - warmup)], milestones=[warmup])
    for _ in range(total):
        for a, b in zip(mine.param_groups, theirs.param_groups, strict=True):
            assert a["lr"] == pytest.approx(b["lr"], rel=1e-9, abs=1e-12)
        for one, schedule in ((mine, ours), (theirs, both)):
            one.step()
            schedule.step()


def test_weight_decay_by_hand_is_that_of_pytorch():
    step = define("09", "sgd-step", nn=nn, torch=torch)["sgd_step"]
    w = nn.Parameter(torch.randn(50).double())
    by_hand, theirs = w.detach().clone(), torch.optim.SGD([w], lr=0.3, weight_decay=0.2)
    for _ in range(30):
        w.grad = torch.randn(50).double()
        by_hand = step(by_hand, w.grad, 0.3, 0.2)
        theirs.step()
    torch.testing.assert_close(by_hand, w.detach(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("limit", [0.01, 1.0, 1e9, math.inf])
def test_clipping_by_hand_is_that_of_pytorch(limit):
    by_hand = define("09", "clip", torch=torch)["clip"]
    mine, theirs = ([nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5))]
                    for _ in range(2))
    for one, other in zip(mine, theirs, strict=True):
        one.grad = torch.randn_like(one)
        other.grad = one.grad.clone()
    torch.testing.assert_close(by_hand(mine, limit), nn.utils.clip_grad_norm_(theirs, limit))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_only_weights_decay():
    groups = define("09", "decaying", torch=torch, FastResNet=helpers.FastResNet)["decaying"](
        BNLeNet(), 0.1)
    theirs = helpers.resnet_recipe(BNLeNet(), 10)["optimizer"].param_groups
    assert [[p.shape for p in group["params"]] for group in groups] == [
        [p.shape for p in group["params"]] for group in theirs]
    assert groups[0]["weight_decay"] == 0.1 and "weight_decay" not in groups[1]


def test_what_is_kept_for_the_backward_pass_grows_with_the_batch():
    kept = define("09b", "memory", torch=torch, F=F, LeNet=helpers.LeNet, BNLeNet=BNLeNet,
                  FastResNet=helpers.FastResNet)["megabytes_kept"]
    assert kept(helpers.LeNet(), 64) == pytest.approx(4 * kept(helpers.LeNet(), 16), rel=0.01)
    layer = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10, bias=False))
    inputs, logits = 16 * 3 * 32 * 32, 16 * 10  # as log-probabilities; labels and a weight besides
    assert kept(layer, 16) * 1e6 == pytest.approx(4 * (inputs + logits), rel=0.01)


@pytest.mark.parametrize("classes, epsilon", [(10, 0.1), (2, 0.3), (7, 0.0), (5, 0.9)])
def test_smoothed_labels_by_hand_are_those_of_pytorch(classes, epsilon):
    by_hand = define("09", "smoothed", torch=torch, F=F, set_seed=set_seed)["smoothed"]
    logits, labels = torch.randn(30, classes).double(), torch.randint(classes, (30,))
    torch.testing.assert_close(F.cross_entropy(logits, by_hand(labels, classes, epsilon).double()),
                               F.cross_entropy(logits, labels, label_smoothing=epsilon),
                               rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_a_run_saved_by_hand_ends_like_one_saved_by_helpers(standin, tmp_path):
    """Both go on from the same moment, and both end where the run that was never stopped does."""
    names = define("09", "new-run", torch=torch, nn=nn, helpers=helpers, set_seed=set_seed, fit=fit,
                   BNLeNet=BNLeNet, lr_scheduler=lr_scheduler, data=standin, Path=Path,
                   device=torch.device("cpu"), tempfile=tempfile)
    names = define("09", "resume", **names)  # asserts nothing, but resumes by hand

    def by_helpers(epochs, path):
        parts = names["new_run"]()
        fit(parts["model"], standin.train.batches(50, num_samples=1000), epochs=epochs,
            optimizer=parts["optimizer"], scheduler=parts["scheduler"], verbose=False,
            checkpoint=Checkpoint(path))
        return names["all_weights"](parts)

    by_helpers(2, tmp_path / "run.pt")
    by_hand = names["new_run"]()
    names["load"](names["path"], by_hand)
    names["train_epochs"](by_hand, 2)
    whole = names["all_weights"](names["whole"])
    assert by_helpers(4, tmp_path / "run.pt").equal(whole)
    assert names["all_weights"](by_hand).equal(whole)
    torch.use_deterministic_algorithms(False)


def test_a_model_that_cannot_be_compiled_is_used_as_it_is(monkeypatch, capsys):
    def no_compiler(*_):
        raise RuntimeError("No working C++ compiler found\nand more")

    monkeypatch.setattr(torch, "compile", lambda model, backend: no_compiler)
    names = define("09b", "if-possible", torch=torch, budget=helpers.budget, logging=logging,
                   images=torch.rand(2, 3, 32, 32))
    model = BNLeNet()
    assert names["if_possible"](model) is model
    assert "Not compiled: RuntimeError No working C++ compiler found" in capsys.readouterr().out


@pytest.mark.parametrize("letter", PATIENTS)
def test_each_patient_has_its_fault_and_no_other(letter, standin):
    set_seed(0)
    patient = PATIENTS[letter](standin, 1000)
    before = {name: value.clone() for name, value in patient.model.state_dict().items()}
    found = diagnose(patient.model, patient.batch, step=patient.step, optimizer=patient.optimizer,
                     evaluate=patient.test)
    assert [finding.name for finding in found] == ([] if letter == "E" else [FAULTS[letter]])
    assert all(value.equal(before[name]) for name, value in patient.model.state_dict().items())


def test_the_text_names_all_faults_and_one_patient_is_healthy():
    assert set(PATIENTS) - set(FAULTS) == {"E"} and len(PATIENTS) == 8
    for said in ("zero_grad", "softmax before", "eval()", "uint8", "wrong axis", "too high",
                 "shuffled apart"):
        assert said in text_of("09")


def test_the_source_of_a_patient_does_not_tell_its_fault():
    """Names and comments are those of a learner who does not know better."""
    for make in PATIENTS.values():
        words = set(inspect.getsource(make).lower().split())
        assert not {"fault", "bug", "missing", "forgot", "wrong"} & words
    shared = PATIENTS["E"].step  # as the text says
    assert [letter for letter, make in PATIENTS.items() if make.step is not shared] == ["B", "F"]


def test_the_curves_are_those_of_the_patients_own_step_and_test(standin):
    run = train_patient(PATIENTS["C"], standin, epochs=2, images=300)
    set_seed(0)
    patient, losses, accuracy = PATIENTS["C"](standin, 300), [], []
    for _ in range(2):
        losses += [patient.step(*batch).item() for batch in patient.batches]
        accuracy.append(patient.test())
    assert run.batch_loss == losses and run.val_accuracy == accuracy


def test_curves_of_patients(standin):
    runs = {letter: train_patient(PATIENTS[letter], standin, epochs=1, images=300)
            for letter in "BE"}
    runs["B"].batch_loss[1] = float("nan")
    assert [len(run.batch_loss) for run in runs.values()] == [3, 3] and runs["E"].epochs == 1
    axes = plot_patients(runs, chance=math.log(10))
    assert [ax.get_title()[:2] for ax in axes] == ["B:", "E:"]
    drawn = axes[0].get_lines()[0].get_ydata()
    assert drawn[1] == pytest.approx(3 * math.log(10)) and (drawn <= 3 * math.log(10) + 1e-9).all()


def test_the_screenshot_ships_with_the_package():
    picture = helpers.show_screenshot("tensorboard")
    assert picture.data.startswith(b"\x89PNG") and 20_000 < len(picture.data) < 250_000
