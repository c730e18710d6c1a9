"""Exercises: `check`, `hint` and `solution` for learners, `grade` for whoever assigns them.

Each exercise is defined once, in `chNN.py`, by its cases, its hints, and the mistakes that it knows
by name. The task and the reference solution stand in the chapter.
"""

from .grading import grade
from .learner import check, hint, solution, task
from .progress import progress

__all__ = ["check", "grade", "hint", "progress", "solution", "task"]
