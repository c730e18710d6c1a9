"""A plugin of pytest: nbval runs what a learner gets who solves nothing, and the site shows it.

    pytest -p tools.nbval_cache --site-cache _build/smoke --nbval … book

nbval compares what the kernel sends and forgets it. Here the same messages are also handed to
nbclient, which makes of them the notebook that a run of its own would have left, widgets included.
A notebook in which a cell failed is not kept: the build then runs it itself, and says what failed.

In place of each solution its starter runs. The page shows no verdict, so its outputs are the same;
and no later cell may need an answer. That the solutions are right is proven in tests/exercises.
"""

from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbval.plugin import IPyNbCell, IPyNbFile

from tools.exercises import is_exercise, starter
from tools.sphinx.course_site import cache_folder

ROOT = Path(__file__).parent.parent


class Recording:
    """The executed notebook that grows while nbval runs the cells of `file`."""

    def __init__(self, file: IPyNbFile):
        self.notebook = deepcopy(file.nb)
        self.client = NotebookClient(self.notebook, record_timing=False)
        self.client.reset_execution_trackers()
        self.client.clear_before_next_output = False
        self.code = [(index, cell) for index, cell in enumerate(self.notebook.cells)
                     if cell.cell_type == "code"]
        for number, (_, cell) in enumerate(self.code):
            cell.outputs, cell.execution_count = [], number + 1
        self.number = 0
        self.failed = False
        self._get_message = file.get_kernel_message
        file.get_kernel_message = self.get_message

    def get_message(self, timeout: float | None = None, stream: str = "iopub") -> dict:
        """Hand a message of the kernel to nbclient, too."""
        message = self._get_message(timeout=timeout, stream=stream)
        index, cell = self.code[self.number]
        count = cell.execution_count
        with suppress(CellExecutionComplete):
            self.client.process_message(message, cell, index)
        cell.execution_count = count  # nbval asks the kernel not to count
        return message

    def save(self, path: Path, folder: Path) -> None:
        """Put the notebook into the cache."""
        self.client.set_widgets_metadata()
        bundle = CacheBundleIn(self.notebook, str(path), data={"run by": "nbval"})
        get_cache(folder).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


class SiteCache:
    """Keeps a recording of each notebook, and saves it after its last cell."""

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items):
        """Take the solutions out of what will run; what is saved keeps the author's cells."""
        for item in items:
            if isinstance(item, IPyNbCell) and is_exercise(item.cell.source):
                item.cell = deepcopy(item.cell)
                item.cell.source = starter(item.cell.source)

    def __init__(self, folder: Path):
        self.folder, self.recordings = folder, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        """Record one cell."""
        if not isinstance(item, IPyNbCell):
            return (yield)
        if item.parent not in self.recordings:
            self.recordings[item.parent] = Recording(item.parent)
        recording = self.recordings[item.parent]
        recording.number = item.cell_num
        try:
            return (yield)
        except BaseException:
            recording.failed = True
            raise

    @pytest.hookimpl
    def pytest_runtest_teardown(self, item, nextitem):
        """Save a notebook of which no cell is left."""
        recording = self.recordings.get(item.parent)
        if recording and (nextitem is None or nextitem.parent is not item.parent):
            if not recording.failed and recording.number == len(recording.code) - 1:
                recording.save(item.path, self.folder)
            del self.recordings[item.parent]


def pytest_addoption(parser):
    """Add the option that switches the plugin on."""
    parser.addoption("--site-cache", type=Path, help="keep what is run for the site that "
                     "tools/book.py builds with --output FOLDER")


def pytest_configure(config):
    """Register with pytest."""
    if output := config.getoption("--site-cache"):
        config.pluginmanager.register(SiteCache(cache_folder(ROOT, output / "_build" / "html")))
