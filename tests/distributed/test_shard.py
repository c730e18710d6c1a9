"""The part of each batch that falls to one rank."""

import pytest
import torch

from helpers import Shard
from helpers.data import ImageSet
from helpers.data.images import Batches

SMALL = ImageSet(torch.zeros(60, 3, 2, 2, dtype=torch.uint8), torch.arange(60),
                 tuple(map(str, range(60))), torch.zeros(3), torch.ones(3), "made up")


def shards(batches: Batches, world: int, monkeypatch, epochs: int = 1) -> list:
    """Return the labels that each of `world` ranks sees, by epoch and batch."""
    seen = []
    for rank in range(world):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world)
        shard = Shard(batches, seed=3)
        seen.append([[labels for _, labels in shard] for _ in range(epochs)])
    return seen


def test_shards_are_the_batches_of_one_process(monkeypatch):
    batches = SMALL.batches(8, num_samples=44)
    seen = shards(batches, 2, monkeypatch, epochs=2)
    for epoch in range(2):
        order = batches.order(torch.Generator().manual_seed(3 + epoch))
        assert len(order) == len(seen[0][epoch]) == len(seen[1][epoch]) == 6
        for picked, *parts in zip(order, *(one[epoch] for one in seen), strict=True):
            together = torch.stack(parts, 1).flatten()
            assert torch.equal(together, batches.data.labels[picked])
    assert not torch.equal(torch.cat(seen[0][0]), torch.cat(seen[0][1])), "a new order each epoch"


@pytest.mark.parametrize("world", [2, 3, 5])
def test_every_rank_gets_as_many_images(monkeypatch, world):
    seen = shards(SMALL.take(9).batches(4), world, monkeypatch)  # 4, 4 and 1 image
    sizes = {tuple(len(part) for part in one[0]) for one in seen}
    assert sizes == {tuple(-(-n // world) for n in (4, 4, 1))}
