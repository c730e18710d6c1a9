"""The branch `learn`: the learner edition of every page, as Colab and Kaggle open it.

    python tools/learn.py FOLDER [--site SITE]    write it to FOLDER, with what SITE's build showed
    python tools/learn.py FOLDER --bare           the same without outputs: no build is needed

The first code cell of each notebook installs `helpers`, where it is missing, from the commit that
the notebook was made from. Outputs of the build are kept, so that a notebook can be read before it
is run; those under a prediction are folded, and verdicts on the author's answers are left out.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.editions import learner
from tools.exercises import CHECK, WRITES, is_exercise
from tools.minutes import PREDICT
from tools.notebooks import BOOK, metadata_of, written
from tools.repository import Repository, repository

FIRST = Path(__file__).with_name("first_cell.py")
WIDGET = "application/vnd.jupyter.widget-view+json"


def first_cell(source: Repository):
    """Return the cell that installs the course's package from `source`'s commit."""
    code = FIRST.read_text(encoding="utf-8").strip().replace("ARCHIVE", source.archive)
    return nbformat.v4.new_code_cell(code, id="install",
                                     metadata={"cellView": "form", "tags": ["install"]})


def _without_widgets(outputs: list) -> list:
    """Return outputs that can be read before anything runs: a figure needs the page or a kernel."""
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if output.output_type == "error" or (output.output_type == "stream"
                                             and output.name == "stderr"):
            continue
        if WIDGET in data and not {"image/png", "text/html"} & {*data}:
            continue
        data.pop(WIDGET, None)
        kept.append(output)
    return kept


def for_learners(author, executed, source: Repository | None):
    """Return a page's learner edition with the outputs of `executed`, the author's one run."""
    edition = learner(author)
    predicted, ran = False, [c for c in (executed.cells if executed else ())
                             if c.cell_type == "code"]  # all that the build's cache keeps
    for cell, own in zip(edition.cells, author.cells, strict=True):
        if cell.cell_type == "markdown":
            predicted = bool(PREDICT.search(cell.source)) or (
                predicted and "<details" not in cell.source and "\n## " not in cell.source)
        elif ran and (given := ran.pop(0)) and not (
                is_exercise(own.source) or CHECK.search(own.source) or WRITES.match(own.source)):
            cell.outputs = _without_widgets(given.outputs)
            if cell.outputs and predicted:  # JupyterLab's word for it, and the notebook's own
                cell.metadata.update(jupyter={"outputs_hidden": True}, collapsed=True)
                predicted = False
    edition.metadata = nbformat.from_dict(metadata_of(edition))
    if source is not None:
        edition.cells.insert(1, first_cell(source))
    return edition


def executed(site: Path) -> dict[str, nbformat.NotebookNode]:
    """Return the notebooks that a build has run, by the name of their file."""
    from jupyter_cache import get_cache  # here: with Colab's packages there is none

    from tools.sphinx.course_site import cache_folder
    cache = get_cache(cache_folder(BOOK.parent, site / "_build" / "html"))
    records: list = cache.list_cache_records()
    return {Path(record.uri).name: cache.get_cache_bundle(record.pk).nb for record in records}


def main() -> int | str:
    """Write the learner edition of every page."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--site", type=Path, default=BOOK.parent,
                        help="where the site was built; its outputs are kept")
    parser.add_argument("--bare", action="store_true", help="without outputs")
    asked = parser.parse_args()
    ran, source = {} if asked.bare else executed(asked.site), repository()
    (asked.folder / "book").mkdir(parents=True, exist_ok=True)
    for path in sorted(BOOK.glob("*.ipynb")):
        author = nbformat.read(path, 4)
        edition = for_learners(author, ran.get(path.name), source)
        (asked.folder / "book" / path.name).write_text(written(edition), encoding="utf-8")
    missing = sorted({p.name for p in BOOK.glob("*.ipynb")} - {*ran})
    if missing and not asked.bare:
        print(f"Without outputs, since the build has not run them: {', '.join(missing)}")
    if source is None:
        return ("No repository is known: the notebooks cannot say where the course's package is. "
                "Set GITHUB_REPOSITORY to owner/name, or give this clone an `origin`.")
    (asked.folder / "README.md").write_text(
        f"# From Tensors to ResNets: the notebooks\n\nMade from {source.address} at "
        f"`{source.commit[:12]}` by its workflow `publish`: do not edit them here. Each installs "
        f"what it needs when its first cell runs. The course: {source.site}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
