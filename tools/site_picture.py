"""Take the README's picture of the built site: `make book` first, on the real CIFAR-10.

    .venv/bin/python tools/site_picture.py
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "_build" / "html" / "book" / "05_lenet_on_cifar10.html"


def main() -> int:
    """Open chapter 5 in the system's Chromium and save what it shows."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not PAGE.exists() or not chromium:
        print("This needs the built site (make book) and Chromium.")
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium,
                                             args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(PAGE.as_uri())
        page.locator("#something-to-wonder-about").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('#something-to-wonder-about').scrollIntoView()")
        page.wait_for_timeout(1000)
        page.screenshot(path=ROOT / "book" / "figures" / "site.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
