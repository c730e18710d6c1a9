"""The training monitor in Python, with `fit` and alone."""

import subprocess
import sys

import pytest
import torch

from helpers import LeNet, TrainingMonitor, fit
from helpers.training.history import TrainingStopped


def small_run(standin, **settings):
    torch.manual_seed(0)
    model = LeNet()
    return fit(model, standin.train.take(640).batches(64), standin.val.take(100), epochs=2,
                 optimizer=torch.optim.SGD(model.parameters(), lr=0.01), **settings)


def test_monitor_shows_the_curves_of_fit_and_changes_none(standin, capsys):
    monitor = TrainingMonitor()
    watched = small_run(standin, monitor=monitor)
    said = capsys.readouterr().out
    assert said.count("epoch  ") == 2, "without a notebook, each epoch is a line"
    plain = small_run(standin, verbose=False)
    assert watched.batch_loss == plain.batch_loss and watched.val_accuracy == plain.val_accuracy
    assert monitor.losses == pytest.approx(watched.batch_loss) and monitor.batches_per_epoch == 10
    assert [e["val_accuracy"] for e in monitor.epochs] == watched.val_accuracy
    assert not monitor.running and monitor.status.startswith("Finished: 2 epochs")
    assert "stand-in" in monitor.source


def test_monitor_draws_within_an_epoch(standin, monkeypatch):
    monitor, seen = TrainingMonitor(), []
    monkeypatch.setattr(monitor, "is_due", lambda: True)
    monitor.observe(lambda change: seen.append(len(change["new"])), "losses")
    small_run(standin, monitor=monitor)
    assert seen[1:] == list(range(1, 21)) or set(range(1, 21)) <= set(seen)
    assert len(monitor.losses) == 20


def test_monitor_halves_its_points_and_keeps_the_mean():
    monitor = TrainingMonitor()
    monitor.show_losses([float(i) for i in range(1600)])
    assert monitor.every == 8 and len(monitor.losses) == 200
    assert monitor.losses[0] == pytest.approx(3.5)
    assert sum(monitor.losses) / 200 == pytest.approx(799.5)


def test_monitor_tells_why_a_run_stopped(standin):
    monitor, model = TrainingMonitor(), LeNet()
    with pytest.raises(TrainingStopped):
        fit(model, iter(()), epochs=1, optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
              monitor=monitor)
    assert monitor.status.startswith("Stopped:") and "no batch" in monitor.status
    assert not monitor.running


@pytest.mark.slow
def test_helpers_can_be_imported_where_there_is_no_notebook():
    code = "import helpers; helpers.ConvExplorer().output; print(helpers.TrainingMonitor().status)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and done.stderr == "" and "Waiting" in done.stdout
