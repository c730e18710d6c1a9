"""What in a submission's code a person should read: it reaches for the machinery of grading.

Points do not depend on this list. Honest code is on it now and then; whoever reads it sees why.
"""

import ast
from collections.abc import Iterator

from nbgrader.utils import is_grade

from .graft import parsed

# Modules that an answer has no use for, and what one could do with them
MODULES = {"importlib", "inspect", "ctypes", "gc", "subprocess", "signal", "builtins", "IPython",
           "nbgrader", "sqlite3", "socket", "marshal", "multiprocessing", "atexit", "shutil",
           "faulthandler", "traceback", "linecache", "runpy", "site", "urllib", "requests", "pty",
           "resource", "asyncio", "unittest", "mmap", "glob", "pickle"}
CALLS = {"exec", "eval", "compile", "__import__", "globals", "vars", "locals", "setattr", "delattr",
         "open", "breakpoint", "get_ipython", "exit", "quit"}
OF_OS = {"_exit", "kill", "killpg", "abort", "environ", "getenv", "system", "popen", "fork",
         "execv", "dup2", "close", "walk", "listdir", "scandir", "remove", "unlink", "putenv"}
OF_SYS = {"modules", "_getframe", "settrace", "setprofile", "path", "meta_path", "displayhook",
          "excepthook", "stdout", "stderr", "addaudithook", "exit", "setrecursionlimit"}
INNER = {"__globals__", "__code__", "__builtins__", "__subclasses__", "__bases__", "__mro__",
         "__closure__", "__wrapped__", "_getframe", "__self__", "__loader__", "__spec__",
         "__getattribute__", "f_locals", "f_globals", "f_back", "tb_frame", "gi_frame",
         "user_ns", "input_transformers_cleanup", "input_transformers_post", "ast_transformers",
         "showtraceback", "run_cell", "_registry"}
OURS = {"check", "hint", "solution", "task", "progress"}
WORDS = ("gradebook", "course_", "hidden test", "input_transformer", "nbgrader", "autograded",
         "source/", "/proc/", "solutions.json")
SETTINGS = ("torch.backends", "plt.rcParams", "matplotlib.rcParams", "np.random", "warnings.")


def flags_of(notebook) -> list[str]:
    """Return what should be looked at in a notebook, each with the cell where it is."""
    cells = [(number, parsed(cell.source)) for number, cell in enumerate(notebook.cells, 1)
             if cell.cell_type == "code" and not is_grade(cell)]
    modules = {name for _, tree in cells if tree for name in _imported(tree)}
    found = []
    for number, tree in cells:
        for what in _of(tree, modules) if tree else ():
            found.append(f"cell {number} {what}")
    return [*dict.fromkeys(found)]


def _imported(tree) -> Iterator[str]:
    """Yield the names of modules, and of what was taken out of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0]


def _of(tree, modules: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _import(alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from _import_from(node)
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
            targets = (node.targets if isinstance(node, ast.Assign | ast.Delete)
                       else [node.target])
            for target in targets:
                yield from _target(target, modules)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in CALLS or (
                    node.func.id == "getattr" and not isinstance(node.args[1:2] and node.args[1],
                                                                 ast.Constant)):
                yield f"calls {node.func.id}"
        elif isinstance(node, ast.Name) and node.id in {"get_ipython", "In", "Out", "__builtins__"}:
            yield f"uses {node.id}"
        elif isinstance(node, ast.Attribute):
            yield from _attribute(node)
        elif (isinstance(node, ast.Constant) and isinstance(node.value, str)
              and any(word in node.value.lower() for word in (*WORDS, *map(str.lower, INNER)))):
            yield f"has the text {' '.join(node.value.split())[:40]!r}"


def _import(name: str) -> Iterator[str]:
    if name.partition(".")[0] in MODULES or name.startswith("helpers.exercises"):
        yield f"imports {name}"


def _import_from(node) -> Iterator[str]:
    module, names = node.module or "", {alias.name for alias in node.names}
    yield from _import(module) if module != "helpers.exercises" else ()
    if module == "helpers.exercises" and names - OURS:
        yield f"imports {', '.join(sorted(names - OURS))} from helpers.exercises"
    if module == "helpers" and names & {"exercises", "grade"}:
        yield "imports the exercises"
    if module in ("os", "sys"):
        for name in sorted(names & (OF_OS if module == "os" else OF_SYS)):
            yield f"imports {module}.{name}"


def _target(target, modules: set[str]) -> Iterator[str]:
    """Is something outside the submission changed?"""
    for node in ast.walk(target):
        text = ast.unparse(node)
        root = text.partition(".")[0].partition("[")[0].partition("(")[0]
        if (isinstance(node, ast.Attribute) and root in modules
                and not text.startswith(SETTINGS)):
            yield f"changes {text}"
            return


def _attribute(node) -> Iterator[str]:
    text = ast.unparse(node)
    root, _, rest = text.partition(".")
    if root in ("os", "sys") and rest.partition(".")[0] in (OF_OS if root == "os" else OF_SYS):
        yield f"uses {root}.{rest.partition('.')[0]}"
    elif text.startswith("helpers.exercises"):
        yield "uses helpers.exercises"
    elif node.attr in INNER:
        yield f"uses {node.attr}"
    elif node.attr in ("sys", "os", "builtins", "importlib", "inspect"):
        yield f"uses {text}"
