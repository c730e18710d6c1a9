"""A class's submissions, graded: two at a time, the reference first."""

import csv
import json
import multiprocessing
import os
import queue
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from helpers.exercises.grading import STUDENT
from helpers.exercises.known import exercises
from helpers.exercises.learner import student_of
from helpers.exercises.looking import right_object, seed_of
from tools.exercises import is_exercise, name_of, reference

from .collect import collect
from .course import Course, Refusal, api, last_words, read_notebook
from .graft import about, graft

CANARY, EMPTY = "canary", "canary-empty"  # the reference, and what was handed out: unchanged
LONGEST = 900  # seconds for a submission, whatever its limits are


@dataclass
class Result:
    """A submission: its points, what a person should look at, and what was mended."""

    student: str
    points: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def worth(notebook) -> dict[str, float]:
    """Return {name: points} of a notebook's graded cells."""
    return {about(c)["grade_id"].removeprefix("test_"): float(about(c)["points"])
            for c in notebook.cells if about(c).get("grade")}


def canary(source):
    """Return the reference as a student would hand it in; their own numbers where they draw."""
    notebook = nbformat.from_dict(source)
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
    flags = []
    draws = [e for e in worth(release) if e in exercises() and exercises()[e].draw]
    if draws and student_of(mended.student or "") != student_of(student):
        flags.append(f"student is {mended.student!r} in the notebook: {', '.join(draws)} were "
                     f"answered for the numbers of another than {student}")
    mended.notebook.metadata["course"] = {"flags": flags, "notes": [*notes, *mended.notes]}
    target = course.notebook("grafted", name, student)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    nbformat.write(mended.notebook, target)


def _serve(root: str, name: str, log: str, pipe) -> None:
    """In a process of its own: grade whoever comes through the pipe."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with Path(log).open("a", encoding="utf-8") as told:
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)
    course = Course(Path(root))
    nbgrader = api(course)
    for student in iter(pipe.recv, None):
        try:
            done = nbgrader.autograde(name, student, force=True, create=True)
            if done["success"]:
                done = nbgrader.generate_feedback(name, student, force=True)
            pipe.send("" if done["success"] else last_words(done.get("error")
                                                            or done.get("log") or ""))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")


class _Server:
    """A process that grades, started again when a submission ends it."""

    def __init__(self, course: Course, name: str):
        log = course.root / "grades" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        self.arguments = (str(course.root), name, str(log))
        self.process, self.pipe = None, None

    def grade(self, student: str) -> str:
        """Grade a submission; return what went wrong, or nothing."""
        if self.process is None or not self.process.is_alive():
            spawn = multiprocessing.get_context("spawn")
            self.pipe, theirs = spawn.Pipe()
            self.process = spawn.Process(target=_serve, args=(*self.arguments, theirs), daemon=True)
            self.process.start()
            theirs.close()
        try:
            self.pipe.send(student)
            if self.pipe.poll(LONGEST):
                return self.pipe.recv()
            reason = f"not graded within {LONGEST // 60} minutes"
        except (EOFError, OSError):
            reason = "the process that grades was ended by it"
        self.stop(at_once=True)
        return reason

    def stop(self, at_once: bool = False) -> None:
        """End the process."""
        if self.process is None:
            return
        if at_once:
            self.process.kill()
        else:
            try:
                self.pipe.send(None)
            except OSError:
                self.process.kill()
        self.process.join()
        self.process = None


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
        server = _Server(course, name)
        try:
            while True:
                try:
                    student = waiting.get_nowait()
                except queue.Empty:
                    return
                wrong = server.grade(student)
                if wrong and "ended by it" in wrong:  # it may have been another's doing
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
    students = [s for s in course.students("submitted", name) if s not in (CANARY, EMPTY)]
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
        from .recount import write_review
        write_review(course.root, name, result.student, {}, result.flags, result.notes)
    results = run(course, name, readable, together, said) + unread
    write_csv(course, name, most)
    return sorted(results, key=lambda r: r.student), most, passed_by


def _recorded(course: Course, name: str) -> dict[str, dict[str, float]]:
    """Return {student: {exercise: points}} of nbgrader's gradebook: with changes by hand."""
    from nbgrader.api import Gradebook
    config = api(course).coursedir
    with Gradebook(config.db_url, config.course_id) as book:
        return {submission.student.id: {
            g.cell.name.removeprefix("test_"): float(g.score or 0)
            for notebook in submission.notebooks for g in notebook.grades}
            for submission in book.find_assignment(name).submissions}


def write_csv(course: Course, name: str, most: dict[str, float]) -> Path:
    """Write grades/NAME.csv: everybody whose submission was looked at, now or before."""
    recorded, target = _recorded(course, name), course.root / "grades" / f"{name}.csv"
    half = target.with_suffix(".part")
    with half.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["student", *most, "total", "of", "flags", "notes"])
        for path in sorted((course.root / "review" / name).glob("*.json")):
            if path.stem in (CANARY, EMPTY):
                continue
            told = json.loads(path.read_text(encoding="utf-8"))
            points = [recorded.get(path.stem, {}).get(e, 0.0) for e in most]
            out.writerow([path.stem, *(f"{p:g}" for p in points), f"{sum(points):g}",
                          f"{sum(most.values()):g}", "; ".join(told["flags"]),
                          "; ".join(told["notes"])])
    half.replace(target)
    return target


def table(results: list[Result], most: dict[str, float]) -> str:
    """Return results as a table of text."""
    rows = [["student", *most, "total", "look at"]]
    for r in results:
        points = [r.points.get(e, 0.0) for e in most]
        rows.append([r.student, *(f"{p:g}" for p in points), f"{sum(points):g}",
                     "; ".join(r.flags)])
    rows.insert(1, ["", *(f"of {p:g}" for p in most.values()), f"of {sum(most.values()):g}", ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) if i in (0, len(widths) - 1) else
                               cell.rjust(width) for i, (cell, width) in
                               enumerate(zip(row, widths, strict=True))).rstrip() for row in rows)
