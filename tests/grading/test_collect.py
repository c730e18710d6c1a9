"""What came back is found, whatever it is called; nothing is lost and nothing gets out."""

import zipfile

import pytest

from tools.grading.collect import Roster, collect, label_of, plain_id
from tools.grading.course import Course, Refusal, read_notebook


@pytest.mark.parametrize("place, label", [
    ("alice.ipynb", "alice"), ("ps1_alice.ipynb", "alice"), ("alice-ps1.ipynb", "alice"),
    ("alice/ps1.ipynb", "alice"), ("alice/ps1/ps1.ipynb", "alice"),
    ("ps1-alice/ps1.ipynb", "alice"),
    ("all.zip/alice/solution.ipynb", "alice"), ("all.zip/ps1/bob.ipynb", "bob"),
    ("Ann Lee_1234_assignsubmission_file/ps1.ipynb", "Ann Lee"),
    ("x.zip/Ann Lee_1234_assignsubmission_file_/My work.ipynb", "Ann Lee"),
    ("leeann_LATE_1234_5678_ps1-1.ipynb", "leeann"), ("leeann_1234_5678_ps1.ipynb", "leeann"),
    ("ps1.ipynb", ""), ("all.zip/ps1.ipynb", ""), ("ps1/ps1.ipynb", "")])
def test_who_a_path_belongs_to(place, label):
    assert label_of(place, "ps1") == label


@pytest.mark.parametrize("label, student", [
    ("Ann Lee", "ann_lee"), ("Zoë Größe", "zoe_grosse"), ("../../etc", "etc"), ("李", ""),
    ("a" * 90, "a" * 60), ("x@y.edu", "x@y.edu"), (".", "")])
def test_ids_are_names_for_folders(label, student):
    assert plain_id(label) == student


@pytest.fixture
def course(tmp_path) -> Course:
    (tmp_path / "downloaded/ps1").mkdir(parents=True)
    return Course(tmp_path)


def put(course, place, text="{}"):
    path = course.root / "downloaded/ps1" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def submitted(course, student):
    return course.notebook("submitted", "ps1", student).read_text(encoding="utf-8")


def test_folders_files_and_archives_are_collected(course):
    put(course, "ann.ipynb", "1")
    put(course, "bob/ps1.ipynb", "2")
    put(course, "bob/.ipynb_checkpoints/ps1-checkpoint.ipynb", "no")
    put(course, "ps1.ipynb", "whose?")
    put(course, "notes.txt")
    with zipfile.ZipFile(course.root / "downloaded/ps1/all.zip", "w") as archive:
        archive.writestr("Cy Dee_77_assignsubmission_file/work.ipynb", "3")
        archive.writestr("__MACOSX/Cy Dee_77_assignsubmission_file/._work.ipynb", "no")
        archive.writestr("../../../evil.ipynb", "4")
        archive.writestr("/abs/evil2.ipynb", "5")
    notes, passed_by = collect(course, "ps1")
    assert course.students("submitted", "ps1") == ["abs", "ann", "bob", "cy_dee", "evil"]
    assert [submitted(course, s) for s in ("ann", "bob", "cy_dee")] == ["1", "2", "3"]
    assert passed_by == ["ps1.ipynb: no student can be told from its name"] and notes == {}
    assert {p.name for p in course.root.iterdir()} == {"downloaded", "submitted"}


def test_of_several_notebooks_the_newest_of_the_right_name_counts(course):
    import os
    for place, when in (("ann/ps1.ipynb", 1000), ("ann/ps1-2.ipynb", 2000), ("ann/x.ipynb", 3000)):
        os.utime(put(course, place, place), (when, when))
    notes, _ = collect(course, "ps1")
    assert submitted(course, "ann") == "ann/ps1-2.ipynb"
    assert notes == {"ann": ["3 notebooks, graded is ann/ps1-2.ipynb"]}


def test_a_new_version_keeps_the_one_before(course):
    put(course, "ann.ipynb", "first")
    collect(course, "ps1")
    put(course, "ann.ipynb", "second")
    collect(course, "ps1")
    collect(course, "ps1")
    path = course.notebook("submitted", "ps1", "ann")
    assert path.read_text(encoding="utf-8") == "second"
    assert [p.name for p in path.parent.glob("*.earlier")] == ["ps1.ipynb.1.earlier"]


def test_a_roster_gives_ids_to_names(course):
    (course.root / "students.csv").write_text(
        "id,name,email\ns1,Ann Lee,ann@x.edu\ns2,Zoë Größe,zoe@x.edu\n", encoding="utf-8")
    for label in ("Ann Lee_1_assignsubmission_file", "zoegrosse", "nobody"):
        put(course, f"{label}/ps1.ipynb")
    notes, _ = collect(course, "ps1")
    assert course.students("submitted", "ps1") == ["nobody", "s1", "s2"]
    assert notes == {"nobody": ["not in students.csv"]}
    roster = Roster(course.root / "students.csv")
    assert roster.id_of("leeann") is None and roster.id_of("lee ann") == "s1"
    assert roster.id_of("ann@x.edu") == "s1" and roster.id_of("S2") == "s2"


def test_what_cannot_be_read_is_named(course, tmp_path):
    (course.root / "students.csv").write_text("name\nx\n", encoding="utf-8")
    with pytest.raises(Refusal, match="no column `id`"):
        collect(course, "ps1")
    (course.root / "students.csv").unlink()
    (course.root / "downloaded/ps1/all.zip").write_bytes(b"no archive")
    with pytest.raises(Refusal, match="Download it again"):
        collect(course, "ps1")
    for text in ("", "<html>", "{}", "[]", "null", '{"cells": 3}', "\x00"):
        path = tmp_path / "bad.ipynb"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(Refusal, match="is not a notebook"):
            read_notebook(path)
