"""A notebook shows figures, and the same ones, whatever environment and matplotlibrc say."""

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from helpers import plot_lines, show_images
from helpers.plots import backend

DRAW = 'import helpers; helpers.plot_lines([1, 2], {"a": [1, 2]}, "x", "y");'
INLINE = "module://matplotlib_inline.backend_inline"


def pictures(before: str, **environment) -> list[int]:
    """How many pictures each of two cells shows in a kernel of its own."""
    cells = [nbformat.v4.new_code_cell(f"{before}\n{DRAW}"), nbformat.v4.new_code_cell(DRAW)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path)), **environment}
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute(env=env)
    return [sum("image/png" in output.get("data", {}) for output in cell.outputs)
            for cell in notebook.cells]


@pytest.mark.slow  # starts a kernel
@pytest.mark.parametrize("asked, before", [
    ("Agg", ""), ("TkAgg", "import matplotlib.pyplot as plt"), ("nonsense", ""),
    ("", "import matplotlib; matplotlib.use('pdf'); import matplotlib.pyplot as plt")])
def test_fault_e1_a_kernel_shows_figures_whatever_mplbackend_says(asked, before):
    assert pictures(before, MPLBACKEND=asked) == [1, 1]


@pytest.fixture
def kernel(monkeypatch):
    """A function: which backend is left in the environment and chosen, asked so in a notebook."""
    def chosen(asked, current=None, front_end=True):
        seen = []
        matplotlib = SimpleNamespace(get_backend=lambda: current)
        monkeypatch.setitem(sys.modules, "matplotlib", matplotlib if current else None)
        shell = SimpleNamespace(kernel="a kernel" if front_end else None,
                                enable_matplotlib=seen.append)
        monkeypatch.setattr(backend, "_shell", lambda: shell)
        monkeypatch.setenv("MPLBACKEND", asked)
        backend.show_in_notebook()
        return backend.os.environ["MPLBACKEND"], *seen
    return chosen


@pytest.mark.parametrize("asked", ["Agg", "TkAgg", "pdf", "nonsense", "template"])
def test_fault_e1_a_backend_that_shows_nothing_gives_way(kernel, asked):
    assert kernel(asked) == (INLINE,)
    assert kernel(asked, current=asked.lower()) == (INLINE, "inline")
    assert kernel(asked, current="agg") == (INLINE, "inline"), "where a window cannot be opened"
    assert kernel(asked, current="qtagg") == (INLINE,), "chosen by hand, as by %matplotlib qt"
    assert kernel(asked, front_end=False) == (asked,), "a script"


@pytest.mark.parametrize("asked", [INLINE, "", "module://ipympl.backend_nbagg", "nbAgg", "inline",
                                   "widget"])
def test_a_backend_of_notebooks_stays(kernel, asked):
    assert kernel(asked, current=asked.lower()) == (asked,)
    assert kernel(asked, current="agg") == (asked, "inline"), "a start-up file's matplotlib.use"


ODD = {"image.origin": "lower", "image.aspect": "auto", "image.cmap": "jet", "text.usetex": True,
       "figure.autolayout": True, "axes.facecolor": "black", "lines.linestyle": "none",
       "font.family": "No Such Font", "axes.spines.left": False, "xtick.bottom": False,
       "axes.xmargin": 5, "figure.subplot.left": 0.9, "text.color": "white",
       "axes.axisbelow": False, "patch.force_edgecolor": True, "path.sketch": (1, 100, 2),
       "legend.loc": "lower left"}


def drawn() -> list[np.ndarray]:
    """Pixels of two figures, as they are drawn afterwards, when a cell has ended."""
    image = torch.arange(48).view(1, 3, 4, 4) / 48
    axes = [plot_lines([1, 2], {"a": [1, 2], "b": [-1, 1]}, "x", "y"),
            show_images(image, ["title"])[0, 0]]
    for ax in axes:
        ax.figure.canvas.draw()
    return [np.array(ax.figure.canvas.buffer_rgba()) for ax in axes]


def test_fault_n09_a_matplotlibrc_of_ones_own_changes_no_figure_of_the_course():
    expected = drawn()
    with plt.rc_context(ODD):
        assert all(map(np.array_equal, drawn(), expected))
        assert plt.rcParams["image.origin"] == "lower", "and is left as it was"
