"""The functions that chapter 10 runs on several processes at once: `launch(workers.hello,
processes=2)`.

Each is called once in every process and returns what its rank found. The same functions run on
several GPUs, and on several computers, by `torchrun … -m helpers.distributed
helpers.distributed.workers:train_cifar epochs=14`.
"""

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from ..data import ImageData, load_cifar10
from ..data.diabetes import diabetes_net, standardized_diabetes
from ..device import set_seed
from ..models import FastResNet
from ..recipes import AUGMENT, resnet_recipe
from ..training.fit import evaluate, fit
from .collectives import SyncBatchNorm2d, ring_all_reduce
from .group import process_group
from .shard import Shard


def hello() -> dict[str, list[float]]:
    """Say which rank this is, and return what three collective operations make of a number that
    each rank has.
    """
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


def compare_sums(length: int, seed: int = 0) -> dict[str, Tensor]:
    """Return the vector of this rank, and the sums over all ranks: by our ring and by
    `dist.all_reduce`.
    """
    with process_group() as device:
        generator = torch.Generator().manual_seed(seed + dist.get_rank())
        own = torch.randn(length, generator=generator, dtype=torch.float64).to(device)
        theirs = own.clone()
        dist.all_reduce(theirs)
        return {"own": own, "ring": ring_all_reduce(own), "all_reduce": theirs}


def small_net(dtype: torch.dtype = torch.float64) -> nn.Module:
    """Return a small convolutional network without batch normalization: images (N, 3, 32, 32) to
    logits (N, 10).
    """
    set_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2),
                         nn.ReLU(),
                         nn.Flatten(), nn.Linear(16 * 7 * 7, 10)).to(dtype)


def train_steps(images: Tensor, labels: Tensor,
                dtypes: Sequence[torch.dtype] = (torch.float64,)) -> list[dict]:
    """Train `small_net` by one step for each batch; rank r takes its share of each. Return its
    parameters by dtype.

    `images` (steps, N, 3, 32, 32), `labels` (steps, N): the batches for all ranks together.
    """
    with process_group() as device:
        rank, world = dist.get_rank(), dist.get_world_size()
        found = []
        for dtype in dtypes:
            model = DistributedDataParallel(small_net(dtype).to(device))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
            for x, y in zip(images, labels, strict=True):
                mine, answers = x[rank::world].to(device, dtype), y[rank::world].to(device)
                loss = F.cross_entropy(model(mine), answers)
                optimizer.zero_grad()
                loss.backward()                  # here DDP averages the gradients of all ranks
                optimizer.step()
            found.append(model.module.state_dict())
        return found


def normalize_together(images: Tensor, goal: Tensor) -> dict[str, dict]:
    """Normalise this rank's share of `images` (N, C, H, W), "apart" from the others' and "together"
    with them.

    Return output, gradient and running statistics of each. The loss is the mean square distance to
    `goal`, which has the images' shape.
    """
    with process_group() as device:
        rank, world = dist.get_rank(), dist.get_world_size()
        found = {}
        for name, kind in (("apart", nn.BatchNorm2d), ("together", SyncBatchNorm2d)):
            x = images[rank::world].to(device).requires_grad_()
            norm = kind(images.shape[1]).to(device, images.dtype)
            out = norm(x)
            F.mse_loss(out, goal[rank::world].to(device)).backward()
            # the mean over all ranks' losses
            found[name] = {"out": out.detach(), "grad": x.grad / world,
                           "mean": norm.running_mean, "var": norm.running_var}
        return found


def count_messages(steps: int, accumulate: int, bucket_mb: float = 1.0) -> dict:
    """Train `steps` steps of `accumulate` backward passes each; return how often gradients were
    sent.

    Once with an exchange in each pass, once under `no_sync` in all passes but the last. "buckets"
    are the megabytes of gradients that travel together. The network is chapter 8's.
    """
    sent = []

    def note(state, bucket):
        sent.append(bucket.buffer().numel() * bucket.buffer().element_size())
        return allreduce_hook(None, bucket)  # what DDP does without a hook

    with process_group() as device:
        found = {}
        for name in ("synced every time", "no_sync"):
            model = DistributedDataParallel(FastResNet().to(device), bucket_cap_mb=bucket_mb)
            model.register_comm_hook(None, note)
            images = torch.randn(8, 3, 32, 32, device=device)
            # the first pass tells DDP in which order the gradients come
            model(images).sum().backward()
            sent.clear()
            for part in range(steps * accumulate):
                last = (part + 1) % accumulate == 0
                with nullcontext() if last or name != "no_sync" else model.no_sync():
                    model(images).sum().backward()
            found[name] = {"messages": len(sent), "megabytes": round(sum(sent) / 1e6, 2)}
        passes = 1 if steps == 0 else steps
        return {**found, "buckets": [round(size / 1e6, 2) for size in sent[:len(sent) // passes]]}


def train_cifar(epochs: int = 14, batch_size: int = 250, num_samples: int | None = None,
                seed: int = 0,
                path: str | None = None, data: ImageData | None = None) -> dict:
    """Train chapter 8's network as chapter 8 does, on the images that fall to this rank; return
    what was reached.

    `batch_size` is that of all ranks together, so that the recipe holds unchanged. Rank 0
    evaluates, prints, and saves the weights at `path`. Each rank loads CIFAR-10 by itself, unless
    it is given `data`.
    """
    with process_group() as device:
        rank = dist.get_rank()
        data = data or load_cifar10(device=device, verbose=False)
        # other draws for other images; DDP starts from rank 0's weights
        set_seed(seed + rank)
        model = FastResNet().to(device, memory_format=torch.channels_last)
        batches = data.train.batches(batch_size, num_samples=num_samples, augment=AUGMENT)
        train, steps = Shard(batches, seed=seed), epochs * len(batches)
        started = time.perf_counter()
        history = fit(DistributedDataParallel(model), train, epochs=epochs, verbose=rank == 0,
                      **resnet_recipe(model, steps))
        seconds = time.perf_counter() - started
        dist.barrier()
        if rank > 0:
            return {"images": sum(history.images)}
        # the bare model: nobody else comes to a collective
        loss, accuracy = evaluate(model, data.val)
        if path:
            torch.save(model.state_dict(), path)
        return {"images": sum(history.images), "seconds": seconds, "accuracy": accuracy,
                "loss": loss}


def train_diabetes(epochs: int, batch_size: int, log: str | None = None) -> dict:
    """Train `diabetes_net` on all ranks; return its validation error after each epoch.

    Rank 0 logs to `log`.
    """
    features, target = standardized_diabetes()
    train = TensorDataset(features[:352], target[:352])
    with process_group() as device:
        sampler = DistributedSampler(train, seed=0)
        loader = DataLoader(train, batch_size // dist.get_world_size(), sampler=sampler)
        model = DistributedDataParallel(diabetes_net().to(device))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        writer = None
        if log and dist.get_rank() == 0:
            from torch.utils.tensorboard import SummaryWriter  # only this rank needs it
            writer = SummaryWriter(log)
        curve = []
        for epoch in range(epochs):
            sampler.set_epoch(epoch)             # or every epoch would have the order of the first
            for x, y in loader:
                loss = F.mse_loss(model(x.to(device)), y.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            # the bare model: no collective, so each rank can do it alone
            with torch.no_grad():
                error = F.mse_loss(model.module(features[352:].to(device)),
                                   target[352:].to(device)).item()
            curve.append(error)
            if writer:
                writer.add_scalar("validation error", error, epoch)
        if writer:
            writer.close()
        return {"curve": curve, "seen": len(sampler), "parameters": model.module.state_dict()}


def fail(rank: int, how: str) -> None:
    """Let one rank go wrong while the others wait for it: "raise", "exit", "kill" or "forget" to
    come.
    """
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
