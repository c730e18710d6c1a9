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
from torch import nn

from helpers import (
    BNLeNet,
    Checkpoint,
    ImageSet,
    LeNet,
    fit,
    random_flip,
    resnet_recipe,
    set_seed,
)
from helpers.training.checkpoint import BadCheckpoint, random_states, set_random_states

ROOT = Path(__file__).parent.parent.parent
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

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
            yield batch


def train(path: str | None, epochs: int = 3, killed_after: int | None = None, every: int = 3):
    """Train on a few images of noise, augmented; return the model and its history."""
    noise = torch.randint(256, (456, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    half = torch.full((3,), 0.5)
    data = ImageSet(noise.byte(), torch.arange(456) % 10, tuple("abcdefghij"), half, half, "noise")
    val = replace(data, images=data.images[256:], labels=data.labels[256:])
    set_seed(4)
    model = Model()
    batches = data.take(256).batches(32, augment=[random_flip])
    recipe = resnet_recipe(model, epochs * len(batches), max_lr=0.05) | {"autocast": None}
    if killed_after is not None:
        batches = Killing(batches, killed_after)
    checkpoint = Checkpoint(path, every=every) if path else None
    return model, fit(model, batches, val, epochs=epochs, verbose=False,
                      checkpoint=checkpoint, **recipe)


def same(one, other) -> bool:
    """Whether two runs ended with the same numbers, to the last bit."""
    (a, first), (b, second) = one, other
    state = b.state_dict()
    curves = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "images",
              "batch_loss")
    return (all(torch.equal(value, state[name]) for name, value in a.state_dict().items())
            and all(getattr(first, name) == getattr(second, name) for name in curves)
            and all(torch.equal(value, second.best_weights[name])
                    for name, value in first.best_weights.items()))


@pytest.fixture(scope="module")
def uninterrupted():
    return train(None)


def test_without_a_stop_a_checkpoint_changes_nothing(tmp_path, uninterrupted):
    assert same(train(str(tmp_path / "run.pt")), uninterrupted)


def kill_and_go_on(tmp_path, moment: int):
    path = tmp_path / "run.pt"
    code = f"from test_checkpoint import train; train({str(path)!r}, killed_after={moment})"
    done = subprocess.run([sys.executable, "-c", code],
                          env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"})
    assert done.returncode == -signal.SIGKILL
    saved = torch.load(path, weights_only=True)
    assert (saved["epoch"], saved["batch"]) == (moment // BATCHES, moment % BATCHES // 3 * 3)
    return train(str(path))


@pytest.mark.skipif(sys.platform == "win32", reason="kills as on Linux and macOS")
@pytest.mark.parametrize("moment", [
    13,  # in the second epoch, after 5 of 8 batches
    *(pytest.param(moment, marks=pytest.mark.long) for moment in (*range(3, 13), *range(14, 24)))])
def test_killed_in_the_middle_of_an_epoch(tmp_path, uninterrupted, moment):
    resumed = kill_and_go_on(tmp_path, moment)
    assert same(resumed, uninterrupted)
    assert not list(tmp_path.glob("*.new"))


def test_a_finished_run_is_not_trained_again(tmp_path, uninterrupted):
    path = str(tmp_path / "run.pt")
    train(path)
    before = Path(path).read_bytes()
    assert same(train(path), uninterrupted)
    assert Path(path).read_bytes() == before


def test_a_finished_run_can_be_made_longer(tmp_path):
    path = str(tmp_path / "run.pt")
    model = LeNet()
    images = torch.randn(40, 3, 32, 32)
    batches = [(images[i:i + 8], torch.zeros(8, dtype=torch.long)) for i in range(0, 40, 8)]

    def go(epochs):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        return fit(model, batches, epochs=epochs, optimizer=optimizer, verbose=False,
                   checkpoint=Checkpoint(path))

    assert go(2).epochs == 2
    assert go(5).epochs == 5


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
    train(str(path), epochs=1)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(BadCheckpoint, match="is not a checkpoint of this course"):
        train(str(path), epochs=1)
    assert path.read_bytes() == before


def test_another_network_is_told_and_nothing_is_copied(tmp_path):
    path = tmp_path / "run.pt"
    train(str(path), epochs=1)
    model = LeNet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(BadCheckpoint, match="batch_scheduler"):
        fit(model, [], epochs=1, optimizer=optimizer, checkpoint=Checkpoint(path))
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(BadCheckpoint, match="another network"):
        fit(model, [], epochs=1, optimizer=optimizer, batch_scheduler=schedule,
            checkpoint=Checkpoint(path))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_every_is_a_number_of_batches():
    with pytest.raises(ValueError, match="number of batches"):
        Checkpoint("run.pt", every=0)
