"""What ranks call takes what PyTorch takes, or refuses it in a sentence; here in one process."""

import pytest
import torch
import torch.distributed as dist
from support import noise
from torch import nn

from helpers import Shard, collectives, scaling


@pytest.fixture
def alone(monkeypatch):
    """A group of one rank, without a group."""
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 1)
    monkeypatch.setattr(dist, "all_reduce", lambda tensor: None)


SETTINGS = [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False},
            {"momentum": 0.3, "eps": 0.1}]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_fault_f35_sync_batch_norm_takes_the_settings_of_batch_norm(alone, settings, kind):
    """Half-precision images had sums that overflow: of 8 × 100 × 100 squares near 9."""
    torch.manual_seed(0)
    theirs, ours = (make(2, **settings) for make in (nn.BatchNorm2d, collectives.SyncBatchNorm2d))
    if kind == torch.float64:
        theirs, ours = theirs.double(), ours.double()
    for training in (True, True, False):
        images = (torch.randn(8, 2, 100, 100) + 3).to(kind)
        expected, got = theirs.train(training)(images), ours.train(training)(images)
        close = {} if kind.itemsize < 4 else {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(got, expected, **close)
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-4, atol=1e-5)


def test_fault_f35_sync_batch_norm_refuses_what_has_no_variance(alone):
    layer = collectives.SyncBatchNorm2d(3)
    for images in (torch.rand(1, 3, 1, 1), torch.rand(2, 3)):
        with pytest.raises(ValueError, match="One number for each channel|expected 4D"):
            layer(images)
    assert layer.running_var.equal(torch.ones(3)), "nothing has changed"


@pytest.mark.parametrize("call", [
    lambda: collectives.ring_all_reduce(torch.tensor(1.0)), lambda: collectives.ring_all_reduce(1),
    lambda: Shard([1, 2]), lambda: Shard(noise(4)), lambda: Shard(noise(4).batches(2), seed=1.5),
    lambda: Shard(noise(4).batches(2), seed=-1), lambda: scaling.measure([6], [1]),
    lambda: scaling.measure([0], [1]), lambda: scaling.measure([4.0], [1]),
    lambda: scaling.measure([4], [0]), lambda: scaling.measure([4], [1], repeats=0)])
def test_fault_f35_settings_of_ranks_are_refused_in_a_sentence(call):
    with pytest.raises(ValueError, match=r"^[^\n]{20,250}\.$"):
        call()


def test_fault_a_set_of_no_images_has_one_empty_batch_for_every_rank(monkeypatch):
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        assert [len(labels) for _, labels in Shard(noise(4).take(0).batches(2))] in ([], [0])
