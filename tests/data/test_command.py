"""`python -m helpers.data`: what it shows, and that it deletes only what a download has made."""

import hashlib
import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from unittest.mock import Mock

import pytest
from filelock import FileLock
from made import batch, meta, python2_pickle
from misbehaving import well
from support import ROOT

from helpers.data import official, place
from helpers.data.__main__ import main
from helpers.data.download import download
from helpers.data.official import FOLDER, MD5
from helpers.data.shared import ARCHIVE, LOCK, PARTIAL


@pytest.fixture
def cache(tmp_path, monkeypatch, serve, body):
    """The cache of a user, into which the course downloads."""
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setattr(place, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(download, "__defaults__", ((serve(body, well).url,),))
    return tmp_path / "from-tensors-to-resnets"


@pytest.fixture
def small(monkeypatch):
    """Files of three images are CIFAR-10's for now: a function that writes them into a folder."""
    files = {name: python2_pickle(batch(i, 3)) for i, name in enumerate(MD5)}
    files["batches.meta"] = meta()
    monkeypatch.setattr(official, "IMAGES_PER_FILE", 3)
    monkeypatch.setattr(official, "MD5", {name: hashlib.md5(content).hexdigest()
                                          for name, content in files.items()})

    def write(folder):
        (folder / FOLDER).mkdir(parents=True)
        for name, content in files.items():
            (folder / FOLDER / name).write_bytes(content)
        return folder / FOLDER

    return write


def test_show_and_verify_official_changed_and_missing_files(cache, small, capsys):
    assert main(["show"]) == 0 and capsys.readouterr().out == (
        f"{cache} (the cache of this user)\nChapters use a download.\n")
    assert main(["verify"]) == 1 and "There are no images in" in capsys.readouterr().out
    found = small(cache)
    (cache / PARTIAL).write_bytes(bytes(2_000_000))
    (cache / ARCHIVE).write_bytes(bytes(3_000_000))
    assert main(["show"]) == 0
    out = capsys.readouterr().out
    assert "Chapters use CIFAR-10 (the official files)." in out
    assert "2.0 MB  half a download" in out and "3.0 MB  the archive, put there by hand" in out
    assert main(["verify"]) == 0 and capsys.readouterr().out.count(" official\n") == 7
    (found / "test_batch").write_bytes(python2_pickle({**batch(9, 3), "filenames": ["other"]}))
    assert main(["verify"]) == 1
    out = capsys.readouterr().out
    assert "test_batch    other bytes\n" in out and "CIFAR-10 (not the official bytes)." in out
    (found / "data_batch_3").unlink()
    for command in ("show", "verify"):
        assert main([command]) == 1
        out, err = capsys.readouterr()
        assert "is not complete: data_batch_3 is missing. Delete" in out + err
    assert "data_batch_3  missing\n" in out


def test_show_says_what_settings_ask_for(cache, small, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert main(["show"]) == 0 and "Chapters use drawn images." in capsys.readouterr().out
    small(cache)
    monkeypatch.setenv("COURSE_DATA", "stand-in")
    assert main(["show"]) == 0
    out = capsys.readouterr().out
    assert str(cache) in out and "Chapters use drawn images." in out
    monkeypatch.setenv("COURSE_DATA", str(cache))
    assert main(["show"]) == 0 and "(named in COURSE_DATA)" in capsys.readouterr().out


def test_fetch_and_clear(cache, capsys):
    assert main(["fetch"]) == 0
    assert f"The images are in {cache / FOLDER}." in capsys.readouterr().out
    assert main(["clear", "--yes"]) == 0 and not cache.exists()
    out = capsys.readouterr().out
    assert all(str(cache / FOLDER / name) in out for name in MD5) and out.endswith("Deleted.\n")
    assert main(["clear"]) == 0 and "There is nothing in" in capsys.readouterr().out


def test_fetch_says_why_it_cannot(cache, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert main(["fetch"]) == 1 and capsys.readouterr().err == "COURSE_OFFLINE is set\n"
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setattr(download, "__defaults__", (("http://127.0.0.1:9/x",),))
    assert main(["fetch"]) == 1 and "127.0.0.1:9: " in capsys.readouterr().err
    cache.with_name("file").touch()
    monkeypatch.setenv("COURSE_DATA", str(cache.with_name("file")))
    assert main(["show"]) == 1 and "is a file, not a folder" in capsys.readouterr().err


def test_clear_leaves_what_is_not_the_courses(cache, body, capsys):
    assert main(["fetch"]) == 0
    (cache / FOLDER / "notes.txt").write_text("mine")
    (cache / ARCHIVE).write_bytes(body)
    (cache / ".unpacking-mine.txt").write_text("mine")
    (cache / ".unpacking-x" / "y").mkdir(parents=True)
    assert main(["clear", "--yes"]) == 0
    left = {path.relative_to(cache).as_posix() for path in cache.rglob("*")}
    assert left == {FOLDER, f"{FOLDER}/notes.txt", ARCHIVE, ".unpacking-mine.txt"}


def test_clear_deletes_nothing_that_was_put_there_by_hand(cache, small, capsys):
    found = small(cache)
    assert main(["clear", "--yes"]) == 0 and len(list(found.iterdir())) == 7
    assert "There is nothing in" in capsys.readouterr().out
    elsewhere = small(cache.with_name("other"))  # and a download has been here once
    (cache / LOCK).touch()
    for path in found.iterdir():
        path.unlink()
    found.rmdir()
    found.symlink_to(elsewhere, target_is_directory=True)
    assert main(["clear", "--yes"]) == 0 and len(list(elsewhere.iterdir())) == 7


@pytest.mark.parametrize("answer, terminal, deleted", [
    ("y", True, True), ("Y", True, True), ("", True, False), ("n", True, False),
    ("y", False, False)])
def test_clear_asks(cache, monkeypatch, capsys, answer, terminal, deleted):
    assert main(["fetch"]) == 0
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["clear"]) == (0 if deleted else 1)
    assert (cache / FOLDER).exists() != deleted
    assert ("Nothing was deleted." in capsys.readouterr().out) != deleted


def test_clear_waits_for_no_other_program(cache, capsys):
    assert main(["fetch"]) == 0
    with FileLock(cache / LOCK):
        assert main(["clear", "--yes"]) == 1
    out = capsys.readouterr().out
    assert "another program seems to be" in out and "cannot lock files" in out
    assert (cache / FOLDER).exists()


@pytest.mark.parametrize("words", [[], ["delete"], ["show", "--yes"]])
def test_other_words_are_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and "usage: python -m helpers.data" in capsys.readouterr().err


def test_fault_a_file_far_too_large_is_not_read_into_memory(cache, small, capsys):
    found = small(cache)
    with (found / "test_batch").open("r+b") as file:
        file.truncate(1 << 28)
    tracemalloc.start()
    assert main(["verify"]) == 1 and "test_batch    other bytes" in capsys.readouterr().out
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


def test_fault_ctrl_c_is_a_sentence(cache, monkeypatch, capsys):
    monkeypatch.setattr(official, "find", Mock(side_effect=KeyboardInterrupt))
    cache.mkdir()
    assert main(["verify"]) == 130
    assert capsys.readouterr().err == "\nStopped. The next call goes on from here.\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_fault_names_that_the_console_does_not_have(cache, monkeypatch, tmp_path, encoding):
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "課程"))
    place.say("課 …")  # first: the command changes how its console takes such characters
    assert main(["show"]) == 0
    console.flush()
    assert rb"\u8ab2" in console.buffer.getvalue().splitlines()[0]
    assert rb"\u8ab2\u7a0b" in console.buffer.getvalue()


@pytest.mark.parametrize("terminal", ["no more input", "none"])
def test_fault_nobody_can_answer(cache, monkeypatch, capsys, terminal):
    """Ctrl-D, and a program that was started without an input: a traceback."""
    assert main(["fetch"]) == 0
    console = Mock(isatty=lambda: True)
    monkeypatch.setattr(sys, "stdin", console if terminal == "no more input" else None)
    monkeypatch.setattr("builtins.input", Mock(side_effect=EOFError))
    assert main(["clear"]) == 1 and "Nothing was deleted" in capsys.readouterr().out
    assert (cache / FOLDER).exists()


@pytest.mark.slow  # a Python of its own for each
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("output, code, words", [
    ("| true", 0, ""), (">&-", 0, ""), ("2>&- >&-", 0, ""),
    ("> /dev/full", 1, "What output goes to cannot be used: No space left on device.\n")])
def test_fault_output_that_goes_nowhere(tmp_path, output, code, words):
    environment = {**os.environ, "COURSE_DATA": str(tmp_path),
                   "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    done = subprocess.run(["sh", "-c", f"'{sys.executable}' -m helpers.data show {output}"],
                          env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, words)
