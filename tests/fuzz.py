"""Mutants of real files, always the same by their number, and readers that are fed with them.

A reader's `Case` says what it reads and which errors it announces. `feed` gives it mutants in this
process. `feed_long` does so for a million of them or twenty minutes, in processes of their own:
these have a gigabyte of memory, end at once where a file makes code run, and may crash.
"""

import gzip
import importlib
import io
import json
import os
import pickletools
import random
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

OPCODES = [code.code.encode("latin1") for code in pickletools.opcodes]
# Sizes and words that readers stumble over.
PIECES = [*OPCODES, b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x00" * 4,
          b"r\xff\xff\xff\x13", b"cos\nsystem\n(S'exit 1'\ntR", b"cnumpy\nndarray\n", b"U\x02O8",
          b"cnumpy\ndtype\n", b"cbuiltins\neval\n", b"I-1\n", b"I99999999999\n",
          b"N.", b"}.", b"]."]
MEMORY = 1 << 30
CHUNK = 20_000  # mutants of one process
# What no reader of data may do, as Python's audit hooks name it.
CODE = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect",
        "compile", "exec", "shutil.rmtree")
_reading: list = []  # not empty while files are read


class Case(NamedTuple):
    """A reader of the contents of files: `read(content)` takes, or raises an `announced` error."""

    read: Callable[[bytes], object]
    originals: Sequence[bytes]
    announced: type[Exception]


def mutant(original: bytes, number: int) -> bytes:
    """Return mutant `number` of a file; those of a zip or gzip file are often changed inside."""
    return _changed(original, random.Random(number))


def feed(case: Case, numbers: Iterable[int]) -> Counter:
    """Count how the reader ends with these mutants; what it did not announce by its first one."""
    ends, seen = Counter(), {}
    for number in numbers:
        try:
            case.read(mutant(case.originals[number % len(case.originals)], number))
            end = "taken"
        except case.announced:
            end = "refused"
        except (Exception, _CodeRan) as problem:
            kind = type(problem).__name__
            end = seen.setdefault(kind, f"mutant {number}: {kind}: {str(problem)[:150]}")
        ends[end] += 1
    return ends


def feed_long(case: str, count: int = 1_000_000, minutes: float = 20) -> Counter:
    """Feed the reader of the function `case`, "module:function", until count or time is reached.

    The module is one of a folder below `tests`. A process that crashes counts by its signal.
    """
    ends, until = Counter(), time.monotonic() + 60 * minutes

    def chunk(first: int) -> Counter:
        if time.monotonic() > until:
            return Counter()
        left = max(1, min(CHUNK, count - first))
        command = [sys.executable, __file__, case, str(first), str(left),
                   str(until - time.monotonic())]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return Counter({f"chunk {first}: exit {done.returncode} {done.stderr[-300:]}": 1})
        return Counter(json.loads(done.stdout.splitlines()[-1]))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(chunk, range(0, count, CHUNK)):
            ends.update(found)
    return ends


class _CodeRan(BaseException):
    """A file made its reader do what no reader may."""


def _position(data: bytearray, rnd: random.Random) -> int:
    """A place in the data, often near one of its ends: headers are there."""
    place = rnd.randrange(min(len(data), rnd.choice((400, len(data)))))
    return rnd.choice((place, len(data) - 1 - place))


def _edit(data: bytearray, rnd: random.Random) -> None:
    if not data:
        data += b"."
    at, kind = _position(data, rnd), rnd.randrange(7)
    if kind == 0:
        data[at] ^= 1 << rnd.randrange(8)
    elif kind == 1:
        data[at] = rnd.randrange(256)
    elif kind == 2:
        piece = rnd.choice(PIECES)
        data[at:at + len(piece)] = piece
    elif kind == 3:
        data[at:at] = rnd.choice(PIECES)
    elif kind == 4:
        del data[at:at + rnd.choice((1, 2, 4, 16, 400))]
    elif kind == 5:
        data[at:at] = data[max(0, at - rnd.randrange(1, 60)):at]
    elif rnd.random() < 0.2:
        del data[at:]


def _changed(data: bytes, rnd: random.Random) -> bytes:
    if data[:4] == b"PK\x03\x04" and rnd.random() < 0.8:
        return _rezipped(data, rnd)
    if data[:2] == b"\x1f\x8b" and rnd.random() < 0.8:
        return gzip.compress(_changed(gzip.decompress(data), rnd), 1)
    changed = bytearray(data)
    for _ in range(rnd.choice((1, 1, 1, 2, 3, 8))):
        _edit(changed, rnd)
    return bytes(changed)


@lru_cache
def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rezipped(data: bytes, rnd: random.Random) -> bytes:
    """Change members of a zip file, most often its pickle, under sums that are right again."""
    members = dict(_members(data))
    pickles = [name for name in members if name.endswith(".pkl")]
    kind, name, other = rnd.randrange(8), *rnd.choices(list(members), k=2)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[name], members[other] = members[other], members[name]
    elif kind == 2:
        members[name] = _changed(members[name], rnd)
    else:
        name = rnd.choice(pickles or [name])
        members[name] = _changed(members[name], rnd)
    out = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if rnd.random() < 0.05 else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", how) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return out.getvalue()


def _forbid(event: str, arguments: tuple) -> None:
    if event in CODE and _reading:
        frame = sys._getframe()
        while frame := frame.f_back:  # what is imported late may define classes by code
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return
        raise _CodeRan(f"{event} {arguments}"[:150])


def main(case: str, first: str, count: str, seconds: str) -> None:
    """Feed one chunk in this process, and print the count as JSON."""
    import resource  # not on Windows

    until = time.monotonic() + float(seconds)
    here = Path(__file__).parent
    sys.path[:0] = [str(here.parent), *(str(p) for p in here.rglob("*") if p.is_dir())]
    module, name = case.split(":")
    made = getattr(importlib.import_module(module), name)()
    for original in made.originals:
        made.read(original)  # a real file is taken
    feed(made, range(-50, 0))  # nearly all that is imported late is imported now
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    sys.addaudithook(_forbid)
    _reading.append(made)
    numbers = range(int(first), int(first) + int(count))
    ends = feed(made, (n for n in numbers if time.monotonic() < until))
    _reading.clear()  # what is cleared away at the end is no file's doing
    if (used := _most_memory()) > MEMORY:
        ends[f"{used >> 20} MB of memory"] += 1
    print(json.dumps(ends))


def _most_memory() -> int:
    """Return the most memory that this process has held, in bytes.

    `getrusage` would not do: on Linux it counts what the process held that has started this one.
    """
    status = Path("/proc/self/status")
    if not status.exists():  # macOS, whose getrusage counts bytes
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
