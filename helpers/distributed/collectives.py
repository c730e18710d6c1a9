"""Messages between ranks, built by hand. Call these in every rank of a process group."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def ring_all_reduce(vector: Tensor) -> Tensor:
    """Return the sum of all ranks' vectors (n,), by passing parts of them around a ring.

    Each rank sends 2(P − 1) parts of n/P numbers to its right neighbour. Source: Patarasuk
    and Yuan, Bandwidth Optimal All-reduce Algorithms, 2009.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    right, left = (rank + 1) % world, (rank - 1) % world
    parts = [part.clone() for part in vector.tensor_split(world)]
    for step in range(2 * (world - 1)):
        adding = step < world - 1        # first add up, then pass on what is complete
        out = (rank - step) % world      # the part that I pass on
        into = (out - 1) % world         # what my left neighbour sends me
        received = torch.empty_like(parts[into])
        both = [dist.P2POp(dist.isend, parts[out].contiguous(), right),
                dist.P2POp(dist.irecv, received, left)]
        for message in dist.batch_isend_irecv(both):  # both begin, then we wait
            message.wait()
        parts[into] = parts[into] + received if adding else received
    return torch.cat(parts)


class SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over all ranks.

    Every rank's loss depends on it, so gradients are added up over them, too.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        """Return the sum, of the shape of x."""
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        """Return the sum of what all ranks have for the gradient."""
        return SumOverRanks.forward(ctx, grad)


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization over the images of all ranks together, by two all-reduces.

    Takes (N, C, H, W). PyTorch's own `nn.SyncBatchNorm` does the same on GPUs, and only there.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, C, H, W) normalised with all ranks' statistics, scaled by γ, moved by β."""
        if not self.training:
            return super().forward(x)
        count = torch.full_like(x[0, :1, 0, 0], x.numel() / x.shape[1])
        sums = torch.cat([x.sum((0, 2, 3)), x.square().sum((0, 2, 3)), count])
        total = SumOverRanks.apply(sums)     # (2C + 1,), one message
        mean, square = (total[:-1] / total[-1]).tensor_split(2)
        count, variance = total[-1].detach(), square - mean.square()
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return x * scale.view(1, -1, 1, 1) + (self.bias - mean * scale).view(1, -1, 1, 1)
