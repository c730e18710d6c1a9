"""Whatever a network does, the next mirror is asked, and each reason is told."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from types import SimpleNamespace
from unittest.mock import Mock

import misbehaving
import pytest
from misbehaving import MISBEHAVIOURS, from_the_start, says, sends, well

from helpers.data import cifar10, fetch
from helpers.data.download import NoDownload, download
from helpers.data.shared import PARTIAL

SILENT = [name for name, (_, words) in MISBEHAVIOURS.items()
          if "nothing came" in words or "only" in words]


def assert_told_and_left(tmp_path, bad, good, words):
    """Alone the mirror fails in one line of these words; with another one after it all is well."""
    with pytest.raises(NoDownload) as told:
        download(tmp_path / "alone", (bad.url,))
    first, line = str(told.value).split("\n")
    host, reason = line.split(": ", 1)
    assert first == "no mirror delivered the images." and host.strip() in bad.url
    assert re.search(words, reason, re.I) and len(reason) < 200 and reason.isprintable()
    left = {path.name: path.stat().st_size for path in (tmp_path / "alone").iterdir()}
    assert set(left) <= {".download.lock", PARTIAL} and left.get(PARTIAL, 0) <= 200_000
    if good is not None:
        assert len(list(download(tmp_path / "both", (bad.url, good.url)).iterdir())) == 7


@pytest.mark.parametrize("name", [name for name in MISBEHAVIOURS if name not in SILENT])
def test_fault_of_a_mirror(serve, body, tmp_path, name):
    assert_told_and_left(tmp_path, serve(body, MISBEHAVIOURS[name][0]), serve(body, well),
                         MISBEHAVIOURS[name][1])


@pytest.mark.parametrize("name", SILENT)
def test_fault_of_a_mirror_that_is_silent(serve, body, tmp_path, hasty, name):
    """What is quick on a learner's time scale can be slow on this one, a good mirror, too."""
    assert_told_and_left(tmp_path, serve(body, MISBEHAVIOURS[name][0]), None,
                         MISBEHAVIOURS[name][1])


def test_fault_a_silent_mirror_is_left_for_the_next(serve, body, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 1)
    silent = serve(body, MISBEHAVIOURS["never answers"][0])
    assert download(tmp_path, (silent.url, serve(body, well).url)).exists()


def other_part(call):
    call.headers("206 Partial Content", len(call.body), "Content-Range: bytes 0-9/10")
    call.send(call.body)


def several_parts(call):
    if not call.range:
        return well(call)
    call.headers("206 Partial Content", None, "Content-Type: multipart/byteranges; boundary=x")
    return call.send("--x\r\n\r\n", call.body, "\r\n--x--")


def strange_range(call):
    call.headers("206 Partial Content", None, "Content-Range: lines 5-7")
    call.send(call.body[int(call.range[6:-1]):])


def the_start_again(call):
    return call.headers("206 Partial Content", None) or call.send(call.body) if call.range else (
        well(call))


def not_satisfiable(call):
    return well(call) if call.range is None else says("416 Range Not Satisfiable")(call)


@pytest.mark.parametrize("behave", [
    well, from_the_start, several_parts, strange_range, the_start_again, not_satisfiable],
    ids=lambda f: f.__name__)
@pytest.mark.parametrize("part", ["right", "wrong"])
def test_fault_of_resuming_mends_itself(serve, body, tmp_path, behave, part):
    """One mirror is enough, whatever lies there and however it takes the question for the rest."""
    (tmp_path / PARTIAL).write_bytes(body[:50_000] if part == "right" else b"?" * 50_000)
    mirror = serve(body, behave if behave is not strange_range or part == "right" else well)
    assert download(tmp_path, (mirror.url,)).exists()
    assert mirror.requests[0] == "bytes=50000-" and not (tmp_path / PARTIAL).exists()


def test_fault_another_part_than_asked_for_keeps_what_is_there(serve, body, tmp_path):
    (tmp_path / PARTIAL).write_bytes(body[:50_000])
    with pytest.raises(NoDownload, match="another part than it was asked for"):
        download(tmp_path, (serve(body, other_part).url,))
    good = serve(body, well)
    assert download(tmp_path, (good.url,)).exists() and good.requests == ["bytes=50000-"]


@pytest.mark.parametrize("length", ["as long as the archive", "longer"])
def test_fault_a_wrong_file_of_full_length_is_thrown_away(serve, body, tmp_path, length):
    (tmp_path / PARTIAL).write_bytes(bytes(len(body) + (length == "longer")))
    mirror = serve(body, well)
    assert download(tmp_path, (mirror.url,)).exists() and mirror.requests == [None]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_fault_a_pipe_lies_where_the_part_goes(serve, body, tmp_path):
    """To open it would wait for somebody who reads it, for ever."""
    os.mkfifo(tmp_path / PARTIAL)
    mirror = serve(body, well)
    assert download(tmp_path, (mirror.url,)).exists() and mirror.requests == [None]


def test_fault_web_pages_do_not_cost_what_was_fetched(serve, body, tmp_path):
    (tmp_path / PARTIAL).write_bytes(body[:50_000])
    portal, good = serve(body, MISBEHAVIOURS["D02 a web page"][0]), serve(body, well)
    assert download(tmp_path, (portal.url, good.url)).exists()
    assert good.requests == ["bytes=50000-"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The paths of a certificate for 127.0.0.1 and its key, which nobody trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("no command `openssl` here, which makes the certificates for these tests")
    folder = tmp_path_factory.mktemp("tls")
    names = {"mine": "IP:127.0.0.1", "other": "DNS:example.org"}
    for name, subject in names.items():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=test", "-addext", f"subjectAltName={subject}",
                        "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                       check=True, capture_output=True)
    return folder


def tls(folder, name="mine"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def damaged_record(call):
    misbehaving._half(call)
    os.write(call.connection.fileno(), b"\x17\x03\x03\x00\x40" + bytes(64))
    time.sleep(0.05)


def cut_without_goodbye(call):
    misbehaving._half(call)
    os.close(call.connection.detach())


TLS = {  # how it misbehaves, whose certificate it shows, as what it is asked, how it is told
    "E6-D08 a damaged record": (damaged_record, "mine", "https", "DECRYPTION_FAILED|BAD_RECORD"),
    "D08b cut without goodbye": (cut_without_goodbye, "mine", "https", "EOF|before the end"),
    "another's certificate": (well, "other", "https", "certificate"),
    "plain HTTP": (well, None, "https", "SSL"),
    "greets in garbage": (sends(bytes(range(256))), None, "https", "SSL"),
    "asked without TLS": (well, "mine", "http", "."),
}


@pytest.mark.parametrize("name", TLS)
def test_fault_of_tls(serve, body, tmp_path, monkeypatch, certificate, name):
    behave, shown, scheme, words = TLS[name]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "mine.pem"))
    bad = serve(body, behave, shown and tls(certificate, shown), scheme)
    assert_told_and_left(tmp_path, bad, serve(body, well, tls(certificate)), words)


def test_fault_d07_certificate_that_nobody_trusts(serve, body, tmp_path, certificate):
    bad = serve(body, well, tls(certificate))
    assert_told_and_left(tmp_path, bad, serve(body, well), "certificate verify failed")


def test_fault_nobody_listens(serve, body, tmp_path):
    with misbehaving.serve(body, well) as gone:
        pass
    assert_told_and_left(tmp_path, gone, serve(body, well), "refused")


@pytest.mark.parametrize("lookup, words", [
    pytest.param(Mock(side_effect=socket.gaierror(-2, "Name or service not known")),
                 "Name or service not known", id="no such name"),
    pytest.param(lambda *_, **__: time.sleep(2), "nothing came", id="name server is silent"),
    pytest.param(Mock(side_effect=UnicodeError("label too long")), "label too long",
                 id="no name at all")])
def test_fault_of_looking_up_a_name(serve, body, tmp_path, monkeypatch, lookup, words):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.5)
    real, good = socket.getaddrinfo, serve(body, well)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *settings, **more: (
        real if host == "127.0.0.1" else lookup)(host, *settings, **more))
    assert_told_and_left(tmp_path, SimpleNamespace(url="https://mirror.example/x"), good, words)


PROXIES = ["http://127.0.0.1:9", "http://proxy.example:80a", "proxy.example:3128/", "  ", "http://",
           "socks5h://127.0.0.1:1080", "http://user:p@ss@127.0.0.1:9", "://", "http://[::1", "[",
           "http://127.0.0.1:99999", "http://пример:3128", "127.0.0.1:9/\r\nX: y", "nonsense"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", PROXIES)
def test_fault_e7_proxy(tmp_path, monkeypatch, proxy, scheme):
    """Behind a proxy that is none there are drawn images, and the reason is told."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror(-2, "no name")))
    monkeypatch.setattr(download, "__defaults__", ((f"{scheme}://mirror.example/x",),))
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    found, reason = cifar10._files_or_reason()
    assert found is None and re.search(r"mirror.example: \S", reason)


def test_fault_a_proxy_that_was_mended_counts_at_once(serve, body, tmp_path, monkeypatch):
    """urllib's shared opener keeps the proxies that were there when it was first used."""
    good = serve(body, well)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(NoDownload, match="refused"):
        download(tmp_path, (good.url,))
    monkeypatch.delenv("http_proxy")
    assert download(tmp_path, (good.url,)).exists()
