"""Odd environments change nothing of what the public functions do."""

import os
import subprocess
import sys

import pytest
from support import ROOT

SCRIPT = """
import torch
from support import noise
import helpers
from helpers import *

device, data = get_device(), noise(20)
torch.manual_seed(0)
model = LeNet()
history = fit(model, data.batches(10), data, epochs=1,
              optimizer=torch.optim.SGD(model.parameters(), 0.01))
print(history, data, conv_out_size(32, 5), seconds_per_call(int, budget=0.001) > 0)
figures = [plot_history(history)[0], plot_lines([1], {"ü": [1]}, "x", "×"),
           show_images(load_photo("chelsea", 32)[None], ["✓"])[0, 0],
           show_predictions(model, data, 2)[0, 0], show_maps(torch.eye(3)[None])[0, 0]]
for ax in figures:
    ax.figure.canvas.draw()
for kind in (ConvExplorer, PoolExplorer, ReceptiveField, ScheduleExplorer, AllReduce,
             BatchNormExplorer, AugmentPlayground):
    assert "</table>" in kind().to_html()
print(read_json("lenet.json").keys() and "all done")
"""
CASES = {
    "latin-1 and a start-up file": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
                                    "PYTHONIOENCODING": "iso-8859-1",
                                    "PYTHONSTARTUP": "{tmp}/start.py"},
    "matplotlibrc and a home that cannot be written": {
        "MATPLOTLIBRC": "{tmp}", "HOME": "/proc/nobody", "XDG_CACHE_HOME": "/proc/nobody"},
}


@pytest.mark.slow  # a Python of its own for each
@pytest.mark.parametrize("environment", CASES.values(), ids=CASES)
def test_fault_of_environment_changes_nothing(environment, tmp_path):
    """A file that is opened without an encoding is read otherwise elsewhere, and an error here."""
    (tmp_path / "start.py").write_text("raise SystemExit('start-up')", encoding="utf-8")
    (tmp_path / "matplotlibrc").write_text(
        "backend: nonsense\nimage.origin: lower\ntext.usetex: True\nfont.family: No Such\n"
        "figure.autolayout: True\n", encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    ours = {name: value.format(tmp=tmp_path) for name, value in environment.items()}
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, sys.path)])
    done = subprocess.run([sys.executable, "-X", "warn_default_encoding",
                           "-W", "error::EncodingWarning:helpers", tmp_path / "script.py"],
                          cwd=tmp_path, capture_output=True, check=False, encoding="iso-8859-1",
                          env={**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": path, **ours})
    assert done.returncode == 0 and done.stdout.endswith("all done\n"), done.stderr[-2000:]
