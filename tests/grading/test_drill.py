"""The instructor's whole path, on submissions of all kinds: make, collect, graft, grade, csv."""

import csv
import json
import os
import subprocess
import sys

import nbformat
import pytest
import submissions as of
from support import ROOT

from helpers.exercises.known import PRIVATE
from tools.exercises import of_book
from tools.grading import isolation
from tools.grading.course import Course


def called(tool: str, *words: str, course: Course, good=True) -> str:
    """Run a tool as an instructor does; return what it prints."""
    done = subprocess.run(
        [sys.executable, f"tools/{tool}.py", "ps1", *words, "--course", str(course.root)],
        cwd=ROOT, env={**os.environ, PRIVATE: str(course.root.parent / "private"),
                       "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is good, done.stdout + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Course:
    """A course with one assignment of three exercises, two of them private."""
    folder = tmp_path_factory.mktemp("course")
    of.private_folder(folder / "private")
    course = Course(folder / "course")
    called("assignment", *of.WORDS.split(), course=course)
    return course


def graded(course: Course) -> dict[str, dict]:
    """Grade; return what the csv and the reviews say by student."""
    print(called("grade", course=course))
    with (course.root / "grades/ps1.csv").open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    for student, row in rows.items():
        review = course.root / f"review/ps1/{student}.json"
        row.update(json.loads(review.read_text(encoding="utf-8")), total=float(row["total"]))
    return rows


def drill(course: Course, changes) -> None:
    """Hand in, grade, and compare points and flags with what each is worth."""
    for change in changes:
        of.hand_in(course, change)
    rows = graded(course)
    assert {*rows} == {change.__name__ for change in changes}
    wrong = []
    for change in changes:
        row = rows[change.__name__]
        told = f"{change.__name__}: {row['total']:g} {row['points']} {row['flags']} {row['notes']}"
        print(told)
        want = {**of.DAMAGED, **of.HONEST, **of.HOSTILE}.get(change)
        if want is not None and row["total"] != want:
            wrong.append(f"{told}, expected {want:g}")
        if change in of.DAMAGED and row["flags"]:
            wrong.append(f"{told}, expected no flags")
        if (change in of.HOSTILE or change in of.ONLY_FLAGGED) and not row["flags"]:
            wrong.append(f"{told}, expected a flag")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_right_ones_get_full_marks_and_hostile_ones_none_or_a_flag(made):
    drill(made, of.SAMPLE)
    feedback = (made.root / "feedback/reference/ps1/ps1.html").read_text(encoding="utf-8")
    assert "6 of 6 points" in feedback and "course-seen" not in feedback
    assert "in one cell" not in feedback
    assert not (made.root / "course_progress.json").exists()


@pytest.mark.long
def test_the_rest_of_the_drill(made):
    rest = {*of.DAMAGED, *of.HONEST, *of.HOSTILE, *of.ONLY_FLAGGED} - {*of.SAMPLE}
    if not isolation.possible():
        rest -= {of.reads_the_source, of.kills_the_grader}
    course = Course(made.root.with_name("rest"))
    called("assignment", *of.WORDS.split(), course=course)
    drill(course, sorted(rest, key=lambda change: change.__name__))
    assert not (course.root / "caught").exists() and not (ROOT / "helpers/caught.py").exists()


@pytest.mark.long
def test_every_exercise_of_the_book_can_be_assigned_and_its_reference_gets_all_points(made):
    course = Course(made.root.with_name("book"))
    called("assignment", *(f"{part.name}=1" for _, _, part in of_book()), course=course)
    called("grade", course=course)  # the canaries are graded, and nobody else
    review = json.loads((course.root / "review/ps1/canary.json").read_text(encoding="utf-8"))
    assert len(review["points"]) == len([*of_book()]) and {*review["points"].values()} == {1.0}


@pytest.mark.long
def test_without_namespaces_too_a_submission_ends_no_other(made, monkeypatch):
    monkeypatch.setenv("COURSE_ISOLATE", "0")
    course = Course(made.root.with_name("open"))
    called("assignment", *of.WORDS.split(), course=course)
    for change in (of.kills_the_grader, of.reference, of.exits, of.endless_cell):
        of.hand_in(course, change)
    rows = graded(course)
    assert {student: row["total"] for student, row in rows.items()} == {
        "kills_the_grader": 0, "reference": 12, "exits": 8, "endless_cell": 8}
    assert any("not graded" in flag for flag in rows["kills_the_grader"]["flags"])


@pytest.mark.long
def test_a_class_of_60_gets_the_points_that_it_has_earned(made):
    course = Course(made.root.with_name("sixty"))
    called("assignment", *of.WORDS.split(), course=course)
    kinds = (of.reference, of.wrong, of.partial, of.copied, of.metadata_lost, of.reordered)
    want = {}
    for number in range(60):
        kind = kinds[number % len(kinds)]
        of.hand_in(course, kind, f"s{number:02}")
        want[f"s{number:02}"] = {**of.DAMAGED, **of.HONEST}[kind]
    assert {s: row["total"] for s, row in graded(course).items()} == want


@pytest.mark.slow
def test_what_was_handed_out_runs_to_its_end_and_tells_nothing(made):
    path = made.notebook("release", "ps1")
    text = path.read_text(encoding="utf-8")
    assert not any(word in text for word in ("SOLUTION", "HIDDEN", "grade(", "sum(x[i"))
    from nbclient import NotebookClient
    notebook = nbformat.read(path, 4)
    kept = os.environ.get(PRIVATE)
    os.environ[PRIVATE] = str(made.root.parent / "private")
    try:
        NotebookClient(notebook, kernel_name="python3",
                       resources={"metadata": {"path": str(path.parent)}}).execute()
    finally:
        os.environ.pop(PRIVATE) if kept is None else os.environ.update({PRIVATE: kept})
    said = [o.data["text/plain"] for c in notebook.cells if c.cell_type == "code"
            for o in c.outputs]
    assert sum("still the starter code" in text for text in said) == 3
    assert any("Your numbers" in text and "height" in text for text in said)


@pytest.mark.slow
def test_a_reference_that_does_not_pass_stops_the_grading(made):
    source = made.notebook("source", "ps1")
    before = source.read_text(encoding="utf-8")
    source.write_text(before.replace("kernel.flip(0, 1)", "kernel"), encoding="utf-8")
    try:
        said = called("grade", course=made, good=False)
    finally:
        source.write_text(before, encoding="utf-8")
    assert "Nobody was graded" in said and "'convolve': 0.0" in said
