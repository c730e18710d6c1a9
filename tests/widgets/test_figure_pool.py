"""The pooling explorer in Python."""

import pytest
import torch
import torch.nn.functional as F

from helpers import PoolExplorer


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_is_pytorchs(mode):
    figure = PoolExplorer(torch.randn(7, 8), mode=mode, kernel_size=3, padding=1, ceil_mode=True)
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    assert figure.stride == 3
    assert figure.output.equal(pool(figure.input[None, None], 3, 3, 1, ceil_mode=True)[0, 0])


@pytest.mark.parametrize("settings", [
    {}, {"kernel_size": 3, "stride": 1}, {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 4, "stride": 3, "ceil_mode": True}])
def test_what_a_shift_leaves_as_it_is_is_counted_by_pytorch(settings):
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 4, (8, 9), generator=generator).float()
    figure = PoolExplorer(image, **settings)
    assert figure.shown.equal(image)
    found, outputs = figure.unchanged(), {}
    for mode in ("max", "average"):
        figure.mode = mode
        for figure.shift in (False, True):
            outputs[mode, figure.shift] = figure.output
        same = outputs[mode, False].isclose(outputs[mode, True]).sum().item()
        assert found[mode] == (same, figure.output.numel()) and found == figure.unchanged()
    assert figure.shown[:, 0].equal(image[:, 0]) and figure.shown[:, 1:].equal(image[:, :-1])
    assert figure.input.equal(image), "the input is not touched"
    assert f"{found['max'][0]} with max" in figure.to_html()


def test_a_stride_alone_takes_the_first_pixel_of_each_window():
    image = torch.arange(16.0).view(4, 4)
    image[:, 1] = image[:, 0]  # the shift moves the same number there
    assert PoolExplorer(image).unchanged()["stride alone"] == (2, 4)
    assert PoolExplorer(image, stride=1).unchanged()["stride alone"] == (6, 9)
    assert PoolExplorer(torch.ones(5, 5)).unchanged() == dict.fromkeys(
        ("max", "average", "stride alone"), (4, 4))
