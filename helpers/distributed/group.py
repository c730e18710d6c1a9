"""The group that the ranks of `launch`, or of torchrun, belong to while they work."""

import atexit
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from ..device import get_device

_left: list[dist.ProcessGroup] = []


@atexit.register
def _drop() -> None:
    # The end of a group waits for gloo's threads. Up to PyTorch 2.11 these need Python's lock to
    # hand over the last message, and whoever drops the group holds it: one of thirty launches hung.
    # So a group is dropped at the exit.
    if _left:
        time.sleep(0.05)  # lets go of the lock
        _left.clear()


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the group of ranks that torchrun has started, give this rank's device, and leave the
    group at the end.

    One GPU for each rank of this host where there are enough (and nccl to speak), otherwise the CPU
    (and gloo).
    """
    local, ranks_here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    on_gpus = get_device(verbose=False).type == "cuda" and torch.cuda.device_count() >= ranks_here
    device = torch.device("cuda", local) if on_gpus else torch.device("cpu")
    if on_gpus:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield device
    finally:
        # After an error nobody waits: the other ranks may be in the middle of a collective.
        if sys.exc_info()[0] is None:
            _left[:] = [dist.group.WORLD]  # dropped later: gloo's threads may still be at work
            dist.destroy_process_group()
