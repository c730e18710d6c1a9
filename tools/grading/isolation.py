"""A submission's code apart from everything it has no business with, where Linux can do that."""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

INSIDE = Path(__file__).with_name("inside.py")
UNSHARE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork",
           "--kill-child"]
AS_USER = ["--user", "--map-root-user"]


def _words(rights: list[str], hide: str, scratch: str, memory: float) -> list[str]:
    return [*UNSHARE, *rights, "--", sys.executable, "-I", str(INSIDE), hide, scratch, str(memory)]


@cache
def _rights() -> list[str] | None:
    """Return how namespaces are asked for here; None where they cannot be had."""
    if not sys.platform.startswith("linux") or os.environ.get("COURSE_ISOLATE") == "0":
        return None
    for rights in (AS_USER, []):
        with tempfile.TemporaryDirectory() as scratch:
            there = Path(scratch, "written")
            # os.execvp starts the command with all of this in effect, or does not start it
            command = [sys.executable, "-I", "-c", f"open({str(there)!r}, 'w')"]
            try:
                done = subprocess.run([*_words(rights, "", scratch, 1.0), *command], check=False,
                                      capture_output=True, timeout=30)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if done.returncode == 0 and there.exists():
                return rights
    return None


def possible() -> bool:
    """Can submissions be run apart on this computer?"""
    return _rights() is not None


def words_before(hide: Path, scratch: Path, memory: float) -> list[str]:
    """Return what to write before a command, so that it runs apart; nothing where it cannot."""
    rights = _rights()
    if rights is None:
        return []
    return _words(rights, str(hide), str(scratch), memory)
