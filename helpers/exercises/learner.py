"""`check`, `hint`, `solution` and `task`: what a learner types under an exercise."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from . import progress
from .box import Box, show
from .exercise import Exercise
from .known import exercise as find
from .looking import ENDLESS, RIGHT, STARTER, WRONG, Outcome, examine, seed_of
from .naming import recognized
from .shown import brief

_hints_shown: Counter[str] = Counter()
MISSING = object()


def learners_names() -> dict:
    """Return the names that a notebook has defined; without one, those of the main program."""
    if "IPython" in sys.modules:
        from IPython import get_ipython
        if (shell := get_ipython()) is not None:
            return shell.user_ns
    return vars(sys.modules["__main__"])


def student_of(student: str | None) -> str:
    """Return whose numbers are meant: `student`, or the notebook's variable of that name."""
    given = learners_names().get("student", "") if student is None else student
    return str(given).strip().lower()


def check(name: str, thing: Any = MISSING, *, student: str | None = None) -> None:
    """Say whether what is called `name` is right, and if not, why. Shows a box; raises nothing.

    Looks at the exercise's public cases, on copies of their arguments, for at most 5 seconds.
    """
    try:
        exercise = find(name)
    except ValueError as error:
        return show(Box("note", str(error)))
    thing = learners_names().get(name, MISSING) if thing is MISSING else thing
    box, right = verdict(exercise, thing, student_of(student))
    if right:
        progress.passed(name)
    return show(box)


def verdict(exercise: Exercise, thing: Any, student: str = "") -> tuple[Box, bool]:
    """Return the box that `check` shows, and whether the answer is right."""
    name = exercise.name
    if thing is MISSING:
        return Box("note", f"`{name}` is not defined yet",
                   ("Run the cell that defines it, then this one again.",)), False
    if exercise.is_value and (thing is ... or thing is None):
        return _starter(name), False
    if not exercise.is_value and not callable(thing):
        kind = "class" if isinstance(exercise.right, type) else "function"
        return Box("not yet", f"`{name}` is not right yet",
                   (f"`{name}` is {brief(thing)}, expected a {kind}.",)), False
    outcomes = examine(exercise, thing, student)
    total = sum(not case.hidden for case in exercise.cases)
    bad = [o for o in outcomes if o.verdict != RIGHT]
    if not bad:
        return Box("right", f"`{name}` is right" + (f": all {total} checks pass" if total > 1
                                                    else "")), True
    if bad[0].verdict == STARTER:
        return _starter(name), False
    reasons = _reasons(exercise, outcomes, bad[0], student)
    return Box("not yet", _score(name, total, outcomes), reasons), False


def _starter(name: str) -> Box:
    return Box("note", f"`{name}` is still the starter code",
               (f'Write yours, run the cell, then this one. Stuck? `hint("{name}")`',))


def _score(name: str, total: int, outcomes: list[Outcome]) -> str:
    passed = sum(o.verdict == RIGHT for o in outcomes)
    if outcomes[-1].verdict == ENDLESS:
        return f"`{name}` did not finish"
    counted = f": {passed} of {total} checks pass" if total > 1 else ""
    return f"`{name}` is not right yet{counted}"


def _reasons(exercise: Exercise, outcomes: list[Outcome], bad: Outcome,
             student: str) -> tuple[str, ...]:
    """Return what to tell: what was seen, the mistake's name if it has one, the next step."""
    lines = [_said(exercise, bad)]
    if mistake := recognized(exercise, outcomes, student):
        lines.append(f"{mistake.name[0].upper()}{mistake.name[1:]}? {mistake.words}")
    elif bad.case.note and bad.seen and bad.verdict == WRONG:  # about the values it returned
        lines.append(bad.case.note)
    if bad.printed.strip():
        lines.append("Your code printed: " + " ".join(bad.printed.split())[:200])
    if exercise.hints:
        lines.append(f'Next step: `hint("{exercise.name}")`')
    return tuple(lines)


def _said(exercise: Exercise, bad: Outcome) -> str:
    if not exercise.is_value:
        return f"{bad.case.name[0].upper()}{bad.case.name[1:]}: {bad.message}"
    # the right value would be the answer
    seen = bad.message.partition(", expected ")[0].partition("; expected ")[0]
    return f"{seen}, and that is not it."


def hint(name: str, number: int | None = None) -> None:
    """Show the next hint of an exercise, or the one with this number."""
    try:
        hints = find(name).hints
    except ValueError as error:
        return show(Box("note", str(error)))
    if number is None:
        _hints_shown[name] = number = min(_hints_shown[name] + 1, len(hints))
    if not isinstance(number, int) or not 1 <= number <= len(hints):
        return show(Box("note", f"`{name}` has {len(hints)} hints, numbered from 1"))
    left = len(hints) - number
    more = f"{left} more" if left else f'the last; then `solution("{name}")`'
    return show(Box("note", f"Hint {number} of {len(hints)} ({more})", (hints[number - 1],)))


def solution(name: str) -> None:
    """Show the chapter's own solution of an exercise. It is one of many."""
    try:
        find(name)
    except ValueError as error:
        return show(Box("note", str(error)))
    kept = json.loads((Path(__file__).parent / "solutions.json").read_text(encoding="utf-8"))
    if name not in kept:
        return show(Box("note", f"No solution of `{name}` is published"))
    return show(Box("note", f"A solution of `{name}`", code=kept[name]))


def task(name: str, student: str | None = None) -> None:
    """Show a student's own numbers of an exercise that draws them."""
    try:
        exercise = find(name)
    except ValueError as error:
        return show(Box("note", str(error)))
    if exercise.draw is None:
        return show(Box("note", f"`{name}` has the same numbers for everybody"))
    whose = student_of(student)
    numbers = exercise.draw(seed_of(whose, exercise))
    return show(Box("note", f"Your numbers{f', {whose}' if whose else ''}",
                    tuple(f"{key} = {value}" for key, value in numbers.items())))
