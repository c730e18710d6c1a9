"""The look of all figures, in one place."""

from functools import wraps
from importlib import resources

import matplotlib
import matplotlib.pyplot as plt

_STYLE = str(resources.files(__package__) / "course.mplstyle")
RIGHT, WRONG = "#00694a", "#a33b00"


def in_course_style(draw):
    """Decorate a function that draws: it does so in the course's style, and leaves matplotlib as it
    was.
    """
    @wraps(draw)
    def styled(*args, **kwargs):
        with plt.style.context(_STYLE):
            result = draw(*args, **kwargs)
            interactive = plt.isinteractive()
        # A notebook's backend switches this on with the first figure. Leaving the context would
        # switch it off again, and no later figure would be shown.
        matplotlib.interactive(interactive)
        return result
    return styled
