"""The part of each batch that falls to one rank."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from ..convolution import whole
from ..data.images import Batches, ImageSet


@dataclass
class Shard:
    """What this rank sees of `batches`: of each batch every P-th image, from its own rank on.

    All ranks together see the batches that one process would see: a new order each epoch, the same
    on all ranks, because it is drawn from `seed` and the number of the epoch. With
    `torch.utils.data.DistributedSampler` one calls `set_epoch` for that. Where a batch does not
    divide, its first images are seen twice, as that sampler does it.
    """

    batches: Batches
    seed: int = 0
    epoch: int = field(default=0, init=False)

    def __post_init__(self):
        whole("seed", self.seed, 0, 2 ** 62)
        if not isinstance(self.batches, Batches):
            raise ValueError("Shard divides what data.train.batches(…) returns, not "
                             f"{type(self.batches).__name__}.")

    @property
    def source(self) -> str:
        """Where the images came from."""
        return self.batches.data.source

    @property
    def data(self) -> ImageSet:
        """The whole set."""
        return self.batches.data

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rank, world = dist.get_rank(), dist.get_world_size()
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        self.epoch += 1
        for picked in self.batches.order(generator):
            even = -(-len(picked) // world) * world  # rounded up: the first are seen again
            places = torch.arange(even, device=picked.device)[rank::world] % max(1, len(picked))
            yield self.batches.cut(picked[places])
