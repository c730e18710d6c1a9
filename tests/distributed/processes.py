"""What runs, for tests that must leave nothing behind."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil


def children(word: str) -> list[psutil.Process]:
    """Return this process's own children whose command line holds `word`."""
    return [p for p in psutil.Process().children()
            if is_python(p) and any(word in part for part in p.cmdline())]


def is_python(process: psutil.Process) -> bool:
    """Whether a process is one of Python's that runs, as all that `launch` starts are."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "python" in process.name().lower()
    except psutil.NoSuchProcess:  # it ended meanwhile
        return False


def left_over() -> tuple[set, set, set]:
    """Return this process's offspring but for multiprocessing's two servers, the ports listened at,
    and the folders of launches.

    Only children that run Python: the browser of other tests may live in this process, too, and
    splits when it likes.
    """
    family = [p for p in psutil.Process().children(recursive=True) if is_python(p)]
    ports = {(c.laddr.ip, c.laddr.port) for p in [psutil.Process(), *family]
             for c in p.net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN}
    servers = children("forkserver") + children("resource_tracker")
    return ({p.pid for p in family} - {p.pid for p in servers}, ports,
            set(Path(tempfile.gettempdir()).glob("launch-*")))


def processes_with(folder: Path) -> list[psutil.Process]:
    """Return the processes whose folder for temporary files was `folder` from their start."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder):
                found.append(process)
        except psutil.Error:  # it ended meanwhile
            pass
    return found


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until a condition holds."""
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline
        time.sleep(0.1)
