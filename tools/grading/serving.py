"""Processes that grade submissions, one after the other, and are started again when one ends."""

import contextlib
import multiprocessing
import os
from pathlib import Path

from .course import Course, api, last_words

LONGEST = 900  # seconds for a submission, whatever its limits are
ENDED = "the process that grades was ended by it"


def _serve(root: str, name: str, log: str, pipe) -> None:
    """In a process of its own: grade whoever comes through the pipe."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with Path(log).open("a", encoding="utf-8") as told:
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)
    course = Course(Path(root))
    nbgrader = api(course)
    for student in iter(pipe.recv, None):
        try:
            done = nbgrader.autograde(name, student, force=True, create=True)
            if done["success"]:
                done = nbgrader.generate_feedback(name, student, force=True)
            pipe.send("" if done["success"] else last_words(done))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")


class Server:
    """A process that grades, started again when a submission has ended it."""

    def __init__(self, course: Course, name: str):
        log = course.root / "grades" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        self._arguments = (str(course.root), name, str(log))
        self._running = None  # the process, and the pipe to it

    def grade(self, student: str) -> str:
        """Grade a submission; return what went wrong, or nothing."""
        if self._running is None:
            spawn = multiprocessing.get_context("spawn")
            pipe, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(*self._arguments, theirs), daemon=True)
            process.start()
            theirs.close()
            self._running = process, pipe
        process, pipe = self._running
        try:
            pipe.send(student)
            if pipe.poll(LONGEST):
                return pipe.recv()
            reason = f"not graded within {LONGEST // 60} minutes"
        except (EOFError, OSError):
            reason = ENDED
        process.kill()
        self.stop()
        return reason

    def stop(self) -> None:
        """End the process, once it has done what it was given."""
        if self._running is None:
            return
        process, pipe = self._running
        with contextlib.suppress(OSError):
            pipe.send(None)
        process.join()
        self._running = None
