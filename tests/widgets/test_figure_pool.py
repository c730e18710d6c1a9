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
