"""The harness of the kills sees a process that stays."""

import signal
import subprocess
import sys
import time

import kills
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32",
                                                   reason="kills as on Linux and macOS")]


def leaves(begin, seconds):
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
    begin()
    time.sleep(60)


def ends(begin):
    begin()


def test_killed_at_once_and_what_it_started_ends_soon():
    assert list(kills.kill_often(leaves, 1, count=2, within=0.1)) == [-signal.SIGKILL] * 2
    assert list(kills.kill_often(ends, count=1, within=1e-9, seed=1)) in ([0], [-signal.SIGKILL])


def test_what_stays_is_named(monkeypatch):
    monkeypatch.setattr(kills, "PATIENCE", 0.5)
    with pytest.raises(AssertionError, match="run 0 has left .*python"):
        list(kills.kill_often(leaves, 5, count=1, within=0.1))
