"""A class's submissions, graded: two at a time, the reference first."""

import copy
import json
import os
import queue
import shutil
import threading
from collections.abc import Iterable

import nbformat

from helpers.exercises.grading import STUDENT
from helpers.exercises.known import exercises
from helpers.exercises.learner import student_of
from helpers.exercises.looking import right_object, seed_of
from tools.exercises import is_exercise, name_of, reference

from .collect import collect
from .course import Course, Refusal, read_notebook
from .graft import about, graft
from .results import CANARIES, CANARY, EMPTY, Result, write_csv, write_review
from .serving import ENDED, Server


def worth(notebook) -> dict[str, float]:
    """Return {name: points} of a notebook's graded cells."""
    return {about(c)["grade_id"].removeprefix("test_"): float(about(c)["points"])
            for c in notebook.cells if about(c).get("grade")}


def canary(source):
    """Return the reference as a student would hand it in; their own numbers where they draw."""
    notebook = copy.deepcopy(source)
    for cell in notebook.cells:
        if cell.cell_type == "code" and is_exercise(cell.source):
            name = name_of(reference(cell.source))
            it = exercises().get(name)
            if it is not None and it.draw is not None:
                value = right_object(it, seed_of(student_of(CANARY), it))
                value = value.tolist() if hasattr(value, "tolist") else value
                cell.source = f"{name} = {value!r}"
            else:
                cell.source = reference(cell.source)
        elif cell.cell_type == "code" and cell.source.startswith('student = ""'):
            cell.source = f'student = "{CANARY}"'
    return notebook


def prepare(course: Course, name: str, student: str, notebook, notes: Iterable[str] = ()) -> None:
    """Write a submission's answers in a fresh release to `grafted`."""
    release = read_notebook(course.notebook("release", name))
    mended = graft(release, notebook)
    mended.notebook.metadata["course"] = {"notes": [*notes, *mended.notes],
                                          "student": mended.student}
    target = course.notebook("grafted", name, student)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    nbformat.write(mended.notebook, target)


def run(course: Course, name: str, students: list[str], together: int = 2,
        said=lambda student, count: None) -> list[Result]:
    """Grade the grafted submissions of students, some at a time."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for student in students:
        shutil.rmtree(course.root / "autograded" / student / name, ignore_errors=True)
        (course.root / "review" / name / f"{student}.json").unlink(missing_ok=True)
        waiting.put(student)
    results: dict[str, Result] = {}

    def work():
        server = Server(course, name)
        try:
            while True:
                try:
                    student = waiting.get_nowait()
                except queue.Empty:
                    return
                wrong = server.grade(student)
                if wrong == ENDED:  # it may have been another's doing
                    wrong = server.grade(student)
                results[student] = _result(course, name, student, wrong)
                said(student, len(results))
        finally:
            server.stop()

    threads = [threading.Thread(target=work) for _ in range(min(together, len(students)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[student] for student in students]


def _result(course: Course, name: str, student: str, wrong: str) -> Result:
    path = course.root / "review" / name / f"{student}.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    result = Result(student, told.get("points", {}), told.get("flags", []), told.get("notes", []))
    if wrong or not path.exists():
        result.flags.append(f"not graded: {wrong or 'nothing came back'}")
        write_review(course.root, name, result)  # or the csv would not have them
    return result


def try_canary(course: Course, name: str, together: int) -> dict[str, float]:
    """Grade the reference and the release as students; raise Refusal if points are not right."""
    source = course.notebook("source", name)
    if not source.exists() or not course.notebook("release", name).exists():
        raise Refusal(f"There is no {name} in {course.root}. Make it with: make assignment "
                      f'NAME={name} EXERCISES="…".')
    most = worth(read_notebook(course.notebook("release", name)))
    prepare(course, name, CANARY, canary(read_notebook(source)))
    prepare(course, name, EMPTY, read_notebook(course.notebook("release", name)))
    reference_, empty = run(course, name, [CANARY, EMPTY], together)
    if reference_.points != most or reference_.flags:
        raise Refusal(f"The reference of {name} gets {reference_.points or 'nothing'} of {most}"
                      + "".join(f"; {flag}" for flag in reference_.flags)
                      + ". Nobody was graded. Is a solution in source wrong, or a private case? "
                      f"See {course.root / 'grades' / f'{name}.log'}.")
    if any(empty.points.values()):
        raise Refusal(f"What was handed out gets {empty.points} without an answer. Nobody was "
                      "graded.")
    return most


def grade(course: Course, name: str, only: Iterable[str] = (), together: int = 2,
          said=lambda student, count: None) -> tuple[list[Result], dict[str, float], list[str]]:
    """Collect, graft and grade; return results, {exercise: points}, and what was passed by."""
    os.environ.pop(STUDENT, None)
    notes, passed_by = collect(course, name)
    most = try_canary(course, name, together)
    students = [s for s in course.students("submitted", name) if s not in CANARIES]
    if missing := {*only} - {*students}:
        raise Refusal(f"Nothing was submitted by {', '.join(sorted(missing))}.")
    unread, readable = [], []
    for student in [s for s in students if not only or s in only]:
        try:
            notebook = read_notebook(course.notebook("submitted", name, student))
            prepare(course, name, student, notebook, notes.get(student, ()))
            readable.append(student)
        except Refusal as why:
            unread.append(Result(student, {}, [f"not graded: {why}"], notes.get(student, [])))
        except Exception as error:  # a notebook of a form that nobody has thought of
            unread.append(Result(student, {}, [f"not graded: its cells cannot be read "
                                               f"({type(error).__name__}: {error})"]))
    for result in unread:
        write_review(course.root, name, result)
    results = run(course, name, readable, together, said) + unread
    write_csv(course, name, most)
    return sorted(results, key=lambda r: r.student), most, passed_by
