"""How long messages and steps take, for a model of scaling: `launch(scaling.measure, …)`."""

import time
from collections.abc import Sequence
from functools import partial

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from ..convolution import whole
from ..models import FastResNet
from .group import process_group


def measure(sizes: Sequence[int], batch_sizes: Sequence[int],
            repeats: int = 20) -> dict[str, list[float]]:
    """Return the seconds of an "all_reduce" of each size (bytes), and of a step with each batch
    size (per rank).

    Steps are those of chapter 8's network in float32, "alone", where each rank steps for itself
    while the others do the same, and with "ddp" around it. Of `repeats` calls (messages: four times
    as many, they are short) the first quartile is returned: where ranks share their cores with
    other programs, a message that takes 0.3 ms waits 3 ms in every third call, and a median is now
    the one, now the other. Raises ValueError for what is no size or number.
    """
    whole("repeats", repeats, 1)
    for size in sizes:
        if whole("Each of sizes", size, 4) % 4:
            raise ValueError(f"A message of {size} bytes holds no whole number of float32, which "
                             "take 4: choose a multiple of 4.")
    for count in batch_sizes:
        whole("Each of batch_sizes", count, 1)
    with process_group() as device:
        def seconds(call, repeats=repeats) -> float:
            times = []
            for _ in range(repeats + 2):         # the first two are warm-up
                dist.barrier()
                started = time.perf_counter()
                call()
                if device.type == "cuda":
                    torch.cuda.synchronize()
                times.append(time.perf_counter() - started)
            return sorted(times[2:])[repeats // 4]

        message = {size: torch.ones(size // 4, device=device) for size in sizes}
        reduce = [seconds(partial(dist.all_reduce, message[size]), 4 * repeats) for size in sizes]
        found = {"all_reduce": reduce}
        for name in ("alone", "ddp"):
            model = FastResNet().to(device)
            if name == "ddp":
                model = DistributedDataParallel(model)
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

            def step(images, labels, model=model, optimizer=optimizer):
                optimizer.zero_grad()
                F.cross_entropy(model(images), labels).backward()
                optimizer.step()

            found[name] = [seconds(partial(step, torch.randn(n, 3, 32, 32, device=device),
                                           torch.zeros(n, dtype=torch.long, device=device)))
                           for n in batch_sizes]
        return found
