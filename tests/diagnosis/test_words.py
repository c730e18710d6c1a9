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
