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
from .rank import note

_left: list[dist.ProcessGroup] = []


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the group of ranks that torchrun has started, give this rank's device, leave at the end.

    One GPU for each rank of this host where there are enough (and nccl to speak), otherwise the CPU
    (and gloo).
    """
    note("joining")
    local, ranks_here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    on_gpus = get_device(verbose=False).type == "cuda" and torch.cuda.device_count() >= ranks_here
    device = torch.device("cuda", local) if on_gpus else torch.device("cpu")
    if on_gpus:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpus else "gloo")
    note("joined")
    try:
        yield device
    finally:
        _leave()


def _leave() -> None:
    """Leave the group. After an error nobody waits: other ranks may be in a collective."""
    if sys.exc_info()[0] is None:
        _left[:] = filter(None, [dist.group.WORLD])  # dropped at the exit, see `_drop`
        dist.destroy_process_group()


@atexit.register
def _drop() -> None:
    # The end of a group waits for gloo's threads. Up to PyTorch 2.11 these need Python's lock to
    # hand over the last message, and whoever drops the group holds it: one of thirty launches hung.
    if _left:
        time.sleep(0.05)  # lets go of the lock
        _left.clear()
