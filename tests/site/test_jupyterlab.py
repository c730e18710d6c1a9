"""A figure in a real JupyterLab: moved in the browser, read by Python, and the other way round."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from support import ROOT

CELLS = ["from helpers import ConvExplorer\nfigure = ConvExplorer(\"edge\")\nfigure",
         "print('read', figure.stride, tuple(figure.output.shape), figure.input[0, 0].item())",
         "figure.kernel = [[0, 2], [0, 0]]",
         "try:\n    figure.dilation = 9\nexcept ValueError as error:\n    print('refused:', error)"]
# Of other figures: a preset to press, what Python reads before and after it, and what it then sets.
OTHERS = {
    "NetworkExplorer": ("back: what moves it", "figure.mode", "forward", "back",
                        "figure.mode = 'forward'"),
    "GradientDescent": ("noise, falling rate", "figure.schedule, figure.noise, figure.steps",
                        "constant 0.0 25", "CosineAnnealingLR 1.0 120", "figure.noise = 0.5"),
    "Clinic": ("slow or stuck", "figure.ward", "all eight", "slow or stuck",
               "figure.ward = 'all eight'"),
    "BatchNormExplorer": ("2 images a batch", "figure.batch_size", "16", "2",
                          "figure.batch_size = 64"),
    "AllReduce": ("8 ranks", "figure.processes, figure.steps", "4 6", "8 14",
                  "figure.processes = 3"),
}


def cells_of(kind: str) -> list[str]:
    _, read, *_, change = OTHERS[kind]
    return [f"from helpers.widgets import {kind}\nfigure = {kind}()\nfigure",
            f"print('read', {read})", change]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab on a free port with a notebook for each figure; give its address."""
    folder = tmp_path_factory.mktemp("lab")
    for name, sources in {"figure": CELLS, **{kind: cells_of(kind) for kind in OTHERS}}.items():
        notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, sources)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3",
                                           "language": "python"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config"),
                   "JUPYTER_RUNTIME_DIR": str(folder / "run"), "PYTHONPATH": str(ROOT),
                   "PATH": path}
    log = (folder / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ip=127.0.0.1",
         "--allow-root", "--IdentityProvider.token=x", f"--ServerApp.root_dir={folder}",
         "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
         "--LabApp.news_url=None"],
        env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=x",
                                            timeout=2) as answer:
                    assert json.load(answer)["version"]
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail((folder / "log").read_text()[-2000:])
        # a workspace for each: else what was open before is opened again
        yield f"http://127.0.0.1:{port}/lab/workspaces/{{0}}/tree/{{0}}.ipynb?token=x".format
    finally:
        server.terminate()
        server.wait(20)
        log.close()


class Opened:
    """A notebook in JupyterLab."""

    def __init__(self, chromium, address: str):
        self.context = chromium.new_context(viewport={"width": 1400, "height": 1600})
        self.tab, self.ours = self.context.new_page(), []
        self.tab.on("pageerror",
                    lambda error: self.ours.append(str(error)) if "ctr" in str(error) else None)
        # on a busy computer, about a kernel that is late
        asked = self.tab.locator("dialog.jp-Dialog")
        self.tab.add_locator_handler(asked, lambda: (
            print("JupyterLab asks:", asked.inner_text()),
            asked.locator(".jp-mod-accept").click()))
        self.tab.goto(address)
        self.cells = self.tab.locator(".jp-Notebook .jp-CodeCell")
        self.cells.first.wait_for(timeout=90_000)
        # The kernel has to be there before the first cell is run.
        self.tab.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(
            timeout=90_000, state="attached")

    def run(self, index: int) -> list[str]:
        """Run a cell; return what it gave."""
        prompt = self.cells.nth(index).locator(".jp-InputPrompt").first
        for _ in range(10):  # while JupyterLab is still starting, a key may go nowhere
            self.cells.nth(index).locator(".cm-content").click()
            self.tab.keyboard.press("Control+Enter")
            self.tab.wait_for_timeout(1_000)
            if prompt.inner_text() != "[ ]:":
                break
        self.tab.wait_for_function(
            """i => /\\[\\d+\\]/.test(document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i]
            .querySelector('.jp-InputPrompt').innerText)""", arg=index, timeout=90_000)
        return self.cells.nth(index).locator(".jp-OutputArea-output").all_inner_texts()


@pytest.fixture
def opened(lab, chromium):
    """Open a notebook: `opened("figure")`."""
    made = []

    def start(name: str) -> Opened:
        made.append(Opened(chromium, lab(name)))
        return made[-1]
    yield start
    for one in made:
        one.context.close()


@pytest.mark.parametrize("kind", OTHERS)
def test_a_preset_reaches_python_and_python_the_page(opened, kind):
    preset, _, before, after, _ = OTHERS[kind]
    page = opened(kind)
    page.run(0)
    card = page.tab.locator(".ctr-card")
    card.wait_for(timeout=60_000)
    assert page.run(1)[0].strip() == f"read {before}"
    button = card.get_by_role("button", name=preset, exact=True)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    page.run(1)
    told = "text => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1].innerText" \
           ".includes(text)"
    page.tab.wait_for_function(told, arg=f"read {after}")
    page.run(2)
    page.tab.wait_for_function("""name => [...document.querySelectorAll(".ctr-preset")].find(
        (one) => one.innerText === name).getAttribute("aria-pressed") === "false" """, arg=preset)
    assert card.locator("svg[role=img], canvas").count() and not card.get_by_role(
        "alert").inner_text()
    assert not page.ours


def test_browser_and_python_see_the_same_figure(opened):
    page = opened("figure")
    tab, cells, run = page.tab, page.cells, page.run
    run(0)
    figure = tab.locator(".ctr")
    figure.wait_for(timeout=60_000)
    figure.get_by_role("slider", name="stride", exact=True).focus()
    tab.keyboard.press("ArrowRight")  # JupyterLab must not take the key for its own
    cell = figure.locator("[role=grid][aria-label=input] [role=gridcell]").first
    cell.click()
    tab.keyboard.type("4.5")
    tab.keyboard.press("Enter")
    assert run(1)[0].strip() == "read 2 (3, 3) 4.5"
    run(2)
    tab.wait_for_function("document.querySelectorAll('.ctr [aria-label=kernel] "
                          "[role=gridcell]').length === 4")
    corner = figure.locator("[role=grid][aria-label=output] [role=gridcell]").first
    assert corner.get_attribute("aria-label") == "row 0, column 0: 0"
    pressed = figure.locator(".ctr-c-kernel[aria-pressed=true]")
    assert not pressed.count(), "this kernel is none of the gallery"
    assert run(3)[0].startswith("refused: dilation must be a whole number from 1 to 4")
    assert figure.get_by_role("slider", name="dilation").input_value() == "1"
    card = tab.locator(".ctr-card")
    assert not card.get_by_role("button", name="copy link").count(), "it has no address here"
    assert card.get_by_role("button", name="full screen").count() == 1
    card.get_by_role("button", name="reset").click()
    assert figure.get_by_role("slider", name="stride", exact=True).input_value() == "1"
    run(1)
    tab.wait_for_function("document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1]"
                          ".innerText.includes('read 1 (6, 6) 0.0')")
    assert cells.count() == len(CELLS) and not page.ours
