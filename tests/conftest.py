"""Every test runs on the stand-in and in the smoke profile unless it says otherwise."""

import os
import signal
from pathlib import Path

import pytest
from serving import opener, served
from support import REAL_DATA, SMOKE, build_site

from helpers import load_cifar10
from helpers.data import cifar10
from helpers.data import standin as standin_images
from tools import browser

os.environ.pop("MPLBACKEND", None)  # whatever it names, tests draw without a screen
WHOLE = standin_images.draw.__defaults__

# A shell starts its background jobs with Ctrl-C ignored, and so would be what tests start there.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Mark what `make check` leaves out: by fixture, and all that launches processes."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "site" in fixtures:
            item.add_marker("site")
        if {"chromium", "real_folder", "nothing_is_left", "whole_standin"} & {*fixtures}:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    for name, value in {**SMOKE, "COURSE_OFFLINE": "1", "TQDM_DISABLE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("COURSE_DEVICE", raising=False)


@pytest.fixture(scope="session", autouse=True)
def few_images():
    """Whatever loads the stand-in in this process gets a small one: it takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standin_images.draw, "__defaults__", (6_000, 1_000, 0))
        yield


@pytest.fixture(scope="session")
def standin(few_images):
    """A small stand-in: 5,000 training, 1,000 validation, 1,000 test images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "VALIDATION", 1_000)
        patch.setenv("COURSE_DATA", "stand-in")
        return load_cifar10(verbose=False)


@pytest.fixture(scope="session")
def whole_standin():
    """The whole stand-in, drawn once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "stand-in")
        patch.setattr(standin_images.draw, "__defaults__", WHOLE)
        return load_cifar10(verbose=False)


@pytest.fixture(scope="session")
def real_folder() -> str:
    """The folder with the real CIFAR-10, or a skip that says how to name one."""
    if not REAL_DATA or not Path(REAL_DATA).is_dir():
        pytest.skip("the real CIFAR-10 is not at hand: name its folder in COURSE_DATA")
    return REAL_DATA


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the smoke site on the stand-in; COURSE_SITE names one that is ready."""
    if "COURSE_SITE" in os.environ:  # as in `make test`, where several workers share it
        ready = Path(os.environ["COURSE_SITE"])
        assert (ready / "objects.inv").exists(), (
            f"No site in {ready}: its build failed, or was not run.")
        return ready
    output = tmp_path_factory.mktemp("site")
    build = build_site(output)
    assert build.returncode == 0, build.stdout[-3000:] + build.stderr[-3000:]
    return output / "_build" / "html"


@pytest.fixture(scope="session")
def server(site):
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    if browser.path() is None:
        pytest.skip("no Chromium here: install the system's package `chromium` for these tests")
    with browser.chromium() as started:
        yield started


@pytest.fixture
def open_page(chromium, server):
    """Open a page: `open_page(path, width=…, scheme=…)`; the browser's complaints fail the test.

    Other settings are those of a context of Playwright: has_touch, reduced_motion and so on.
    """
    yield from opener(chromium, server)
