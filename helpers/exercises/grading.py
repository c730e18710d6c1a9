"""`grade`: the points of an answer, for whoever assigns exercises; and `recounted`, for machines.

Code that runs beside a submission can be changed by it: a comparison can be replaced, a number
printed. So a submission's Python only looks: `grade` also reports what each probe saw, and
`recounted` compares that, in a Python that has never run any of the submission's code.
"""

import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from .box import Box, show
from .carried import packed, unpacked
from .comparing import difference
from .exercise import Exercise
from .known import exercise as find
from .learner import MISSING, learners_names, student_of
from .looking import RIGHT, Outcome, examine, right_object, seed_of, wanted

STUDENT = "COURSE_STUDENT"  # set by the autograder: a notebook cannot name itself
SEEN = "application/x-course-seen"  # the kind of output that carries what was seen


@dataclass(frozen=True)
class Line:
    """What is said of one case: did it pass, and how does it read?"""

    weight: float
    passed: bool
    says: str


@dataclass(frozen=True)
class Count:
    """The points of an answer, the box that shows them, and what an instructor should look at."""

    score: float
    box: Box
    doubts: tuple[str, ...] = ()


def grade(name: str, points: float = 1.0, thing: Any = MISSING, *,
          student: str | None = None) -> float:
    """Return the points that an answer has earned, and show for which cases.

    Looks at every case, the hidden and the private ones, each by its weight. Whoever the autograder
    says it is counts as the student, then `student`, then the notebook's variable of that name.
    """
    exercise = find(name)
    thing = learners_names().get(name, MISSING) if thing is MISSING else thing
    student = student_of(os.environ.get(STUDENT) or student)
    outcomes = [] if thing is MISSING else examine(exercise, thing, student, hidden=True,
                                                   seconds=4 * exercise.seconds)
    if STUDENT in os.environ:
        _report(exercise, outcomes)
    if thing is MISSING:
        show(_undefined(exercise, points))
        return 0.0
    found = {id(o.case): o for o in outcomes}
    lines = [_line(case, found.get(id(case))) for case in exercise.cases]
    count = _count(exercise, points, lines)
    show(count.box)
    return count.score


def _undefined(exercise: Exercise, points: float) -> Box:
    return Box("not yet", f"`{exercise.name}`: 0 of {points:g} points", ("It is not defined.",))


def _line(case, outcome: Outcome | None) -> Line:
    if outcome is None:
        return Line(case.weight, False, f"{case.name}: not looked at")
    message = f": {outcome.message}" if outcome.message else ""
    return Line(case.weight, outcome.verdict == RIGHT, f"{case.name}: {outcome.verdict}{message}")


def _count(exercise: Exercise, points: float, lines: list[Line], doubts=()) -> Count:
    earned = sum(line.weight for line in lines if line.passed)
    total = sum(line.weight for line in lines)
    score = round(float(points) * earned / total, 2)
    box = Box("right" if earned == total else "not yet",
              f"`{exercise.name}`: {score:g} of {points:g} points", tuple(x.says for x in lines))
    return Count(score, box, tuple(doubts))


def _report(exercise: Exercise, outcomes: list[Outcome]) -> None:
    """Put out what every probe saw, as text that no notebook shows."""
    if "IPython" not in sys.modules:
        return
    from IPython.display import display
    told = {"exercise": exercise.name, "outcomes": [
        {"verdict": o.verdict, "message": o.message, "seen": [packed(x) for x in o.seen]}
        for o in outcomes]}
    display({SEEN: json.dumps(told)}, raw=True)


def recounted(name: str, points: float, student: str, report: str) -> Count:
    """Return the points of an answer by what was reported of it: each value is compared here.

    A case counts where the report says that it is right, and every value in it is.
    """
    exercise, student = find(name), student_of(student)
    try:
        told = json.loads(report)
        outcomes = told["outcomes"] if told["exercise"] == name else []
        outcomes = [(str(o["verdict"]), str(o["message"])[:500], list(o["seen"]))
                    for o in outcomes]
    except (ValueError, TypeError, KeyError):
        return Count(0.0, Box("not yet", f"`{name}`: 0 of {points:g} points"),
                     (f"{name}: the report of what was seen cannot be read",))
    if not outcomes:
        return Count(0.0, _undefined(exercise, points))
    lines, doubts = [], []
    right = right_object(exercise, seed_of(student, exercise))
    for place, case in enumerate(exercise.cases):
        if place >= len(outcomes):
            lines.append(_line(case, None))
            continue
        verdict, message, seen = outcomes[place]
        wrong = _wrong(exercise, case, right, student, seen) if verdict == RIGHT else None
        if wrong:
            doubts.append(f"{name}: {case.name}: called right beside the submission, "
                          f"but the value {wrong}")
            verdict, message = "wrong", wrong
        lines.append(_line(case, Outcome(case, verdict, message)))
    return _count(exercise, points, lines, doubts)


def _wrong(exercise, case, right, student, seen: list[str]) -> str | None:
    """Return in what the values of a case differ from those that are right."""
    expected = wanted(case, right, student, exercise)
    if len(seen) != len(expected):
        return f"was reported {len(seen)} times, expected {len(expected)}"
    for (says, want), text in zip(expected, seen, strict=True):
        try:
            got = unpacked(text)
        except ValueError:
            return "cannot be read"
        if wrong := difference(got, want, case.tolerance):
            return f"of `{says}` {wrong}"
    return None
