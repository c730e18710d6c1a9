"""Exercises in notebooks: a heading with the task, a code cell with markers, `check("name")`.

    python tools/exercises.py            which exercises there are, and how long they take
    python tools/exercises.py --write    write the solutions that `solution("name")` shows

The one place that knows the markers. What stands between `# BEGIN SOLUTION` and `# END SOLUTION` is
the author's; learners get the starter in its place.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

BOOK = Path(__file__).parent.parent / "book"
SOLUTIONS = BOOK.parent / "helpers" / "exercises" / "solutions.json"
BEGIN = re.compile(r"^(\s*)# BEGIN SOLUTION\s*$")
END = re.compile(r"^\s*# END SOLUTION\s*$")
HEADING = re.compile(r"^### Exercise (\d+\.\d+): (.+) \((\d+) minutes\)$", re.MULTILINE)
CHECK = re.compile(r'^check\("(\w+)"\)$', re.MULTILINE)
WRITES = re.compile("%%writefile ")  # its output is a folder of whoever has run it
STUB = ("# YOUR CODE HERE", "raise NotImplementedError")


def is_exercise(source: str) -> bool:
    """Has this code a solution in it?"""
    return any(BEGIN.match(line) for line in source.splitlines())


def name_of(source: str) -> str:
    """Return the one function, class or value that an exercise's cell defines."""
    defined = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined.update(ast.unparse(target) for target in node.targets)
    if len(defined) != 1:
        raise ValueError(f"The cell of an exercise defines one thing, this one {sorted(defined)}.")
    return defined.pop()


def starter(source: str) -> str:
    """Return the code that a learner starts from: each solution cut out, and what stands for it.

    In a function that is an error, which says that it has not been written; a value keeps the `...`
    above its solution, so that a notebook runs to its end.
    """
    lines, inside = [], False
    for line in source.split("\n"):
        if begin := BEGIN.match(line):
            inside = True
            lines += [begin[1] + stub for stub in (STUB if begin[1] else STUB[:1])]
        elif END.match(line):
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError("There is a BEGIN SOLUTION without an END SOLUTION.")
    return "\n".join(lines)


def reference(source: str) -> str:
    """Return the author's code, without the markers and the `...` that a value starts from."""
    lines = [line for line in source.split("\n") if not (BEGIN.match(line) or END.match(line))]
    return re.sub(r"^answer_\w+ = \.\.\..*\n", "", "\n".join(lines), flags=re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """An exercise of a page: where its cells are, and what they hold."""

    name: str
    number: str
    title: str
    minutes: int
    text: str
    code: str
    first: int  # the index of its heading's cell
    last: int  # the index of its check


def parts(notebook) -> Iterator[Part]:
    """Yield the exercises of a page: from each heading to the check."""
    cells = notebook.cells
    for first, cell in enumerate(cells):
        heading = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if not heading:
            continue
        last = next((i for i in range(first, len(cells)) if cells[i].cell_type == "code"
                     and CHECK.fullmatch(cells[i].source.strip())), None)
        code = [c.source for c in cells[first:last] if is_exercise(c.source)]
        if last is None or len(code) != 1 or last - first > 5:
            raise ValueError(f"Exercise {heading[1]} needs one cell with a solution and a check.")
        yield Part(name_of(code[0]), heading[1], heading[2], int(heading[3]), cell.source, code[0],
                   first, last)


def setup_of(notebook) -> str:
    """Return the imports of a page: those of its first code cell, which may load data as well."""
    first = next((c.source for c in notebook.cells if c.cell_type == "code"), "")
    return "\n".join(ast.unparse(node) for node in ast.parse(first).body
                     if isinstance(node, ast.Import | ast.ImportFrom))


def of_book(folder: Path = BOOK) -> Iterator[tuple[Path, str, Part]]:
    """Yield each exercise of the book, or a folder, with its page and the page's imports."""
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, 4)
        for part in parts(notebook):
            yield path, setup_of(notebook), part


def solutions() -> str:
    """Return the text of the file that `solution` reads."""
    kept = {part.name: reference(part.code) for _, _, part in of_book()}
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """List the exercises, or write their solutions."""
    if "--write" in sys.argv:
        SOLUTIONS.write_text(solutions(), encoding="utf-8")
    for path, _, part in of_book():
        print(f"{path.stem[:30]:30} {part.number:5} {part.minutes:3} minutes  {part.name}")


if __name__ == "__main__":
    main()
