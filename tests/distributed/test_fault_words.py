"""What goes wrong around a launch, made up without one: limits, last words, what is said of it."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from helpers import LaunchError
from helpers.distributed import launch as launching
from helpers.distributed import parent
from helpers.distributed.failure import explain, starting
from helpers.distributed.plan import KEPT_BY, MUTE, Plan
from helpers.distributed.shown import Shown

DUMP = """Timeout (0:00:08)!
Thread 0x00007f (most recent call first):
  File "/python/threading.py", line 320 in wait
  File "/python/threading.py", line 1002 in _bootstrap

Thread 0x00007e (most recent call first):
%s"""


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path, "odd:worker", 2, timeout=8.0, started=100.0, caller=os.getpid())


def say(plan: Plan, word: str, **when: float) -> None:
    for rank, at in when.items():
        plan.leave(f"{rank.removeprefix('r')}.{word}", str(at))


# --- time ---

@pytest.mark.parametrize("notes, limit", [
    pytest.param({}, 400.0, id="nobody-has-begun"),
    pytest.param({"begun": {"r0": 101.0}}, 400.0, id="one-has-begun"),
    pytest.param({"begun": {"r0": 101.0, "r1": 150.0}}, 158.0, id="all-have-begun"),
    pytest.param({"begun": {"r0": 101.0, "r1": 150.0}, "joining": {"r0": 151.0}}, 158.0,
                 id="one-joins-and-the-other-never-does"),
    pytest.param({"begun": {"r0": 101.0, "r1": 150.0}, "joining": {"r0": 151.0, "r1": 155.0}},
                 455.0, id="all-join"),
    pytest.param({"begun": {"r0": 101.0, "r1": 150.0}, "joining": {"r0": 151.0, "r1": 155.0},
                  "joined": {"r0": 200.0, "r1": 201.0}}, 209.0, id="all-have-joined")])
def test_fault_time_counts_from_when_all_are_there(plan, notes, limit):
    """D4: not from before they have imported PyTorch."""
    for word, when in notes.items():
        say(plan, word, **when)
    assert plan.limit() == limit


def test_fault_a_second_group_gives_no_more_time(plan):
    plan.note(0, "joined")
    before = plan.times("joined")
    time.sleep(0.01)
    plan.note(0, "joined")
    assert plan.times("joined") == before


def test_fault_ranks_end_by_themselves_when_nobody_ends_them(tmp_path):
    """E3: a caller that is stopped ends nobody."""
    now = time.monotonic()
    late = Plan(tmp_path, "odd:worker", 1, 8.0, now - 20.0, 1, setup=10.0)
    assert late.over(5.0) and not late.over(30.0)
    assert Plan(tmp_path / "removed", "odd:worker", 1, 8.0, now, 1).over(30.0)


@pytest.mark.parametrize("code", [
    "ensure_alive(2 ** 22 + 5)",
    "import subprocess; p = subprocess.Popen(['true']); import time; time.sleep(0.5); "
    "ensure_alive(p.pid)"], ids=["nobody", "zombie"])
@pytest.mark.skipif(sys.platform == "win32", reason="zombies as on Linux and macOS")
def test_fault_a_caller_that_is_gone_already(code):
    program = f"from helpers.distributed.parent import ensure_alive; {code}; print('lives')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")


# --- space ---

def test_fault_last_words_on_a_full_disk(plan, monkeypatch):
    plan.reserve(1)
    write, full = Path.write_text, [plan.folder / "1.reserve"]

    def written(path, *given, **settings):
        if full[0].exists():
            raise OSError(28, "No space left on device")
        return write(path, *given, **settings)

    monkeypatch.setattr(Path, "write_text", written)
    plan.leave("1.error", "why")
    assert (plan.folder / "1.error").read_text() == "why"


# --- words ---

@pytest.mark.parametrize("problem, words", [
    (OSError(24, "Too many open files"), "Too many open files.*ulimit -n 1024"),
    (OSError(28, "No space left on device"), "Free some space"),
    (OSError(12, "Cannot allocate memory"), "fewer processes"),
    (BlockingIOError(11, "Resource temporarily unavailable"), "fewer processes"),
    (FileNotFoundError(2, "No usable temporary directory found"), "temporary directory"),
    (PermissionError(13, "Permission denied", "/tmp/x"), "Permission denied: '/tmp/x'")],
    ids=lambda value: type(value).__name__ if isinstance(value, OSError) else "")
def test_fault_the_system_refuses_to_start_processes(problem, words):
    with pytest.raises(LaunchError, match=f"The 3 processes could not be started: .*{words}"), \
            starting(3):
        raise problem


def test_fault_torchrun_says_much(plan):
    """E25: one sentence of the sixty lines."""
    log = "Traceback (most recent call last):\n" + "  File x\n" * 60 + "ValueError: of torchrun\n\n"
    (plan.folder / "agent.log").write_text(log)
    assert str(explain(plan, 1, late=False)) == (
        "The 2 processes could not be started: ValueError: of torchrun.")


@pytest.mark.parametrize("trouble", [
    "OSError: [Errno 30] Read-only file system (in synchronize.py)",
    "FileNotFoundError: [Errno 2] No such file or directory (in synchronize.py)",
    "OSError: [Errno 28] No space left on device (in synchronize.py)"])
def test_fault_no_shared_memory(plan, trouble):
    plan.report(trouble=trouble)
    assert str(explain(plan, 1, late=False)).endswith(
        "They need shared memory: is there a folder /dev/shm that can be written to?")


def test_fault_torchrun_is_killed(plan):
    error = explain(plan, -9, late=False)
    assert error.rank is None and "torchrun's own process was killed by signal 9" in str(error)


def test_fault_the_folder_is_removed(plan):
    plan.folder.rmdir()
    assert "was removed while the 2 ranks worked" in str(explain(plan, 1, late=False))
    plan.folder.mkdir()


def test_fault_a_rank_that_cannot_say_why(plan):
    plan.report(codes={1: (MUTE, 1.0)})
    error = explain(plan, 1, late=False)
    assert error.rank == 1 and "could not write why" in str(error)


@pytest.mark.parametrize("frames, words", [
    pytest.param('  File "/my/work.py", line 3 in again\n' * 100, "busy in work.py, line 3",
                 id="deeper-than-the-dump"),
    pytest.param("", "was stopped and could not say where", id="stopped")])
def test_fault_where_a_late_rank_stood(plan, frames, words):
    say(plan, "begun", r0=1.0, r1=1.0)
    plan.path(0, "result").touch()
    if frames:
        plan.path(1, "stack").write_text(DUMP % frames)
    error = explain(plan, None, late=True)
    assert error.rank == 1 and words in str(error)


def test_fault_a_rank_that_was_late_and_went_on(plan):
    """Of several dumps the last one counts."""
    say(plan, "begun", r0=1.0, r1=1.0)
    plan.path(0, "result").touch()
    dumps = [DUMP % f'  File "/my/{name}.py", line 3 in f\n  File "rank.py", line 9 in for_launch\n'
             for name in ("before", "after")]
    plan.path(1, "stack").write_text("".join(dumps))
    assert "busy in after.py" in str(explain(plan, None, late=True))


@pytest.mark.parametrize("encoding, shown", [
    ("ascii", r"[rank 0] \xfc \u2713"), ("latin-1", r"[rank 0] ü \u2713"),
    ("utf-8", "[rank 0] ü ✓"), ("cp1252", r"[rank 0] ü \u2713")])
def test_fault_output_that_cannot_be_shown(tmp_path, monkeypatch, encoding, shown):
    """E24: a character that the console does not have costs no result."""
    (tmp_path / "0.out").write_text("ü ✓\n", encoding="utf-8")
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    Shown(tmp_path).live()
    console.flush()
    assert console.buffer.getvalue().decode(encoding).splitlines() == [shown]


def test_fault_output_that_is_no_text(tmp_path, capsys):
    (tmp_path / "0.out").write_bytes(b"\xff\xfe\x00 binary\n")
    Shown(tmp_path).live()
    assert capsys.readouterr().out == "[rank 0] ��\x00 binary\n"


# --- this computer ---

def test_fault_no_loopback(monkeypatch):
    """E12."""
    def no_socket(*_):
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(launching.socket, "socket", no_socket)
    with pytest.raises(OSError, match=r"neither by 127\.0\.0\.1 nor by ::1"):
        launching._loopback()


def test_fault_a_process_that_starts_others_while_it_is_ended():
    """E31: who is just starting another is not seen with it."""
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', '{}']); " \
           "time.sleep(600)"
    code = code.replace("{}", "import time; time.sleep(600)")
    first = psutil.Popen([sys.executable, "-c", code])
    seen: set[psutil.Process] = {first}

    def family():
        for process in list(seen):
            if process.is_running():
                seen.update(process.children(recursive=True))
        return seen

    while len(family()) < 2:
        time.sleep(0.02)
    parent.end(family)
    assert not any(parent.alive(process) for process in seen)


def test_fault_a_program_that_was_killed_while_its_server_started():
    """E3: the process that waits for launches does not first import PyTorch for nobody."""
    code = "import helpers.distributed.preload"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True,
                          env=os.environ | {KEPT_BY: str(2 ** 22 + 5)})
    assert done.returncode == 1 and b"torch" not in done.stderr
