"""The processes of a launch, and the folders: what there is to end and to remove."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from .parent import end
from .plan import MARK
from .start import Forked

_YOUNG = 60.0  # seconds in which nobody takes a folder for one that was left
# Exit codes of a torchrun that has ended what its ranks have left.
_ALL_ENDED = {0, 1} if sys.platform == "linux" else set()


class Family:
    """torchrun and all that it has started.

    Processes are known by pid and time of birth: pids are used again.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.agent: psutil.Popen | Forked | None = None
        self._known: set[psutil.Process] = set()

    def code(self) -> int | None:
        """torchrun's exit code, None while it runs."""
        return self.agent.poll() if self.agent is not None else None

    def look(self) -> set[psutil.Process]:
        """Note the processes that are there: once torchrun is gone, nothing says whose they are."""
        if self.agent is not None:
            with suppress(psutil.NoSuchProcess):
                self._known.update(self.agent.children(recursive=True))
        return self._known

    def some_rank_failed(self) -> bool:
        """Whether a rank has left an error, or is gone without a result."""
        begun = {path: int(path.read_text()) for path in self.folder.glob("*.pid")}
        running = {process.pid for process in self.look() if process.is_running()}
        return any(self.folder.glob("*.error")) or any(
            pid not in running and not path.with_suffix(".result").exists()
            for path, pid in begun.items())

    def end(self) -> None:
        """End every process that is still there."""
        if self.code() in _ALL_ENDED:
            return
        end(self.look)  # torchrun last: it adopts what its ranks leave
        if (agent := self.agent) is not None:
            end(lambda: [agent])
            agent.wait(timeout=5)
        end(lambda: [*self.look(), *_marked(self.folder)])


def _marked(folder: Path) -> Iterator[psutil.Process]:
    """Yield the processes of the launch that has this folder, as their environment says."""
    mark = json.dumps(str(folder))
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and mark in process.environ().get(MARK, ""):
                yield process


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder for one launch, and remove what launches have left whose caller was killed."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix="launch-", ignore_cleanup_errors=True) as name:
        lock = FileLock(Path(name, "lock"))
        with suppress(OSError, NotImplementedError):  # a disk that has none
            lock.acquire(timeout=0)
        try:
            yield Path(name)
        finally:
            lock.release()


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob("launch-*"):
        with suppress(Timeout, OSError, NotImplementedError):
            found = folder.lstat()
            mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            if not mine or time.time() < found.st_mtime + _YOUNG:
                continue
            if not any(folder.iterdir()):  # killed before it had a lock
                folder.rmdir()
            elif (folder / "lock").is_file():
                with FileLock(folder / "lock", timeout=0):  # its caller lives no longer
                    end(lambda folder=folder: _marked(folder))
                shutil.rmtree(folder, ignore_errors=True)
