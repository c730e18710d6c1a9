"""The download against real HTTP servers on this machine: slow, broken, lying and resuming ones."""

import contextlib
import hashlib
import importlib
import io
import multiprocessing
import os
import socket
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

import helpers.data.cifar10
from helpers.data import STAND_IN, load_cifar10, official
from helpers.data.download import NoDownload, download

module = importlib.import_module("helpers.data.download")  # the package has a function of this name


def archive(*extra: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    files = [(f"{official.FOLDER}/{name}", os.urandom(60_000))
             for name in ("data_batch_1", "batches.meta")]
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in (*files, *extra):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def serve():
    """Start servers of one body, which resume; they can drop, dawdle or fail."""
    servers = []

    def start(body, *, drop_after=None, delay=0.0, status=None, ranges=True):
        requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range") if ranges else None
                requests.append(wanted)
                start = int(wanted.split("=")[1].rstrip("-")) if wanted else 0
                if status or start >= len(body):
                    return self.send_error(status or 416)
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                end = len(body) if drop_after is None else min(len(body), start + drop_after)
                with contextlib.suppress(OSError):
                    for i in range(start, end, 4096):
                        self.wfile.write(body[i:min(i + 4096, end)])
                        time.sleep(delay)
                return None

            def log_message(self, *_):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{servers[-1].server_port}/cifar-10-python.tar.gz"
        return SimpleNamespace(url=url, requests=requests)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def body(monkeypatch):
    content = archive()
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(content).hexdigest())
    return content


def test_downloads_checks_and_unpacks(serve, body, tmp_path):
    found = download(tmp_path / "new" / "folder", (serve(body).url,))
    assert sorted(p.name for p in found.iterdir()) == ["batches.meta", "data_batch_1"]
    left = {p.name for p in (tmp_path / "new" / "folder").iterdir()}
    assert left == {official.FOLDER, ".download.lock"}, "nothing else stays behind"


def test_next_mirror_after_an_error_a_wrong_hash_and_nobody(serve, body, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    wrong = serve(body[:-1] + b"x")
    mirrors = (serve(body, status=503).url, dead, wrong.url, serve(body).url)
    assert (download(tmp_path, mirrors) / "data_batch_1").exists()
    assert len(wrong.requests) == 1


def test_slow_mirror_is_left_for_the_next(serve, body, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "MINIMUM_RATE", 1_000_000)
    slow, fast = serve(body, delay=0.05), serve(body)
    download(tmp_path, (slow.url, fast.url))
    assert fast.requests and fast.requests[0].startswith("bytes="), (
        "what the slow one sent is not asked for again")


def test_the_last_mirror_may_be_slow(serve, body, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "MINIMUM_RATE", 1e9)
    assert download(tmp_path, (serve(body, delay=0.02).url,)).exists()


@pytest.mark.parametrize("part, servers, asked", [
    pytest.param(lambda body: body[:50_000], [{}], "bytes=50000-", id="resumed"),
    pytest.param(lambda body: b"", [{"drop_after": 30_000}, {"drop_after": 40_000}, {}],
                 "bytes=70000-", id="resumed across mirrors that drop the connection"),
    pytest.param(lambda body: b"old" * 1000, [{"ranges": False}], None, id="cannot be resumed"),
    pytest.param(lambda body: b"x" * len(body), [{}, {}], None, id="whole but wrong")])
def test_what_an_interrupted_download_left(serve, body, tmp_path, part, servers, asked):
    (tmp_path / "cifar-10-python.tar.gz.part").write_bytes(part(body))
    mirrors = [serve(body, **settings) for settings in servers]
    assert download(tmp_path, tuple(mirror.url for mirror in mirrors)).exists()
    assert mirrors[-1].requests[-1] == asked


def test_wrong_hash_everywhere_unpacks_nothing(serve, body, tmp_path):
    with pytest.raises(NoDownload, match="wrong hash"):
        download(tmp_path, (serve(b"not the archive").url,))
    assert official.find(tmp_path) is None


@pytest.mark.parametrize("name", ["../outside", f"{official.FOLDER}/../../outside", "absolute"])
def test_no_path_outside_its_folder(serve, tmp_path, monkeypatch, name):
    target = tmp_path / "outside"
    content = archive((str(target) if name == "absolute" else name, b"x"))
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(content).hexdigest())
    with contextlib.suppress(tarfile.TarError):  # an absolute path is made relative instead
        download(tmp_path / "a", (serve(content).url,))
    allowed = tmp_path / "a" / official.FOLDER
    assert all(allowed in path.parents for path in tmp_path.rglob("outside"))


def _fetch_in_a_process(folder, url, sha, results):
    module.SHA256 = sha
    results.put(str(download(folder, (url,))))


@pytest.mark.slow
def test_two_programs_at_once_fetch_it_once(serve, body, tmp_path):
    server = serve(body, delay=0.01)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    settings = tmp_path, server.url, module.SHA256, results
    workers = [context.Process(target=_fetch_in_a_process, args=settings) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(10)
    assert found == {str(tmp_path / official.FOLDER)}
    assert len(server.requests) == 1


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(official.BadData, match="is a file, not a folder"):
        download(tmp_path / "file", ())


@pytest.mark.parametrize("place, problem, words", [
    ("FileLock.acquire", PermissionError(13, "Permission denied"),  # root could write anywhere
     "cannot be written to: Permission denied. Name a folder of your own"),
    ("_unpack", OSError(28, "No space left on device"),
     "No space left on device. Free some space")])
def test_no_permission_and_disk_full(serve, body, tmp_path, monkeypatch, place, problem, words):
    owner, _, name = place.rpartition(".")
    monkeypatch.setattr(getattr(module, owner, module), name, Mock(side_effect=problem))
    with pytest.raises(official.BadData, match=words):
        download(tmp_path, (serve(body).url,))


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
