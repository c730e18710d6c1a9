"""Chapter 7: the residual block and the networks by hand."""

import pytest
import torch
import torch.nn.functional as F
from support import define, from_one_seed
from torch import nn

import helpers


@pytest.fixture(scope="module")
def by_hand():
    names = {"nn": nn, "F": F}
    for name in ("residual-block", "stage", "resnet", "fast-resnet"):
        names = define("07", name, **names)
    return names


@pytest.mark.parametrize("name, settings", [
    ("ResNet", {}), ("ResNet", {"blocks": 1, "widths": (8, 12, 16)}),
    ("FastResNet", {}), ("FastResNet", {"widths": (4, 8)})])
def test_networks_by_hand_are_those_of_helpers(by_hand, name, settings):
    mine, ours = from_one_seed((by_hand[name], getattr(helpers, name)), **settings)
    ours.load_state_dict(mine.state_dict())  # the layers are not all made in the same order
    assert list(mine.state_dict()) == list(ours.state_dict())
    images = torch.rand(4, 3, 32, 32)
    for mode in (True, False):
        assert mine.train(mode)(images).equal(ours.train(mode)(images))


@pytest.mark.parametrize("channels, stride", [(6, 1), (9, 1), (6, 2)])
def test_the_block_by_hand_is_that_of_helpers(by_hand, channels, stride):
    mine, ours = from_one_seed((by_hand["ResidualBlock"], helpers.ResidualBlock), 6, channels,
                               stride)
    x = torch.randn(4, 6, 7, 7)
    assert mine(x).equal(ours(x)) and mine.eval()(x).equal(ours.eval()(x))
