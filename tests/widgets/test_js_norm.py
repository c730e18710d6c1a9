"""Batch normalization in JavaScript, against PyTorch: both modes, running statistics, the trail."""

import pytest
import torch
from torch import nn
from widget_support import compared, draw, real, run_js

from helpers import BatchNormExplorer
from helpers.widgets import BadValue


def drawn(g, **settings) -> BatchNormExplorer:
    return BatchNormExplorer(
        gamma=real(g, -3, 3), beta=real(g, -4, 4), shift=real(g, -6, 6), scale=real(g, 0, 4),
        batch_size=draw(g, 2, 300), draws=draw(g, 0, 50), running_mean=real(g, -5, 5),
        running_var=real(g, 0, 9), **settings)


@compared("norm", """(() => {
    const values = figure.batchOf(now), kept = figure.updated(now, values);
    return [...figure.batchNorm(values, now), kept.running_mean, kept.running_var]; })()""", 6)
def test_batch_normalization_equals_pytorchs(g):
    figure = drawn(g, training=bool(draw(g, 0, 1)))
    now, before = figure.page_state(), figure.output[:, 0]
    figure.training = True
    figure.draws -= 1
    figure.next_batch()  # of the same numbers
    return now, torch.cat([before, torch.tensor([figure.running_mean, figure.running_var])])


@compared("norm", """(() => {
    let state = now;
    for (let k = 0; k < now.count; k++) state = { ...state, ...figure.nextBatch(state) };
    const values = figure.batchOf(state);
    return [state.running_mean, state.running_var, figure.gapOf(values, state), state.draws,
      ...state.trail.flat(), ...values]; })()""", 7,
          counts=[pytest.param(100, id="sample"),
                  pytest.param(1_500, id="full", marks=pytest.mark.long)])
def test_batches_one_after_the_other_move_the_layer_of_pytorch(g):
    figure, count = drawn(g), draw(g, 1, 12)
    now = {**figure.page_state(), "count": count}
    layer = nn.BatchNorm1d(1).double()
    with torch.no_grad():
        for into, value in ((layer.weight, figure.gamma), (layer.bias, figure.beta),
                            (layer.running_mean, figure.running_mean),
                            (layer.running_var, figure.running_var)):
            into.fill_(value)
        trail = []
        for _ in range(count):
            figure.draws += 1
            trained = layer(figure.input)
            trail += [figure.input.mean(), figure.input.var(), layer.running_mean[0].clone(),
                      layer.running_var[0].clone()]
        gap = layer.eval()(figure.input).mean() - trained.mean()
    return now, torch.cat([layer.running_mean, layer.running_var,
                           torch.stack([gap, torch.tensor(float(figure.draws)), *trail]),
                           figure.input[:, 0]])


def test_evaluation_looks_at_batches_and_keeps_what_it_has():
    state = BatchNormExplorer(training=False, trail=[[1, 2, 3, 4]]).page_state()
    assert run_js("norm", "figure.nextBatch(now)", [state]) == [{"draws": 1}]


def test_the_trail_forgets_what_is_long_ago():
    state = BatchNormExplorer(trail=[[float(n)] * 4 for n in range(60)]).page_state()
    ((first, last, count),) = run_js("norm", """(({ trail }) =>
        [trail[0][0], trail[59], trail.length])(figure.nextBatch(now))""", [state])
    figure = BatchNormExplorer()
    figure.next_batch()
    assert first == 1 and count == 60 and last == pytest.approx(figure.trail[0])


@pytest.mark.parametrize("change, word", [
    ({"batch_size": 1}, "2 to 512"), ({"batch_size": 2.5}, "2 to 512"), ({"gamma": 4}, "gamma"),
    ({"scale": None}, "scale"), ({"running_var": -1}, "running_var"),
    ({"running_mean": 1e4}, "running_mean"), ({"trail": [[1, 2]]}, "rows of four"),
    ({"trail": [[1, 2, 3, None]]}, "rows of four"), ({"trail": [[1] * 4] * 61}, "at most 60"),
    ({"trail": 3}, "rows of four")])
def test_bad_states_are_refused_in_the_page_and_in_python(change, word):
    state = BatchNormExplorer().page_state()
    good, said = run_js("norm", "figure.normProblem(now)", [state, {**state, **change}])
    assert good == "" and word in said
    with pytest.raises(BadValue):
        BatchNormExplorer.from_state({**state, **change})
