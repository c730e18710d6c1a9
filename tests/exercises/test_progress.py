"""The file of what a learner has done: nothing of it is lost, nothing gets in a learner's way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from support import ROOT, without_root_rights

from helpers.exercises import check, progress
from helpers.exercises.kept import FORM
from helpers.exercises.known import exercises
from helpers.exercises.looking import right_object, seed_of
from tools import book, notebooks

FILE = "course_progress.json"
ONE = next(name for name, e in exercises().items() if e.chapter)
DAY = "2026-01-31"
SWITCHES = ("COURSE_PROGRESS", "COURSE_PROFILE", "CI", "COLAB_RELEASE_TAG")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which somebody learns."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def holding(done=(), quizzes=(), **others) -> str:
    return json.dumps({"form": FORM, "exercises": dict.fromkeys(done, DAY),
                       "quizzes": dict.fromkeys(quizzes, DAY), **others})


def done(path=FILE) -> set[str]:
    kept = json.loads(Path(path).read_text(encoding="utf-8"))
    assert kept["form"] == FORM
    return {*kept["exercises"], *kept["quizzes"]}


def pass_one(name=ONE):
    e = exercises()[name]
    check(name, right_object(e, seed_of("", e)), student="")


def test_a_right_answer_is_kept_once_and_a_wrong_one_is_not(folder, capsys):
    check(ONE, ...)
    assert [*folder.iterdir()] == []
    pass_one()
    assert done() == {ONE} and [p.name for p in folder.iterdir()] == [FILE]
    (folder / FILE).write_text(holding([ONE]))
    pass_one()
    assert json.loads(Path(FILE).read_text())["exercises"][ONE] == DAY, "the first day stays"
    assert "progress" not in capsys.readouterr().out


@pytest.mark.parametrize("switch", ["COURSE_PROGRESS=off", "COURSE_PROGRESS=0", "CI=true",
                                    "COURSE_PROFILE=smoke"])
def test_nothing_is_written_or_told_where_nobody_learns(folder, switch, monkeypatch, capsys):
    pass_one()
    said = capsys.readouterr().out
    (folder / FILE).write_text(holding(["corr2d", ONE]))
    before = (folder / FILE).read_bytes()
    monkeypatch.setenv(*switch.split("="))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    pass_one()
    assert capsys.readouterr().out == said, "check says the same"
    assert not [*Path.cwd().iterdir()]
    monkeypatch.chdir("..")
    progress(restore=FILE)
    assert (folder / FILE).read_bytes() == before
    capsys.readouterr()
    progress()
    assert "Nothing is kept here" in (told := capsys.readouterr().out) and ": 1 of" not in told


def test_builds_and_refreshes_keep_nothing(monkeypatch):
    given = []
    monkeypatch.setattr(subprocess, "run", lambda *a, env, **k: (
        given.append(env), subprocess.CompletedProcess(a, 0))[1])
    book.build(ROOT, {})
    monkeypatch.setattr(notebooks.NotebookClient, "execute", lambda self, env: given.append(env))
    notebooks.run(nbformat.v4.new_notebook(), ROOT, {})
    assert [env["COURSE_PROGRESS"] for env in given] == ["off", "off"]
    assert "COURSE_PROGRESS" not in book.surroundings() or "COURSE_PROGRESS" in os.environ, (
        "make lab, which takes its surroundings from here, is for learners")


def test_on_colab_it_says_that_the_file_goes_with_the_machine(folder, monkeypatch, capsys):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    progress()
    assert "gone with it" in capsys.readouterr().out
    (folder / "drive").mkdir()
    monkeypatch.chdir("drive")
    progress()
    assert "beside the notebook" in capsys.readouterr().out


BAD = {"half a file": holding([ONE])[:40], "no JSON": "I was here", "another form": '{"a": 1}',
       "a list": "[]", "nothing": "", "not text": b"\xff\xfe\x00", "deep": "[" * 100_000,
       "a later form": holding([ONE]).replace("progress 1", "progress 2"),
       "no names": holding(exercises=["a"]), "no days": holding(exercises={"a": {}}),
       "large": holding() + " " * 2_000_000}
bad_files = pytest.mark.parametrize("content", BAD.values(), ids=BAD)


def wrote(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path.read_bytes()


@bad_files
def test_a_broken_file_is_put_aside_and_not_lost(folder, content, capsys):
    before = [wrote(folder / FILE, content), wrote(folder / "course_progress.unread-1.json", "x")]
    progress()
    said = capsys.readouterr().out
    assert said.startswith(f"› {FILE} holds no progress") and said.count("\n") == 1
    pass_one()
    assert capsys.readouterr().out.startswith("✓") and done() == {ONE}
    assert (folder / "course_progress.unread-2.json").read_bytes() == before[0]
    assert (folder / "course_progress.unread-1.json").read_bytes() == before[1]
    progress()
    assert "2 that could not be read" in capsys.readouterr().out


@bad_files
def test_a_bad_file_is_neither_taken_in_nor_written_over(folder, content, capsys):
    pass_one()
    before = wrote(folder / "other.json", content)
    capsys.readouterr()
    for settings in ({"restore": "other.json"}, {"export": "other.json"}):
        progress(**settings)
        said = capsys.readouterr().out
        assert said.startswith("› other.json holds no progress") and said.count("\n") == 1
    assert (folder / "other.json").read_bytes() == before and done() == {ONE}


def a_folder(path):
    path.mkdir()


def a_pipe(path):
    os.mkfifo(path)


def a_loop(path):
    path.symlink_to(path.name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("make", [a_folder, a_pipe, a_loop])
def test_what_is_no_file_is_left_alone_and_said(folder, make, capsys):
    make(folder / FILE)
    pass_one()
    assert capsys.readouterr().out.startswith("✓")
    for settings in ({}, {"restore": FILE}, {"export": FILE}, {"export": "new.json"}):
        progress(**settings)
        assert capsys.readouterr().out.count("\n") == 1, settings
    assert [p.name for p in folder.iterdir()] == [FILE]


def test_a_folder_that_is_gone(folder, monkeypatch, capsys):
    (folder / "gone").mkdir()
    monkeypatch.chdir("gone")
    (folder / "gone").rmdir()
    pass_one()
    assert capsys.readouterr().out.startswith("✓")
    progress()
    assert capsys.readouterr().out.startswith("› Nothing can be kept here")


@pytest.mark.parametrize("settings, words", [
    ({"export": "no/such/folder.json"}, "cannot be written: No such file or directory"),
    ({"export": "."}, "is a folder or a device"), ({"export": 3}, "Name a file in quotes"),
    ({"export": "a\0b"}, "Name a file in quotes"), ({"restore": "none.json"}, "cannot be read"),
    ({"restore": "."}, "is a folder or a device"), ({"restore": b"x"}, "Name a file in quotes"),
    ({"restore": "~nobody-of-this-name/x"}, "Name a file in quotes"),
    ({"restore": "empty.json"}, "holds nothing that was done"),
])
def test_errors_are_one_sentence(folder, settings, words, capsys):
    (folder / "empty.json").write_text(holding())
    progress(**settings)
    said = capsys.readouterr().out
    assert words in said and said.count("\n") == 1 and "Error" not in said


def test_export_and_restore_add_and_take_nothing_away(folder, capsys):
    pass_one()
    (folder / "theirs.json").write_text(holding([ONE, "an_exercise_to_come"], ["02-1", "02-3"]))
    progress(restore="theirs.json")
    assert done() == {ONE, "an_exercise_to_come", "02-1", "02-3"}
    assert json.loads(Path(FILE).read_text())["exercises"][ONE] != DAY, "the first known day stays"
    assert "2 quiz questions" in capsys.readouterr().out
    (folder / "drive.json").write_text(holding(["from_elsewhere"]))
    progress(export="drive.json")
    assert done("drive.json") == done() | {"from_elsewhere"}
    progress(export=folder / "new.json")
    assert (folder / "new.json").read_bytes() == (folder / FILE).read_bytes()


def test_a_link_stays_one(folder):
    (folder / "drive").mkdir()
    (folder / FILE).symlink_to("drive/mine.json")
    pass_one()
    assert (folder / FILE).is_symlink() and done("drive/mine.json") == {ONE}


WRITER = f"""
import sys, types
room = types.ModuleType("room")  # the package without PyTorch, which takes seconds to import
room.__path__ = [{str(ROOT / "helpers" / "exercises")!r}]
sys.modules["room"] = room
from room.progress import passed
for number in range(10):
    passed(f"{{sys.argv[1]}}_{{number}}")
"""


@pytest.mark.slow  # starts processes
def test_kernels_that_write_at_once_lose_nothing(folder):
    settings = {k: v for k, v in os.environ.items() if k not in SWITCHES}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name], env=settings)
               for name in "abcde"]
    assert [one.wait() for one in writers] == [0] * 5
    assert done() == {f"{name}_{number}" for name in "abcde" for number in range(10)}
    assert [p.name for p in folder.iterdir()] == [FILE]


@pytest.mark.slow  # starts a process
def test_where_nothing_may_be_written_check_says_what_it_always_says(folder):
    words = without_root_rights()
    if words is None:
        pytest.skip("needs setpriv, or not to be root")
    (folder / FILE).write_text(holding(["mine"]))
    folder.chmod(0o555)
    (folder.parent / "theirs.json").write_text(holding([ONE]))
    code = ("from helpers.exercises import check, progress\n"
            "from helpers.exercises.known import exercises\n"
            "from helpers.exercises.looking import right_object, seed_of\n"
            f"e = exercises()[{ONE!r}]\n"
            f"check({ONE!r}, right_object(e, seed_of('', e)))\n"
            f"progress(restore={str(folder.parent / 'theirs.json')!r})\n"
            "progress(export='x.json')\n")
    settings = {k: v for k, v in os.environ.items() if k not in SWITCHES}
    ran = subprocess.run([*words, sys.executable, "-c", code], capture_output=True, text=True,
                         env=settings | {"PYTHONPATH": str(ROOT)}, check=False)
    folder.chmod(0o755)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0, ran.stderr
    assert lines[0].startswith("✓") and "nothing was changed: Permission denied" in lines[1]
    assert lines[2] == "› x.json cannot be written: Permission denied" and done() == {"mine"}
