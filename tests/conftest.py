"""Every test runs on the stand-in and in the smoke profile unless it says otherwise."""

import functools
import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urljoin

import pytest
from support import REAL_DATA, ROOT

from helpers import load_cifar10
from tools import browser

# A shell starts its background jobs with Ctrl-C ignored, and so would be what the tests start from
# there.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Mark what `make check` leaves out: by fixture, and all that launches processes."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "site" in fixtures:
            item.add_marker("site")
        if {"chromium", "real_folder", "nothing_is_left"} & {*fixtures}:
            item.add_marker("slow")


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


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of the site in the smoke profile on the stand-in.

    COURSE_SITE names a ready one.
    """
    if "COURSE_SITE" in os.environ:  # as in `make test`, where several workers share it
        ready = Path(os.environ["COURSE_SITE"])
        assert (ready / "objects.inv").exists(), (
            f"No site in {ready}: its build failed, or was not run.")
        return ready
    output = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "COURSE_PROFILE": "smoke", "COURSE_DATA": "stand-in",
                   "NO_COLOR": "1"}
    build = subprocess.run([sys.executable, str(ROOT / "tools" / "book.py"), "--output",
                            str(output)],
                           env=environment, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout[-3000:] + build.stderr[-3000:]
    return output / "_build" / "html"


@pytest.fixture(scope="session")
def server(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                  functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=http_server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http_server.server_port}/"
    http_server.shutdown()


@pytest.fixture(scope="session")
def chromium():
    if browser.path() is None:
        pytest.skip("no Chromium here: install the system's package `chromium` to run the browser "
                    "tests")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser.path(), args=browser.FLAGS)
        yield started
        started.close()


@pytest.fixture
def open_page(chromium, server):
    """Open a page: `open_page(path, width=…, scheme=…)`; the browser's complaints fail the test.

    Other settings are those of a context of Playwright: has_touch, reduced_motion and so on.
    """
    complaints, contexts = [], []

    def start(path, width=1280, scheme="light", **settings):
        context = chromium.new_context(viewport={"width": width, "height": 900},
                                       color_scheme=scheme, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("request", lambda r: complaints.append(f"outside: {r.url}")
                if not r.url.startswith((server, "data:", "blob:")) else None)
        page.goto(urljoin(server, path), wait_until="load")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not complaints
