"""Get a file from a mirror, whatever the mirror does instead."""

import queue
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from textwrap import shorten

from .place import bar as progress

MINIMUM_RATE = 200_000  # bytes per second; slower than this, and the next mirror is tried
LAST_RATE = 5_000  # the same for the last mirror: slow is better than nothing
PATIENCE = 15  # seconds over which that rate is measured
TIMEOUT = 10  # seconds without anything
CHUNK = 1 << 18


class Failed(Exception):
    """What a mirror did instead of delivering."""


class NothingLeft(Failed):
    """A mirror's file is no longer than what is here already."""


def fetch(url: str, partial: Path, size: int, minimum_rate: float) -> None:
    """Append to `partial` what it lacks of the `size` bytes at `url`; anew where it must be.

    Raises Failed for all that a network can do, and OSError for what `partial` does. More than
    `size` bytes are never taken.
    """
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    # A new opener, since the shared one keeps the proxies that were set when it was first used.
    response = _within(2 * TIMEOUT,
                       lambda: urllib.request.build_opener().open(request, timeout=TIMEOUT))
    try:
        start = have if response.status == 206 else 0
        _check(response, start, size)
        with partial.open("ab" if start else "wb") as file, progress(
                total=size, initial=start, unit="B", unit_scale=True, desc="CIFAR-10",
                leave=False) as bar:
            for chunk in _chunks(response, size - start, minimum_rate):
                file.write(chunk)
                bar.update(len(chunk))
    finally:  # elsewhere, as it would wait for a read that was given up
        threading.Thread(target=_close, args=(response,), daemon=True).start()


def _close(response: HTTPResponse) -> None:
    with suppress(Exception):
        response.close()


def _within(seconds: float, call: Callable):
    """Return what `call` returns; raise Failed where it raises anything, or takes longer.

    urllib's own limit starts anew with each byte, and does not hold while a name is looked up.
    What it raises is more than its documentation says.
    """
    ended = queue.SimpleQueue()

    def work() -> None:
        try:
            ended.put((call(), None))
        except Exception as problem:
            ended.put((None, problem))

    threading.Thread(target=work, daemon=True).start()
    try:
        value, problem = ended.get(timeout=seconds)
    except queue.Empty:
        raise Failed(f"nothing came for {seconds:g} seconds") from None
    if problem is not None:
        if isinstance(problem, urllib.error.HTTPError):
            problem.close()
            kind = NothingLeft if problem.code == 416 else Failed
            raise kind(_one_line(f"it answers {problem.code} {problem.msg}")) from problem
        raise Failed(_one_line(getattr(problem, "reason", problem))) from problem
    return value


def _one_line(reason: object) -> str:
    """Return a reason as a short line; what a server sends may hold anything."""
    text = "".join(c if c.isprintable() else " " for c in str(reason))
    return shorten(text, 150) or type(reason).__name__


def _check(response: HTTPResponse, start: int, size: int) -> None:
    """Raise Failed where the headers announce something else than the rest of the file."""
    if response.status not in (200, 206):
        raise Failed(f"it answers {response.status}")
    if response.headers.get_content_type() == "text/html":
        raise Failed("it answers with a web page (does this network want a login in the browser?)")
    part = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range", ""))
    if response.status == 206 and part and int(part[1]) != start:
        raise Failed("it sends another part than it was asked for")
    length = response.headers.get("Content-Length", "")
    if re.fullmatch(r"\d{1,18}", length) and int(length) != size - start:
        raise Failed(f"it offers {int(length):,} bytes instead of {size - start:,}")


def _chunks(response: HTTPResponse, wanted: int, minimum_rate: float) -> Iterator[bytes]:
    """Yield `wanted` bytes in pieces; raise Failed where they end too soon or come too slowly."""
    started, received = time.monotonic(), 0
    while wanted:
        chunk = _within(2 * TIMEOUT, lambda: response.read1(CHUNK))[:wanted]
        if not chunk:
            raise Failed(f"the connection closed {wanted:,} bytes before the end")
        yield chunk
        wanted -= len(chunk)
        received += len(chunk)
        elapsed = time.monotonic() - started
        if elapsed > PATIENCE:
            if received < minimum_rate * elapsed:
                raise Failed(f"only {received / elapsed / 1000:.0f} kB/s")
            started, received = time.monotonic(), 0
