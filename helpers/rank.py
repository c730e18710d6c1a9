"""One rank of a distributed run: calls a worker, an importable function, in a process that torchrun has started.

    torchrun --nproc-per-node 2 -m helpers.rank helpers.workers:train_cifar epochs=1

runs it on this computer, and the same line on several, with `--nnodes` and a meeting place, `--rdzv-endpoint`. What
follows the worker are its arguments, as Python writes them. Inside a notebook, `helpers.launch` does the same: it
leaves the arguments in a folder, and finds there what each rank printed, returned or died of.
"""

import ast
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

from .orphans import end_with_parent

DEADLINE = "COURSE_LAUNCH_DEADLINE"  # environment variable by which `launch` says when, in seconds of time.time()

# How a rank notices that another one is gone, in the words of gloo, of nccl and of the store where ranks meet
LOST_PEER = re.compile(r"Connection (closed|reset)|Broken pipe|remote process exited|NCCL (communicator|error)|"
                       r"Socket Timeout|recvValue failed|failed to recv", re.IGNORECASE)


def load(target: str):
    """Return the function that `target`, "module:name", names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def parsed(words: list[str]) -> dict:
    """Turn ["epochs=1", "name=fast"] into {"epochs": 1, "name": "fast"}."""
    arguments = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise SystemExit(f"{word!r} is no argument: write name=value, such as epochs=1.")
        try:
            arguments[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):  # a word without quotes: take it as it stands
            arguments[name] = value
    return arguments


def for_launch(target: str, folder: str) -> None:
    """Call the worker as `launch` asks; leave its result, or the reason why there is none, in `folder`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # a forked rank has torchrun's own, which raise
    end_with_parent()
    rank, left = os.environ["RANK"], Path(folder)
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(left / f"{rank}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    # A rank that hangs cannot say where, so a watch of Python's own does at the deadline, whatever blocks.
    stack = (left / f"{rank}.stack").open("w")
    faulthandler.dump_traceback_later(max(0.1, float(os.environ[DEADLINE]) - time.time()), file=stack)
    (left / f"{rank}.pid").write_text(str(os.getpid()))
    try:
        import torch

        result = load(target)(**torch.load(left / "arguments.pt", weights_only=False))
        torch.save(result, left / f"{rank}.unfinished")
        (left / f"{rank}.unfinished").rename(left / f"{rank}.result")
    except BaseException as problem:  # whatever ends a rank is told, sys.exit included
        own = problem.__traceback__.tb_next or problem.__traceback__  # without the frame of this function
        text = json.dumps({"reason": f"{type(problem).__name__}: {problem}",
                           "traceback": "".join(traceback.format_exception(type(problem), problem, own))})
        (left / f"{rank}.unfinished").write_text(text, encoding="utf-8")
        (left / f"{rank}.unfinished").rename(left / f"{rank}.error")
        sys.stdout.flush()
        if LOST_PEER.search(str(problem)):
            time.sleep(1)  # another rank is gone: torchrun should see that one first
        os._exit(1)  # the others may wait in a collective, and tearing it down would wait for them
    faulthandler.cancel_dump_traceback_later()


def main() -> None:
    """Read the command line."""
    if len(sys.argv) < 2 or ":" not in sys.argv[1]:
        raise SystemExit(__doc__)
    end_with_parent()
    result = load(sys.argv[1])(**parsed(sys.argv[2:]))
    if os.environ.get("RANK", "0") == "0" and result is not None:
        print(result)


if __name__ == "__main__":
    main()
