"""The download against real HTTP servers on this machine; `test_fault_…` has those that fail."""

import importlib
import multiprocessing
import socket
from functools import partial
from unittest.mock import Mock

import pytest
from misbehaving import from_the_start, says, well

import helpers.data.cifar10
from helpers.data import STAND_IN, fetch, load_cifar10, official
from helpers.data.download import NoDownload, download
from helpers.data.shared import PARTIAL

module = importlib.import_module("helpers.data.download")  # the package has a function of this name


def test_downloads_checks_and_unpacks(serve, body, tmp_path):
    found = download(tmp_path / "new" / "folder", (serve(body, well).url,))
    assert {path.name for path in found.iterdir()} == set(official.MD5)
    left = {p.name for p in (tmp_path / "new" / "folder").iterdir()}
    assert left == {official.FOLDER, ".download.lock"}, "nothing else stays behind"


def test_next_mirror_after_an_error_a_wrong_hash_and_nobody(serve, body, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    wrong = serve(body[:-1] + b"x", well)
    mirrors = (serve(body, says("503 Unavailable")).url, dead, wrong.url, serve(body, well).url)
    assert (download(tmp_path, mirrors) / "data_batch_1").exists()
    assert len(wrong.requests) == 1


def test_slow_mirror_is_left_for_the_next(serve, body, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "PATIENCE", 0.1)
    monkeypatch.setattr(fetch, "MINIMUM_RATE", 1_000_000)
    slow, fast = serve(body, partial(well, delay=0.05)), serve(body, well)
    download(tmp_path, (slow.url, fast.url))
    assert fast.requests and fast.requests[0].startswith("bytes="), (
        "what the slow one sent is not asked for again")


def test_the_last_mirror_may_be_slow(serve, body, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "PATIENCE", 0.1)
    monkeypatch.setattr(fetch, "MINIMUM_RATE", 1e9)
    assert download(tmp_path, (serve(body, partial(well, delay=0.01)).url,)).exists()


@pytest.mark.parametrize("part, servers, asked", [
    pytest.param(lambda body: body[:50_000], [well], "bytes=50000-", id="resumed"),
    pytest.param(lambda body: b"", [partial(well, drop_after=n) for n in (30_000, 40_000)] + [well],
                 "bytes=70000-", id="resumed across mirrors that drop the connection"),
    pytest.param(lambda body: b"old" * 1000, [from_the_start], "bytes=3000-", id="not resumable"),
    pytest.param(lambda body: b"x" * len(body), [well], None, id="whole but wrong")])
def test_what_an_interrupted_download_left(serve, body, tmp_path, part, servers, asked):
    (tmp_path / PARTIAL).write_bytes(part(body))
    mirrors = [serve(body, behave) for behave in servers]
    assert download(tmp_path, tuple(mirror.url for mirror in mirrors)).exists()
    assert mirrors[-1].requests[-1] == asked


def _fetch_in_a_process(folder, url, sha, size, results):
    module.SHA256, module.SIZE = sha, size
    results.put(str(download(folder, (url,))))


@pytest.mark.slow
def test_eight_programs_at_once_fetch_it_once(serve, body, tmp_path):
    server = serve(body, partial(well, delay=0.02))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["helpers.training.fit", __name__])  # as tests/kills.py has it
    results = context.Queue()
    settings = tmp_path, server.url, module.SHA256, module.SIZE, results
    workers = [context.Process(target=_fetch_in_a_process, args=settings) for _ in range(8)]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join(10)
    assert found == {str(tmp_path / official.FOLDER)} and server.requests == [None]
    assert {path.name for path in tmp_path.iterdir()} == {official.FOLDER, ".download.lock"}


@pytest.mark.parametrize("offline, asked, said", [
    ("", 1, "example.org: no route"), ("1", 0, "COURSE_OFFLINE is set")])
def test_without_network_the_stand_in_is_announced(tmp_path, monkeypatch, capsys, offline, asked,
                                                   said):
    fail = Mock(side_effect=NoDownload("example.org: no route"))
    monkeypatch.setattr(helpers.data.cifar10, "download", fail)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("COURSE_OFFLINE", offline)
    assert load_cifar10().source == STAND_IN and fail.call_count == asked
    out = capsys.readouterr().out
    assert STAND_IN in out and said in out
