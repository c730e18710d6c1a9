"""Workers that go wrong, or write where they should not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

from helpers.distributed.group import process_group


def deaf(rank: int) -> None:
    """One rank raises while a process of its own runs, the other does not listen to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with process_group():
        dist.barrier()
        if dist.get_rank() == rank:
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            raise LookupError("found nothing")
        time.sleep(600)


def out_of_step() -> None:
    """Each rank waits for what the other never sends."""
    with process_group():
        dist.recv(torch.zeros(1), 1 - dist.get_rank())


def returns_a_function():
    return lambda: 1


def leaves(code: int) -> None:
    sys.exit(code)


def shouts(lines: int) -> int:
    with process_group():
        rank = dist.get_rank()
        for line in range(lines):
            print(f"line {line} of {rank}")
        print("no newline at the end", end="")
        print("a warning", file=sys.stderr)
        return rank


def wait_for(path: str) -> None:
    """Say that the ranks are there, then wait without end."""
    with process_group():
        dist.barrier()
        Path(f"{path}.{dist.get_rank()}").touch()
        time.sleep(600)


def surroundings() -> dict:
    """Where this rank is, with which variables and threads, what it computes, whose child it is."""
    x = torch.randn(200, 200, generator=torch.Generator().manual_seed(0))
    return {"cwd": str(Path.cwd()), "path": sys.path[0], "said": os.environ.get("SAID"),
            "omp": os.environ["OMP_NUM_THREADS"], "threads": torch.get_num_threads(),
            "interrupts": signal.getsignal(signal.SIGINT) is signal.SIG_DFL,
            "product": x @ x.T, "sum": x.exp().sum()}
