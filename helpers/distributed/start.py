"""How `launch` starts torchrun: in a new process, or, after `keep_warm`, forked from one that has
imported PyTorch already, by multiprocessing's `forkserver`.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import torch

from .plan import KEPT_BY, MARK, Plan

_PRELOAD = ["helpers.distributed.preload"]
_READ_ONCE = ("MKL", "OPENBLAS", "TORCH", "CUDA", "LD_")  # variables that count when PyTorch starts
_wanted = False
_settings: dict[str, str] | None = None   # of these variables, as the server was started with them


def keep_warm(on: bool = True) -> None:
    """Keep a process that has imported PyTorch: launches after the next one start in half a second.

    It waits beside the notebook, at about 300 MB, and ends with it or by `keep_warm(False)`. It
    takes Linux and a computer without a GPU; elsewhere nothing changes. Without it no process is
    left after a `launch`.
    """
    global _wanted
    _wanted = on and can_fork()
    if not _wanted:
        _end_server()


def can_fork() -> bool:
    """Whether a process that has imported PyTorch can be forked: a GPU's driver cannot bear it."""
    return sys.platform == "linux" and not torch.cuda.is_available()


class Forked(psutil.Process):
    """A torchrun that is no child of this process, with what `launch` needs of a Popen."""

    def __init__(self, process: BaseProcess):
        super().__init__(process.pid)
        self._process = process

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended, at most `timeout` seconds; return its exit code."""
        self._process.join(timeout)
        return self._process.exitcode


def start_agent(plan: Plan, environment: dict[str, str]) -> psutil.Popen | Forked:
    """Start torchrun for `launch`, warm where that is wanted and can be."""
    if _wanted:
        with suppress(OSError, EOFError, psutil.NoSuchProcess):  # the server is gone: do without
            return _forked(plan, environment)
    with (plan.folder / "agent.log").open("wb") as log:
        return psutil.Popen([sys.executable, "-m", "helpers.distributed.agent"], env=environment,
                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def _forked(plan: Plan, environment: dict[str, str]) -> Forked:
    """Have the server, a new one if there is none for these settings, start a torchrun."""
    global _settings
    settings = {name: value for name, value in environment.items() if name.startswith(_READ_ONCE)}
    if settings != _settings:
        _end_server()
    _settings = settings
    process = multiprocessing.get_context("forkserver").Process(
        target=_become_agent, args=(plan, environment))
    # The server belongs to no launch, but to this program. Threads are set by each rank.
    plain = {name: value for name, value in environment.items() if name != MARK}
    with _plain_program(plain | {"OMP_NUM_THREADS": "1", KEPT_BY: str(os.getpid())}):
        forkserver.set_forkserver_preload(_PRELOAD)
        process.start()
    return Forked(process)


@contextmanager
def _plain_program(environment: dict[str, str]) -> Iterator[None]:
    """Let multiprocessing's new processes begin with these variables, and without a main program.

    It would run the script that calls `launch` again in each of them, and so asks for
    `if __name__ == "__main__"` around the call. Ours import their worker, and need no script.
    """
    main, before = sys.modules["__main__"], dict(os.environ)
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.environ.update(environment)
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name in environment.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _become_agent(plan: Plan, environment: dict[str, str]) -> None:
    """Run one launch, in the forked process, with the environment and output of a new one."""
    from .agent import watched, whole
    from .engine import run  # which takes long, and only this process has done already

    log = os.open(plan.folder / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(log, number)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [str(Path.cwd()), *environment["PYTHONPATH"].split(os.pathsep)]
    watched(plan)
    sys.exit(whole(plan, run))


def _end_server() -> None:
    """End the server that waits.

    multiprocessing has no public way; where its private one is gone, the server ends with this
    process. Where other processes of this program come from the same server, it stays with them.
    """
    global _settings
    if _settings is None:
        return
    _settings = None
    with suppress(AttributeError, OSError, psutil.Error):
        server: Any = forkserver._forkserver
        if not psutil.Process(server._forkserver_pid).children():
            os.kill(server._forkserver_pid, signal.SIGKILL)  # or _stop would wait for all it forked
            server._stop()
