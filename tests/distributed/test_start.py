"""The process that waits for launches, where there is one."""

import importlib
import os

import psutil
import pytest
import torch

from helpers import keep_warm, launch, workers
from helpers.distributed.start import can_fork
from tests.distributed import odd_workers
from tests.distributed.processes import children, until

pytestmark = [
    pytest.mark.usefixtures("nothing_is_left"),
    pytest.mark.skipif(not can_fork(), reason="launches are warm on Linux without a GPU only")]


def test_a_warm_launch_imports_the_worker_anew(tmp_path, monkeypatch):
    """What is edited between two launches counts, and folder and variables are of the moment."""
    (server,) = children("forkserver")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "edited_worker.py"
    for number in (1, 2):
        path.write_text(f"import os\n\ndef work():\n"
                        f"    return {number}, os.getcwd(), os.environ['SAID']\n")
        # a file that is rewritten within a second would be read from the cache
        os.utime(path, (number, number))
        importlib.invalidate_caches()
        module = importlib.reload(importlib.import_module("edited_worker"))
        monkeypatch.setenv("SAID", str(number))
        folder = tmp_path / f"{number}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert launch(module.work, processes=1) == [(number, str(folder), str(number))]
    assert children("forkserver") == [server]


def test_the_server_is_kept_replaced_and_ended_and_makes_no_difference(monkeypatch):
    (server,) = children("forkserver")
    for processes in (1, 3):
        launch(workers.hello, processes=processes)
    assert children("forkserver") == [server]

    server.kill()
    until(lambda: server.status() == psutil.STATUS_ZOMBIE)
    assert len(launch(workers.hello, processes=2)) == 2
    (another,) = children("forkserver")
    assert another != server

    monkeypatch.setenv("TORCH_SHOW_CPP_STACKTRACES", "1")  # read once, when PyTorch starts
    monkeypatch.setenv("SAID", "something")
    warm = launch(odd_workers.surroundings, processes=2)
    (third,) = children("forkserver")
    assert third != another and not another.is_running()

    keep_warm(False)
    assert not children("forkserver")
    cold = launch(odd_workers.surroundings, processes=2)
    assert not children("forkserver")
    for one, other in zip(warm, cold, strict=True):
        assert all(torch.equal(one.pop(name), other.pop(name)) for name in ("product", "sum"))
        assert one == other and one["said"] == "something"
