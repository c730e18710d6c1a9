"""What the tests of launches share: nothing may be left behind, whatever happens."""

import tempfile

import pytest

from helpers import keep_warm, launch, workers
from helpers.distributed.start import can_fork
from tests.distributed.processes import children, left_over


@pytest.fixture(scope="package", autouse=True)
def nobody_waits_afterwards():
    yield
    keep_warm(False)


@pytest.fixture(scope="module")
def way(request):
    """How launches start: warm, to save minutes, unless the test's parameter is "cold"."""
    return getattr(request, "param", "warm")


@pytest.fixture
def nothing_is_left(tmp_path, monkeypatch, way):
    """The test runs in an empty working folder and must leave no process, port, file or folder."""
    keep_warm(way == "warm")
    if way == "warm" and can_fork() and not children("forkserver"):
        launch(workers.hello, processes=1)  # which starts the process that waits
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(there))  # where no other program makes folders
    before = left_over()
    yield
    assert left_over() == before
    assert list(here.iterdir()) == []
