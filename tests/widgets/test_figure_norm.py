"""The batch normalization explorer in Python: the layer's own numbers, the gap, the trail."""

import json

import pytest
import torch
from torch import nn

from helpers import BatchNormExplorer
from helpers.widgets import BadValue


def layer_of(figure) -> nn.BatchNorm1d:
    """A new layer with the figure's γ and β."""
    layer = nn.BatchNorm1d(1).double()
    with torch.no_grad():
        layer.weight.fill_(figure.gamma)
        layer.bias.fill_(figure.beta)
    return layer


@pytest.mark.parametrize("size", [2, 8, 256])
def test_it_is_batch_norm_in_both_modes_over_many_batches(size):
    figure = BatchNormExplorer(batch_size=size, gamma=-1.5, beta=0.5, scale=0.7)
    layer = layer_of(figure)
    with torch.no_grad():
        for _ in range(30):
            figure.next_batch()
            assert layer(figure.input).allclose(figure.output)
            assert figure.running_mean == pytest.approx(layer.running_mean.item(), abs=1e-12)
            assert figure.running_var == pytest.approx(layer.running_var.item(), abs=1e-12)
        trained, figure.training = figure.output, False
        evaluated = layer.eval()(figure.input)
    assert evaluated.allclose(figure.output)
    assert figure.gap == pytest.approx((evaluated.mean() - trained.mean()).item(), abs=1e-12)
    before = figure.running_mean, figure.running_var, figure.trail
    figure.next_batch()
    assert before == (figure.running_mean, figure.running_var, figure.trail), "it only looks"


def test_the_trail_has_the_last_batches_and_the_running_statistics_after_each():
    figure = BatchNormExplorer(batch_size=4)
    for count in range(1, 71):
        figure.next_batch()
        mean, var, *running = figure.trail[-1]
        assert mean == pytest.approx(figure.input.mean().item())
        assert var == pytest.approx(figure.input.var().item())
        assert running == [figure.running_mean, figure.running_var]
        assert len(figure.trail) == min(count, 60)
    figure.trail[0][0] = 7  # a copy
    assert figure.trail[0][0] != 7
    again = BatchNormExplorer.from_state(json.loads(json.dumps(figure.page_state())))
    assert again.trail == figure.trail and again.gap == figure.gap


def test_it_opens_with_a_gap_that_twenty_batches_close():
    figure = BatchNormExplorer()
    assert figure.training and not figure.trail and abs(figure.gap) > 3
    for _ in range(20):
        figure.next_batch()
    assert abs(figure.gap) < 0.5


def test_presets_are_states_that_training_leads_to():
    presets, gaps = BatchNormExplorer.presets, {}
    for name, values in presets.items():
        figure = BatchNormExplorer(**values)
        gaps[name] = abs(figure.gap)
        again = BatchNormExplorer(**{n: values[n] for n in ("batch_size", "scale")})
        for _ in range(values["draws"]):
            again.next_batch()
        assert again.running_mean == pytest.approx(figure.running_mean, abs=1e-5)
        torch.testing.assert_close(torch.tensor(again.trail), torch.tensor(figure.trail),
                                   atol=1e-5, rtol=0)
    assert gaps["256 images a batch"] < 0.1 < 0.5 < gaps["2 images a batch"]
    assert min(gaps["a new layer"], gaps["darker images"]) > 2
    assert len(json.dumps(presets)) < 12_000, "they travel with the page"


@pytest.mark.parametrize("trail", [[[1, 2, 3]], [[1, 2, 3, float("nan")]], [["1", 2, 3, 4]],
                                   [[0.0] * 4] * 61, "none", None, 3, {"a": 1}])
def test_a_trail_that_is_none_is_refused(trail):
    figure = BatchNormExplorer(trail=[[1, 2, 3, 4]])
    with pytest.raises(BadValue, match="rows of four numbers"):
        figure.trail = trail
    assert figure.trail == [[1.0, 2.0, 3.0, 4.0]]
    figure.trail = []


def test_without_javascript_both_modes_are_in_the_table():
    figure = BatchNormExplorer(gamma=2.0, beta=1.0)
    text = figure.to_html()
    for mode in (True, False):
        figure.training = mode
        assert f"<td>{figure.output.mean().item():.4g}</td>" in text
        assert f"<td>{figure.output.std(correction=0).item():.4g}</td>" in text
