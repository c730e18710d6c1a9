"""What the learner reads: findings, what was not looked at, and what `diagnose` refuses.

The words of single findings are held by the registry of broken programs (`says`).
"""

import pytest
import torch
from programs import BATCH, DATA, IMAGES, LABELS, flat, lenet, loop, sgd
from torch import nn

from helpers.diagnosis.diagnose import diagnose
from helpers.training.fit import evaluate


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
    arguments = {"step": loop(model, optimizer), "optimizer": optimizer,
                 "evaluate": lambda: evaluate(model, DATA.take(64))}
    assert diagnose(model, (IMAGES[:64], LABELS[:64])) == []
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Nothing wrong was seen") and len(lines) == 6
    assert diagnose(model, BATCH, **arguments) == []
    assert len(capsys.readouterr().out.splitlines()) == 1
    for missing in arguments:  # the step shows the optimizer
        diagnose(model, BATCH, **{name: arguments[name] for name in arguments if name != missing})
        assert (f"pass {missing}=" in capsys.readouterr().out) == (missing != "optimizer")


@pytest.mark.parametrize("batch, words", [
    (IMAGES, "two tensors"), ((IMAGES, [1, 2]), "two tensors"),
    ((IMAGES[:0], LABELS[:0]), "a batch of images"),
    ((torch.tensor(1.0), LABELS), "a batch of images")])
def test_something_that_is_no_batch(batch, words):
    with pytest.raises((TypeError, ValueError), match=words):
        diagnose(flat(), batch)


def test_an_optimizer_of_ones_own_is_seen_through_the_step():
    with pytest.raises(TypeError, match="pass step="):
        diagnose(flat(), BATCH, optimizer=object())


@pytest.mark.parametrize("passed, words", [
    ({"loss_fn": nn.CrossEntropyLoss}, "Make one: CrossEntropyLoss"),
    ({"loss_fn": "mse"}, "loss_fn is a str"), ({"model": nn.Linear}, "Make one: Linear"),
    ({"model": lambda x: x}, "not an nn.Module"), ({"step": 3}, "step is a int"),
    ({"evaluate": 0.5}, "evaluate is a float. Pass a function, not what it has given"),
    ({"classes": ("a", "b")}, "classes is a tuple. Pass how many"),
    ({"batch": (IMAGES, LABELS[0])}, "labels .N,., one for each image")])
def test_fault_what_is_no_part_is_refused_in_a_sentence(passed, words):
    """Attributes that are missing, or findings about other things, before."""
    with pytest.raises((TypeError, ValueError), match=words):
        diagnose(**{"model": flat(), "batch": BATCH, **passed})


class Counting(nn.Module):
    """A loss with a count and an average of its own."""

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.register_buffer("center", torch.zeros(10))

    def forward(self, logits, labels):
        self.calls += 1
        self.center = 0.9 * self.center + 0.1 * logits.detach().mean(0)
        return nn.functional.cross_entropy(logits - self.center, labels)


def test_fault_a_loss_counts_nothing_of_what_is_tried():
    """It had been called 21 times."""
    model, loss_fn = flat(), Counting()
    optimizer = sgd(model, 0.005)
    assert diagnose(model, BATCH, loss_fn=loss_fn, optimizer=optimizer,
                    step=loop(model, optimizer, loss_fn=loss_fn)) == []
    assert loss_fn.calls == 0 and not loss_fn.center.any()


def test_fault_a_step_in_half_precision_is_not_blamed_for_our_sums():
    """It was told to stop, by a product of ours."""
    model = flat()
    optimizer = sgd(model, 0.005)

    def step(images, labels):
        model.half()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images.half()).float(), labels).backward()
        optimizer.step()
        model.float()

    assert "the step raises" not in [found.name for found in diagnose(model, BATCH, step=step)]


def test_fault_labels_that_the_loss_passes_over_may_be_nan():
    labels = nn.functional.one_hot(LABELS, 10).float()
    labels[::7] = float("nan")

    def loss_fn(logits, labels):
        there = labels.isfinite()
        return nn.functional.binary_cross_entropy_with_logits(logits[there], labels[there])

    model = flat()
    optimizer = sgd(model, 0.005)
    assert diagnose(model, (IMAGES, labels), loss_fn=loss_fn, optimizer=optimizer,
                    step=loop(model, optimizer, loss_fn=loss_fn)) == []
    assert diagnose(model, (IMAGES, labels), step=loop(model, optimizer, loss_fn=loss_fn)) == []
