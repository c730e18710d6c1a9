"""The pooling explorer, the receptive field and the graph in Python."""

import pytest
import torch
import torch.nn.functional as F

from helpers import AutogradGraph, PoolExplorer, ReceptiveField
from helpers.widgets import STACKS, BadValue


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_is_pytorchs(mode):
    figure = PoolExplorer(torch.randn(7, 8), mode=mode, kernel_size=3, padding=1, ceil_mode=True)
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    assert figure.stride == 3
    assert figure.output.equal(pool(figure.input[None, None], 3, 3, 1, ceil_mode=True)[0, 0])


def test_receptive_field_takes_short_layers_and_names():
    figure = ReceptiveField(layers=[(5,), (2, 2), (5,), (2, 2)], size=32)
    assert figure.layers == STACKS["LeNet"] == ReceptiveField("LeNet").layers
    assert figure.field == (16, 4, 0) and (figure.layer, figure.index) == (4, 2)
    with pytest.raises(BadValue, match="hold_trait_notifications"):
        figure.layer, figure.index = 4, 9
    with figure.hold_trait_notifications():
        figure.layer, figure.index = 1, 27
    assert figure.field.size == 5


def test_the_graph_has_the_values_and_gradients_of_autograd():
    def function(x, y):
        hidden = (x * y + x.sin()) ** 2
        return hidden / (1 - y)

    graph = AutogradGraph(function, x=2.0, y=-1.0)
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, -1.0))
    function(x, y).backward()
    assert graph.gradients["x"] == x.grad and graph.gradients["y"] == y.grad and graph.replayable
    labels = [node["label"] for node in graph.nodes][2:]
    assert labels == ["x × y", "sin(x)", "a + b", "c ^ 2", "1 − y", "d / e"]
    graph.inputs = {"x": 1.0, "y": 3.0}
    expected = function(torch.tensor(1.0), torch.tensor(3.0)).item()
    assert graph.nodes[-1]["value"] == [pytest.approx(expected)]
    with pytest.raises(BadValue, match="not a finite number"):
        graph.inputs = {"x": 1.0, "y": 1.0}
    assert graph.inputs == {"x": 1.0, "y": 3.0} and graph.nodes[1]["value"] == [3.0]


def test_what_the_page_cannot_compute_again_is_only_shown():
    assert not AutogradGraph(lambda x: (x @ x).sum(), x=torch.ones(2, 2)).replayable
    assert not AutogradGraph(lambda x: x * 2 if x > 0 else x * 3, x=1.0).replayable
    assert not AutogradGraph(lambda x: x.sum(0).sum(), x=torch.ones(2, 2)).replayable
    assert AutogradGraph(lambda x: (3 * (x + 2) ** 2).mean(), x=torch.ones(2, 2)).replayable
