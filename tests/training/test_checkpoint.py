"""Training that was stopped goes on as if it had not been."""

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import ROOT, noise
from torch import nn

from helpers import BNLeNet, LeNet, fit, random_flip, resnet_recipe, set_seed
from helpers.training.checkpoint import BadCheckpoint, Checkpoint
from helpers.training.states import random_states, set_random_states

BATCHES = 8  # of an epoch: 256 images, 32 at a time


class Model(nn.Module):
    """A network with batch normalization and dropout: buffers and draws of its own matter."""

    def __init__(self):
        super().__init__()
        self.body, self.drop = BNLeNet(), nn.Dropout(0.3)

    def forward(self, images):
        return self.body(self.drop(images))


class Killing:
    """Batches that end this process without a word, when `after` of them have been given."""

    def __init__(self, batches, after: int):
        self.batches, self.left, self.data = batches, after, batches.data

    def __iter__(self):
        for batch in self.batches:
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
            yield batch


def train(path: Path | str | None, epochs: int = 3, killed_after: int | None = None):
    """Train on a few images of noise, augmented; return the model and its history."""
    data = noise(456)
    val = replace(data, images=data.images[256:], labels=data.labels[256:])
    set_seed(4)
    model = Model()
    batches = data.take(256).batches(32, augment=[random_flip])
    recipe = resnet_recipe(model, epochs * len(batches), max_lr=0.05) | {"autocast": None}
    if killed_after is not None:
        batches = Killing(batches, killed_after)
    return model, fit(model, batches, val, epochs=epochs, verbose=False, **recipe,
                      checkpoint=Checkpoint(path, every=3) if path else None)


def same(one, other) -> bool:
    """Whether two runs ended with the same numbers, to the last bit."""
    (a, first), (b, second) = one, other
    curves = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "images",
              "batch_loss")
    return (all(getattr(first, name) == getattr(second, name) for name in curves)
            and equal_weights(a.state_dict(), b.state_dict())
            and equal_weights(first.best_weights, second.best_weights))


def equal_weights(one: dict, other: dict) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(scope="module")
def uninterrupted():
    return train(None)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills as on Linux and macOS")
@pytest.mark.parametrize("moment", [
    13,  # in the second epoch, after 5 of 8 batches
    *(pytest.param(moment, marks=pytest.mark.long) for moment in (*range(3, 13), *range(14, 24)))])
def test_killed_in_the_middle_of_an_epoch(tmp_path, uninterrupted, moment):
    path = tmp_path / "run.pt"
    code = f"from test_checkpoint import train; train({str(path)!r}, killed_after={moment})"
    folders = os.pathsep.join(map(str, (ROOT, ROOT / "tests", Path(__file__).parent)))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": folders})
    assert done.returncode == -signal.SIGKILL
    saved = torch.load(path, weights_only=True)
    assert (saved["epoch"], saved["batch"]) == (moment // BATCHES, moment % BATCHES // 3 * 3)
    assert same(train(path), uninterrupted)
    assert not list(tmp_path.glob("*.new"))


def test_a_finished_run_is_as_without_a_checkpoint_and_not_trained_again(tmp_path, uninterrupted):
    path = tmp_path / "run.pt"
    assert same(train(path), uninterrupted)
    before = path.read_bytes()
    assert same(train(path), uninterrupted)
    assert path.read_bytes() == before


def test_a_finished_run_can_be_made_longer(tmp_path):
    model = LeNet()
    batches = [(torch.randn(8, 3, 32, 32), torch.zeros(8, dtype=torch.long)) for _ in range(5)]
    for epochs in (2, 5):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        history = fit(model, batches, epochs=epochs, optimizer=optimizer, verbose=False,
                      checkpoint=Checkpoint(tmp_path / "run.pt"))
        assert history.epochs == epochs


def test_random_states_come_back():
    set_seed(1)
    states = random_states()

    def draw():
        return (random.random(), np.random.rand(), torch.rand(1).item(), random.gauss(0, 1),
                np.random.randn())

    first = draw()
    set_random_states(states)
    assert draw() == first


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(b"not a checkpoint"),
    lambda path: path.write_bytes(path.read_bytes()[:200]),
    lambda path: path.write_bytes(b""),
    lambda path: torch.save({"weights": torch.zeros(1)}, path)])
def test_a_damaged_file_is_told_and_left(tmp_path, spoil):
    path = tmp_path / "run.pt"
    train(path, epochs=1)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(BadCheckpoint, match="is not a checkpoint of this course"):
        train(path, epochs=1)
    assert path.read_bytes() == before


def test_another_network_is_told_and_nothing_is_copied(tmp_path):
    path = tmp_path / "run.pt"
    train(path, epochs=1)
    model = LeNet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for given, words in ((None, "batch_scheduler"), (schedule, "another network")):
        with pytest.raises(BadCheckpoint, match=words):
            fit(model, [], epochs=1, optimizer=optimizer, batch_scheduler=given,
                checkpoint=Checkpoint(path))
    assert equal_weights(model.state_dict(), before)


def test_every_is_a_number_of_batches():
    with pytest.raises(ValueError, match="number of batches"):
        Checkpoint("run.pt", every=0)
