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


def ends(rank: int, how: str) -> None:
    """One rank ends in some way while the others wait for it."""
    with process_group():
        dist.barrier()
        if dist.get_rank() == rank:
            _end(how)
        else:
            dist.barrier()


def _end(how: str) -> None:
    if how == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "sigsegv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how.startswith("os._exit"):
        os._exit(int(how[-2]))
    elif how == "sys.exit":
        sys.exit(4)
    elif how == "raise":
        raise LookupError("on purpose")
    elif how == "group":
        raise ExceptionGroup("several", [LookupError("on purpose"), ValueError("and another")])


def victims(rank: int, how: str) -> None:
    """One rank is killed, and the others make something else of the error that they get."""
    with process_group():
        dist.barrier()
        if dist.get_rank() == rank:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            dist.barrier()
        except RuntimeError as lost:
            if how == "exit":
                sys.exit(2)
            raise ValueError("training failed") from lost


class Slow:
    """An argument that only rank 1 takes long to read."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def __reduce__(self):
        return slow, (self.seconds,)


class Unsent:
    """An argument that cannot be written, in words of its own."""

    def __reduce__(self):
        raise OverflowError("on purpose")


def slow(seconds: float) -> Slow:
    if os.environ["RANK"] == "1":
        time.sleep(seconds)
    return Slow(seconds)


def takes(thing: Slow) -> int:
    return 1


def joins_slowly(seconds: float) -> int:
    """Join a group as on a computer where that takes long."""
    join = dist.init_process_group
    dist.init_process_group = lambda *given: (time.sleep(seconds), join(*given))
    with process_group():
        return dist.get_world_size()


def says(text: str) -> str:
    print(text)
    return text


def returns(size: int) -> bytes:
    return bytes(size)


def fills() -> None:
    """Print until the disk is full."""
    while True:
        print("x" * 1000)


def _sleeper(mark: str, **settings) -> None:
    """Start a process that sleeps, and carries `mark` in its command."""
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(600)  # {mark}"], **settings)


def starts(how: str, mark: str) -> None:
    """Start a process, and be gone before anybody has seen it."""
    _sleeper(mark, start_new_session=how == "leaves its session")
    if how != "returns":
        raise LookupError("at once")


def starts_processes(path: str) -> None:
    """Each rank starts a process and works without end."""
    _sleeper(path)
    wait_for(path)


def kills(victim: str, mark: str) -> None:
    """Rank 0 kills torchrun's process, its parent, or itself."""
    _sleeper(mark)
    with process_group():
        dist.barrier()
        if dist.get_rank() == 0:
            os.kill(os.getppid() if victim == "torchrun" else os.getpid(), signal.SIGKILL)
        time.sleep(600)


class Mute(Exception):
    """An error of somebody's own, with a mistake in it."""

    def __str__(self) -> str:
        raise AttributeError("on purpose")


def hard_to_tell(how: str) -> None:
    """Rank 1 raises what cannot be told as other errors are."""
    with process_group():
        if dist.get_rank() == 1:
            if how == "mute":
                raise Mute
            problem = LookupError("on purpose")
            raise problem from problem
        dist.barrier()


class OnlyThere:
    """A result that can be read in a rank alone."""

    def __reduce__(self):
        return only_there, ()


def only_there() -> OnlyThere:
    if "RANK" not in os.environ:
        raise OverflowError("on purpose")
    return OnlyThere()
