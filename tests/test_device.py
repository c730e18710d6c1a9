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


@pytest.mark.parametrize("name, gpus, words", [
    *((name, 0, "not a device. Use cpu") for name in ("gpu", "cuda:first", "tpu", "cuda0")),
    ("cuda", 0, "finds no such device here"), ("cuda:1", 1, "only 1 CUDA devices")])
def test_what_is_no_device_here_is_one_sentence(monkeypatch, name, gpus, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setenv("COURSE_DEVICE", name)
    with pytest.raises(ValueError, match=words):
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
