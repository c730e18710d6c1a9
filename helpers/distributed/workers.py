"""What runs on several processes at once: `launch(workers.hello, processes=2)`.

Each function is called once in every process and returns what its rank found. The same functions
run on several GPUs, and on several computers, by `torchrun … -m helpers.distributed
helpers.distributed.workers:train_cifar epochs=14`.
"""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from ..data import ImageData, load_cifar10
from ..device import set_seed
from ..models import FastResNet
from ..recipes import AUGMENT, resnet_recipe
from ..training.fit import evaluate, fit
from .group import process_group
from .shard import Shard


def hello() -> dict[str, list[float]]:
    """Say which rank this is; return what three collectives make of a number that each has."""
    with process_group() as device:
        rank, world = dist.get_rank(), dist.get_world_size()
        print(f"I am rank {rank} of {world}, process group {dist.get_backend()}, "
              f"{torch.get_num_threads()} thread(s)")
        mine = torch.tensor([10.0 * (rank + 1)], device=device)
        summed, copied = mine.clone(), mine.clone()
        gathered = [torch.empty_like(mine) for _ in range(world)]
        dist.all_reduce(summed)          # everybody gets the sum
        dist.broadcast(copied, src=0)    # everybody gets what rank 0 has
        dist.all_gather(gathered, mine)  # everybody gets everything
        return {"mine": mine.tolist(), "all_reduce": summed.tolist(), "broadcast": copied.tolist(),
                "all_gather": torch.cat(gathered).tolist()}


def compare_sums(all_reduce: Callable[[Tensor], Tensor], length: int,
                 seed: int = 0) -> dict[str, Tensor]:
    """Return this rank's "own" vector (length,) and the sums: "ours" and that of dist.all_reduce.

    `all_reduce` takes a vector and returns the sum of all ranks' vectors.
    """
    with process_group() as device:
        generator = torch.Generator().manual_seed(seed + dist.get_rank())
        own = torch.randn(length, generator=generator, dtype=torch.float64).to(device)
        theirs = own.clone()
        dist.all_reduce(theirs)
        return {"own": own, "ours": all_reduce(own), "all_reduce": theirs}


def small_net(dtype: torch.dtype = torch.float64) -> nn.Module:
    """Return a network without batch normalization: images (N, 3, 32, 32) to logits (N, 10)."""
    # the same first weights each time, and the caller's draws as they were
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(),
                             nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
                             nn.Flatten(), nn.Linear(16 * 7 * 7, 10)).to(dtype)


def train_steps(images: Tensor, labels: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """Train `small_net` by one step for each batch, of which rank r takes its share.

    `images` (steps, N, 3, 32, 32), `labels` (steps, N): the batches for all ranks together. Returns
    the parameters.
    """
    with process_group() as device:
        rank, world = dist.get_rank(), dist.get_world_size()
        model = DistributedDataParallel(small_net(dtype).to(device))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for x, y in zip(images, labels, strict=True):
            mine, answers = x[rank::world].to(device, dtype), y[rank::world].to(device)
            loss = F.cross_entropy(model(mine), answers)
            optimizer.zero_grad()
            loss.backward()                  # here DDP averages the gradients of all ranks
            optimizer.step()
        return model.module.state_dict()


def normalize(kind: type[nn.BatchNorm2d], images: Tensor, goal: Tensor) -> dict:
    """Normalize this rank's share of `images` (N, C, H, W) by `kind`, a class such as BatchNorm2d.

    Returns output, gradient and running statistics. The loss is the mean square distance to `goal`,
    which has the images' shape, over all ranks.
    """
    with process_group() as device:
        rank, world = dist.get_rank(), dist.get_world_size()
        x = images[rank::world].to(device).requires_grad_()
        norm = kind(images.shape[1]).to(device, images.dtype)
        out = norm(x)
        F.mse_loss(out, goal[rank::world].to(device)).backward()
        assert x.grad is not None
        return {"out": out.detach(), "grad": x.grad / world,
                "mean": norm.running_mean, "var": norm.running_var}


def count_messages(steps: int, accumulate: int, bucket_mb: float = 1.0) -> dict:
    """Train `steps` steps of `accumulate` backward passes; return how often gradients were sent.

    Once with an exchange in each pass, once under `no_sync` in all passes but the last. "buckets"
    are the megabytes of `FastResNet`'s gradients that travel together, `bucket_mb` at least.
    """
    sent = []

    def note(group, bucket):
        sent.append(bucket.buffer().numel() * bucket.buffer().element_size())
        return allreduce_hook(group, bucket)  # what DDP does without a hook

    with process_group() as device:
        found = {}
        for name in ("synced every time", "no_sync"):
            model = DistributedDataParallel(FastResNet().to(device), bucket_cap_mb=bucket_mb)
            model.register_comm_hook(dist.group.WORLD, note)
            images = torch.randn(8, 3, 32, 32, device=device)
            model(images).sum().backward()  # tells DDP in which order the gradients come
            sent.clear()
            for part in range(steps * accumulate):
                last = (part + 1) % accumulate == 0
                with nullcontext() if last or name != "no_sync" else model.no_sync():
                    model(images).sum().backward()
            found[name] = {"messages": len(sent), "megabytes": round(sum(sent) / 1e6, 2)}
        return {**found, "buckets": [round(size / 1e6, 2) for size in sent[:len(sent) // steps]]}


def train_cifar(epochs: int = 14, batch_size: int = 250, num_samples: int | None = None,
                seed: int = 0, path: str | None = None, data: ImageData | None = None) -> dict:
    """Train `FastResNet` by its recipe on this rank's images; return what was reached.

    `batch_size` is that of all ranks together, so that the recipe holds unchanged. Rank 0
    evaluates, prints, and saves the weights at `path`. Each rank loads CIFAR-10 by itself, unless
    it is given `data`.
    """
    with process_group() as device:
        rank = dist.get_rank()
        data = data or load_cifar10(device=device, verbose=False)
        set_seed(seed + rank)  # other draws for other images; DDP starts from rank 0's weights
        model = FastResNet().to(device).to(memory_format=torch.channels_last)
        batches = data.train.batches(batch_size, num_samples=num_samples, augment=AUGMENT)
        train, steps = Shard(batches, seed=seed), epochs * len(batches)
        started = time.perf_counter()
        history = fit(DistributedDataParallel(model), train, epochs=epochs, verbose=rank == 0,
                      **resnet_recipe(model, steps))
        seconds = time.perf_counter() - started
        dist.barrier()
        if rank > 0:
            return {"images": sum(history.images)}
        loss, accuracy = evaluate(model, data.val)  # the bare model: nobody else comes along
        if path:
            torch.save(model.state_dict(), path)
        return {"images": sum(history.images), "seconds": seconds, "accuracy": accuracy,
                "loss": loss}


def fail(rank: int, how: str) -> None:
    """Let one rank "raise", "exit", "kill" itself or "forget" to come, while the others wait."""
    with process_group():
        if dist.get_rank() == rank:
            if how == "raise":
                raise ZeroDivisionError("division by zero, on purpose")
            if how == "exit":
                os._exit(3)
            if how == "kill":
                os.kill(os.getpid(), 9)
            if how == "forget":
                time.sleep(3600)
        dist.barrier()
