"""Chapter 6: batch normalization and BN-LeNet by hand."""

import pytest
import torch
import torch.nn.functional as F
from support import define, from_one_seed
from torch import nn

import helpers


@pytest.mark.parametrize("width, channels", [(1, 3), (2, 1)])
def test_bnlenet_by_hand_is_the_one_of_helpers(width, channels):
    by_hand = define("06", "bn-lenet", nn=nn, F=F)["BNLeNet"]
    mine, ours = from_one_seed((by_hand, helpers.BNLeNet), channels, 10, width)
    images = torch.randn(4, channels, 32, 32)
    assert mine(images).equal(ours(images)) and list(mine.state_dict()) == list(ours.state_dict())


@pytest.mark.parametrize("shape", [(16, 3), (8, 4, 5, 5), (3, 2, 1, 7)])
def test_batch_norm_by_hand_is_pytorchs_over_many_steps(shape):
    names = define("06", "batch-axes", torch=torch, F=F, normalize=lambda x, axes: (
        x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + 1e-5).sqrt())
    mine = define("06", "batch-norm", nn=nn, **names)["BatchNorm"](shape[1])
    theirs = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(shape[1])
    for _ in range(20):
        x = 3 * torch.randn(shape) - 1
        torch.testing.assert_close(mine(x), theirs(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    torch.testing.assert_close(mine.eval()(x), theirs.eval()(x))
