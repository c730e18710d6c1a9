"""A time limit for code that may not end, and may catch everything."""

import contextlib
import ctypes
import dis
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

_HERE = str(Path(__file__).parent)


IMPORTS = 60.0  # seconds more that an import may take: on Colab's disks some take ten


_limited: list = []  # the frames that have set a limit


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` does not catch it."""


def _is_ours(frame) -> bool:
    return frame.f_code.co_filename.startswith(_HERE)


def _is_importing(frame) -> bool:
    """Is a module being imported? Cut short, it would stay half imported for all that follows."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_guarded(frame) -> bool:
    """Would an `except` of the frame, or of its callers up to the limit, see what is raised?"""
    parse = getattr(dis, "_parse_exception_table", lambda code: ())
    while frame is not None and frame is not _limited[-1] and not _is_ours(frame):
        if any(entry.start <= frame.f_lasti < entry.end for entry in parse(frame.f_code)):
            return True
        frame = frame.f_back
    return False


def _raise_outside(frame, event, _):
    """As a trace function: raise at the first instruction that no `except` covers."""
    frame.f_trace_opcodes = True
    if event in ("line", "opcode") and not _is_guarded(frame):
        raise TimeUp
    return _raise_outside


@contextlib.contextmanager
def at_most(seconds: float):
    """Raise TimeUp in the block after `seconds`, whatever it catches.

    A Unix signal ends sleeping and waiting, too. Without one (Windows, other threads) TimeUp comes
    at the next line of Python.
    """
    main = threading.current_thread() is threading.main_thread()
    frame: Any = sys._getframe()
    while frame.f_code.co_filename in (__file__, contextlib.__file__):
        frame = frame.f_back
    _limited.append(frame)
    try:
        with _by_signal(seconds) if main and hasattr(signal, "setitimer") else _by_thread(seconds):
            yield
    finally:
        _limited.pop()


@contextlib.contextmanager
def _by_signal(seconds):
    rings, started = 0, time.monotonic()

    def ring(_, frame):
        nonlocal rings
        if _is_importing(frame) and time.monotonic() < started + seconds + IMPORTS:
            return
        rings += 1
        if rings < 3:
            raise TimeUp
        # It was caught. Insist, where nothing catches.
        while frame is not None and frame is not _limited[-1] and not _is_ours(frame):
            frame.f_trace, frame = _raise_outside, frame.f_back
        sys.settrace(_raise_outside)

    tracing = sys.gettrace()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.settrace(tracing)


@contextlib.contextmanager
def _by_thread(seconds):
    over, watched = threading.Event(), threading.get_ident()

    def watch():
        wait = seconds
        while not over.wait(wait):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(watched),
                                                       ctypes.py_object(TimeUp))
            wait = 0.1

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        with contextlib.suppress(TimeUp):
            time.sleep(0)  # one that was on its way arrives here
