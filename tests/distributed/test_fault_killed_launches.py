"""Whoever is killed when: nothing that a launch has started outlives it, and the next one works."""

import json
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from helpers import LaunchError, launch, workers
from helpers.distributed.family import own_folder
from helpers.distributed.plan import MARK
from tests.distributed import odd_workers
from tests.distributed.launching import start_program
from tests.distributed.processes import processes_with, until

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(sys.platform == "win32", reason="signals as on Linux and macOS")]

PROGRAM = """
import signal
from helpers import keep_warm, launch
from tests.distributed import odd_workers
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's children ignore it
if {warm}:
    keep_warm()
print("begins", flush=True)
launch(odd_workers.starts_processes, processes=2, path={path!r})
"""


def begin(tmp_path: Path, warm: bool) -> tuple:
    """Start a program that launches; return it, its folder and the path that its ranks mark."""
    folder, path = tmp_path / "temporary", str(tmp_path / "rank")
    program = start_program(PROGRAM.format(warm=warm, path=path), folder)
    assert program.stdout.readline() == b"begins\n"
    return program, folder, path


def at_work(path: str) -> bool:
    return all(Path(f"{path}.{rank}").exists() for rank in range(2))


def everybody_ends(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Nothing that carries this folder in its environment runs after 10 seconds; the next launch
    finds no folder of this one, or removes it.
    """
    until(lambda: not [p for p in processes_with(folder) if p.is_running()], 10)
    for left in folder.glob("launch-*"):
        os.utime(left, (1, 1))  # a minute later
    patch.setattr(tempfile, "tempdir", str(folder))
    with own_folder() as mine:
        assert list(folder.glob("launch-*")) == [mine]


MOMENTS = [  # how the caller ends, and when: so many seconds after its call, or as ranks work
    (False, "SIGKILL", 0.0), (False, "SIGTERM", 1.0), (False, "SIGKILL", None),
    (True, "SIGKILL", 1.0), (True, "SIGTERM", None),
    *(pytest.param(warm, how, when, marks=pytest.mark.long) for warm in (False, True)
      for how in ("SIGKILL", "SIGTERM", "SIGHUP") for when in (0.0, 0.2, 0.5, 1.5, 3.0, None))]


@pytest.mark.parametrize("warm, how, when", MOMENTS)
def test_fault_caller_ends(tmp_path, monkeypatch, warm, how, when):
    """E3: while torchrun's process imports PyTorch, while ranks start, while they work."""
    program, folder, path = begin(tmp_path, warm)
    if when is None:
        until(lambda: at_work(path))
    else:
        time.sleep(when)
    program.send_signal(getattr(signal, how))
    program.communicate(timeout=60)
    everybody_ends(folder, monkeypatch)


@pytest.mark.parametrize("warm, when", [
    (False, 0.0), (True, 1.0), pytest.param(False, 1.0, marks=pytest.mark.long),
    pytest.param(True, 0.0, marks=pytest.mark.long)])
def test_fault_ctrl_c_while_a_launch_starts(tmp_path, monkeypatch, warm, when):
    program, folder, _ = begin(tmp_path, warm)
    time.sleep(when)
    program.send_signal(signal.SIGINT)
    err = program.communicate(timeout=120)[1]
    assert b"KeyboardInterrupt" in err
    everybody_ends(folder, monkeypatch)


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("way", ["cold", "warm"], indirect=True, scope="module")
@pytest.mark.parametrize("victim", ["torchrun", "rank"])
def test_fault_torchrun_or_a_rank_is_killed(tmp_path, victim, way):
    """It is named, and what a rank had started ends, too."""
    mark = uuid.uuid4().hex
    words = ("torchrun's own process was killed by signal 9" if victim == "torchrun" else
             "Rank 0 of 2 was killed by signal 9")
    with pytest.raises(LaunchError, match=words) as failed:
        launch(odd_workers.kills, processes=2, victim=victim, mark=mark, timeout=120)
    assert failed.value.rank == (None if victim == "torchrun" else 0)
    assert not [p.cmdline() for p in marked(mark)]
    assert launch(odd_workers.says, processes=1, text="next") == ["next"]


def marked(mark: str) -> list[psutil.Process]:
    """The processes whose command names `mark`."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if mark in " ".join(process.info["cmdline"] or []) \
                and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("way", ["cold", "warm"], indirect=True, scope="module")
@pytest.mark.parametrize("how", ["raises", "returns", "leaves its session"])
def test_fault_what_a_rank_starts_ends_with_it(how, way):
    """E31: it had begun between two looks at the family, and outlived the launch."""
    for _ in range(2 if way == "cold" else 5):
        mark = uuid.uuid4().hex
        if how == "returns":
            launch(odd_workers.starts, processes=2, how=how, mark=mark)
        else:
            with pytest.raises(LaunchError, match=r"Rank \d of 2 failed: LookupError"):
                launch(odd_workers.starts, processes=2, how=how, mark=mark)
        assert not [p.cmdline() for p in marked(mark)]


def test_fault_leftovers_are_swept(tmp_path, monkeypatch):
    """E27: of a launch whose caller was killed, with processes that still run."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folders = {name: tmp_path / f"launch-{name}" for name in
               ("left", "locked", "foreign", "young", "empty")}
    for name, folder in folders.items():
        folder.mkdir()
        if name != "empty":
            (folder / "arguments.pt").touch()
        if name not in ("foreign", "empty"):
            (folder / "lock").touch()
        if name != "young":
            os.utime(folder, (1, 1))
    text = json.dumps({"folder": str(folders["left"])})
    rank = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                        env=os.environ | {MARK: text})
    until(lambda: rank.environ().get(MARK) == text)
    with FileLock(folders["locked"] / "lock"):
        launch(odd_workers.says, processes=1, text="x")
    until(lambda: not rank.is_running(), 60)
    assert sorted(tmp_path.glob("launch-*")) == sorted(
        folders[name] for name in ("locked", "foreign", "young"))


@pytest.mark.parametrize("count", [4, pytest.param(200, marks=pytest.mark.long)])
def test_fault_kills_at_random_moments(tmp_path, monkeypatch, count):
    """The caller, torchrun's process or a rank, at any moment: the next call works."""
    draw = random.Random(count)
    for number in range(count):
        program, folder, _ = begin(tmp_path, warm := number % 2 == 1)
        time.sleep(draw.uniform(0, 2.0 if warm else 4.0))
        family = [p for p in processes_with(folder) if p.is_running()]
        victim = program if not family or draw.random() < 0.5 else draw.choice(family)
        victim.kill()
        if victim is not program:
            time.sleep(draw.uniform(0, 1.0))
            program.kill()
        program.communicate(timeout=60)
        everybody_ends(folder, monkeypatch)
        if number % 20 == 3:
            (found,) = launch(workers.hello, processes=1)
            assert found["all_reduce"] == [10.0]
