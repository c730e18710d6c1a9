"""The gradients by layer in Python, and the training monitor, with `fit` and alone."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import GradientFlow, LeNet, TrainingMonitor, fit
from helpers.training.history import TrainingStopped
from helpers.widgets import DEPTHS, BadValue


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_gradients_are_those_of_a_network_that_pytorch_sets_up(kind):
    """The same network, layer by layer as `nn` makes it with its default weights."""
    figure = GradientFlow(4, seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        settings = {"padding": 1, "dtype": torch.float64}
        classify = nn.Linear(8, 10, dtype=torch.float64)
        layers = [nn.Conv2d(3, 8, 3, **settings),
                  *(nn.Conv2d(8, 8, 3, **settings) for _ in range(4))]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, 3, 8, 8, generator=generator, dtype=torch.float64)
    x = layers[0](images).relu()
    for first, second in ((1, 2), (3, 4)):
        out = layers[second](layers[first](x).relu())
        x = (x + out).relu() if kind == "residual" else out.relu()
    loss = F.cross_entropy(classify(x.mean((2, 3))),
                           torch.randint(0, 10, (16,), generator=generator))
    loss.backward()
    expected = torch.stack([layer.weight.grad.norm() for layer in layers[1:]])
    torch.testing.assert_close(figure.norms(kind), expected, rtol=5.1e-3, atol=0)
    assert figure.loss(kind) == pytest.approx(loss.item(), rel=5.1e-3)


def test_gradients_show_what_chapter_7_says():
    def ends(figure, kind):
        norms = figure.norms(kind)
        assert norms.shape == (figure.depth,)
        return (norms[0] / norms[-1]).item()

    figure = GradientFlow()
    for depth in DEPTHS:
        figure.depth = depth
        figure.norm, figure.weights = "none", "default"
        assert 0.1 < ends(figure, "residual") < 1
        figure.norm = "batch norm"
        assert 0.9 < ends(figure, "residual") < 30
    assert ends(figure, "plain") > 1000, "with batch norm, it grows towards the first layers"
    figure.norm = "none"
    assert ends(figure, "plain") < 1e-25, "without, it is lost on the way"
    figure.weights = "He"
    assert 0.1 < ends(figure, "plain") < 100 and figure.loss("plain") < 2.4
    assert figure.norms("residual").min() > 1000 and figure.loss("residual") > 1000, (
        "the sum grows from block to block")


def test_a_network_that_no_gradient_gets_through():
    figure = GradientFlow(8, seed=11)
    assert figure.norms("plain")[:7].eq(0).all() and figure.norms("plain")[7] > 0
    with pytest.raises(BadValue, match="seed="):
        figure.seed = 12
    with pytest.raises(BadValue, match="one of 2, 4"):
        figure.depth = 10
    assert (figure.depth, figure.seed) == (8, 11)


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
    monkeypatch.setattr(TrainingMonitor, "is_due", lambda self: True)
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
