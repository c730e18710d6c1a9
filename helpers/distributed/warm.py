"""How `launch` starts torchrun: in a new process, or, after `keep_warm`, from one that has imported
PyTorch already.
"""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import torch

# the file in a launch's folder that says how a torchrun ended that was not started from here
EXIT = "agent.exit"
# variables that count when PyTorch starts
_READ_ONCE = ("OMP", "MKL", "OPENBLAS", "TORCH", "CUDA", "PYTHON", "LD_")
# looks, 0.05 s apart, after which a process that has left no exit code counts as killed
_GONE = 20
_kept: dict = {}     # empty, or the process that waits and what it was started with
_wanted = False


def keep_warm(on: bool = True) -> None:
    """Keep a process that has imported PyTorch, from the next `launch` on, so that later ones start
    in half a second.

    It waits beside the notebook, at about 300 MB, and ends with it or by `keep_warm(False)`. It
    takes Linux and a computer without a GPU; elsewhere nothing changes. Without it no process is
    left after a `launch`.
    """
    global _wanted
    _wanted = on and can_fork()
    if not _wanted:
        _end()


def can_fork() -> bool:
    """Whether a process that has imported PyTorch can be split in two: a GPU's driver does not bear
    it.
    """
    return sys.platform == "linux" and not torch.cuda.is_available()


class Forked(psutil.Process):
    """A torchrun that is no child of this process, with what `launch` needs of a Popen."""

    def __init__(self, pid: int, folder: Path):
        super().__init__(pid)
        self._exit, self._code, self._gone = folder / EXIT, None, 0

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        if self._code is None:
            with suppress(OSError, ValueError):
                self._code = int(self._exit.read_text())
            if self._code is None and not self.is_running():
                self._gone += 1
                self._code = -9 if self._gone > _GONE else None
        return self._code


def start_agent(folder: Path, target: str, processes: int,
                environment: dict[str, str]) -> psutil.Popen | Forked:
    """Start torchrun for `launch`, warm where that is wanted and can be."""
    if _wanted:
        try:
            order = {"folder": str(folder), "target": target, "processes": processes,
                     "environment": environment,
                     "cwd": str(Path.cwd())}
            return Forked(_ask(order), folder)
        except (OSError, ValueError, psutil.NoSuchProcess):
            _end()  # the one that waited is gone: do without
    with (folder / "agent.log").open("wb") as log:
        return psutil.Popen([sys.executable, "-m", "helpers.distributed.agent", str(folder), target,
                             str(processes)], stdout=log,
                            stderr=log, stdin=subprocess.DEVNULL, env=environment)


def _ask(order: dict) -> int:
    """Have the waiting process, a new one if there is none for these settings, start a torchrun;
    return its pid.
    """
    settings = {name: value
                for name, value in order["environment"].items() if name.startswith(_READ_ONCE)}
    if _kept and _kept["settings"] != settings:
        _end()
    if not _kept:
        waiting = subprocess.Popen([sys.executable, "-m", "helpers.distributed.nursery"],
                                   env=order["environment"], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        _kept.update(process=waiting, settings=settings)
    _kept["process"].stdin.write(json.dumps(order) + "\n")
    _kept["process"].stdin.flush()
    return int(_kept["process"].stdout.readline())


def _end() -> None:
    if _kept:
        waiting = _kept["process"]
        _kept.clear()
        waiting.kill()
        waiting.communicate()
