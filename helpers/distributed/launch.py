"""Several processes that train one network: `launch` starts them from a notebook, by torchrun."""

import importlib
import inspect
import io
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import torch

from .cause import words
from .failure import LaunchError, explain, starting
from .family import Family, own_folder
from .plan import MARK, Plan
from .shown import Shown
from .start import start_agent

_POLL = 0.05           # seconds between two looks at the ranks
_LAST_WORDS = 1.0      # seconds after the deadline in which each rank can say where it stands
_GRACE = 10.0          # seconds that torchrun has to find the cause and end the other ranks
# What torchrun tells its ranks: inherited from an outer run it would confuse an inner one. What
# lets a Python go on when its program has ended. And LOGLEVEL=debug, some other program's word:
# torchrun does not start where it is none of Python's.
_NOT_FOR_RANKS = ("PYTHONINSPECT", "LOGLEVEL", "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK",
                  "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
                  "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_ERROR_FILE", "TORCHELASTIC_RUN_ID")


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
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise ValueError(f"timeout must be a number of seconds above 0, not {timeout!r}.")
    with ExitStack() as stack:
        with starting(processes):
            _working_folder()
            address = _loopback()
            folder = stack.enter_context(own_folder())
            _send(arguments, folder)
        return _run(Plan(folder, target, processes, float(timeout), time.monotonic(), os.getpid(),
                         address))


def _run(plan: Plan) -> list:
    """Start torchrun, wait for it, end all of it, and return what the ranks have returned."""
    family, shown = Family(plan.folder), Shown(plan.folder)
    try:
        with starting(plan.processes):
            plan.reserve("report")
            family.agent = start_agent(plan, _environment(plan))
        in_time, code = _watch(family, plan, shown), family.code()
        failed = None if in_time and code == 0 else explain(plan, code, late=not in_time)
    except KeyboardInterrupt:
        print(f"Interrupted: the {plan.processes} processes are ended.")
        raise
    finally:
        family.end()
    shown.rest(plan.processes)
    if failed is not None:
        raise failed
    return [_result(plan, rank) for rank in range(plan.processes)]


def _importable(worker: Callable) -> str:
    """Return "module:name" of a function that others can import, or say why there is none."""
    module, name = getattr(worker, "__module__", None), getattr(worker, "__qualname__", None)
    if not callable(worker) or not module or not name:
        raise ValueError(f"{worker!r} is not a function. Pass one of helpers.workers, or of a "
                         "module of your own.")
    found = None
    with suppress(Exception):  # as where its module was made by a program, or is no longer there
        found = getattr(importlib.import_module(module), name, None)
    if module == "__main__" or found is not worker:
        raise ValueError(f"The new processes import their worker, and {name!r} lives only in this "
                         "one. Put it into a file: a first line %%writefile my_workers.py in its "
                         "cell does that. Then: import my_workers; "
                         f"launch(my_workers.{name.rpartition('.')[2]}).")
    return f"{module}:{name}"


def _working_folder() -> None:
    """Raise where the ranks could not work: PyTorch fails at a strange place without a folder."""
    try:
        Path.cwd()
    except OSError as problem:
        raise OSError("the folder that this program works in is gone, or closed to it. Go to "
                      "another one by os.chdir") from problem


def _loopback() -> str:
    """Return the address by which processes of this computer reach each other."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with suppress(OSError), socket.socket(family) as here:
            here.bind((address, 0))
            here.listen()
            with socket.create_connection(here.getsockname()[:2], timeout=2):
                return address
    raise OSError("they cannot reach each other, neither by 127.0.0.1 nor by ::1. Is the network "
                  "interface \"lo\" down")


def _send(arguments: dict, folder: Path) -> None:
    """Write the worker's arguments for all ranks."""
    try:
        text = io.BytesIO()
        torch.save(arguments, text)
    except Exception as problem:  # also what a class of somebody's own raises
        raise ValueError(f"An argument cannot be sent to another process: {problem}. Numbers, "
                         "strings, tensors and lists of them can; functions of this notebook "
                         "and open files cannot.") from problem
    (folder / "arguments.pt").write_bytes(text.getbuffer())


def _environment(plan: Plan) -> dict[str, str]:
    """Return the ranks' environment: this one's, the same modules, a fair share of the threads."""
    own = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_RANKS}
    own.update({MARK: plan.text(), "PYTHONUNBUFFERED": "1",
                "PYTHONIOENCODING": "utf-8:backslashreplace",  # in any locale
                "TQDM_DISABLE": "1",  # a progress bar cannot move in what is shown line by line
                "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path
                                             if isinstance(path, str)),
                "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // plan.processes)),
                "TORCH_CPP_LOG_LEVEL": "ERROR"})
    loopback = [name for name, addresses in psutil.net_if_addrs().items()
                if any(address.address == plan.address for address in addresses)]
    if loopback:  # otherwise gloo looks up the computer's name, which some networks do not know
        own["GLOO_SOCKET_IFNAME"] = loopback[0]  # where a cluster names one, it is for other nodes
    return own


def _watch(family: Family, plan: Plan, shown: Shown) -> bool:
    """Wait until torchrun has ended, showing what rank 0 prints; return whether it did in time."""
    failed_at = None
    while family.code() is None:
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


def _result(plan: Plan, rank: int):
    """Return what a rank has returned; to read it may run code of the object's own class."""
    try:
        return torch.load(plan.path(rank, "result"), weights_only=False, map_location="cpu")
    except Exception as problem:
        raise LaunchError(f"What rank {rank} has returned cannot be read here: "
                          f"{type(problem).__name__}: {words(problem)}. Return numbers, strings, "
                          "tensors, or lists and dictionaries of them.", rank) from problem
