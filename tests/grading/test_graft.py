"""Answers are found whatever has become of their cells."""

import copy

import nbformat
import pytest
import submissions as of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.exercises import starter
from tools.grading.flags import flags_of
from tools.grading.graft import defined, graft, used


def noted(name, grade=False):
    return {"nbgrader": {"grade": grade, "grade_id": name, "solution": not grade, "points": 1}}


def released():
    """A released notebook, made by hand: three exercises as of.WANTED has them."""
    cells = [new_markdown_cell("# ps1"),
             new_code_cell("import torch\nimport torch.nn.functional as F\n\n"
                           "from helpers import check, hint, task"),
             new_code_cell('student = ""  # your name')]
    for name in of.WANTED:
        code = {"window_sums": starter(of.SUMS), "answer_pixels": starter(of.PIXELS),
                "convolve": "def convolve(image, kernel):\n    raise NotImplementedError"}[name]
        cells += [new_markdown_cell(f"## {name}"), new_code_cell(code, metadata=noted(name)),
                  new_code_cell(f'check("{name}")'),
                  new_code_cell("# Graded cell, 1 points: leave it as it is.",
                                metadata=noted(f"test_{name}", True))]
    return new_notebook(cells=cells)


def run(notebook) -> dict:
    """What a grafted notebook defines when each graded cell comes: {exercise: its object}."""
    space = {"F": None}
    found = {}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name.startswith("test_"):
            found[name[5:]] = space.get(name[5:])
        elif cell.cell_type == "code" and not cell.source.startswith(("check(", "import torch")):
            try:
                exec(of.python(cell.source), space)
            except Exception as error:
                space["error"] = error
    return found


@pytest.mark.parametrize("change", of.DAMAGED, ids=lambda change: change.__name__)
def test_damage_costs_nothing(change):
    release = released()
    before = copy.deepcopy(release)
    submission = of.answered(release, "ann")
    change(submission)
    handed_in = copy.deepcopy(submission)
    mended = graft(release, submission)
    assert release == before and submission == handed_in, "both stay as they were"
    found = run(mended.notebook)
    assert found["window_sums"]([1, 2, 3, 4], 2) == [3, 5, 7]
    assert found["answer_pixels"] == of.pixels_of("ann")
    assert "flipped" in found["convolve"].__code__.co_varnames
    assert change is of.one_cell or mended.student == "ann"
    graded = [c for c in mended.notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert len(graded) == 3 and len({c.id for c in mended.notebook.cells}) == len(
        mended.notebook.cells)
    nbformat.validate(mended.notebook)
    assert bool(mended.notes) is (change not in (of.reference, of.test_deleted, of.reordered,
                                                 of.helper_below))


def test_an_untouched_notebook_stays_what_it_was():
    release = released()
    mended = graft(release, copy.deepcopy(release))
    assert [c.source for c in mended.notebook.cells] == [c.source for c in release.cells]
    assert mended.notes == [] and mended.student == ""


def test_the_last_of_several_answers_counts():
    submission = of.answered(released(), "ann")
    submission.cells.append(new_code_cell("def window_sums(x, k):\n    return 'last'"))
    mended = graft(released(), submission)
    assert run(mended.notebook)["window_sums"]([1], 1) == "last"
    assert "window_sums: 2 cells, the last counts" in mended.notes


def test_a_scratch_cell_that_shadows_a_builtin_is_not_moved_up():
    submission = of.answered(released(), "ann")
    submission.cells.append(new_code_cell("sum = 0\nfor i in range(3):\n    sum += i"))
    found = run(graft(released(), submission).notebook)
    assert found["window_sums"].__globals__ and found["window_sums"] is not None
    sections = [c.source for c in graft(released(), submission).notebook.cells]
    assert sections.index("sum = 0\nfor i in range(3):\n    sum += i") > sections.index(
        of.RIGHT["window_sums"])


@pytest.mark.parametrize("source, names", [
    ("def f(x): pass", {"f"}), ("a, (b, c) = 1, (2, 3)", {"a", "b", "c"}),
    ("import a.b as c", {"c"}),
    ("%matplotlib inline\nx = 1", {"x"}), ("!pip install x\ny = 2", {"y"}),
    ("files = !ls\nz = 1", {"z"}),
    ("%%time\ndef f():\n    pass", {"f"}), ("def broken(\n", {"broken"}), ("", set()),
    ("  indented = 1", {"indented"}), ("torch.isclose = 1", set()),
    ("for i in x: j = i", {"i", "j"}),
])
def test_what_a_cell_defines(source, names):
    assert defined(source) == names


def test_what_a_cell_uses_are_names_from_outside_it():
    assert used("def f(x, y=z):\n    t = x + g(x)\n    return t\nf(h)") == {"z", "g", "f", "h"}
    assert used("sum([1])") == set() and used("(") == set()


# Flags ------------------------------------------------------------------------------------------

HONEST = [
    *of.RIGHT.values(), "import numpy as np\nimport os\nimport sys\nimport math",
    "torch.manual_seed(0)\nx = torch.zeros(3)\nx[0] = 1\nx.requires_grad = True",
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.conv = nn.Conv2d(1, 1, 3)",
    "plt.rcParams['figure.dpi'] = 90\ntorch.backends.cudnn.benchmark = True",
    'check("convolve")\nhint("convolve")', "print(model.__class__.__name__, len(x))",
    "from helpers import check, hint, show_images", "%matplotlib inline\n!pip list",
    "from pathlib import Path", "getattr(nn, 'Conv2d')", "try:\n    f()\nexcept ValueError: pass"]
HOSTILE = [
    "import torch\ntorch.isclose = f", "import numpy as np\nnp.allclose = lambda *a: True",
    "import torch as t\nsetattr(t, 'equal', f)", "from torch import nn\ndel nn.Conv2d",
    "import helpers\nhelpers.exercises.grading.grade = f", "from helpers import exercises",
    "from helpers.exercises import grade", "from helpers.exercises.known import exercise",
    "get_ipython().ast_transformers.append(f)", "shell = get_ipython", "import os\nos._exit(0)",
    "from os import _exit", "import sys\nsys.modules['helpers']", "import sys\nsys._getframe(1)",
    "open('x')", "exec('x')", "f.__globals__['grade'] = g", "import sqlite3", "import inspect",
    "path = '../gradebook.db'", "import os\nos.environ['COURSE_STUDENT'] = 'x'",
    "getattr(torch, name)", "print(globals())", "(lambda: 0).__code__", "x = __builtins__",
    "import importlib", "import sys\nsys.stdout = x", "''.__class__.__mro__"]


@pytest.mark.parametrize("source", HONEST)
def test_honest_code_is_not_flagged(source):
    cells = [new_code_cell("import torch\nfrom torch import nn"), new_code_cell(source)]
    assert flags_of(new_notebook(cells=cells)) == []


@pytest.mark.parametrize("source", HOSTILE)
def test_tampering_is_flagged(source):
    (first, *_) = flags_of(new_notebook(cells=[new_code_cell("1"), new_code_cell(source)]))
    assert first.startswith("cell 2 ")
