"""The points of a submission, out of what its Python saw, and not out of what it says they are."""

import re
from pathlib import Path

from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution

from helpers.exercises.box import Box
from helpers.exercises.grading import SEEN, Count, recounted
from helpers.exercises.known import exercises
from helpers.exercises.learner import student_of

from .flags import flags_of
from .results import Result, write_review

GRADE = re.compile(r'^grade\("(\w+)", points=([\d.]+)\)$', re.MULTILINE)
NUMBER = re.compile(r"\d{1,6}(\.\d+)?([eE]-\d+)?")


def _results(cell) -> list[str]:
    return ["".join(o["data"].get("text/plain", "")) for o in cell.outputs
            if o.output_type == "execute_result"]


def _number(cell) -> float | None:
    """Return the one plain number that a cell ends in, or None."""
    results = _results(cell)
    if len(results) != 1 or any(o.output_type == "error" for o in cell.outputs):
        return None
    return float(results[0]) if NUMBER.fullmatch(results[0]) else None


def counted(cell, student: str) -> Count:
    """Return the points of a graded cell. One without the values that earn them earns nothing."""
    most = float(cell.metadata["nbgrader"]["points"])
    name = cell.metadata["nbgrader"]["grade_id"].removeprefix("test_")
    ours, number = GRADE.search(cell.source), _number(cell)
    nothing = Box("not yet", f"`{name}`: 0 of {most:g} points",
                  ("The graded cell gave no points. Your instructor has been told.",))
    if ours is None:  # an instructor's own
        if number is None or number > most:
            return Count(0.0, nothing, (f"{name}: the graded cell gives no number from 0 "
                                        f"to {most:g}",))
        return Count(number, Box("right" if number == most else "not yet",
                                 f"`{name}`: {number:g} of {most:g} points"))
    reports = ["".join(o["data"][SEEN]) for o in cell.outputs if SEEN in o.get("data", {})]
    if not reports:
        return Count(0.0, nothing, (f"{name}: no report of what was seen"
                                    + (f", but a number, {number:g}" if number else ""),))
    count = recounted(name, most, student, reports[-1])
    doubts = list(count.doubts)
    if len(reports) > 1:
        doubts.append(f"{name}: {len(reports)} reports of what was seen")
    if not doubts and (number is None or abs(number - count.score) > 0.005):
        said = number if number is not None else (_results(cell) or ["nothing"])[-1][:40]
        doubts.append(f"{name}: its Python said {said}, recounted {count.score:g}")
    return Count(count.score, count.box, tuple(doubts))


def _of_another(cell, count: Count, student: str, noted: str | None) -> list[str]:
    """Say it if an answer may be wrong only because it is that to somebody else's numbers."""
    name = cell.metadata["nbgrader"]["grade_id"].removeprefix("test_")
    it = exercises().get(name)
    if count.score or it is None or it.draw is None or student_of(noted or "") == student_of(
            student):
        return []
    return [f"{name}: student is {noted!r} in the notebook, and {student!r} here: were the numbers "
            "those of another?"]


class Recount(NbGraderPreprocessor):
    """After running: give every graded cell its points, and note what a person should look at."""

    def preprocess(self, nb, resources):
        """Replace what graded cells put out, and write review/NAME/ID.json."""
        about = resources["nbgrader"]
        kept = nb.metadata.get("course", {})
        flags, points = flags_of(nb), {}
        for cell in nb.cells:
            if cell.cell_type != "code" or not is_grade(cell) or is_solution(cell):
                continue
            count = counted(cell, about["student"])
            points[cell.metadata["nbgrader"]["grade_id"].removeprefix("test_")] = count.score
            flags += [*count.doubts, *_of_another(cell, count, about["student"],
                                                  kept.get("student"))]
            cell.outputs = [
                new_output("display_data", {"text/html": count.box._repr_html_(),
                                            "text/plain": repr(count.box)}),
                new_output("execute_result", {"text/plain": repr(count.score)},
                           execution_count=cell.execution_count)]
        write_review(Path.cwd(), about["assignment"], Result(  # nbgrader is in the course's folder
            about["student"], points, flags + resources.get("course_notes", []),
            kept.get("notes", [])))
        return nb, resources
