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

# environment variable by which `launch` says when, in seconds of time.time()
DEADLINE = "COURSE_LAUNCH_DEADLINE"

# How a rank notices that another one is gone, in the words of gloo, of nccl and of the store where
# ranks meet
LOST_PEER = re.compile(
    r"Connection (closed|reset)|Broken pipe|remote process exited|NCCL (communicator|error)|"
                       r"Socket Timeout|recvValue failed|failed to recv", re.IGNORECASE)


def load(target: str):
    """Return the function that `target`, "module:name", names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def for_launch(target: str, folder: str) -> None:
    """Call the worker as `launch` asks; leave its result, or the reason why there is none, in
    `folder`.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # a forked rank has torchrun's own, which raise
    end_with_parent()
    rank, left = os.environ["RANK"], Path(folder)
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(left / f"{rank}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    # A rank that hangs cannot say where, so a watch of Python's own does at the deadline, whatever
    # blocks.
    stack = (left / f"{rank}.stack").open("w")
    faulthandler.dump_traceback_later(max(0.1, float(os.environ[DEADLINE]) - time.time()),
                                      file=stack)
    (left / f"{rank}.pid").write_text(str(os.getpid()))
    try:
        import torch

        result = load(target)(**torch.load(left / "arguments.pt", weights_only=False))
        torch.save(result, left / f"{rank}.unfinished")
        (left / f"{rank}.unfinished").rename(left / f"{rank}.result")
    except BaseException as problem:  # whatever ends a rank is told, sys.exit included
        # without the frame of this function
        own = problem.__traceback__.tb_next or problem.__traceback__
        text = json.dumps({"reason": f"{type(problem).__name__}: {problem}",
                           "traceback": "".join(traceback.format_exception(type(problem), problem,
                                                                           own))})
        (left / f"{rank}.unfinished").write_text(text, encoding="utf-8")
        (left / f"{rank}.unfinished").rename(left / f"{rank}.error")
        sys.stdout.flush()
        if LOST_PEER.search(str(problem)):
            time.sleep(1)  # another rank is gone: torchrun should see that one first
        os._exit(1)  # the others may wait in a collective, and tearing it down would wait for them
    faulthandler.cancel_dump_traceback_later()
