"""`make` in a folder that only sets up: what breaks environments in a class, and how it goes on."""

import ast
import errno
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from support import ROOT, without_root_rights

pytestmark = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="needs make")
RIGHTS = without_root_rights()  # root may write anywhere
VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
BASE = getattr(sys, "_base_executable", sys.executable)
# What a program in the environment imports, and where its packages are
FROM = "import helpers, pip, sys; print(helpers.__file__, sys.prefix, pip.__file__, sep='\\n')"


def settings(**changes):
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON", "MAKE"))}
    return mine | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull} | changes


def make(course, *words, **changes):
    command = ["make", "--no-print-directory", "setup", f"PYTHON={BASE}", *words]
    return subprocess.run(command, cwd=course, env=settings(**changes), capture_output=True,
                          text=True, errors="replace", check=False)


def works(course):
    """Whether the environment of `course` runs, with this folder's helpers and its own packages."""
    python = course / ".venv/bin/python"
    found = subprocess.run([python, "-c", FROM], cwd="/", env=settings(), capture_output=True,
                           text=True, check=False)
    here = [str(course / "helpers/__init__.py"), str(course / ".venv"), str(course / ".venv")]
    return found.returncode == 0 and all(
        line.startswith(start) for line, start in zip(found.stdout.split("\n"), here, strict=False))


@pytest.fixture(scope="session")
def set_up_once(tmp_path_factory):
    """A folder with what set-up reads, no requirements, and the environment it has made."""
    course = tmp_path_factory.mktemp("set_up") / "course"
    (course / "helpers").mkdir(parents=True)
    (course / "helpers/__init__.py").touch()
    (course / "tools").mkdir()
    shutil.copy(ROOT / "tools/setup.py", course / "tools")
    shutil.copy(ROOT / "Makefile", course)
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (course / name).write_text("")
    assert make(course).returncode == 0 and works(course)
    return course


@pytest.fixture
def course(set_up_once, tmp_path):
    """A copy of that folder, which is a case of its own: it must not use the old one."""
    return Path(shutil.copytree(set_up_once, tmp_path / "mein kurs ü", symlinks=True))


def packages(course):
    return course / f".venv/lib/{VERSION}/site-packages"


def remove_pip(course):
    for path in packages(course).glob("pip*"):
        shutil.rmtree(path)


def link_to_nothing(course):
    (course / ".venv/bin/python").unlink()
    (course / ".venv/bin/python").symlink_to("/nowhere/python3")


def garbage(course):
    (course / ".venv/bin/python").unlink()
    (course / ".venv/bin/python").write_text("\0\0")
    (course / ".venv/bin/python").chmod(0o755)


def emptied(course):
    shutil.rmtree(course / ".venv")
    (course / ".venv").mkdir()


def elsewhere(course):
    (course / ".venv").rename(course / "large disk")
    (course / ".venv").symlink_to("large disk")


BROKEN = {
    "E4 no pip": remove_pip,
    "E4 half a pip": lambda c: (shutil.rmtree(packages(c) / "pip/_internal"), old(c)),
    "E4 emptied": emptied,
    "E4 its Python was removed": link_to_nothing,
    "E4 its Python was upgraded": lambda c: packages(c).parent.rename(c / ".venv/lib/python3.9"),
    "E4 its Python is garbage": garbage,
    "E4 no pyvenv.cfg": lambda c: (c / ".venv/pyvenv.cfg").unlink(),
    "E4 no rights": lambda c: (c / ".venv/bin/python").unlink(),
    "E18 copied": lambda c: None,
    "E18 copied, no path file": lambda c: (packages(c) / "course.pth").unlink(),
    "a link to another disk": elsewhere,
}


def old(course):
    """Let the requirements be others than those that were installed."""
    with (course / "requirements.txt").open("a") as file:
        file.write("# another line\n")


def sampled(cases, *sample):
    """Each case in `make test-long`, those of `sample` in `make test`, since each starts pip."""
    return [pytest.param(case, marks=pytest.mark.slow if case in sample else pytest.mark.long)
            for case in cases]


@pytest.mark.parametrize("how", sampled(BROKEN, "E4 no pip", "E4 its Python was upgraded"))
def test_fault_a_broken_environment_mends_itself(course, how):
    BROKEN[how](course)
    done = make(course)
    assert done.returncode == 0 and works(course), done.stdout + done.stderr
    again = make(course)
    assert "Setting up" not in again.stdout + again.stderr, "it is not done twice"


def test_fault_e18_a_renamed_folder_works_without_set_up(set_up_once, course):
    renamed = course.rename(course.parent / "renamed")
    assert works(renamed) and works(set_up_once)


SETTINGS = {
    "M06 PIP_USER": {"PIP_USER": "1"},
    "PIP_REQUIRE_VIRTUALENV": {"PIP_REQUIRE_VIRTUALENV": "1"},
    "PIP_TARGET": {"PIP_TARGET": "/nowhere/else"},
    "PIP_PREFIX": {"PIP_PREFIX": "/nowhere/else"},
    "PYTHONHOME": {"PYTHONHOME": "/nowhere"},
    "N08 PYTHONPATH with other modules": {"PYTHONPATH": "{tmp}/other"},
    "PYTHONSAFEPATH": {"PYTHONSAFEPATH": "1"},
    "PYTHONINSPECT": {"PYTHONINSPECT": "1"},
    "PYTHONWARNINGS": {"PYTHONWARNINGS": "error"},
    "PYTHONNOUSERSITE": {"PYTHONNOUSERSITE": "1"},
    "Latin-1": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "conda is active": {"CONDA_PREFIX": "{tmp}/conda", "CONDA_DEFAULT_ENV": "base",
                        "PATH": "{tmp}/conda/bin:" + os.environ["PATH"]},
    "another environment is active": {"VIRTUAL_ENV": "{tmp}/other"},
    "pip.conf of one's own": {"PIP_CONFIG_FILE": "{tmp}/pip.conf"},
    "a pip.conf that leads elsewhere": {"PIP_CONFIG_FILE": "{tmp}/elsewhere.conf"},
    "PIP_REQUIREMENT": {"PIP_REQUIREMENT": "/nowhere/requirements.txt"},
    "PIP_PLATFORM": {"PIP_PLATFORM": "win_amd64"},
    "no home": {"HOME": "/nowhere"},
}


def wheel(folder, name, requires=""):
    """Make a package of one module, which pip can install without a network."""
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", "")
        about = f"{name}-1.dist-info"
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
                      + requires)
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true"
                      "\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")


@pytest.mark.parametrize("name", sampled(SETTINGS, "M06 PIP_USER", "PYTHONHOME",
                                         "N08 PYTHONPATH with other modules",
                                         "a pip.conf that leads elsewhere"))
def test_fault_settings_of_ones_own_do_not_lead_elsewhere(course, tmp_path, name):
    """Nor do they hinder: what is asked for is installed, and in this folder."""
    wheel(tmp_path, "little")
    wheel(tmp_path, "larger", "Requires-Dist: little\n")
    (course / "requirements.txt").write_text("larger\n")
    (course / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (tmp_path / "pip.conf").write_text("[install]\nuser = true\n")
    (tmp_path / "elsewhere.conf").write_text(
        f"[global]\ntarget = {tmp_path}/target\nno-deps = true\n[install]\nprefix = /nowhere\n"
        f"find-links = {tmp_path}\n")
    (tmp_path / "conda/bin").mkdir(parents=True)
    (tmp_path / "conda/bin/python3").write_text("#!/bin/sh\necho conda; exit 3\n")
    (tmp_path / "other").mkdir()
    for module in ("helpers", "pip", "argparse"):
        (tmp_path / f"other/{module}.py").write_text("raise SystemExit('another module')")
    links = {} if name == "a pip.conf that leads elsewhere" else {"PIP_FIND_LINKS": str(tmp_path)}
    done = make(course, **{k: v.format(tmp=tmp_path) for k, v in SETTINGS[name].items()}, **links)
    assert done.returncode == 0 and works(course), done.stdout + done.stderr
    assert all((packages(course) / f"{one}.py").exists() for one in ("little", "larger"))


@pytest.mark.slow  # starts pip
def test_fault_requirements_of_another_day_are_seen(course):
    """An archive that is unpacked over the course brings the times of its own; clocks go wrong."""
    for when in (1_000_000_000, time.time() + 1e6):
        with (course / "requirements.txt").open("a") as file:
            file.write("# another line\n")
        os.utime(course / "requirements.txt", (when, when))
        assert "Setting up" in make(course).stderr
        assert "Setting up" not in make(course).stderr, "it is not done twice"


@pytest.mark.parametrize("number, words", [
    (errno.ENOSPC, "Free some space"), (errno.EDQUOT, "Free some space"),
    (errno.EROFS, "Copy the course into a folder of your own"),
    (errno.EACCES, "Copy the course into a folder of your own")], ids=errno.errorcode.get)
def test_fault_a_full_disk_is_told_from_a_closed_one(course, monkeypatch, number, words):
    names = runpy.run_path(str(course / "tools/setup.py"))

    def refuses(kind):
        raise OSError(number, os.strerror(number), ".venv/dev.stamp")

    monkeypatch.setitem(names["main"].__globals__, "set_up", refuses)
    monkeypatch.setattr(sys, "argv", ["setup.py"])
    assert re.fullmatch(r"The environment cannot be written: [^.]+, \.venv/dev\.stamp\. "
                        f"{words}.*", names["main"]())


@pytest.mark.slow  # starts pip
@pytest.mark.parametrize("stamp", [b"\0" * 64, b"half"], ids=["zeros", "half"])
def test_fault_a_stamp_that_was_half_written(course, stamp):
    for name in ("dev", "learner"):
        (course / f".venv/{name}.stamp").write_bytes(stamp)
    assert "Setting up" in make(course).stderr and works(course)


@pytest.mark.slow  # makes an environment
def test_fault_e4_debian_without_venv_says_why_each_time(course):
    shutil.rmtree(course / ".venv")
    names = runpy.run_path(str(course / "tools/setup.py"))
    real = names["call"]

    def debian(command, quiet=False, environment=None):
        """As there: an environment without pip, the package's name, a failure."""
        if "ensurepip" in command:
            return False
        if "venv" in command:
            assert real([*command, "--without-pip"])
            return False
        return real(command, quiet, environment)

    names["set_up"].__globals__["call"] = debian
    for _ in range(2):
        with pytest.raises(SystemExit, match="could not be made, for the reason above"):
            names["set_up"]("dev")
        assert (course / ".venv/bin/python").exists()
    assert make(course).returncode == 0 and works(course)


@pytest.mark.parametrize("after", sampled([0.1, 0.5, 1.0, 2.0], 0.5))
def test_fault_e4_ctrl_c_while_the_environment_is_made(course, after):
    shutil.rmtree(course / ".venv")
    started = subprocess.Popen(["make", "setup", f"PYTHON={BASE}"], cwd=course, env=settings(),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    until = time.monotonic() + 20
    while not (course / ".venv").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(after)
    os.killpg(started.pid, signal.SIGINT)
    said = started.communicate(timeout=30)[0]
    assert "tools/setup.py\", line" not in said, "a sentence, not setup.py's traceback"
    assert make(course).returncode == 0 and works(course)


@pytest.mark.parametrize("wrong", ["a file", "a link to nothing"])
def test_fault_e28_something_else_is_called_venv(course, wrong):
    (course / ".venv").rename(course / "old")
    if wrong == "a file":
        (course / ".venv").touch()
    else:
        (course / ".venv").symlink_to("nowhere")
    done = make(course)
    assert done.returncode and "is a file, or a link to nothing. Remove it" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(RIGHTS is None, reason="root may write anywhere, and there is no setpriv here")
def test_fault_e28_a_folder_that_is_not_writable(course):
    ready = subprocess.run([*RIGHTS, "make", "setup"], cwd=course, env=settings(), check=False)
    assert ready.returncode == 0
    shutil.rmtree(course / ".venv")
    course.chmod(0o555)
    done = subprocess.run([*RIGHTS, "make", "setup", f"PYTHON={BASE}"], cwd=course, env=settings(),
                          capture_output=True, text=True, check=False)
    course.chmod(0o755)
    assert done.returncode and "Copy the course into a folder of your own." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow  # starts pip
def test_fault_a_package_that_cannot_be_had_is_asked_for_again(course):
    old(course)
    (course / "requirements-dev.txt").write_text("no-such-package-here>=2\n")
    for _ in range(2):
        done = make(course)
        assert done.returncode and "Run the same command again" in done.stderr
        assert "Traceback" not in done.stderr
    (course / "requirements-dev.txt").write_text("")
    assert make(course).returncode == 0 and works(course)


def test_fault_m03_an_old_python_is_told_which_is_needed(monkeypatch):
    code = compile((ROOT / "tools/setup.py").read_text(encoding="utf-8"), "setup.py", "exec")
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer; this is .+ Name another"):
        exec(code, {"__name__": "__main__", "__file__": str(ROOT / "tools/setup.py")})


def test_fault_m03_even_python_2_can_read_the_tool():
    tree = ast.parse((ROOT / "tools/setup.py").read_text(encoding="ascii"))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.Starred, ast.NamedExpr))
        if isinstance(node, ast.FunctionDef):
            assert not node.args.kwonlyargs and not node.returns
            assert not any(argument.annotation for argument in node.args.args)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            assert not node.keywords, "print(…, end=…) is an error there"
    if (python2 := shutil.which("python2.7")) and not subprocess.call([python2, "-c", ""]):
        done = subprocess.run([python2, ROOT / "tools/setup.py"], capture_output=True, text=True,
                              check=False)
        assert "needs Python 3.11" in done.stderr


def test_fault_m03_a_python_that_is_missing(course):
    shutil.rmtree(course / ".venv")
    done = subprocess.run(["make", "setup", "PYTHON=python9"], cwd=course, env=settings(),
                          capture_output=True, text=True, check=False)
    assert done.returncode and "python9" in done.stderr and len(done.stderr.splitlines()) <= 2
