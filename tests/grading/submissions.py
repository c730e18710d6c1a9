"""A class that is not there: two more exercises in a private folder, and what students make of it.

Each submission is a function from the released notebook to the one that is handed in.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.grading.course import Course

CASES = '''
from helpers.exercises.exercise import Exercise, call, drawn

sums = Exercise("window_sums", right=lambda x, k: [sum(x[i:i + k]) for i in range(len(x) - k + 1)],
                hints=("A window of `k` numbers begins at `0`, and the last at `len(x) - k`.",
                       "`[sum(x[i:i + k]) for i in range(len(x) - k + 1)]`"))
sums.case("windows of two", call([1, 2, 3, 4], 2))
sums.case("a window as long as the list", call([1, 2, 3], 3))
sums.hidden("any windows", drawn(5, lambda rng: call(
    [rng.randint(0, 9) for _ in range(rng.randint(6, 9))], rng.randint(1, 6))), weight=2)
Exercise("answer_pixels", draw=lambda rng: {"height": rng.randint(10, 99),
                                            "width": rng.randint(100, 999)},
         right=lambda height, width: height * width * 3, hints=("Three channels.",))
'''
SUMS = '''def window_sums(x, k):
    """The sums of all windows of k numbers of a list."""
    # BEGIN SOLUTION
    starts = range(len(x) - k + 1)
    return [sum(x[i:i + k]) for i in starts]
    # END SOLUTION'''
PIXELS = '''answer_pixels = ...
# BEGIN SOLUTION
answer_pixels = 0
# END SOLUTION'''
WANTED = {"window_sums": 4.0, "answer_pixels": 2.0, "convolve": 6.0}
WORDS = " ".join(f"{name}={points:g}" for name, points in WANTED.items())
FULL = sum(WANTED.values())


def private_folder(folder: Path) -> Path:
    """Write the two exercises: cases in Python, tasks in a notebook."""
    folder.mkdir(parents=True)
    (folder / "more.py").write_text(CASES, encoding="utf-8")
    cells = [new_code_cell("import math\n\nfrom helpers import check, set_seed\n\nset_seed(0)")]
    for number, (title, code) in enumerate((("Windows", SUMS), ("Pixels", PIXELS)), 1):
        name = "window_sums" if code is SUMS else "answer_pixels"
        cells += [new_markdown_cell(f"### Exercise 9.{number}: {title} (3 minutes)\\n\\nWrite it."),
                  new_code_cell(code), new_code_cell(f'check("{name}")')]
        cells[-3].source = cells[-3].source.replace("\\n", "\n")
    nbformat.write(new_notebook(cells=cells), folder / "more.ipynb")
    return folder


# What students write -----------------------------------------------------------------------------

RIGHT = {
    "window_sums": "def window_sums(x, k):\n"
                   "    starts = range(len(x) - k + 1)\n"
                   "    return [sum(x[i:i + k]) for i in starts]",
    "convolve": "def convolve(image, kernel):\n"
                "    flipped = kernel.flip(0, 1)\n"
                "    return F.conv2d(image[None, None], flipped[None, None])[0, 0]"}


def pixels_of(student: str) -> int:
    """The answer to a student's own numbers."""
    import random
    rng = random.Random(f"{student}/answer_pixels")
    return rng.randint(10, 99) * rng.randint(100, 999) * 3


def place(notebook, name: str) -> int:
    """The index of an exercise's answer."""
    return next(i for i, c in enumerate(notebook.cells)
                if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def put(notebook, name: str, source: str) -> None:
    notebook.cells[place(notebook, name)].source = source


def first_cell(notebook, source: str) -> None:
    """Add code of a student's own before all exercises."""
    notebook.cells.insert(2, new_code_cell(source))


def answered(release, student: str):
    """A submission in which all is right."""
    notebook = copy.deepcopy(release)
    for name, code in RIGHT.items():
        put(notebook, name, code)
    put(notebook, "answer_pixels", f"answer_pixels = {pixels_of(student)}")
    for cell in notebook.cells:
        if cell.source.startswith('student = ""'):
            cell.source = f'student = "{student}"'
    return notebook


def python(source: str) -> str:
    """A cell's code without the lines for the shell."""
    return "\n".join(line for line in source.split("\n") if not line.startswith(("%", "!")))


def bare(notebook):
    """Forget all that nbgrader has noted."""
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})


def reference(notebook): ...


def copied(notebook):
    """The answer was written in a copy of the cell, and the first one left as it was."""
    index = place(notebook, "window_sums")
    again = copy.deepcopy(notebook.cells[index])
    notebook.cells[index].source = "def window_sums(x, k):\n    return [0]"
    notebook.cells.insert(index + 1, again)


def split(notebook):
    for name, line in (("window_sums", 1), ("convolve", 2)):
        index = place(notebook, name)
        lines = notebook.cells[index].source.split("\n")
        rest = copy.deepcopy(notebook.cells[index])
        notebook.cells[index].source = "\n".join(lines[:line])
        rest.source = "\n".join(lines[line:])
        notebook.cells.insert(index + 1, rest)


def retyped(notebook):
    """In new cells at the end; those that were handed out are gone."""
    codes = [notebook.cells[place(notebook, name)].source for name in WANTED]
    notebook.cells = [c for c in notebook.cells if "nbgrader" not in c.metadata]
    notebook.cells += [new_code_cell(code) for code in codes]


def test_deleted(notebook):
    notebook.cells = [c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("grade")
                      and not c.source.startswith("check(")]


def metadata_lost(notebook):
    bare(notebook)
    for cell in notebook.cells:
        cell.pop("id", None)
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.outputs = [nbformat.v4.new_output("stream", text="some text\n")]
    notebook.metadata = nbformat.from_dict({"colab": {"provenance": []}})


def reordered(notebook):
    """The last exercise first, and text in between."""
    index = place(notebook, "convolve")
    notebook.cells[1:1] = [new_markdown_cell("I began with this."), *notebook.cells[index - 1:]]
    notebook.cells = notebook.cells[:index + 4]


def turned_raw(notebook):
    index = place(notebook, "window_sums")
    source = notebook.cells[index].source
    kept = notebook.cells[index].metadata
    notebook.cells[index] = nbformat.v4.new_raw_cell(source, metadata=kept)
    index = place(notebook, "convolve")
    source = notebook.cells[index].source
    notebook.cells[index] = new_markdown_cell(f"```python\n{source}\n```")


def helper_below(notebook):
    """A function that an answer uses stands below it, and was run before it."""
    put(notebook, "window_sums", "def window_sums(x, k):\n    return [total(x, i, k) for i in "
                                 "range(len(x) - k + 1)]")
    notebook.cells.insert(place(notebook, "window_sums") + 3,
                          new_code_cell("def total(x, i, k):\n    return sum(x[i:i + k])"))


def one_cell(notebook):
    """All answers in one cell, with a line for the shell."""
    codes = [notebook.cells[place(notebook, name)].source for name in WANTED]
    bare(notebook)
    notebook.cells = [notebook.cells[1],
                      new_code_cell("%matplotlib inline\n!echo hello\n\n" + "\n\n".join(codes))]


def blank(notebook):
    for name, code in (("window_sums", "def window_sums(x, k):\n    # YOUR CODE HERE\n"
                                       "    raise NotImplementedError"),
                       ("convolve", ""), ("answer_pixels", "answer_pixels = ...")):
        put(notebook, name, code)


def wrong(notebook):
    put(notebook, "window_sums", "def window_sums(x, k):\n    return x")
    put(notebook, "convolve", "def convolve(image, kernel):\n    return image")
    put(notebook, "answer_pixels", "answer_pixels = 1")


def partial(notebook):
    """Right where the window is two long, a quarter of its weight, and one exercise of three."""
    put(notebook, "window_sums", "def window_sums(x, k):\n"
                                 "    return [a + b for a, b in zip(x, x[1:])]")
    put(notebook, "answer_pixels", "answer_pixels = 3.5")


def misspelled(notebook):
    put(notebook, "window_sums", "def window_sums(x, k)\n    return [")


def endless(notebook):
    """One exercise never returns; the others are right."""
    put(notebook, "window_sums", "def window_sums(x, k):\n    while True:\n        pass")


def endless_cell(notebook):
    """A cell that never ends, and does not let itself be interrupted."""
    put(notebook, "window_sums", RIGHT["window_sums"] + "\n\nwhile True:\n    try:\n"
        "        while True:\n            pass\n    except BaseException:\n        pass")


def exits(notebook):
    put(notebook, "window_sums", "import os\n\ndef window_sums(x, k):\n    os._exit(0)")


def patches_comparison(notebook):
    """Whatever the course compares with says that all is near."""
    wrong(notebook)
    first_cell(notebook, """
import sys
import numpy as np
import torch
torch.isclose = lambda a, b, **_: torch.ones(a.shape, dtype=torch.bool)
torch.allclose = np.allclose = np.isclose = lambda *_, **__: True
import helpers.exercises
from helpers.exercises import comparing, looking
looking.difference = comparing.difference = lambda *_: None
class Same(dict):
    def __setitem__(self, name, value):
        if hasattr(value, "difference"):
            value.difference = lambda *_: None
        super().__setitem__(name, value)
sys.modules.__class__ = type(sys.modules)
""")


def prints_points(notebook):
    """Each graded cell is turned into a number before it runs."""
    wrong(notebook)
    first_cell(notebook, """
def number(lines):
    code = "".join(lines)
    return [code.split("points=")[1].split(")")[0]] if "grade(" in code else lines
get_ipython().input_transformers_cleanup.append(number)
""")


def forges_reports(notebook):
    """Writes what the course reports, with values out of the air."""
    wrong(notebook)
    first_cell(notebook, """
def report(lines):
    code = "".join(lines)
    if "grade(" not in code:
        return lines
    name, points = code.split('grade("')[1].split('"')[0], code.split("points=")[1].split(")")[0]
    return [f'''
import json
from IPython.display import display
told = {{"exercise": "{name}", "outcomes": [
    {{"verdict": "right", "message": "", "seen": ["[0]"] * n}} for n in (1, 1, 5, 6)]}}
display({{"application/x-course-seen": json.dumps(told)}}, raw=True)
{points}
''']
get_ipython().input_transformers_cleanup.append(report)
""")


def peeks(notebook):
    """Looks up the stack for the value that is expected."""
    wrong(notebook)
    put(notebook, "window_sums", """
import sys
def window_sums(x, k):
    frame = sys._getframe()
    while frame and "right" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["right"](x, k)
""")


def asks_the_course(notebook):
    """Lets the course's own right object answer."""
    wrong(notebook)
    put(notebook, "window_sums", """
from helpers.exercises.known import exercise
def window_sums(x, k):
    return exercise("window_sums").right(x, k)
""")


def kills_the_grader(notebook):
    wrong(notebook)
    put(notebook, "window_sums", """
import os, signal
def window_sums(x, k):
    os.kill(os.getppid(), signal.SIGKILL)
""")


def reads_the_source(notebook):
    """Looks for the solutions, the gradebook and the other students, and tries to change points."""
    wrong(notebook)
    put(notebook, "window_sums", """
import glob, json, os, sqlite3
COURSE = %r
found = [p for p in glob.glob(COURSE + "/**/*", recursive=True)]
print(found)
try:
    open(COURSE + "/caught", "w").write(str(found))
    open("%s/helpers/caught.py", "w").write("")
except OSError as error:
    print(error)
def window_sums(x, k):
    for path in found:
        if path.endswith("source/ps1/ps1.ipynb"):
            cells = json.load(open(path))["cells"]
            code = next("".join(c["source"]) for c in cells if "def window_sums" in
                        "".join(c["source"]))
            space = {}
            exec(code, space)
            return space["window_sums"](x, k)
""")


def floods(notebook):
    """Prints until it is stopped, and stops its exercise with it."""
    put(notebook, "window_sums", "while True:\n    print('x' * 1000)")


def takes_memory(notebook):
    put(notebook, "window_sums", "def window_sums(x, k):\n"
                                 "    return bytearray(2_000_000_000_000)[0] + "
                                 "[bytearray(10**9) for _ in range(400)]")


def all_points(notebook):
    """Gives every number the look of a right one."""
    wrong(notebook)
    put(notebook, "answer_pixels", """
class Everything(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
answer_pixels = Everything(3)
""")
    put(notebook, "window_sums", """
class Anything(list):
    def __eq__(self, other): return True
    def __len__(self): return 3
def window_sums(x, k):
    return Anything([1, 2, 3])
""")


Change = Callable[[nbformat.NotebookNode], None]
# What each is worth; None: anything, if it is flagged
DAMAGED: dict[Change, float] = dict.fromkeys((
    reference, copied, split, retyped, test_deleted, metadata_lost, reordered, turned_raw,
    helper_below, one_cell), FULL)
HONEST: dict[Change, float] = {blank: 0, wrong: 0, partial: 1 + 6, misspelled: 8, endless: 8,
                               endless_cell: 8, takes_memory: 8, floods: 8}
HOSTILE: dict[Change, float] = {
    exits: 8, patches_comparison: 0, prints_points: 0, forges_reports: 0, kills_the_grader: 0,
    all_points: 0, reads_the_source: 0}
ONLY_FLAGGED = (peeks, asks_the_course)
SAMPLE = (reference, copied, split, metadata_lost, turned_raw, reordered, blank, partial, endless,
          exits, patches_comparison, prints_points)


def hand_in(course: Course, change: Change, student: str = "") -> None:
    """Write what a student hands in to downloaded/ps1."""
    student = student or change.__name__
    notebook = answered(nbformat.read(course.notebook("release", "ps1"), 4), student)
    change(notebook)
    if change is reads_the_source:
        index = place(notebook, "window_sums")
        source = notebook.cells[index].source
        notebook.cells[index].source = source % (str(course.root), str(Path.cwd()))
    path = course.root / "downloaded" / "ps1" / f"{student}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
