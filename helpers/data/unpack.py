"""Take CIFAR-10's seven files out of its archive."""

import gzip
import tarfile
import zlib
from pathlib import Path

from .official import FOLDER, LARGEST, MD5, BadData

BLOCK = 512  # bytes of a header; contents are filled up to a multiple of it
ENTRIES = 100  # at most; the archive has nine


def unpack(archive: Path, folder: Path) -> None:
    """Write the files into `FOLDER` in `folder`. Raises BadData where they are not all there.

    They are read one by one, and written under the names that they should have: no path, link,
    owner or mode that an archive asks for is looked at. (`tarfile.extractall` needs a filter for
    that, which Python has from 3.11.4 on, and reads headers of any size into memory.)
    """
    goal = folder / FOLDER
    goal.mkdir()
    try:
        with gzip.open(archive) as stream:
            for _ in range(ENTRIES):
                header = stream.read(BLOCK)
                if not header.strip(b"\0"):
                    break
                entry = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
                if not 0 <= entry.size <= LARGEST:
                    raise tarfile.TarError(f"a file of {entry.size:,} bytes")
                place, _, name = entry.name.rpartition("/")
                wanted = entry.isreg() and place.removeprefix("./") == FOLDER and name in MD5
                content = _exactly(stream, entry.size)
                if wanted:
                    (goal / name).write_bytes(content)
                _exactly(stream, -entry.size % BLOCK)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise _damaged(archive, str(problem)) from problem
    if missing := [name for name in MD5 if not (goal / name).exists()]:
        raise _damaged(archive, f"{', '.join(missing)} missing")


def _exactly(stream: gzip.GzipFile, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError("it ends too soon")
    return content


def _damaged(archive: Path, why: str) -> BadData:
    return BadData(f"{archive} cannot be unpacked: {why}. Delete it and run this again to download "
                   "it.")
