"""Where figures are shown: in a notebook, whatever backend the environment asks matplotlib for."""

import os
import sys
from typing import Any

_INLINE = "module://matplotlib_inline.backend_inline"
_OF_NOTEBOOKS = ("inline", "ipympl", "widget", "nbagg", "notebook")


def _shell() -> Any:
    """Return IPython's shell, where this Python has one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def has_front_end() -> bool:
    """Whether this Python runs in a notebook, where figures can be shown."""
    return getattr(_shell(), "kernel", None) is not None


def show_in_notebook() -> None:
    """Choose the inline backend in a notebook where MPLBACKEND names one that shows nothing there.

    Clusters set Agg for all programs. A backend that is a module of its own was chosen by whoever
    shows the notebook, and one that was chosen in it, as by `%matplotlib qt`, stays as well.
    """
    asked = os.environ.get("MPLBACKEND", "")
    shows = asked.startswith("module://") or asked.lower() in _OF_NOTEBOOKS
    if not asked or shows or not has_front_end():
        return
    os.environ["MPLBACKEND"] = _INLINE  # matplotlib, when it is imported, fails at unknown names
    matplotlib = sys.modules.get("matplotlib")
    # agg takes the place of one that has no screen to open windows on
    if matplotlib and matplotlib.get_backend().lower() in (asked.lower(), "agg"):
        _shell().enable_matplotlib("inline")
