"""An assignment's notebook: chosen exercises, each with its task, its answer, check and points."""

import ast
import difflib
import hashlib
import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.exercises.known import PRIVATE, exercises
from tools.exercises import HEADING, Part, of_book, reference

from .course import Refusal

INTRODUCTION = """# {name}

{count}, {points:g} points. Write your answers where it says so, and run the cell below each: it \
tells you what is not right yet, as often as you like. Then choose *Restart and run all*, save, \
and hand in this notebook. Leave the cells that are called graded as they are: they are filled in \
when your answers are graded, with more cases than you see here."""
STUDENT = ('student = ""  # your name as your instructor knows it: some numbers below are drawn '
           "from it")
GRADED = '''# Graded cell, {points:g} points: leave it as it is.
### BEGIN HIDDEN TESTS
import sys
for module in [m for m in sys.modules if m.startswith("helpers.exercises")]:
    del sys.modules[module]
from helpers.exercises import grade
grade("{name}", points={points:g})
### END HIDDEN TESTS'''
ALWAYS = {"torch", "F", "nn", "check", "hint"}


@dataclass(frozen=True)
class Found:
    """An exercise that was found in a page."""

    path: Path
    setup: str
    part: Part

    @property
    def between(self) -> Iterator:
        """The cells between its heading and its check, without the answer and `task`."""
        cells = nbformat.read(self.path, 4).cells[self.part.first + 1:self.part.last]
        for cell in cells:
            if cell.source != self.part.code and not cell.source.startswith("task("):
                yield cell


def known() -> dict[str, Found]:
    """Return the exercises of the book, and of notebooks in the private folder, by their names."""
    found = {part.name: Found(path, setup, part) for path, setup, part in of_book()}
    if folder := os.environ.get(PRIVATE):
        for path, setup, part in of_book(Path(folder)):
            found[part.name] = Found(path, setup, part)
    return found


def chosen(words: str) -> dict[str, float]:
    """Return {name: points} of "convolve=6 other=4"; raise Refusal with all that is wrong."""
    there, wanted, wrong = known(), {}, []
    for word in words.replace(",", " ").split():
        name, given, points = word.partition("=")
        if name not in there:
            near = difflib.get_close_matches(name, there, 3, 0.5) or sorted(there)[:8]
            wrong.append(f"There is no exercise {name!r}. Did you mean {' or '.join(near)}?")
        elif name in wanted:
            wrong.append(f"{name} is named twice.")
        elif name not in exercises():
            wrong.append(f"{name} has a task and no cases: is its chNN.py, or its file in the "
                         f"folder that {PRIVATE} names, missing?")
        if not given or not re.fullmatch(r"\d+(\.\d+)?", points) or not 0 < float(points) <= 1000:
            wrong.append(f"How many points is {name} worth? Write {name}=5.")
        else:
            wanted[name] = float(points)
    if not words.strip():
        wrong.append('Which exercises? Name them with their points: EXERCISES="'
                     f'{" ".join(f"{name}=5" for name in list(there)[:2])}".')
    if wrong:
        raise Refusal("\n".join(wrong))
    return wanted


def _used(code: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement gives."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name).partition(".")[0] for a in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else ()
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def imports(setups: list[str], needed: set[str]) -> str:
    """Return the imports and definitions of several pages, of them what is needed."""
    nodes = [node for setup in setups for node in ast.parse(setup).body]
    while True:  # what is needed by what is needed
        more = {name for node in nodes if _bound(node) & needed
                for name in _used(ast.unparse(node))}
        if more <= needed:
            break
        needed = needed | more
    plain, by_module, rest = [], {}, []
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            if _bound(node) & needed:
                rest.append(ast.unparse(node))
            continue
        names = [a for a in node.names if (a.asname or a.name).partition(".")[0] in needed]
        for alias in names:
            if isinstance(node, ast.ImportFrom):
                by_module.setdefault(node.module or "", set()).add(ast.unparse(alias))
            else:
                plain.append(f"import {ast.unparse(alias)}")
    lines = [*dict.fromkeys(plain)]
    lines += [f"from {module} import {', '.join(sorted(names))}"
              for module, names in by_module.items() if module != "helpers"]
    ours = ", ".join(sorted(by_module.get("helpers", set()) | {"check", "hint"}
                            | ({"task"} & needed)))
    wrapped = textwrap.wrap(ours, 88 - len("from helpers import ("))
    ours = "(" + ("\n" + " " * 21).join(wrapped) + ")" if len(wrapped) > 1 else ours
    lines += ["", f"from helpers import {ours}"]
    return "\n".join(lines + (["", *dict.fromkeys(rest)] if rest else [])).strip()


def _metadata(name: str, points: float | None = None) -> dict:
    graded = points is not None
    return {"nbgrader": {"grade": graded, "grade_id": f"test_{name}" if graded else name,
                         "locked": graded, "schema_version": 3, "solution": not graded,
                         "task": False} | ({"points": points} if graded else {})}


def build(name: str, wanted: Mapping[str, float]):
    """Return the notebook with the solutions."""
    there = {exercise: known()[exercise] for exercise in wanted}
    draws = [exercise for exercise in wanted if exercises()[exercise].draw is not None]
    needed, cells = ALWAYS | ({"task"} if draws else set()), []
    for number, (exercise, points) in enumerate(wanted.items(), 1):
        it = there[exercise]
        needed = needed.union(*(_used(c.source) for c in it.between if c.cell_type == "code"),
                              _used(reference(it.part.code)))
        worth = f"{points:g} point{'s' * (points != 1)}"
        cells.append(new_markdown_cell(HEADING.sub(
            lambda m, n=number, w=worth: f"## {n}. {m[2]} ({m[3]} minutes, {w})", it.part.text)))
        cells += [new_code_cell(c.source) if c.cell_type == "code" else new_markdown_cell(c.source)
                  for c in it.between]
        if exercise in draws:
            cells.append(new_code_cell(f'task("{exercise}")'))
        cells += [new_code_cell(it.part.code, metadata=_metadata(exercise)),
                  new_code_cell(f'check("{exercise}")'),
                  new_code_cell(GRADED.format(name=exercise, points=points),
                                metadata=_metadata(exercise, points))]
    count = f"{len(wanted)} exercise{'s' * (len(wanted) != 1)}"
    top = [new_markdown_cell(INTRODUCTION.format(name=name, count=count,
                                                 points=sum(wanted.values()))),
           new_code_cell(imports([it.setup for it in there.values()], needed)),
           *([new_code_cell(STUDENT)] if draws else [])]
    notebook = new_notebook(cells=top + cells, metadata={"kernelspec": {
        "display_name": "Python 3", "language": "python", "name": "python3"}})
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
    notebook.metadata["course"] = {"made": digest(notebook)}
    return notebook


def digest(notebook) -> str:
    """Return a short text that is the same while nobody has changed a notebook's cells."""
    kept = [[c.cell_type, c.source.strip(), c.metadata.get("nbgrader", {}).get("points")]
            for c in notebook.cells]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:16]


def was_changed(notebook) -> bool:
    """Has somebody changed the notebook since it was made here?"""
    return notebook.metadata.get("course", {}).get("made") != digest(notebook)
