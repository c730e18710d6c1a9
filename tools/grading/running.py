"""Running a submission: apart from others, with limits, and on to the next exercise if it dies."""

import contextlib
import copy
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade
from traitlets import Float, Integer

from helpers.exercises.grading import STUDENT
from helpers.exercises.known import PRIVATE, exercises

from . import isolation
from .course import ROOT

NAMED = re.compile(r'^(?:check|grade)\("(\w+)"', re.MULTILINE)


class ApartManager(AsyncKernelManager):
    """Starts a notebook's Python with other words before its command."""

    words_before: list[str] = []

    def format_kernel_cmd(self, extra_arguments=None):
        """Return the command."""
        return [*self.words_before, *super().format_kernel_cmd(extra_arguments)]


@contextlib.contextmanager
def _surroundings(student: str, scratch: Path) -> Iterator[None]:
    """Set what a submission's Python finds in its environment, for as long as it is started."""
    for name in ("work", "tmp", "cases"):
        (scratch / name).mkdir()
    values = {STUDENT: student, "COURSE_PROGRESS": "off", "COURSE_PROFILE": "smoke",
              "COURSE_DATA": "stand-in", "COURSE_OFFLINE": "1", "COURSE_DEVICE": "cpu",
              "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", "TMPDIR": str(scratch / "tmp"),
              "IPYTHONDIR": str(scratch / "ipython"), "PYTHONDONTWRITEBYTECODE": "1",
              "PYTHONPATH": os.pathsep.join(filter(None, [
                  str(ROOT), os.environ.get("PYTHONPATH")]))}
    if folder := os.environ.get(PRIVATE):
        for path in Path(folder).glob("*.py"):  # the cases, and not the tasks with their solutions
            shutil.copy(path, scratch / "cases")
        values[PRIVATE] = str(scratch / "cases")
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class RunApart(Execute):
    """nbgrader's Execute, with limits for the whole, and a new Python after one that was lost.

    A Python that ends, or hears no interrupt, costs the exercise in which it does so: a new one
    runs again what had worked before, and goes on with the next exercise.
    """

    seconds_per_cell = Float(20.0, help="for a cell of a submission").tag(config=True)
    seconds_per_submission = Float(
        60.0, help="for all of them, without checks and graded cells").tag(config=True)
    memory = Float(4.0, help="gigabytes, for its Python").tag(config=True)
    iopub_timeout = Integer(3, help="seconds to wait for what it says").tag(config=True)
    kernel_manager_class = ApartManager

    def preprocess(self, nb, resources, km=None):
        """Run every cell."""
        student, self._spent, self._notes = resources["nbgrader"]["student"], 0.0, []
        with tempfile.TemporaryDirectory(prefix="graded-", ignore_cleanup_errors=True) as folder:
            self._scratch = Path(folder).resolve()
            with _surroundings(student, self._scratch):
                NotebookClient.__init__(self, nb)
                self.kernel_manager_class, self.shutdown_kernel = ApartManager, "immediate"
                self.timeout_func, self.kernel_name = self._seconds, "python3"
                resources["metadata"]["path"] = str(self._scratch / "work")
                self._check_assign_resources(resources)
                self._run_all(nb.cells)
        resources["course_notes"] = self._notes
        return nb, resources

    def create_kernel_manager(self):
        """Return what starts Python, apart from others where this computer can do that."""
        manager = super().create_kernel_manager()
        assert isinstance(manager, ApartManager)
        words = isolation.words_before(Path.cwd(), self._scratch, self.memory)
        if words:
            manager.words_before = words
            manager.transport = "ipc"  # files: its network is another
            manager.connection_file = str(self._scratch / "k.json")
        elif os.name == "posix":
            limit = f'ulimit -d {int(self.memory * 2**20)} 2>/dev/null; exec "$@"'
            manager.words_before = ["sh", "-c", limit, "sh"]
        return manager

    def _seconds(self, cell) -> int:
        named = NAMED.search(cell.source)
        if named and (is_grade(cell) or len(cell.source.split("\n")) == 1):
            it = exercises().get(named[1])
            return 20 + int(2 * it.seconds) if it is not None else int(self.seconds_per_cell)
        return int(max(1, min(self.seconds_per_cell,
                              self.seconds_per_submission - self._spent)))

    def _run_all(self, cells) -> None:
        place, worked = 0, []
        while place < len(cells):
            with self.setup_kernel():
                assert self.kc is not None
                self.wait_for_reply(self.kc.kernel_info())
                place = self._run_from(cells, place, worked)

    def _run_from(self, cells, place: int, worked: list[int]) -> int:
        """Run cells until the last, or until Python is lost; return where to go on."""
        try:
            for again in worked:
                kept = cells[again]
                self.execute_cell(copy.deepcopy(kept), again)
                cells[again] = kept
            while place < len(cells):
                cell, started = cells[place], time.monotonic()
                if cell.cell_type == "code":
                    self.execute_cell(cell, place)
                    ended_well = not any(o.output_type == "error" for o in cell.outputs)
                    if not is_grade(cell):
                        self._spent += time.monotonic() - started
                        worked += [place] * ended_well
                place += 1
        except (DeadKernelError, CellTimeoutError) as lost:
            how = "ended" if isinstance(lost, DeadKernelError) else "could not be interrupted"
            self._notes.append(f"its Python {how} in cell {place + 1}")
            stop = next((i for i in range(place, len(cells)) if is_grade(cells[i])), len(cells))
            for cell in cells[place:stop + 1]:
                if cell.cell_type == "code":
                    cell.outputs.append(new_output(
                        "error", ename="Lost", evalue=f"Python {how}",
                        traceback=[f"Python {how} in this exercise. It was started anew "
                                   "for the next one."]))
            place = stop + 1
        return place
