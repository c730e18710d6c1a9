"""Chapter 4: the sizes that pooling gives."""

import itertools
import math

from support import define

import helpers


def test_sizes_by_hand_are_those_of_helpers():
    pool_size = define("04a", "pool-out-size", math=math)["pool_out_size"]
    for n, k, s, p, d, ceil in itertools.product(range(1, 14), range(1, 6), range(1, 4), range(3),
                                                 range(1, 4), (False, True)):
        if 2 * p <= k and d * (k - 1) < n:
            assert pool_size(n, k, s, p, d, ceil) == helpers.pool_out_size(n, k, s, p, d, ceil)
