"""Drawings of modules say what the modules compute."""

import pytest
import torch
import torch.nn.functional as F
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from support import define
from torch import nn

from helpers import draw_modules


@pytest.fixture(scope="module")
def block():
    return define("07", "residual-block", nn=nn, F=F)["ResidualBlock"]


def drawn(ax):
    """Texts from above to below, and the arrows, red ones apart."""
    texts = sorted((t for t in ax.texts), key=lambda t: (-t.get_position()[1], t.get_position()[0]))
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    red = [a for a in arrows if a.get_edgecolor()[0] > 0.7]
    assert len(texts) == sum(isinstance(p, FancyBboxPatch) for p in ax.patches)
    return [t.get_text() for t in texts], len(arrows), len(red)


def test_a_block_and_its_shortcut(block):
    kept, changed = draw_modules({"kept": block(4, 4), "changed": block(4, 8, 2)},
                                 torch.rand(2, 4, 6, 6))
    assert kept.get_title() == "kept"
    assert drawn(kept) == (["x\n4 × 6 × 6", "3 × 3 convolution\n4 × 6 × 6",
                            "batch norm\n4 × 6 × 6", "ReLU\n4 × 6 × 6",
                            "3 × 3 convolution\n4 × 6 × 6", "batch norm\n4 × 6 × 6", "+",
                            "ReLU\n4 × 6 × 6"], 8, 1)
    texts, arrows, red = drawn(changed)
    assert texts[:3] == ["x\n4 × 6 × 6", "3 × 3 convolution, stride 2\n8 × 3 × 3",
                         "1 × 1 convolution, stride 2\n8 × 3 × 3"]
    assert (len(texts), arrows, red) == (10, 10, 2)


def test_closed_parts_are_one_box_and_the_module_stays_as_it_was(block):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), block(4, 4), block(4, 4), nn.Flatten()).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    (ax,) = draw_modules({"net": net}, torch.rand(1, 3, 8, 8), closed=(block,))
    assert drawn(ax) == (["x\n3 × 8 × 8", "3 × 3 convolution\n4 × 6 × 6",
                          "ResidualBlock\n4 × 6 × 6", "ResidualBlock\n4 × 6 × 6",
                          "flatten\n144"], 4, 0)
    assert all(one.training for one in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_depends_on_its_values_is_refused_in_a_sentence():
    class Depends(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match="Depends cannot be drawn: its forward looks at the values"):
        draw_modules({"net": Depends()}, torch.rand(1, 3))
