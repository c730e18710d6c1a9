"""A process that ends with the one that it works for, and all that it has started with it."""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

_EVERY = 0.5  # seconds between two looks
_SIGKILL = 9  # which Python does not name on Windows
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # of <linux/prctl.h>


def end_with(pid: int, over: Callable[[], bool] = lambda: False,
             last: Callable[[], object] = lambda: None) -> None:
    """End this process, and all that it has started, within a second of the end of process `pid`.

    At once if that is gone already, and also as soon as `over()` is true. A thread watches, and
    calls `last()` at the end.
    """
    def watch() -> None:
        while not over() and alive(parent):
            time.sleep(_EVERY)
        end_family()
        with suppress(Exception):
            last()
        os._exit(1)  # from a thread, sys.exit would end the thread alone

    parent = ensure_alive(pid)
    threading.Thread(target=watch, daemon=True, name="end_with").start()


def ensure_alive(pid: int) -> psutil.Process:
    """Return process `pid`; end this one at once if that is gone already."""
    try:
        if alive(parent := psutil.Process(pid)):
            return parent
    except psutil.NoSuchProcess:
        pass
    os._exit(1)


def alive(process: psutil.Process) -> bool:
    """Whether a process runs: it is there, the same one, and not only waiting to be reaped."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_family() -> None:
    """End what this process has started, and what that has started."""
    end(lambda: psutil.Process().children(recursive=True))


def end(family: Callable[[], Iterable[psutil.Process]]) -> None:
    """End all processes that `family()` returns, until it returns none that runs.

    multiprocessing's trackers of resources are left to tidy up: they end when the others have.
    """
    for _ in range(20):  # one that is just starting another is not seen with it
        running = [process for process in family() if alive(process) and not _is_tracker(process)]
        if not running:
            return
        for process in running:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(running, timeout=0.5)


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def killed_with_parent(on: bool = True) -> None:
    """Ask the system to kill this process when the thread that has started it ends: on Linux only.

    That takes no time and no lock of Python's, which an import or a long computation may hold.
    """
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL if on else 0)


def adopt_orphans() -> None:
    """Become the parent of what this process's children leave behind: on Linux only."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
