"""What each rank of a `launch` runs: the worker, its output in files, and the reason if it fails.

`launch` leaves the arguments in a folder, and finds there what each rank printed, returned or died
of.
"""

import faulthandler
import importlib
import json
import os
import re
import signal
import sys
import time
import traceback
from pathlib import Path

from .parent import end_with_parent

DEADLINE = "COURSE_LAUNCH_DEADLINE"  # the variable that says when, in seconds of time.time()

# How a rank notices that another one is gone: words of gloo, of nccl, of the store where they meet.
LOST_PEER = re.compile(r"Connection (closed|reset)|Broken pipe|remote process exited|"
                       r"NCCL (communicator|error)|Socket Timeout|recvValue failed|failed to recv",
                       re.IGNORECASE)


def load(target: str):
    """Return the function that `target`, "module:name", names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def for_launch(target: str, folder: str) -> None:
    """Call the worker; leave its result, or the reason why there is none, in `folder`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # a forked rank has torchrun's own, which raise
    end_with_parent()
    rank, left = os.environ["RANK"], Path(folder)
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(left / f"{rank}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    # A rank that hangs cannot say where: Python's own watch does, at the deadline.
    stack = (left / f"{rank}.stack").open("w")
    faulthandler.dump_traceback_later(max(0.1, float(os.environ[DEADLINE]) - time.time()),
                                      file=stack)
    (left / f"{rank}.pid").write_text(str(os.getpid()))
    try:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # read long ago, where it forked
        result = load(target)(**torch.load(left / "arguments.pt", weights_only=False))
        torch.save(result, left / f"{rank}.unfinished")
        (left / f"{rank}.unfinished").rename(left / f"{rank}.result")
    except BaseException as problem:  # whatever ends a rank is told, sys.exit included
        whole = problem.__traceback__
        own = (whole and whole.tb_next) or whole  # without the frame of this function
        trace = "".join(traceback.format_exception(type(problem), problem, own))
        text = json.dumps({"reason": f"{type(problem).__name__}: {problem}", "traceback": trace})
        (left / f"{rank}.unfinished").write_text(text, encoding="utf-8")
        (left / f"{rank}.unfinished").rename(left / f"{rank}.error")
        sys.stdout.flush()
        if LOST_PEER.search(str(problem)):
            time.sleep(1)  # another rank is gone: torchrun should see that one first
        os._exit(1)  # the others may wait in a collective, and tearing it down would wait for them
    faulthandler.cancel_dump_traceback_later()
