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
    *((name, 0, "not a device. Use cpu") for name in (
        "gpu", "cuda:first", "tpu", "cuda0", "cuda:²", "cuda:٣", "cuda:", "cuda:-1", "cuda:1:2")),
    ("cpu:1", 0, "one cpu only"),
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


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "0", None, True, float("nan")])
def test_fault_f35_a_seed_that_one_of_the_three_refuses_is_refused_before_any_is_set(seed):
    set_seed(3)
    first = random.random()
    set_seed(3)
    with pytest.raises(ValueError, match="^seed must be a whole number from 0 to 4294967295, not"):
        set_seed(seed)
    assert random.random() == first


def test_numbers_of_numpy_and_pytorch_are_seeds():
    for seed in (np.int64(3), torch.tensor(3)):
        set_seed(seed)
        assert torch.initial_seed() == 3


def test_deterministic_mode_is_switched_on_and_off():
    try:
        set_seed(0, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        set_seed(0)
    assert not torch.are_deterministic_algorithms_enabled()
