"""The small book, built once: `small_page` opens its pages."""

import json
import os
from types import SimpleNamespace

import pytest
import small_book
from filelock import FileLock
from serving import opener, served


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The folder of the small site, built once for all workers, and what is in it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small book"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (folder / "built.json").exists():
            small_book.write(folder)
            done = small_book.build(folder)
            said = f"{done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            (folder / "built.json").write_text(json.dumps(said), encoding="utf-8")
    said = json.loads((folder / "built.json").read_text(encoding="utf-8"))
    assert said.startswith("0\n"), said
    return SimpleNamespace(folder=folder, html=folder / "_build" / "html")


@pytest.fixture(scope="session")
def small_server(small):
    with served(small.html) as address:
        yield address


@pytest.fixture
def small_page(chromium, small_server):
    """Open a page of the small book, as `open_page` does."""
    yield from opener(chromium, small_server)
