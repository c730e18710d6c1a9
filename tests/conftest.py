"""Every test runs on the stand-in and in the smoke profile unless it says otherwise."""

import os
import shutil
from pathlib import Path

import pytest

from helpers import load_cifar10

ROOT = Path(__file__).parent.parent
REAL_DATA = os.environ.get("COURSE_DATA", "")  # as `make test` was called


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    monkeypatch.setenv("COURSE_DATA", "stand-in")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("COURSE_DEVICE", raising=False)


@pytest.fixture(scope="session")
def standin():
    """The whole stand-in, drawn once."""
    before = os.environ.get("COURSE_DATA")
    os.environ["COURSE_DATA"] = "stand-in"
    try:
        return load_cifar10(verbose=False)
    finally:
        if before is None:
            del os.environ["COURSE_DATA"]
        else:
            os.environ["COURSE_DATA"] = before


@pytest.fixture(scope="session")
def real_folder() -> str:
    """The folder with the real CIFAR-10, or a skip that says how to name one."""
    if not REAL_DATA or not Path(REAL_DATA).is_dir():
        pytest.skip("the real CIFAR-10 is not at hand: name its folder in COURSE_DATA")
    return REAL_DATA


def browser_path() -> str | None:
    """Where the system's Chromium is, if it has one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)
