"""Build the site into _build/html: warnings and failing cells are errors. `make book` calls this.

    python tools/book.py [--output FOLDER]
    python tools/book.py --links             do the links that lead out still lead somewhere?
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def surroundings() -> dict[str, str]:
    """Return the environment of kernels: this Python's come first, and this folder's `helpers`."""
    first = {"PATH": Path(sys.executable).parent, "PYTHONPATH": ROOT,
             "JUPYTER_PATH": Path(sys.prefix) / "share" / "jupyter"}
    return os.environ | {name: os.pathsep.join(filter(None, [str(path), os.environ.get(name)]))
                         for name, path in first.items()}


def build(output: Path, environment: dict[str, str], links: bool = False) -> int:
    """Run Jupyter Book on the chapters, or Sphinx's check of links; return its exit code."""
    jupyter_book = "from jupyter_book.cli.main import main; main()"  # it has no `python -m`
    command = [sys.executable, "-c", jupyter_book, "build", str(ROOT), "--path-output", str(output),
               "--warningiserror", "--keep-going", *(["--builder", "linkcheck"] if links else [])]
    settings = {"TQDM_DISABLE": "1", "COURSE_PROGRESS": "off"}
    return subprocess.run(command, env=environment | settings, check=False).returncode


def main() -> int | str:
    """Fetch the data once, build, and say where the site is."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT, help="the site is written to "
                                                                  "FOLDER/_build/html")
    parser.add_argument("--links", action="store_true", help="ask the servers of all links")
    asked = parser.parse_args()
    output = asked.output.resolve()

    try:
        (output / "_build").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output / "_build").close()
    except OSError as error:
        return (f"The site cannot be written to {output / '_build'}: {error.strerror}. Name a "
                f"folder of your own: {sys.executable} {__file__} --output FOLDER")
    sys.path.insert(0, str(ROOT))
    from helpers import load_cifar10
    load_cifar10()  # once, here: the kernels then find it, or need not look for a network again
    if failed := build(output, {**surroundings(), "COURSE_OFFLINE": "1"}, asked.links):
        return failed
    if asked.links:
        return 0
    print("\nThe course is built. Open it in a browser:\n\n    "
          f"{(output / '_build/html/index.html').as_uri()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
