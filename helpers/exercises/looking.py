"""Looking at what a learner has defined, so that nothing that it does gets out."""

import contextlib
import io
import random
import traceback
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .comparing import WrongAnswer, difference
from .exercise import Case, Exercise
from .limit import TimeUp, at_most

RIGHT, WRONG, RAISED, ENDLESS, STARTER = "right", "wrong", "raised", "did not finish", "starter"
_HERE = str(Path(__file__).parent)


@dataclass(frozen=True)
class Outcome:
    """What a case found: a verdict, a message, what was printed, and what each probe saw."""

    case: Case
    verdict: str
    message: str = ""
    printed: str = ""
    seen: tuple = ()


def _seed() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)  # the CPU's: others cannot be put back


@contextlib.contextmanager
def _undisturbed(printed):
    """Seed all generators and put them back; keep prints, warnings and settings to ourselves."""
    put_back = [partial(random.setstate, random.getstate()),
                partial(np.random.set_state, np.random.get_state()),
                partial(torch.set_rng_state, torch.get_rng_state()),
                partial(torch.set_grad_enabled, torch.is_grad_enabled()),
                partial(torch.set_default_dtype, torch.get_default_dtype()),
                partial(torch.set_num_threads, torch.get_num_threads())]
    torch.set_num_threads(1)  # small work gains nothing, and beside others it waits for its turn
    try:
        with (warnings.catch_warnings(), contextlib.redirect_stdout(printed),
              contextlib.redirect_stderr(printed)):
            warnings.simplefilter("ignore")
            yield
    finally:
        for restore in put_back:
            restore()


def right_object(exercise: Exercise, rng: random.Random):
    """Return what is right: for numbers that are drawn for each student, their answer."""
    return exercise.right if exercise.draw is None else exercise.right(**exercise.draw(rng))


def seed_of(student: str, exercise: Exercise) -> random.Random:
    """Return the generator of a student's numbers: the same on every computer."""
    return random.Random(f"{student}/{exercise.name}")


def _line_of(error: BaseException) -> str:
    """Return " (line 3 of your cell: `…`)": the last line that is not ours or a library's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(_HERE) or "site-packages" in frame.filename:
            continue
        return f" (line {frame.lineno} of your cell" + (f": `{frame.line}`)" if frame.line else ")")
    return ""


def _is_starter(error: BaseException) -> bool:
    """Is it the starter's own NotImplementedError, and not that of a module without forward?"""
    return not str(error).startswith("Module [")


def look(case: Case, thing: Any, right: Any, student: str, exercise: Exercise) -> Outcome:
    """Look at one case. Whatever `thing` does, an Outcome comes back; only Ctrl-C passes."""
    printed, seen = io.StringIO(), []

    def outcome(verdict, message=""):
        return Outcome(case, verdict, message, printed.getvalue(), tuple(seen))

    try:
        with _undisturbed(printed):
            for probe in case.probes(seed_of(student, exercise)):
                _seed()
                want = probe.look(right)
                _seed()
                seen.append(got := probe.look(thing))
                if wrong := difference(got, want, case.tolerance):
                    return outcome(WRONG, f"`{probe.says}` {wrong}")
        return outcome(RIGHT)
    except WrongAnswer as found:
        return outcome(WRONG, str(found))
    except NotImplementedError as error:
        if _is_starter(error):
            return outcome(STARTER)
        return outcome(RAISED, f"{type(error).__name__}: {_said(error)}")
    except (KeyboardInterrupt, TimeUp):
        raise
    except BaseException as error:  # SystemExit included
        return outcome(RAISED, f"{type(error).__name__}: {_said(error)}{_line_of(error)}")


def wanted(case: Case, right: Any, student: str, exercise: Exercise) -> list[tuple[str, Any]]:
    """Return for each probe of a case how it reads, and the value that is right."""
    found = []
    with _undisturbed(io.StringIO()):
        for probe in case.probes(seed_of(student, exercise)):
            _seed()
            found.append((probe.says, probe.look(right)))
    return found


def _said(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:300]
    except Exception:
        return "an error that cannot be printed"


def examine(exercise: Exercise, thing: Any, student: str = "", hidden: bool = False,
            seconds: float | None = None) -> list[Outcome]:
    """Look at all public cases, with `hidden` at all; what comes after the time limit is missing.

    The last outcome is then ENDLESS. After a STARTER nothing else is looked at.
    """
    outcomes = []
    cases = [case for case in exercise.cases if hidden or not case.hidden]
    right = right_object(exercise, seed_of(student, exercise))
    limit = exercise.seconds if seconds is None else seconds
    try:
        with at_most(limit):
            for case in cases:
                outcomes.append(look(case, thing, right, student, exercise))
                if outcomes[-1].verdict == STARTER:
                    break
    except TimeUp:
        if len(outcomes) < len(cases):
            outcomes.append(Outcome(cases[len(outcomes)], ENDLESS,
                                    f"no answer within {limit:g} s: is there an endless loop?"))
    return outcomes
