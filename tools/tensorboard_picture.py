"""Take chapter 9's picture of TensorBoard: its runs on CIFAR-10, logged and opened as it says.

    COURSE_DATA=… .venv/bin/python tools/tensorboard_picture.py
"""

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
CELLS = ("set-up", "schedules-set-up", "warmup-cosine", "schedules", "tensorboard")


def main() -> int:
    """Run the cells that log, and save what Chromium shows of TensorBoard on their folder."""
    import tensorboard.program

    from tools import browser
    from tools.notebooks import cell

    if not browser.path():
        print("This needs Chromium.")
        return 1
    os.environ["COURSE_PROFILE"] = "cpu"
    names: dict = {"scratch": tempfile.TemporaryDirectory()}
    for text in CELLS:
        exec(cell("09", text), names)
    if "stand-in" in names["data"].source:
        print("This needs the real CIFAR-10: name its folder in COURSE_DATA.")
        return 1
    board = tensorboard.program.TensorBoard()
    board.configure(logdir=str(names["logs"]), host="127.0.0.1", port=0)
    address = board.launch()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.path(), args=browser.FLAGS)
        page = chromium.new_page(viewport={"width": 1600, "height": 660})
        page.goto(f"{address}#timeseries")
        page.wait_for_timeout(6000)
        page.get_by_role("button", name="Settings").click()  # closes them: three charts find room
        page.get_by_role("combobox", name="Filter tags (regex)").fill("epoch")
        page.keyboard.press("Escape")  # closes the list of what fits
        page.wait_for_timeout(3000)
        page.screenshot(path=ROOT / "helpers" / "plots" / "tensorboard.png")
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
