"""The system's Chromium, as tests, pictures and benchmarks start it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def path() -> str | None:
    """Return where Chromium is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator:
    """Start Chromium, as Playwright's `Browser`, and close it afterwards."""
    from playwright.sync_api import sync_playwright  # here: most tests do without it

    with sync_playwright() as playwright, playwright.chromium.launch(
            executable_path=path(), args=FLAGS) as started:
        yield started
