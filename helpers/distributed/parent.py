"""A process that ends with the one that it works for: nothing outlives a killed notebook."""

import os
import threading
import time

import psutil

_EVERY = 0.5  # seconds between two looks


def end_with_parent(pid: int | None = None) -> None:
    """Watch a process, this one's parent unless `pid` names another, from a thread, and end this
    process, without ceremony, within a second of the other's end.
    """
    parent = psutil.Process(pid or os.getppid())

    def watch():
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_EVERY)
        os._exit(1)  # from a thread, sys.exit would end the thread alone

    threading.Thread(target=watch, daemon=True, name="end_with_parent").start()
