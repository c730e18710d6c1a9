"""`grade`: the points of an answer, for whoever assigns exercises."""

import os
from typing import Any

from .box import Box, show
from .known import exercise as find
from .learner import MISSING, learners_names, student_of
from .looking import RIGHT, examine

STUDENT = "COURSE_STUDENT"  # set by the autograder: a notebook cannot name itself


def grade(name: str, points: float = 1.0, thing: Any = MISSING, *,
          student: str | None = None) -> float:
    """Return the points that an answer has earned, and show for which cases.

    Looks at every case, the hidden and the private ones, each by its weight. Whoever the autograder
    says it is counts as the student, then `student`, then the notebook's variable of that name.
    """
    exercise = find(name)
    thing = learners_names().get(name, MISSING) if thing is MISSING else thing
    if thing is MISSING:
        show(Box("not yet", f"`{name}`: 0 of {points:g} points", ("It is not defined.",)))
        return 0.0
    student = student_of(os.environ.get(STUDENT) or student)
    outcomes = examine(exercise, thing, student, hidden=True, seconds=4 * exercise.seconds)
    found = {id(o.case): o for o in outcomes}
    earned, lines = 0.0, []
    for case in exercise.cases:
        outcome = found.get(id(case))
        if outcome is not None and outcome.verdict == RIGHT:
            earned += case.weight
        lines.append(f"{case.name}: {outcome.verdict if outcome else 'not looked at'}"
                     + (f": {outcome.message}" if outcome and outcome.message else ""))
    total = sum(case.weight for case in exercise.cases)
    score = round(float(points) * earned / total, 2)
    show(Box("right" if earned == total else "not yet",
             f"`{name}`: {score:g} of {points:g} points", tuple(lines)))
    return score
