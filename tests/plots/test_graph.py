"""Drawings of modules say what the modules compute."""

import pytest
import torch
import torch.nn.functional as F
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from support import define
from torch import nn

import helpers
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


class Depends(nn.Module):
    def forward(self, x):
        return x.neg() if x.sum() > 0 else x.abs()


@pytest.mark.parametrize("sign, does", [(1, "neg"), (-1, "abs")])
def test_what_depends_on_its_values_is_drawn_for_those_it_gets(sign, does):
    (ax,) = draw_modules({"net": Depends()}, sign * torch.ones(1, 3))
    assert drawn(ax) == (["x\n3", f"{does}\n3"], 1, 0)


@pytest.mark.parametrize("net", [helpers.ResidualBlock(3, 8), helpers.ResNet(1),
                                 helpers.FastResNet(), helpers.LeNet(), helpers.BNLeNet()])
def test_the_networks_of_the_course_can_be_drawn(net):
    (ax,) = draw_modules({"net": net}, torch.rand(1, 3, 32, 32))
    texts, _, red = drawn(ax)
    assert texts[0] == "x\n3 × 32 × 32" and texts.count("+") <= red


def test_what_returns_no_tensor_is_refused_in_a_sentence():
    class Two(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(ValueError, match="Two cannot be drawn: it returns tuple, and a drawing"):
        draw_modules({"net": Two()}, torch.rand(2, 3))


def test_a_step_that_writes_over_its_input_follows_it():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.Flatten())
    (ax,) = draw_modules({"net": net}, torch.rand(1, 1, 2, 2))
    assert drawn(ax)[0] == ["x\n1 × 2 × 2", "1 × 1 convolution\n2 × 2 × 2", "ReLU\n2 × 2 × 2",
                            "flatten\n8"]
