"""Chapter 4: the sizes that pooling gives, and the figure that page 4a asks."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from support import define

import helpers


def test_sizes_by_hand_are_those_of_helpers():
    pool_size = define("04a", "pool-out-size", math=math)["pool_out_size"]
    for n, k, s, p, d, ceil in itertools.product(range(1, 14), range(1, 6), range(1, 4), range(3),
                                                 range(1, 4), (False, True)):
        if 2 * p <= k and d * (k - 1) < n:
            assert pool_size(n, k, s, p, d, ceil) == helpers.pool_out_size(n, k, s, p, d, ceil)


@pytest.mark.parametrize("settings", [
    {}, {"shift": True}, {"mode": "average", "padding": 1, "count_include_pad": False},
    {"mode": "average", "shift": True, "kernel_size": 3, "stride": 2, "ceil_mode": True}])
def test_whatever_a_reader_sets_the_figure_of_4a_is_pytorchs(settings, capsys):
    define("04a", "figure-agrees", torch=torch, F=F, explorer=helpers.PoolExplorer(**settings))
    assert "agree" in capsys.readouterr().out


def test_a_shift_leaves_the_outputs_that_the_chapter_says():
    opened, overlapping = (helpers.PoolExplorer(kernel_size=k, stride=s).unchanged()
                           for k, s in ((2, 2), (3, 1)))
    assert opened == {"max": (4, 9), "average": (1, 9), "stride alone": (4, 9)}
    assert (overlapping["max"], overlapping["average"]) == ((12, 16), (2, 16))
