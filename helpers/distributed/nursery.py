"""A process that has imported PyTorch and waits, so that launches start in half a second: see
`keep_warm`.

    python -m helpers.distributed.nursery

reads one order a line, JSON, and splits itself in two for each. The new half is `launch`'s
torchrun.
"""

import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import torch._dynamo  # noqa: F401  every optimizer asks for it, and it takes as long to import as all the rest

from . import agent, workers  # noqa: F401
from .parent import end_with_parent
from .warm import EXIT


def main() -> None:
    """Wait for orders until nobody can give one any more."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the launch
    folders: dict[int, Path] = {}

    def note(*_):
        while folders and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with suppress(OSError):  # a launch that was broken off has taken its folder with it
                (folders.pop(ended[0]) / EXIT).write_text(str(os.waitstatus_to_exitcode(ended[1])))

    signal.signal(signal.SIGCHLD, note)
    for line in sys.stdin:
        order = json.loads(line)
        # until we know whose end it would be
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            _become_agent(order)
        folders[pid] = Path(order["folder"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        print(pid, flush=True)


def _become_agent(order: dict) -> None:
    """Run one launch, in the new process, and end it."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        folder = Path(order["folder"])
        log = os.open(folder / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(target, number)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["cwd"])
        sys.path[0] = order["cwd"]  # where `python -m` looks first
        end_with_parent()
        code = agent.run(folder, order["target"], order["processes"])
    except BaseException:  # whatever it is, it must not go on as a second nursery
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
