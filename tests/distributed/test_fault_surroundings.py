"""Launches in surroundings that break programs elsewhere: they work, or one sentence says why."""

import re
import sys

import pytest

from tests.distributed.launching import asked, in_namespace, instead_of, start_program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="made with Linux's namespaces and limits")]

HELLO = "[one['all_reduce'] for one in launch(workers.hello, 2, timeout=100)]"


@pytest.mark.parametrize("commands, flags", [
    pytest.param([instead_of("/etc/hosts", "127.0.1.1 me\\n")], "-m", id="E12-no-localhost"),
    pytest.param([instead_of("/etc/hosts", "10.99.99.99 localhost\\n")], "-m",
                 id="E12-wrong-localhost"),
    pytest.param(["ip link set lo up", "ip addr del 127.0.0.1/8 dev lo"], "-mn",
                 id="E12-ipv6-only")])
def test_fault_addresses(tmp_path, commands, flags):
    assert asked(HELLO, tmp_path, in_namespace(*commands, flags=flags))["found"] == [[30.0]] * 2


def test_fault_network_down(tmp_path):
    """E12: told before anything starts."""
    found = asked("launch(workers.hello, 2)", tmp_path, in_namespace("true", flags="-mn"))
    assert "could not be started: they cannot reach each other" in found["error"]


@pytest.mark.parametrize("how, words", [
    ("kill", "Rank 1 of 2 was killed by signal 9"),
    pytest.param("exit", "Rank 1 of 2 ended with exit code 3", marks=pytest.mark.long),
    pytest.param("forget", "Rank 0 was waiting .*Rank 1 was busy", marks=pytest.mark.long)])
def test_fault_name_server_that_does_not_answer(tmp_path, how, words):
    """D4: torchrun asked it for each entry of its log, ten seconds each; a victim was blamed."""
    (tmp_path / "server.py").write_text(
        "import socket, time\ns = socket.socket(2, 2)\ns.bind(('127.0.0.53', 53))\n"
        "time.sleep(120)\n")
    prefix = in_namespace(
        "ip link set lo up", "hostname nowhere-at-all",
        instead_of("/etc/hosts", "127.0.0.1 localhost\\n"),
        instead_of("/etc/resolv.conf", "nameserver 127.0.0.53\\n"),
        f"{{ {sys.executable} $TMPDIR/server.py >/dev/null 2>&1 & }}", "sleep 1", flags="-mnu")
    found = asked(f"launch(workers.fail, 2, rank=1, how={how!r}, timeout=8)", tmp_path, prefix)
    assert found["rank"] == 1 and re.search(words, found["error"])


@pytest.mark.parametrize("commands, words", [
    pytest.param(["mount -t tmpfs -o ro none /dev/shm"], "shared memory: is there a folder",
                 id="E25-shared-memory-read-only"),
    pytest.param(["ulimit -n 32"], "Too many open files.*ulimit -n 1024", id="E25-32-open-files")])
def test_fault_what_processes_need(tmp_path, commands, words):
    """One sentence, where torchrun had sixty lines."""
    error = asked("launch(workers.hello, 2)", tmp_path, in_namespace(*commands))["error"]
    assert re.search(f"The 2 processes could not be started: .*{words}", error), error
    assert "\n" not in error and len(error) < 500


@pytest.mark.parametrize("size, call, words", [
    ("16k", "launch(odd_workers.takes, 2, thing=[1.0] * 10_000)", "could not be started.*space"),
    ("400k", "launch(odd_workers.returns, 2, size=10_000_000)", "Rank [01] of 2 failed: "),
    ("400k", "launch(odd_workers.fills, 2)", "Rank [01] of 2 failed")])
def test_fault_full_disk(tmp_path, size, call, words):
    prefix = in_namespace(f"mount -t tmpfs -o size={size} none $TMPDIR")
    found = asked(call, tmp_path, prefix)
    assert re.search(words, found["error"]), found["error"]


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("settings, warm", [
    pytest.param(ASCII, False, id="E24-ascii"),
    pytest.param({"PYTHONIOENCODING": "latin-1"}, True, id="E24-latin-1"),
    pytest.param(ASCII, True, id="E24-ascii-warm", marks=pytest.mark.long),
    pytest.param({"PYTHONIOENCODING": "cp1252"}, False, id="E24-windows", marks=pytest.mark.long)])
def test_fault_any_characters_in_any_locale(tmp_path, settings, warm):
    text = "ü ✓ 中 \udc80"
    call = f"(keep_warm({warm}), launch(odd_workers.says, 2, text={text!a}))[1]"
    found = asked(call, tmp_path, **settings)
    assert found["found"] == [text] * 2
    shown = text.encode("utf-8", "backslashreplace").decode()
    encoding = settings.get("PYTHONIOENCODING", "ascii")
    line = shown.encode(encoding, "backslashreplace")
    assert [one.encode("utf-8", "surrogateescape") for one in found["printed"]] == [
        b"[rank %d] " % rank + line for rank in range(2)]


def test_fault_warnings_are_the_workers_own(tmp_path):
    """L10: with PYTHONWARNINGS=default, a rank complained of a file of ours."""
    found = asked("launch(odd_workers.says, 1, text='x')", tmp_path, PYTHONWARNINGS="default")
    assert found["found"] == ["x"] and "ResourceWarning" not in found["err"]


def test_fault_folder_for_temporary_files_that_is_not_there(tmp_path):
    call = "(setattr(__import__('tempfile'), 'tempdir', '/not/there'), launch(workers.hello, 1))"
    assert "The process could not be started: [Errno 2]" in asked(call, tmp_path)["error"]


SETTINGS = {
    "a word of another program": {"LOGLEVEL": "debug"},  # torchrun asks Python for such a level
    "a network of the cluster's": {"GLOO_SOCKET_IFNAME": "ib9"},
    "modules of the working folder are not imported": {"PYTHONSAFEPATH": "1"},
}


@pytest.mark.parametrize("warm", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_fault_variables_that_are_meant_for_others(tmp_path, settings, warm):
    """What this program can import, the ranks can; what is said to others, they do not hear."""
    (tmp_path / "own_worker.py").write_text("from helpers.distributed.workers import hello\n"
                                            "def work():\n    return hello()['all_reduce']\n")
    call = (f"(__import__('sys').path.insert(0, ''), keep_warm({warm}),"
            " launch(__import__('own_worker').work, 2, timeout=100))[2]")
    assert asked(call, tmp_path, **settings)["found"] == [[30.0]] * 2


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", pytest.param("<&-", marks=pytest.mark.long)])
def test_fault_streams_that_are_closed(tmp_path, closed):
    code = ("from helpers import launch, workers; from pathlib import Path; "
            "Path('found').write_text(repr([one['all_reduce'] for one in "
            "launch(workers.hello, 2, timeout=100)]))")
    program = start_program(code, tmp_path, ["sh", "-c", f'"$@" {closed}', "sh"])
    program.communicate(timeout=200)
    assert (tmp_path / "found").read_text() == "[[30.0], [30.0]]"
