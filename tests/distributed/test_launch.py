"""`launch`: every rank answers, and nothing is left behind whatever goes wrong."""

import gc
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import psutil
import pytest
import torch
from support import ROOT

from helpers import LaunchError, launch, workers
from helpers.distributed.family import Family
from helpers.distributed.launch import _environment as start_environment
from helpers.distributed.plan import Plan
from tests.distributed import odd_workers
from tests.distributed.processes import left_over, processes_with, until

# By the module's scope, so that pytest runs the cold ones together: the server starts once.
both_ways = pytest.mark.parametrize("way", ["cold", "warm"], indirect=True, scope="module")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as on Linux and macOS")
pytestmark = pytest.mark.usefixtures("nothing_is_left")


@both_ways
def test_every_rank_answers_and_its_output_is_labelled_in_order(capfd):
    assert launch(odd_workers.shouts, processes=3, lines=500) == [0, 1, 2]
    out, err = capfd.readouterr()
    assert out.splitlines() == [
        f"[rank {r}] {text}" for r in range(3)
        for text in (*(f"line {i} of {r}" for i in range(500)), "no newline at the end")]
    assert err.splitlines() == [f"[rank {r}] a warning" for r in range(3)]


@both_ways
@posix
def test_a_rank_that_is_killed_is_named():
    started = time.time()
    words = r"Rank 1 of 2 was killed by signal 9 \(SIGKILL\)"
    with pytest.raises(LaunchError, match=words) as failed:
        launch(workers.fail, processes=2, rank=1, how="kill", timeout=120)
    assert failed.value.rank == 1
    # the promise is 15 s on a computer that is not busy; the ranks wait for ever
    assert time.time() - started < 60


@pytest.mark.parametrize("how, words", [
    ("raise",
     r"Rank 1 of 2 failed: ZeroDivisionError: division by zero, on purpose\n(.|\n)*in fail"),
    ("exit", r"Rank 1 of 2 ended with exit code 3")])
def test_a_rank_that_raises_or_leaves_is_named(how, words):
    with pytest.raises(LaunchError, match=words) as failed:
        launch(workers.fail, processes=2, rank=1, how=how, timeout=120)
    assert failed.value.rank == 1


def test_a_rank_that_does_not_come_is_named():
    words = (r"After 6 seconds .*Rank 0 was waiting .*called from workers.py, line \d+, in fail.*"
             r"Rank 1 was busy in workers.py.*without rank 1")
    with pytest.raises(LaunchError, match=words) as failed:
        launch(workers.fail, processes=2, rank=1, how="forget", timeout=6)
    assert failed.value.rank == 1


def test_ranks_that_wait_for_each_other_are_not_blamed():
    with pytest.raises(LaunchError, match="Each waits for another") as failed:
        launch(odd_workers.out_of_step, processes=2, timeout=6)
    assert failed.value.rank is None


@posix
def test_ranks_that_do_not_listen_and_children_of_ranks_are_ended_all_the_same():
    started = time.time()
    with pytest.raises(LaunchError, match="Rank 0 of 2 failed: LookupError: found nothing"):
        launch(odd_workers.deaf, processes=2, rank=0, timeout=300)
    assert time.time() - started < 60


def test_leaving_by_sys_exit_is_told():
    with pytest.raises(LaunchError, match="SystemExit: 5"):
        launch(odd_workers.leaves, processes=2, code=5)


def test_a_result_that_cannot_travel_is_told():
    with pytest.raises(LaunchError, match="returns_a_function"):
        launch(odd_workers.returns_a_function, processes=1)


@pytest.mark.parametrize("call, words", [
    (lambda: launch(lambda: 1), "Put it into a file"),
    (lambda: launch("hello"), "is not a function"),
    (lambda: launch(workers.hello, processes=0), "whole number from 1"),
    (lambda: launch(workers.hello, processes=True), "whole number from 1"),
    (lambda: launch(workers.train_steps, images=lambda: 1, labels=0, dtype=0), "cannot be sent"),
    (lambda: launch(workers.hello, size=1), "size"),
    *((lambda timeout=timeout: launch(workers.hello, timeout=timeout), "seconds above 0")
      for timeout in (0, -1, float("nan"), "5", None, True)),
    (lambda: launch(odd_workers.says, text=odd_workers.Unsent()), "cannot be sent.*on purpose")])
def test_bad_calls_are_told_before_anything_starts(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@posix
@pytest.mark.parametrize("way, times", [
    ("warm", 2), pytest.param("warm", 20, marks=pytest.mark.long),
    pytest.param("cold", 20, marks=pytest.mark.long)], indirect=["way"], scope="module")
def test_launches_in_a_row_leak_nothing(times):
    launch(workers.hello, processes=2)
    gc.collect()
    own = psutil.Process()
    before = own.num_fds(), own.num_threads(), left_over()
    for _ in range(times):
        launch(workers.hello, processes=2)
    gc.collect()
    assert (own.num_fds(), own.num_threads(), left_over()) == before


def test_a_rank_that_has_just_begun_has_not_failed(tmp_path):
    family, note = Family(tmp_path), tmp_path / "0.pid"
    family.agent = psutil.Process()
    assert not family.some_rank_failed()
    rank = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note.write_text(str(rank.pid))
    assert not family.some_rank_failed()
    rank.kill()
    rank.wait()
    assert family.some_rank_failed()
    (tmp_path / "0.result").touch()
    assert not family.some_rank_failed()


# --- a program of its own, which is interrupted and killed ---

SCRIPT = """
from helpers import keep_warm, launch
from tests.distributed import odd_workers

print("this script runs", flush=True)
keep_warm({warm})
for path in {paths}:    # no `if __name__ == "__main__"`: nobody may run this again
    try:
        launch(odd_workers.wait_for, processes=2, path=path)
    except KeyboardInterrupt:
        print("KeyboardInterrupt", flush=True)
"""


@posix
@pytest.mark.parametrize("warm", [False, True])
def test_ctrl_c_ends_the_ranks_and_they_do_not_outlive_a_killed_program(tmp_path, warm):
    folder, paths = tmp_path / "temporary", [str(tmp_path / name) for name in ("first", "second")]
    folder.mkdir()
    (tmp_path / "script.py").write_text(SCRIPT.format(warm=warm, paths=paths))
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)})
    try:
        for path in paths:
            until(lambda path=path: all(Path(f"{path}.{r}").exists() for r in range(2)))
            (launched,) = folder.glob("launch-*")
            ranks = {int((launched / f"{r}.pid").read_text()) for r in range(2)}
            assert ranks < {p.pid for p in processes_with(folder)}
            if path == paths[0]:
                program.send_signal(signal.SIGINT)
                until(lambda ranks=ranks, launched=launched: not launched.exists()
                      and not any(map(psutil.pid_exists, ranks)))
    finally:
        program.kill()
    out = program.communicate(timeout=30)[0]  # which waits for all that print there
    assert out == ("this script runs\nInterrupted: the 2 processes are ended.\n"
                   "KeyboardInterrupt\n")
    until(lambda: not processes_with(folder), 30)


def test_the_ranks_share_the_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        found = launch(odd_workers.surroundings, processes=2)
    finally:
        torch.set_num_threads(before)
    assert [(one["threads"], one["omp"]) for one in found] == [(2, "2")] * 2


# --- what a caller can have done before ---

def test_fault_a_result_that_cannot_be_read_here(nothing_is_left):
    with pytest.raises(LaunchError, match="What rank 0 has returned cannot be read here: "
                                          "OverflowError: on purpose. Return numbers") as told:
        launch(odd_workers.only_there, 1)
    assert told.value.rank == 0


def test_fault_a_worker_whose_module_cannot_be_imported():
    ghost = types.ModuleType("ghost")
    exec("def work(): pass", vars(ghost))
    with pytest.raises(ValueError, match="'work' lives only in this one. Put it into a file"):
        launch(ghost.work)


def test_fault_the_working_folder_is_gone(nothing_is_left, tmp_path):
    here = Path.cwd()
    os.chdir(tmp_path / "there")
    (tmp_path / "there").rmdir()
    try:
        with pytest.raises(LaunchError, match="the folder that this program works in is gone"):
            launch(workers.hello, 1)
    finally:
        (tmp_path / "there").mkdir()
        os.chdir(here)


def test_fault_paths_and_settings_that_are_not_for_ranks(monkeypatch):
    """Python passes over a path that is no text, and PYTHONINSPECT keeps one that has ended.

    An empty path is the working folder.
    """
    monkeypatch.setattr(sys, "path", [*sys.path, Path("/somewhere"), b"/bytes", ""])
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("RANK", "7")
    environment = start_environment(Plan(Path(), "", 1, 1.0, 0.0, 0))
    assert environment["PYTHONPATH"].split(os.pathsep) == [
        path or str(Path.cwd()) for path in sys.path if isinstance(path, str)]
    assert not {"PYTHONINSPECT", "RANK"} & set(environment)
