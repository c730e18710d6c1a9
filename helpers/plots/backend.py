"""Where figures are shown: in a notebook, whatever backend the environment asks matplotlib for."""

import os
import sys
from typing import Any

_INLINE = "module://matplotlib_inline.backend_inline"
_TO_FILES = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
_OF_NOTEBOOKS = ("inline", "ipympl", "widget", "nbagg", "notebook")


def _shell() -> Any:
    """Return IPython's shell, where this Python has one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def has_front_end() -> bool:
    """Whether this Python runs in a notebook, where figures can be shown."""
    return getattr(_shell(), "kernel", None) is not None


def show_in_notebook() -> None:
    """Choose the inline backend in a notebook where another one would show nothing.

    Clusters set MPLBACKEND=Agg for all programs, and start-up files call `matplotlib.use("Agg")`. A
    backend that is a module of its own was chosen by whoever shows the notebook, and a window that
    was asked for in it, as by `%matplotlib qt`, is one: these stay.
    """
    if not has_front_end():
        return
    asked = os.environ.get("MPLBACKEND", "")
    silent: set[str] = {*_TO_FILES}
    if asked and not asked.startswith("module://") and asked.lower() not in _OF_NOTEBOOKS:
        os.environ["MPLBACKEND"] = _INLINE  # matplotlib fails at unknown names when imported
        silent.add(asked.lower())
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib and matplotlib.get_backend().lower() in silent:
        _shell().enable_matplotlib("inline")
