"""Several processes that train one network: `launch` starts them from a notebook, by torchrun."""

import importlib
import inspect
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import torch

from .failure import LaunchError, explain
from .plan import MARK, Plan
from .start import Forked, start_agent

_POLL = 0.05           # seconds between two looks at the ranks
_LAST_WORDS = 1.0      # seconds after the deadline in which each rank can say where it stands
_GRACE = 10.0          # seconds that torchrun has to find the cause and end the other ranks
# What torchrun tells its ranks: inherited from an outer run it would confuse an inner one.
_OF_TORCHRUN = ("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE",
                "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE",
                "TORCHELASTIC_ERROR_FILE", "TORCHELASTIC_RUN_ID")


def launch(worker: Callable, processes: int = 2, *, timeout: float = 600, **arguments) -> list:
    """Call `worker(**arguments)` in new processes and return what each returned, rank 0 first.

    torchrun starts them, each with its rank and the way to the others in its environment;
    `process_group` joins them. What rank 0 prints is shown as it comes, what the others print after
    it, with their ranks. No process is left, and nothing is written into the working folder. See
    `keep_warm` for many launches in a row.

    * worker: a function of a module, since every process imports it, anew each time.
    * processes: how many ranks, 1 or more. They share this process's number of threads.
    * timeout: so many seconds after all have begun, ranks that have not returned are ended. To
      begin, to import PyTorch and the worker and to join their group, they have five minutes.
    * arguments: what the worker takes. They and its result travel through files, pickled.

    Raises `LaunchError`, which names the rank to blame and says where it stood, when a rank raises
    or is killed (all are ended at most 15 seconds later) and when time is up; `ValueError` for a
    call that cannot work, before anything starts. Ctrl-C ends all processes, too.
    """
    target = _importable(worker)
    try:
        inspect.signature(worker).bind(**arguments)
    except TypeError as problem:
        raise ValueError(f"{worker.__name__} cannot be called so: {problem}.") from problem
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise ValueError(f"processes must be a whole number from 1, not {processes!r}.")
    with tempfile.TemporaryDirectory(prefix="launch-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            torch.save(arguments, folder / "arguments.pt")
        except (pickle.PicklingError, TypeError, AttributeError) as problem:
            raise ValueError(f"An argument cannot be sent to another process: {problem}. Numbers, "
                             "strings, tensors and lists of them can; functions of this notebook "
                             "and open files cannot.") from problem
        plan = Plan(folder, target, processes, float(timeout), time.monotonic(), os.getpid())
        agent = start_agent(plan, _environment(plan))
        family, shown = Family(agent, folder), _Shown(folder)
        try:
            in_time = _watch(family, plan, shown)
        except KeyboardInterrupt:
            print(f"Interrupted: the {processes} processes are ended.")
            raise
        finally:
            code = agent.poll()  # before it is ended
            family.end()
        shown.rest(processes)
        if code != 0 or not in_time:
            raise explain(plan, code, late=not in_time)
        return [_result(folder, rank, processes) for rank in range(processes)]


def _importable(worker: Callable) -> str:
    """Return "module:name" of a function that others can import, or say why there is none."""
    module, name = getattr(worker, "__module__", None), getattr(worker, "__qualname__", None)
    if not callable(worker) or not module or not name:
        raise ValueError(f"{worker!r} is not a function. Pass one of helpers.workers, or of a "
                         "module of your own.")
    if module == "__main__" or getattr(importlib.import_module(module), name, None) is not worker:
        raise ValueError(f"The new processes import their worker, and {name!r} lives only in this "
                         "one. Put it into a file: a first line %%writefile my_workers.py in its "
                         "cell does that. Then: import my_workers; "
                         f"launch(my_workers.{name.rpartition('.')[2]}).")
    return f"{module}:{name}"


def _environment(plan: Plan) -> dict[str, str]:
    """Return the ranks' environment: this one's, the same modules, a fair share of the threads."""
    own = {name: value for name, value in os.environ.items() if name not in _OF_TORCHRUN}
    own.update({MARK: plan.text(), "PYTHONUNBUFFERED": "1",
                "TQDM_DISABLE": "1",  # a progress bar cannot move in what is shown line by line
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // plan.processes)),
                "TORCH_CPP_LOG_LEVEL": "ERROR"})
    loopback = [name for name, addresses in psutil.net_if_addrs().items()
                if any(address.address == "127.0.0.1" for address in addresses)]
    if loopback:  # otherwise gloo looks up the computer's name, which some networks do not know
        own.setdefault("GLOO_SOCKET_IFNAME", loopback[0])
    return own


class Family:
    """torchrun and all that it has started.

    Processes are known by pid and time of birth: pids are used again.
    """

    def __init__(self, agent: psutil.Popen | Forked, folder: Path):
        self.agent, self.folder = agent, folder
        self._known: set[psutil.Process] = set()

    def look(self) -> None:
        """Note the processes that are there: once torchrun is gone, nothing says whose they are."""
        with suppress(psutil.NoSuchProcess):
            self._known.update(self.agent.children(recursive=True))

    def some_rank_failed(self) -> bool:
        """Whether a rank has left an error, or is gone without a result."""
        begun = {path: int(text) for path in self.folder.glob("*.pid")
                 if (text := path.read_text())}
        self.look()  # now: one that has just begun is known, too
        running = {process.pid for process in self._known if process.is_running()}
        return any(self.folder.glob("*.error")) or any(
            pid not in running and not path.with_suffix(".result").exists()
            for path, pid in begun.items())

    def end(self) -> None:
        """End every process that is still there."""
        self.look()
        everyone = [self.agent, *self._known]
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everyone, timeout=5)


def _watch(family: Family, plan: Plan, shown: "_Shown") -> bool:
    """Wait until torchrun has ended, showing what rank 0 prints; return whether it did in time."""
    failed_at = None
    while family.agent.poll() is None:
        time.sleep(_POLL)
        shown.live()
        failed, now = family.some_rank_failed(), time.monotonic()
        if failed_at is None and now > plan.limit() + _LAST_WORDS:
            return False
        if failed and failed_at is None:
            failed_at = now
        if failed_at is not None and now > failed_at + _GRACE:
            return True
    return True


class _Shown:
    """Shows what the ranks print: rank 0 at once, then the others, so that the order is one."""

    def __init__(self, folder: Path):
        self.folder, self._at = folder, 0

    def live(self, all_of_it: bool = False) -> None:
        """Print the lines of rank 0 that are new."""
        path = self.folder / "0.out"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        whole = len(new) if all_of_it else new.rfind(b"\n") + 1
        self._at += whole
        self._print(0, new[:whole])

    def rest(self, processes: int) -> None:
        """Print the rest of rank 0, then the other ranks; warnings last, to the error stream."""
        self.live(all_of_it=True)
        for rank in range(1, processes):
            path = self.folder / f"{rank}.out"
            self._print(rank, path.read_bytes() if path.exists() else b"")
        for rank in range(processes):
            path = self.folder / f"{rank}.err"
            self._print(rank, path.read_bytes() if path.exists() else b"", sys.stderr)

    @staticmethod
    def _print(rank: int, text: bytes, stream=None) -> None:
        for line in text.decode("utf-8", "replace").splitlines():
            print(f"[rank {rank}] {line}", file=stream or sys.stdout)


def _result(folder: Path, rank: int, processes: int):
    path = folder / f"{rank}.result"
    if not path.exists():
        raise LaunchError(f"Rank {rank} of {processes} ended without returning: did it call "
                          "os._exit?", rank)
    return torch.load(path, weights_only=False, map_location="cpu")
