"""Take a picture with the system's Chromium, on the real CIFAR-10: `site` or `tensorboard`.

    .venv/bin/python tools/pictures.py site         the README's, of the built site: make book first
    .venv/bin/python tools/pictures.py tensorboard  chapter 9's, of its runs, as the chapter says
"""

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "_build" / "html" / "book" / "05_lenet_on_cifar10.html"
RUNS = ("set-up", "schedules-set-up", "warmup-cosine", "schedules")  # of chapter 9


def site(page: Page) -> Path:
    """Open chapter 5 of the built site; return where its picture belongs."""
    if not PAGE.exists():
        sys.exit("This needs the built site: make book.")
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(PAGE.as_uri())
    page.locator("#something-to-wonder-about").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#something-to-wonder-about').scrollIntoView()")
    page.wait_for_timeout(1000)
    return ROOT / "book" / "figures" / "site.png"


def tensorboard(page: Page) -> Path:
    """Run the cells that log, open TensorBoard on them; return where its picture belongs."""
    import tensorboard.program

    from tools.notebooks import cell

    os.environ["COURSE_PROFILE"] = "cpu"
    names: dict = {"scratch": tempfile.TemporaryDirectory()}
    for name in RUNS:
        exec(cell("09", name), names)
    names["runs"] = names["by_schedule"]
    for name in ("set-up", "tensorboard"):  # of its deeper page
        exec(cell("09c", name), names)
    if "stand-in" in names["data"].source:
        sys.exit("This needs the real CIFAR-10: name its folder in COURSE_DATA.")
    board = tensorboard.program.TensorBoard()
    board.configure(logdir=str(names["logs"]), host="127.0.0.1", port=0)
    page.set_viewport_size({"width": 1600, "height": 660})
    page.goto(f"{board.launch()}#timeseries")
    page.wait_for_timeout(6000)
    page.get_by_role("button", name="Settings").click()  # closes them: three charts find room
    page.get_by_role("combobox", name="Filter tags (regex)").fill("epoch")
    page.keyboard.press("Escape")  # closes the list of what fits
    page.wait_for_timeout(3000)
    return ROOT / "helpers" / "plots" / "tensorboard.png"


def main() -> None:
    """Take the picture that is asked for."""
    from tools import browser

    if sys.argv[1:] not in (["site"], ["tensorboard"]) or not browser.path():
        sys.exit(f"{__doc__}\nIt needs Chromium.")
    with browser.chromium() as chromium:
        page = chromium.new_page()
        page.screenshot(path={"site": site, "tensorboard": tensorboard}[sys.argv[1]](page))


if __name__ == "__main__":
    main()
