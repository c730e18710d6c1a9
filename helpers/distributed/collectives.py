"""Messages between ranks, built by hand. Call these in every rank of a process group."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def ring_all_reduce(vector: Tensor) -> Tensor:
    """Return the sum of all ranks' vectors (n,), by passing parts of them around a ring.

    Each rank sends 2(P − 1) parts of n/P numbers to its right neighbor. Source: Patarasuk
    and Yuan, Bandwidth Optimal All-reduce Algorithms, 2009.
    """
    if not isinstance(vector, Tensor) or not vector.ndim:
        raise ValueError("ring_all_reduce cuts a vector (n,) into parts, and this is none: make "
                         f"one of it, such as torch.tensor([…]). Got {vector!r}.")
    rank, world = dist.get_rank(), dist.get_world_size()
    right, left = (rank + 1) % world, (rank - 1) % world
    parts = [part.clone() for part in vector.tensor_split(world)]
    for step in range(2 * (world - 1)):
        adding = step < world - 1        # first add up, then pass on what is complete
        out = (rank - step) % world      # the part that I pass on
        into = (out - 1) % world         # what my left neighbor sends me
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

    Takes (N, C, H, W), and the settings of `nn.BatchNorm2d`; half precision is counted in float32.
    PyTorch's own `nn.SyncBatchNorm` does the same on GPUs, and only there.
    """

    running_mean: Tensor  # these three are None without track_running_stats
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C, H, W) normalized with all ranks' statistics, scaled by γ, moved by β."""
        self._check_input_dim(images)
        if not self.training and self.running_mean is not None:
            return super().forward(images)
        x = images.float() if images.element_size() < 4 else images  # sums of halves overflow
        count = x.numel() // x.shape[1]
        if count * dist.get_world_size() == 1:
            raise ValueError("One number for each channel has no variance: give more images, or "
                             "put the layer into evaluation mode.")
        sums = torch.cat([x.sum((0, 2, 3)), x.square().sum((0, 2, 3)), x.new_full((1,), count)])
        total = SumOverRanks.apply(sums)     # (2C + 1,), one message
        mean, square = (total[:-1] / total[-1]).tensor_split(2)
        count, variance = total[-1].detach(), square - mean.square()
        if self.training and self.running_mean is not None:
            self._follow(mean.detach(), (variance * count / (count - 1)).detach())
        scale = (variance + self.eps).rsqrt() * (1 if self.weight is None else self.weight)
        shift = (0 if self.bias is None else self.bias) - mean * scale
        return (x * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)).to(images.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics; without a momentum they are the mean over all batches."""
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / self.num_batches_tracked.item()
        for running, new in ((self.running_mean, mean), (self.running_var, variance)):
            running.lerp_(new.to(running.dtype), momentum)
