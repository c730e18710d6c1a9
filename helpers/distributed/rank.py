"""What each rank of a `launch` runs: the worker, its output in files, and the reason if it fails.

`launch` leaves the arguments in a folder, and finds there what each rank printed, returned or died
of.
"""

import faulthandler
import importlib
import inspect
import io
import json
import os
import signal
import socket
import sys
import time
import traceback

from .cause import standing, words
from .parent import end_with, killed_with_parent
from .plan import MUTE, Plan

_LONG = 1e8     # seconds: what faulthandler takes is limited
_LONGER = 20.0  # seconds after its time that a rank which nobody ends ends by itself
_here: "_Notes | None" = None  # those of the rank that this process is


def load(target: str):
    """Return the function that `target`, "module:name", names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def note(word: str) -> None:
    """Note how far this rank has come ("joining", "joined"), if it belongs to a launch."""
    if _here is not None:
        _here.note(word)


class _Notes:
    """What a rank tells of itself while it works."""

    def __init__(self, plan: Plan, rank: int):
        self.plan, self.rank = plan, rank
        # A rank that hangs cannot say where: Python's own watch does, when time is up.
        self._stack = os.open(plan.path(rank, "stack"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._wind_up(plan.limit() - time.monotonic())
        plan.reserve(rank)
        plan.leave(f"{rank}.pid", str(os.getpid()))

    def note(self, word: str) -> None:
        """Note how far this rank has come: time may count anew from there."""
        self.plan.note(self.rank, word)
        if word == "joined":
            self._wind_up(self.plan.timeout)

    def begin(self) -> None:
        """Wait until all ranks can begin, so that the same time counts for all."""
        self.plan.note(self.rank, "begun")
        while not self.plan.all("begun"):
            time.sleep(0.005)
        self._wind_up(self.plan.timeout)

    def _wind_up(self, seconds: float) -> None:
        faulthandler.dump_traceback_later(min(max(seconds, 0.1), _LONG), file=self._stack)

    def returned(self, result) -> None:
        """Leave what the worker returned."""
        import torch

        new = self.plan.path(self.rank, "unfinished")
        try:
            torch.save(result, new)
        except BaseException:
            new.unlink(missing_ok=True)  # it may have filled the disk
            raise
        new.replace(self.plan.path(self.rank, "result"))
        faulthandler.cancel_dump_traceback_later()

    def failed(self, problem: BaseException) -> None:
        """Leave the reason why there is no result."""
        whole = problem.__traceback__
        own = (whole and whole.tb_next) or whole  # without the frame of `for_launch`
        trace = "".join(traceback.format_exception(type(problem), problem, own))
        self.plan.leave(f"{self.rank}.error", json.dumps({
            "when": time.monotonic(), "standing": standing(problem),
            "reason": f"{type(problem).__name__}: {words(problem)}", "traceback": trace}))


def for_launch(agent: str) -> None:
    """Call the worker; leave its result, or the reason why there is none, in the plan's folder.

    `agent`: the process of torchrun, with which this one ends.
    """
    global _here
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # a forked rank has torchrun's own, which raise
    killed_with_parent()
    plan, rank = Plan.here(), int(os.environ["RANK"])
    end_with(int(agent), lambda: plan.over(_LONGER))
    socket.getfqdn = inspect.unwrap(socket.getfqdn)  # the agent's, where it forked
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(plan.path(rank, stream), os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    for text in (sys.stdout, sys.stderr):  # in any locale, and with any characters
        if isinstance(text, io.TextIOWrapper):
            text.reconfigure(encoding="utf-8", errors="backslashreplace")
    _here = _Notes(plan, rank)
    try:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # read long ago, where it forked
        worker = load(plan.target)
        arguments = torch.load(plan.folder / "arguments.pt", weights_only=False)
        _here.begin()
        _here.returned(worker(**arguments))
    except BaseException as problem:  # whatever ends a rank is told, sys.exit included
        code = MUTE
        try:
            _here.failed(problem)
            code = 1
            sys.stdout.flush()  # which the worker may have closed, or a full disk refuses
        finally:
            os._exit(code)  # others may wait in a collective: tearing it down would wait for them
