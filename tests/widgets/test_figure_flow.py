"""The gradients by layer in Python."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import GradientFlow
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
