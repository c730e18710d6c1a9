"""Chapter 3: output sizes and receptive fields."""

import torch
from support import define

import helpers


def test_sizes_and_fields_by_hand_are_those_of_helpers():
    out_size = define("03", "conv-out-size")["conv_out_size"]
    field = define("03", "receptive-field")["receptive_field"]
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        n, k, s, p, d = (int(torch.randint(1, high, (), generator=generator))
                         for high in (30, 6, 4, 4, 4))
        if d * (k - 1) < n + 2 * p:
            assert out_size(n, k, s, p, d) == helpers.conv_out_size(n, k, s, p, d)
        layers = torch.randint(1, 5, (3, 4), generator=generator).tolist()
        assert field(layers) == helpers.receptive_field(layers)
