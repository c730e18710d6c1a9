"""Build the site into _build/html: warnings and failing cells are errors. `make book` calls this.

    python tools/book.py [--output FOLDER]
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(output: Path, environment: dict[str, str]) -> int:
    """Run Jupyter Book on the chapters; return its exit code."""
    jupyter_book = "from jupyter_book.cli.main import main; main()"  # it has no `python -m`
    command = [sys.executable, "-c", jupyter_book, "build", str(ROOT), "--path-output", str(output),
               "--warningiserror", "--keep-going"]
    # Kernels start by name: the one of this environment must come first.
    path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    return subprocess.run(command, env={**environment, "PATH": path, "TQDM_DISABLE": "1"},
                          check=False).returncode


def main() -> int | str:
    """Fetch the data once, build, and say where the site is."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT, help="the site is written to "
                                                                  "FOLDER/_build/html")
    output = parser.parse_args().output.resolve()

    try:
        (output / "_build").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output / "_build").close()
    except OSError as error:
        return (f"The site cannot be written to {output / '_build'}: {error.strerror}. Name a "
                f"folder of your own: {sys.executable} {__file__} --output FOLDER")
    from helpers import load_cifar10
    load_cifar10()  # once, here: the kernels then find it, or need not look for a network again
    if failed := build(output, {**os.environ, "COURSE_OFFLINE": "1"}):
        return failed
    print("\nThe course is built. Open it in a browser:\n\n    "
          f"{(output / '_build/html/index.html').as_uri()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
