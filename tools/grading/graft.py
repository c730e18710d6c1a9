"""A student's answers, put into a fresh copy of what was handed out.

Cells that were copied, split, typed anew, deleted, moved or turned into text, and metadata that was
lost on the way (Colab, email), then cost no points. What was handed in stays as it is.
"""

import ast
import builtins
import copy
import re
import symtable
import textwrap
from dataclasses import dataclass, field

import nbformat
from nbformat.v4 import new_code_cell

MAGIC = re.compile(r"^\s*[%!?]|^\s*\w[\w, ]*= *[!%]")
FENCE = re.compile(r"^```\w*\s*$", re.MULTILINE)


def parsed(source: str):
    """Return a cell's syntax tree, without the lines that only IPython reads; None if it has none.

    A cell that IPython hands to another program as a whole (`%%bash`) has none either.
    """
    if source.lstrip().startswith("%%"):
        return None
    try:
        return ast.parse(_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _python(source: str) -> str:
    lines = ["pass" if MAGIC.match(line) else line for line in source.split("\n")]
    return textwrap.dedent("\n".join(lines))


def defined(source: str) -> set[str]:
    """Return what a cell defines, as far as can be seen without running it."""
    tree = parsed(source)
    if tree is None:  # a typing error in it
        return set(re.findall(r"^(?:def|class) (\w+)", source, re.MULTILINE)
                   + re.findall(r"^(\w+) *=[^=]", source, re.MULTILINE))
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        else:
            found |= {n.id for n in ast.walk(node)
                      if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return found


def used(source: str) -> set[str]:
    """Return the names that a cell expects to be there: none of its functions' own."""
    plain = _python(source)
    if parsed(source) is None:
        return set()

    def of(table) -> set[str]:
        found = {s.get_name() for s in table.get_symbols() if s.is_referenced()
                 and (s.is_global() or table.get_type() == "module")}
        return found.union(*map(of, table.get_children()))

    return of(symtable.symtable(plain, "<cell>", "exec")) - {*dir(builtins)}


def about(cell) -> dict:
    """Return what nbgrader has noted of a cell."""
    noted = cell.metadata.get("nbgrader", {})
    return noted if isinstance(noted, dict) else {}


@dataclass
class Piece:
    """A cell of a student's own, and the exercise that it answers, if it does."""

    source: str
    answers: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Grafted:
    """A submission in the form that is graded, and how it had to be mended."""

    notebook: nbformat.NotebookNode
    notes: list[str]
    student: str | None = None  # as the notebook itself says it


def graft(release, submission) -> Grafted:
    """Return the release with a submission's answers in it."""
    stubs = {about(c)["grade_id"]: c.source for c in release.cells if about(c).get("solution")}
    pieces = _joined(_pieces(release, submission, stubs))
    notes = [note for piece in pieces for note in piece.notes]
    sections: dict[str, list[str]] = {name: [] for name in stubs}
    waiting = []
    for piece in pieces:
        waiting.append(piece.source)
        if piece.answers:
            sections[piece.answers] += waiting
            waiting = []
    answered = [piece.answers for piece in pieces if piece.answers]
    notes += [f"{name}: {answered.count(name)} cells, the last counts" for name in stubs
              if answered.count(name) > 1]
    if stubs:
        sections[[*stubs][-1]][:0] = waiting  # before its answer, which stays the last
    _complete(release, sections, [piece.source for piece in pieces])
    result = copy.deepcopy(release)
    cells = []
    for cell in result.cells:
        name = about(cell).get("grade_id", "")
        if name in stubs and sections[name]:
            *before, answer = sections[name]
            cells += [new_code_cell(source) for source in before]
            if name in defined(answer):
                cell.source = answer
            else:  # only other cells: the answer is still the starter
                cells.append(new_code_cell(answer))
        cells.append(cell)
    result.cells = cells
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index}"
    return Grafted(result, notes, _student(submission))


def _pieces(release, submission, stubs) -> list[Piece]:
    """Return the cells of a student's own, in their order."""
    known = {c.source.strip() for c in release.cells if c.cell_type == "code"}
    graded = {about(c)["grade_id"] for c in release.cells if about(c).get("grade")}
    pieces = []
    for cell in submission.cells:
        name, source, notes = about(cell).get("grade_id"), cell.source, []
        if cell.cell_type != "code":
            source = FENCE.sub("", source)
            names = defined(source) & set(stubs)
            if not (names and (name in stubs or parsed(source) is not None)):
                continue
            notes = [f"{name or names.pop()}: its cell had become {cell.cell_type} text"]
        if not source.strip() or source.strip() in known or name in graded:
            continue
        named = [n for n in stubs if n in defined(source)]
        if len(named) > 1:
            notes.append(f"{' and '.join(named)} in one cell")
        answers = named[-1] if named else name if name in stubs and cell.cell_type == "code" else ""
        if answers and name != answers:
            notes.append(f"{answers}: found by its name")
        # every exercise of a cell gets it
        pieces += [Piece(source, other) for other in named[:-1]]
        pieces.append(Piece(source, answers or "", notes))
    return pieces


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces, with cells that are code only together joined."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        whole = piece.source.lstrip().startswith("%%") or parsed_alone(piece.source) is not None
        if before is not None and not whole:
            both = f"{before.source}\n{piece.source}"
            if parsed_alone(both) is not None:
                names = [n for n in (before.answers, piece.answers) if n]
                joined[-1] = Piece(both, names[0] if names else "",
                                   [*before.notes, *piece.notes, "a cell had been split"])
                continue
        joined.append(piece)
    return joined


def parsed_alone(source: str):
    """Return a cell's syntax tree if it is whole: what is indented is the rest of another."""
    first = next((line for line in source.split("\n") if line.strip()), "")
    return None if first[:1].isspace() else parsed(source)


def _complete(release, sections: dict[str, list[str]], sources: list[str]) -> None:
    """Add to a section the cells that define what it uses, where those stand further down."""
    there = set().union(*(defined(c.source) for c in release.cells if c.cell_type == "code"))
    for name, inside in sections.items():
        while inside:
            has = there.union(*map(defined, inside))
            lacks = set().union(*map(used, inside)) - has
            more = [s for s in sources if s not in inside and defined(s) & lacks]
            if not more:
                break
            inside[:0] = more
        there |= set().union(*map(defined, inside)) - {name}


def _student(submission) -> str | None:
    """Return the value of the notebook's `student`, where it is written out."""
    found = None
    for cell in submission.cells:
        tree = parsed(cell.source) if cell.cell_type == "code" else None
        for node in tree.body if tree else ():
            if (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "student"
                    and isinstance(node.value, ast.Constant)):
                found = str(node.value.value)
    return found
