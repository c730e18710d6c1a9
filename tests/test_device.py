import random

import numpy as np
import pytest
import torch

from helpers import get_device, set_seed


def test_chooses_the_best_there_is(capsys):
    device = get_device()
    best = ("cuda" if torch.cuda.is_available() else
            "mps" if torch.backends.mps.is_available() else "cpu")
    assert device.type == best
    assert best in capsys.readouterr().out


def test_environment_overrides(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert get_device(verbose=False) == torch.device("cpu")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["gpu", "cuda:first", "tpu", "cuda0"])
def test_unknown_device_is_one_sentence(monkeypatch, name):
    monkeypatch.setenv("COURSE_DEVICE", name)
    with pytest.raises(ValueError, match="which is not a device. Use cpu"):
        get_device()


def test_absent_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    with pytest.raises(ValueError, match="finds no such device here"):
        get_device()


def test_absent_second_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("COURSE_DEVICE", "cuda:1")
    with pytest.raises(ValueError, match="only 1 CUDA devices"):
        get_device()


def test_seed_repeats_all_three_generators():
    def draw():
        set_seed(3)
        return random.random(), np.random.rand(), torch.rand(1).item()
    assert draw() == draw()


def test_deterministic_mode_is_switched_on_and_off():
    try:
        set_seed(0, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        set_seed(0)
    assert not torch.are_deterministic_algorithms_enabled()
