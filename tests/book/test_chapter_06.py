"""Chapter 6: batch normalization and BN-LeNet by hand."""

import copy

import pytest
import torch
import torch.nn.functional as F
from support import define, from_one_seed
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


def test_batch_norm_by_hand_refuses_one_number_per_feature_as_pytorch_does():
    mine = define("06", "batch-norm", nn=nn, torch=torch)["BatchNorm"](3)
    for layer in (mine, nn.BatchNorm1d(3)):
        with pytest.raises(ValueError):
            layer(torch.randn(1, 3))


@pytest.mark.parametrize("bias", [False, True])
def test_a_folded_pair_is_what_pytorch_folds(bias):
    fold = define("06", "fold", nn=nn, torch=torch, copy=copy)["fold"]
    conv, bn = nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4)
    for _ in range(5):
        bn(conv(2 * torch.randn(8, 3, 6, 6) + 1))
    nn.init.normal_(bn.weight)
    nn.init.normal_(bn.bias)
    mine, theirs = fold(conv, bn), fuse_conv_bn_eval(conv.eval(), bn.eval())
    torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    images = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(mine(images), bn(conv(images)))


def test_the_version_with_two_faults_has_them():
    tempting = define("06d", "tempting", nn=nn, torch=torch)["Tempting"](3).eval()
    assert not tempting(torch.randn(1, 3)).any() and list(tempting.state_dict()) == [
        "weight", "bias"]


def test_noise_behind_a_normalization_stands_still_in_evaluation():
    layer = nn.BatchNorm1d(3)
    noisy, x = define("06b", "noisy-norm", nn=nn, torch=torch)["Noisy"](layer), torch.randn(8, 3)
    assert not noisy(x).equal(noisy(x))
    noisy.eval()
    assert noisy(x).equal(layer(x))
