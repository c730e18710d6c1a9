"""Flip one operator or constant of each reference: would the cases notice?

    python tests/exercises/mutants.py [conv_out_size …]    names the mutants that pass
"""

import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
from answers import CODE, EQUIVALENT, FOUND, define  # noqa: E402

from helpers.exercises.known import exercise  # noqa: E402
from helpers.exercises.looking import RIGHT, examine  # noqa: E402
from tools.exercises import reference  # noqa: E402

OTHER = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
         ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
         ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
         ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
         ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr,
         ast.BitOr: ast.BitAnd}


def _places(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (position in ast.walk, what to do there) for each mutation."""
    for index, node in enumerate(ast.walk(tree)):
        operator = getattr(node, "op", None) or getattr(node, "ops", [None])[0]
        if type(operator) in OTHER:
            yield index, "operator"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
            yield index, "sign"
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield index, "flip"
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield index, "up"


def _mutate(node: ast.AST, what: str) -> None:
    if what == "operator" and isinstance(node, ast.Compare):
        node.ops[0] = OTHER[type(node.ops[0])]()
    elif what == "operator":
        node.op = OTHER[type(node.op)]()
    elif what == "sign":
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
        if isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif what == "flip":
        node.value = not node.value
    else:
        node.value += 1


def mutants(name: str) -> Iterator[tuple[str, str]]:
    """Yield (a key such as "two_edges 3: a + b -> a - b", the code) of each mutant."""
    tree = ast.parse(reference(FOUND[name][2].code))
    nodes = list(ast.walk(tree))
    for index, what in _places(tree):
        other = copy.deepcopy(tree)
        node = list(ast.walk(other))[index]
        before, line = ast.unparse(nodes[index]), nodes[index].lineno
        _mutate(node, what)
        yield f"{name} {line}: {before} -> {ast.unparse(node)}", ast.unparse(other)


def survives(name: str, code: str) -> bool:
    """Does a mutant pass every case, the hidden ones, too?"""
    try:
        thing = define(name, code)
    except Exception:
        return False
    outcomes = examine(exercise(name), thing, hidden=True, seconds=3)
    return all(outcome.verdict == RIGHT for outcome in outcomes)


def main() -> int:
    """Print the survivors that are not listed as equivalent, and the share of the others."""
    killed = alive = known = 0
    for name in sys.argv[1:] or CODE:
        for key, code in mutants(name):
            if not survives(name, code):
                killed += 1
            elif key in EQUIVALENT:
                known += 1
            else:
                alive += 1
                print(key)
    print(f"{killed} mutants fail, {alive} pass, {known} are equivalent by the list")
    return alive


if __name__ == "__main__":
    sys.exit(main())
