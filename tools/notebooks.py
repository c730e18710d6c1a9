"""The stored form of a page: its source, the time that it takes, and the text outputs that two
unlike runs agree on.

    python tools/notebooks.py refresh [book/01_….ipynb …]   run each twice, store what agrees
    python tools/notebooks.py check                         is every notebook in stored form?

The two runs differ in all that must not matter: hash seed, threads, profile (smoke and cpu), data
(stand-in and real CIFAR-10). A cell keeps its outputs only where all of them are short text and
both runs agree; every other cell is stored as never run. `pytest --nbval` then compares whatever is
stored, strictly, and runs the rest.
"""

import os
import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tools.minutes import stated

BOOK = Path(__file__).parent.parent / "book"
LIMIT = 1500  # characters of output that a cell may store
# What differs between machines (devices, addresses, times, the words of PyTorch's errors), and what
# Jupyter stores otherwise than nbval sees it.
VOLATILE_OUTPUT = re.compile(r"0x[0-9a-f]{6,}|\d{4}-\d\d-\d\d[ T]\d\d:|\b(cpu|cuda|mps)\b|\bit/s\b")
VOLATILE_SOURCE = re.compile(
    r"clear_output|display_id|tqdm|%%?time|__version__|print\((str\()?error\b|"
    r"perf_counter|seconds_per_call\(|\.seconds\b|per_second")  # times agree by chance only
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}, "colab": {"provenance": []}}
CELL_METADATA = {"tags", "mystnb"}
STABLE = {"text/plain", "text/markdown"}
RUNS = ({"COURSE_PROFILE": "smoke", "COURSE_DATA": "stand-in", "PYTHONHASHSEED": "1",
         "OMP_NUM_THREADS": "1"},
        {"COURSE_PROFILE": "cpu", "PYTHONHASHSEED": "2"})


def run(notebook, folder: Path, settings: dict):
    """Return a copy of `notebook`, executed with `settings` in the environment of its kernel."""
    copy = deepcopy(notebook)
    environment = {**os.environ, "TQDM_DISABLE": "1", "COURSE_PROGRESS": "off", **settings}
    NotebookClient(copy, timeout=900, kernel_name="python3",
                   resources={"metadata": {"path": str(folder)}}).execute(env=environment)
    return copy


def cell(chapter: str, name: str) -> str:
    """Return the source of the code cell of a chapter ("05") whose id is `name`."""
    (path,) = BOOK.glob(f"{chapter}_*.ipynb")  # "05", or "05a" for a deeper page
    for one in nbformat.read(path, 4).cells:
        if one.cell_type == "code" and one.id == name:
            return one.source
    raise KeyError(f"Chapter {chapter} has no code cell with the id {name!r}.")


def text_outputs(cell) -> list | None:
    """Return the outputs of a cell, prints joined; None if they hold more than stable text."""
    kept, printed = [], None
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            if printed is None:
                printed = nbformat.v4.new_output("stream", name="stdout", text="")
                kept.append(printed)
            printed.text += output.text
        elif output.output_type == "execute_result" and {*output.data} <= STABLE:
            kept.append(nbformat.v4.new_output("execute_result", data=dict(output.data)))
        else:
            return None
    text = "".join(o.get("text") or o.data["text/plain"] for o in kept)
    stable = not VOLATILE_OUTPUT.search(text) and not VOLATILE_SOURCE.search(cell.source)
    return kept if kept and len(text) <= LIMIT and stable else None


def metadata_of(notebook) -> dict:
    """Return the metadata of a page; Colab gives it a GPU where one is asked for in its cells."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return METADATA | ({"accelerator": "GPU"} if "get_device(" in code else {})


def stored_form(notebook, other=None):
    """Return `notebook` in stored form: of stable outputs those that also stand in `other`."""
    stored = deepcopy(notebook)
    stored.metadata = nbformat.from_dict(metadata_of(stored))
    stored.nbformat, stored.nbformat_minor = 4, 5
    stated(stored)
    count = 0
    for index, cell in enumerate(stored.cells):
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items()
                                            if k in CELL_METADATA})
        cell.pop("attachments", None)
        if cell.cell_type != "code":
            continue
        outputs = text_outputs(cell)
        if outputs is None or (other and outputs != text_outputs(other.cells[index])):
            cell.outputs, cell.execution_count = [], None
            continue
        count += 1
        cell.outputs, cell.execution_count = outputs, count
        for output in outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    return stored


def written(notebook) -> str:
    """Return the text of the file, as nbformat writes it."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def refresh(paths: list[Path]) -> int:
    """Run and rewrite each notebook; the real data keep out what only the stand-in gives."""
    from helpers.data import STAND_IN, load_cifar10
    if load_cifar10(verbose=False).source == STAND_IN:
        print("make refresh needs the real CIFAR-10 for its second run: name its folder in "
              "COURSE_DATA.")
        return 1
    for path in paths:
        notebook = nbformat.read(path, 4)
        first, second = (run(notebook, path.parent, settings) for settings in RUNS)
        text = written(stored_form(first, second))
        changed = text != path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        code = [c for c in first.cells if c.cell_type == "code"]
        kept = sum(bool(c.outputs) for c in nbformat.reads(text, 4).cells if c.cell_type == "code")
        print(f"{path.name}: {kept} of {len(code)} code cells store their output; "
              f"{'changed' if changed else 'unchanged'}")
    return 0


def check(paths: list[Path]) -> int:
    """Say which notebooks are not in stored form; return how many."""
    wrong = [p for p in paths
             if written(stored_form(nbformat.read(p, 4))) != p.read_text(encoding="utf-8")]
    for path in wrong:
        print(f"{path.name} is not in stored form. Run: make refresh "
              f"NOTEBOOK={os.path.relpath(path, BOOK.parent)}")
    return len(wrong)


def readable(name: str | Path) -> Path:
    """Return the path of a chapter; raise ValueError, which says why, if it is none."""
    path = Path(name).resolve()
    try:
        nbformat.read(path, 4)
    except Exception as error:  # whatever a file may hold that is no notebook
        reason = getattr(error, "strerror", None) or "not a notebook"
        raise ValueError(f"{name} cannot be read: {reason}. Name a chapter as in "
                         "book/01_tensors_and_autograd.ipynb") from None
    return path


def main() -> int:
    """Read the command line."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("refresh", "check"))
    parser.add_argument("notebooks", nargs="*")
    arguments = parser.parse_args()
    try:
        paths = [readable(p) for p in arguments.notebooks or sorted(BOOK.glob("*.ipynb"))]
    except ValueError as error:
        parser.error(str(error))
    return {"refresh": refresh, "check": check}[arguments.command](paths)


if __name__ == "__main__":
    sys.exit(main())
