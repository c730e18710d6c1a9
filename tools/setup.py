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

import ast
import errno
import hashlib
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
ELSEWHERE = {"PYTHONHOME", "PYTHONPATH"}  # would lead Python to another place
# Of somebody's own settings of pip those that say where packages come from, and how they are got.
# All others, as `target`, `user` or `no-deps`, say what is installed and where to: that is ours.
FROM = {"index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "proxy", "cert",
        "client-cert", "keyring-provider", "retries", "resume-retries", "timeout",
        "default-timeout", "cache-dir", "no-cache-dir", "constraint", "build-constraint",
        "prefer-binary", "only-binary", "use-feature", "use-deprecated", "log", "no-color",
        "progress-bar"}
PIP = "-m pip install --quiet --disable-pip-version-check --no-user "
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
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


def own():
    """Return the environment without what leads Python elsewhere."""
    return {k: v for k, v in os.environ.items() if k not in ELSEWHERE}


def call(command, quiet=False, environment=None):
    """Run `command` in the course's folder; return whether that succeeded."""
    to = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, cwd=ROOT, env=environment or own(), stdout=to, stderr=to,
                              check=False).returncode == 0
    except OSError:
        return False  # no such file, or a link to nothing


def pip_settings(python):
    """Return the environment for pip, with those of somebody's settings that are in `FROM`."""
    found, order = {}, ["global", "install", ":env:"]  # what comes later counts
    said = subprocess.run([python, "-m", "pip", "config", "list"], cwd=ROOT, env=own(),
                          stdout=subprocess.PIPE, check=False).stdout.decode("utf-8", "replace")
    for section in order:
        for line in said.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section + ".") and name[len(section) + 1:] in FROM:
                found["PIP_" + name[len(section) + 1:].upper().replace("-", "_")] = value
    environment = {k: v for k, v in own().items() if not k.startswith("PIP_")}
    environment.update((k, ast.literal_eval(v)) for k, v in found.items())
    environment["PIP_CONFIG_FILE"] = os.devnull
    try:
        str(ROOT).encode()
    except UnicodeEncodeError:  # pip cannot take a folder with letters that the locale has not
        environment["PYTHONUTF8"] = "1"
    return environment


def stamp_of(files):
    """Return what a stamp says when nothing is left to install."""
    return hashlib.sha256(b"\0".join((ROOT / f).read_bytes() for f in files)).hexdigest().encode()


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


def is_ready(kind):
    """Whether the environment for `kind` runs, and has all that its files ask for now.

    What they say counts, and not when they were written: an unpacked archive brings old times.
    """
    name, _, files = KINDS[kind]
    stamp = ROOT / name / (kind + ".stamp")
    return (stamp.exists() and stamp.read_bytes() == stamp_of(files)
            and call([interpreter(name), "-c", FIT + "; import pip"], quiet=True))


def interpreter(name):
    """Return the path of an environment's Python."""
    return str(ROOT / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def set_up(kind):
    """Bring the environment for `kind` up to date, if it is not."""
    name, installs, _ = KINDS[kind]
    python = interpreter(name)
    if not is_ready(kind):
        sys.stderr.write("Setting up " + name + ". The first time takes some minutes.\n")
        make(ROOT / name, python)
        for words in installs:
            command = [python]
            command.extend((PIP + words).split())
            if not call(command, environment=pip_settings(python)):
                sys.exit("Not all packages could be installed, for the reason above. Run the same "
                         "command again: what is installed stays. (If a disk is full: pip unpacks "
                         "in the folder for temporary files, and TMPDIR names another one.)")
        for done in ("learner", "dev") if kind == "dev" else (kind,):
            (ROOT / name / (done + ".stamp")).write_bytes(stamp_of(KINDS[done][2]))
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
        way_out = ("Free some space: the packages need some gigabytes. Then run the same command "
                   "again." if error.errno in FULL else
                   "Copy the course into a folder of your own.")
        return ("The environment cannot be written: " + str(error.strerror) + ", " +
                str(error.filename) + ". " + way_out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
