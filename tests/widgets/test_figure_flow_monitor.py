"""The gradients by layer in Python, and the training monitor, with `fit` and alone."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import GradientFlow, History, LeNet, TrainingMonitor, fit
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


def test_the_next_run_of_a_monitor_is_raced_against_the_last_ones(standin):
    monitor = TrainingMonitor()
    first = small_run(standin, monitor=monitor, verbose=False)
    assert monitor.runs == [] and len(monitor.epochs) == 2
    for count in range(1, 8):
        monitor.start(first, 2)
        assert monitor.epochs == [] and monitor.losses == []
        monitor.show_epochs(first)
        assert len(monitor.runs) == min(count, 5), "more lines say less"
    assert monitor.runs[0]["name"] == "run 3" and monitor.runs[-1]["epochs"] == monitor.epochs
    monitor.start(first, 2)
    monitor.start(first, 2)
    assert len(monitor.runs) == 5, "a run without an epoch leaves no line"


def test_runs_that_are_given_stand_by_what_all_have():
    slow = History(train_loss=[2.0, 1.5, 1.0], train_accuracy=[0.2, 0.4, 0.6],
                   val_loss=[2.1, 1.6, 1.2], val_accuracy=[0.2, 0.3, 0.5], seconds=[1.0] * 3)
    fast = History(train_loss=[1.0, 0.9], train_accuracy=[0.5, 0.55], val_loss=[1.4, 1.5],
                   val_accuracy=[0.4, 0.45], seconds=[1.0] * 2)
    blind = History(train_loss=[1.7], train_accuracy=[math.nan], seconds=[1.0])
    both = TrainingMonitor(runs={"fast": fast, "slow": slow})
    assert both.run_name == "slow" and len(both.epochs) == 3
    assert both.standings(1) == ("val_accuracy", [("fast", 1, 0.4), ("slow", 1, 0.2)])
    assert both.standings(9) == ("val_accuracy", [("slow", 3, 0.5), ("fast", 2, 0.45)])
    assert both.to_html().count("<table>") == 2 and "validation accuracy" in both.to_html()
    three = TrainingMonitor(slow, runs={"fast": fast, "blind": blind})
    assert three.standings(2) == ("train_loss", [
        ("fast", 2, 0.9), ("this run", 2, 1.5), ("blind", 1, 1.7)])
    again = TrainingMonitor.from_state(three.get_state())
    assert again.standings(2) == three.standings(2)
    for bad in ({"a": slow.val_loss}, {"a": slow.val_loss, "b": slow}, [slow], 5,
                {str(i): slow for i in range(7)}):
        with pytest.raises(BadValue, match=r"histories|at most 6 runs|list"):
            TrainingMonitor(runs=bad)
    with pytest.raises(BadValue, match="histories"):
        both.runs = [{"name": "a"}]
    assert both.standings(1) == ("val_accuracy", [("fast", 1, 0.4), ("slow", 1, 0.2)])
    assert TrainingMonitor().standings(1)[1] == []


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
