"""Make .venv and install what the course needs, or mend it. `make` calls this before its verbs.

    python tools/setup.py [learner | dev | colab]

Where nothing is missing, nothing is done. An environment that does not run any more (half made,
its Python removed or upgraded) is made anew; it holds packages only, and pip has those cached.
"""
# No annotations and no f-strings in this file: an old Python must get as far as the sentence below.

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("The course needs Python 3.11 or newer; this is " + sys.version.split()[0] +
             ". Name another: make PYTHON=python3.12 (on Windows: py -3.12 tools/setup.py).")

import os
import subprocess
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# For whom: the environment, pip's arguments one call after the other, the files these come from
KINDS = {
    "learner": (".venv", ["-r requirements.txt"], ["requirements.txt", "pyproject.toml"]),
    "dev": (".venv", ["-r requirements-dev.txt"],
            ["requirements-dev.txt", "requirements.txt", "pyproject.toml"]),
    # Another environment, so that none of these versions gets into the one all else is tested in.
    # It is Colab's: without `helpers`, which the first cell of a page gets.
    "colab": (".venv-colab", ["-r requirements-colab.txt"], ["requirements-colab.txt"]),
}
# Settings of somebody's own that would lead Python, or what pip installs, to another place
ELSEWHERE = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT",
             "PIP_PYTHON", "PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_REQUIRE_HASHES"}
PIP = "-m pip install --quiet --disable-pip-version-check --no-user "
# An environment, new enough, with its own packages: it has none where Python was upgraded in place.
FIT = ("import os, sys, sysconfig, tomllib; assert sys.prefix != sys.base_prefix; "
       "os.listdir(sysconfig.get_path('purelib'))")
# The course's folder, seen from the packages: right after the folder is moved or copied, too, where
# `pip install -e` has noted the old one.
POINT_HERE = """
import os, pathlib, sysconfig
packages = pathlib.Path(sysconfig.get_path("purelib"))
note, line = packages / "course.pth", os.path.relpath(os.getcwd(), packages) + "\\n"
if not note.exists() or note.read_text() != line:
    note.write_text(line)
"""


def call(command, quiet=False):
    """Run `command` in the course's folder; return whether that succeeded."""
    environment = {k: v for k, v in os.environ.items() if k not in ELSEWHERE}
    to = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, stdout=to, stderr=to,
                              check=False).returncode == 0
    except OSError:
        return False  # no such file, or a link to nothing


def make(venv, python):
    """Make the environment `venv` anew where its `python` does not run."""
    pip = [python, "-m", "pip", "--version"]
    if call([python, "-c", FIT], quiet=True) and (call(pip, quiet=True) or (
            call([python, "-Im", "ensurepip"], quiet=True) and call(pip, quiet=True))):
        return
    if not venv.is_dir() and (venv.exists() or venv.is_symlink()):
        sys.exit(str(venv) + " is a file, or a link to nothing. Remove it and run this again.")
    venv.mkdir(exist_ok=True)
    base = getattr(sys, "_base_executable", sys.executable)  # not the Python that is taken away
    if not call([base, "-m", "venv", "--clear", venv]):
        sys.exit("The environment " + venv.name + " could not be made, for the reason above. Run "
                 "the same command again once it is gone.")


def set_up(kind):
    """Bring the environment for `kind` up to date, if it is not."""
    name, installs, files = KINDS[kind]
    venv = ROOT / name
    # A stamp is newer than the files it depends on exactly when nothing is left to install.
    stamp = venv / (kind + ".stamp")
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (not stamp.exists() or not call([python, "-c", FIT + "; import pip"], quiet=True)
            or any(stamp.stat().st_mtime <= (ROOT / f).stat().st_mtime for f in files)):
        sys.stderr.write("Setting up " + name + ". The first time takes some minutes.\n")
        make(venv, python)
        for words in installs:
            command = [str(python)]
            command.extend((PIP + words).split())
            if not call(command):
                sys.exit("Not all packages could be installed, for the reason above. Run the same "
                         "command again: what is installed stays.")
        for done in ("learner", "dev") if kind == "dev" else (kind,):
            (venv / (done + ".stamp")).touch()
    if kind != "colab":
        call([python, "-c", POINT_HERE], quiet=True)  # what is not writable was set up before


def main():
    """Read the command line; whatever fails is said in a sentence."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", choices=KINDS, default="dev")
    kind = parser.parse_args().kind
    try:
        set_up(kind)
    except KeyboardInterrupt:
        print("\nStopped. The next call goes on from here.")
        return 130
    except OSError as error:
        return ("The environment cannot be written: " + str(error.strerror) + ", " +
                str(error.filename) + ". Copy the course into a folder of your own.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
