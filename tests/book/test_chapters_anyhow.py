"""Chapters as learners run them: cells twice, out of order, after a restart, in odd places.

What must hold: what a cell prints, where it is stored, is printed in these runs, too, or the cell
ends with an error that says what to do. Numbers that are drawn at random differ with their order.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from support import PROFILE, ROOT, SMOKE, without_root_rights

from tools.notebooks import text_outputs

CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))  # and their deeper pages
GB = 1024 ** 3
SETTINGS = SMOKE | {"COURSE_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
RANDOM = {"b3aac1ea"}  # cells that go on with the generator
AGAIN = "Trying to backward through the graph a second time"  # chapter 1 says what to do then
FIRST = "NameError: name '"  # run the cells above first


def every_chapter(*sample):
    """Every chapter in `make test-long`, those of `sample` in `make test`."""
    return pytest.mark.parametrize("path", [
        pytest.param(p, id=number(p), marks=pytest.mark.slow if number(p) in sample
                     else pytest.mark.long) for p in CHAPTERS])


def number(path):
    """"03", or "03a" for a deeper page."""
    return path.stem.partition("_")[0]


def printed(cell):
    """The texts that a cell has given, or None if it draws or prints nothing."""
    outputs = text_outputs(cell) if cell.cell_type == "code" else None
    return outputs and [o.get("text") or o.data["text/plain"] for o in outputs]


class Desk:
    """A kernel with a chapter open."""

    def __init__(self, path, **settings):
        self.cells = nbformat.read(path, 4).cells
        self.stored = [printed(cell) for cell in self.cells]
        self.code = [n for n, cell in enumerate(self.cells) if cell.cell_type == "code"]
        self.client = NotebookClient(
            nbformat.v4.new_notebook(cells=self.cells), timeout=900, allow_errors=True,
            kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
        self.settings = os.environ | SETTINGS | {"PYTHONPATH": str(ROOT)} | settings

    def sections(self):
        """The numbers of the code cells, section by section; the set-up's come first."""
        found = [[]]
        for number, cell in enumerate(self.cells):
            if cell.cell_type == "code":
                found[-1].append(number)
            elif any(line.startswith("## ") for line in cell.source.splitlines()):
                found.append([])
        return found

    @contextmanager
    def open(self):
        with self.client.setup_kernel(env=self.settings):
            yield psutil.Process(self.client.km.provisioner.pid)

    def run(self, number):
        """Run a cell; return its error, or in what it differs from its stored output."""
        cell = self.cells[number]
        self.client.execute_cell(cell, number)
        for output in cell.outputs:
            if output.output_type == "error":
                return f"{output.ename}: {output.evalue}"
        if self.stored[number] is None or self.stored[number] == printed(cell):
            return None
        return f"prints {printed(cell)} instead of {self.stored[number]}"

    def wrong(self, numbers, allowed=None, random=True):
        """Run cells; return what is wrong by id, but no error with the words `allowed`."""
        found = [(self.cells[n].id, self.run(n)) for n in numbers]
        return [(name, what) for name, what in found
                if what and not (allowed and allowed in what)
                and not (random and name in RANDOM and what.startswith("prints"))]


@every_chapter("01")
def test_fault_every_cell_is_run_twice(path):
    desk = Desk(path)
    with desk.open():
        assert not desk.wrong([n for n in desk.code for _ in range(2)], allowed=AGAIN)


@every_chapter("01")
def test_fault_a_chapter_is_run_twice_in_one_kernel(path):
    desk = Desk(path)
    with desk.open():
        assert not desk.wrong(desk.code * 2, random=False)


@every_chapter("01")
def test_fault_sections_are_run_in_reverse_order(path):
    """Names that are missing stop a section; what is left of later ones does not mislead it."""
    desk = Desk(path)
    set_up, *sections = desk.sections()
    with desk.open():
        assert not desk.wrong(set_up)
        for section in reversed(sections):
            for number in section:
                if (what := desk.run(number)) and FIRST in what:
                    break
                assert not what or desk.cells[number].id in RANDOM, (desk.cells[number].id, what)


@every_chapter("01")
def test_fault_the_kernel_is_killed_in_the_middle(path):
    """A restart leaves no process, and the chapter then runs from its start as if nothing was."""
    desk = Desk(path)
    with desk.open() as kernel:
        desk.wrong(desk.code[:len(desk.code) * 2 // 3])
        children = kernel.children(recursive=True)
        run_sync(desk.client.km.restart_kernel)(now=True)
        run_sync(desk.client.kc.wait_for_ready)(timeout=60)
        until = time.monotonic() + 30
        while any(map(alive, children)) and time.monotonic() < until:
            time.sleep(0.1)
        assert not [child for child in children if alive(child)]
        assert not desk.wrong(desk.code, random=False)


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def held(process):
    """Bytes of a process; what several share is counted once."""
    try:
        memory = process.memory_full_info()
        return getattr(memory, "pss", memory.uss)
    except psutil.Error:  # it has just ended
        return 0


@every_chapter("01")
def test_fault_a_laptop_with_little_memory(path, capsys):
    """Kernel and ranks hold less than 2 GB together, in the profile that tests were called with."""
    desk, peak, done = Desk(path, COURSE_PROFILE=PROFILE), 0, threading.Event()

    def watch(kernel):
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, sum(map(held, [kernel, *kernel.children(recursive=True)])))

    with desk.open() as kernel:
        watcher = threading.Thread(target=watch, args=(kernel,))
        watcher.start()
        wrong = desk.wrong(desk.code, random=False)
        done.set()
        watcher.join()
    with capsys.disabled():
        print(f" chapter {number(path)}, {PROFILE}: {peak / GB:.2f} GB ", end="")
    assert not wrong and 0.1 * GB < peak < 2 * GB


def in_a_copy(path, folder, *before, **settings):
    """Run nbval on a chapter in a copy of the course; return what it says."""
    course = folder / "mein kurs ü"
    (course / "book").mkdir(parents=True)
    shutil.copy(path, course / "book")
    shutil.copytree(ROOT / "helpers", course / "helpers",
                    ignore=shutil.ignore_patterns("__pycache__"))
    if "HOME" in settings:
        for inside in [course, *course.rglob("*")]:
            inside.chmod(0o555 if inside.is_dir() else 0o444)
    command = [*before, sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env",
               "--nbval-cell-timeout=300", "-p", "no:cacheprovider", str(course / "book")]
    environment = os.environ | SETTINGS | {"PYTHONPATH": str(course)} | settings
    done = subprocess.run(command, cwd=course, capture_output=True, check=False, env={
        k: v for k, v in environment.items() if v})
    for inside in [course, *course.rglob("*")]:
        inside.chmod(0o755)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]


@every_chapter("01")
def test_fault_a_folder_with_a_blank_and_an_umlaut(path, tmp_path):
    in_a_copy(path, tmp_path)


@pytest.fixture
def latin1(tmp_path):
    """The settings of a terminal in Latin-1."""
    name, made = "de_DE.ISO-8859-1", tmp_path / "locales"
    made.mkdir()
    if not shutil.which("localedef") or subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(made / name)],
            capture_output=True, check=False).returncode > 1:
        pytest.skip("no localedef here, or no sources of locales: a Latin-1 cannot be made")
    return {"LOCPATH": str(made), "LC_ALL": name, "PYTHONUTF8": "", "PYTHONIOENCODING": ""}


@every_chapter("01")
def test_fault_a_terminal_in_latin_1(path, tmp_path, latin1):
    in_a_copy(path, tmp_path, **latin1)


@every_chapter("01")
def test_fault_neither_course_nor_home_can_be_written_to(path, tmp_path):
    if (words := without_root_rights()) is None:
        pytest.skip("root may write anywhere, and there is no setpriv here")
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    in_a_copy(path, tmp_path, *words, HOME=str(home), COURSE_DATA="")


@every_chapter()
def test_fault_no_network(path, tmp_path):
    """Only the loopback is left; nobody has said so, and no data are there."""
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    alone = ["unshare", "--net", *rights, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("unshare and ip are not here, or may not take the network away")
    in_a_copy(path, tmp_path, *alone, COURSE_OFFLINE="", COURSE_DATA=str(tmp_path / "data"))


def test_the_sample_and_the_lists_name_cells_and_chapters_that_exist():
    ids = {cell.id for path in CHAPTERS for cell in nbformat.read(path, 4).cells}
    assert ids >= RANDOM and all(Path(p).exists() for p in CHAPTERS)
