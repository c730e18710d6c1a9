"""Programs that are killed at random moments, again and again, and a look at what they leave.

    for code in kill_often(worker, path, count=200, within=0.5):
        …the next call works, and nothing lies about…

`worker(begin, path)` is a function of a module, runs in a new process each time, and calls
`begin()` where the moments start to count. Not on Windows.
"""

import multiprocessing
import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import psutil

MARK = "KILLED_BY_TEST"  # in the environment of what the killed process has started
SLOW = ["pytest", "helpers.training.fit", "torch._dynamo"]  # to import: once is enough
PATIENCE = 10.0          # seconds until all of that must have ended


def kill_often(worker: Callable, *arguments, count: int, within: float, seed: int = 0,
               how: int = getattr(signal, "SIGKILL", signal.SIGTERM)) -> Iterator[int | None]:
    """Kill `worker(begin, *arguments)` `count` times, up to `within` seconds after `begin()`.

    Yields the exit code after each: minus the signal, or that of a worker that was faster. Fails
    where a process that it has started by a command is alive ten seconds later.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(SLOW)
    moments = random.Random(seed)
    for number in range(count):
        mark, (here, there) = uuid.uuid4().hex, processes.Pipe(duplex=False)
        process = processes.Process(target=_begin, args=(there, mark, worker, arguments))
        process.start()
        there.close()
        assert here.poll(60) and here.recv_bytes(), f"run {number} did not begin"
        time.sleep(moments.uniform(0, within))
        if process.is_alive() and process.pid:
            os.kill(process.pid, how)
        process.join(PATIENCE)
        assert not process.is_alive(), f"run {number} outlives signal {how}"
        assert not (left := _alive(mark)), f"run {number} has left {left}"
        yield process.exitcode
        process.close()


def _begin(there: Connection, mark: str, worker: Callable, arguments: tuple) -> None:
    os.environ[MARK] = mark
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork server ignores it
    worker(lambda: there.send_bytes(b"begun"), *arguments)


def _alive(mark: str) -> list[str]:
    """Commands that carry the mark, after they have had time to end."""
    until = time.monotonic() + PATIENCE
    while found := [p for p in psutil.process_iter() if _carries(p, mark)]:
        if time.monotonic() > until:
            return [repr(p) for p in found]
        time.sleep(0.05)
    return []


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return (process.environ().get(MARK) == mark
                and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False
