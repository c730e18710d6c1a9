"""The look of all figures, in one place."""

from collections.abc import Callable
from functools import wraps
from importlib import resources
from typing import ParamSpec, TypeVar

import matplotlib
import matplotlib.pyplot as plt

_STYLE = str(resources.files("helpers.plots") / "course.mplstyle")
RIGHT, WRONG = "#00694a", "#a33b00"
P = ParamSpec("P")
R = TypeVar("R")


def in_course_style(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that draws: in the course's style, leaving matplotlib as it was."""
    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with plt.style.context(["default", _STYLE]):  # not as a matplotlibrc has it
            result = draw(*args, **kwargs)
            interactive = plt.isinteractive()
        # A notebook's backend switches this on with the first figure. Leaving the context would
        # switch it off again, and no later figure would be shown.
        matplotlib.interactive(interactive)
        return result
    return styled
