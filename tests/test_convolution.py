"""Sizes, receptive fields and kernels against PyTorch and scikit-image."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import filters

from helpers import KERNELS, conv_out_size, load_photo, pool_out_size, receptive_field


def convolved(image, kernel, *settings):
    return F.conv1d(image, torch.zeros(1, 1, kernel), None, *settings)


@pytest.mark.parametrize("ours, theirs, words, last", [
    (conv_out_size, convolved, "fits nowhere", [range(1, 4)]),
    (pool_out_size, F.max_pool1d, "window", [(1, 2), (False, True)])])
def test_sizes_are_pytorchs_and_what_pytorch_refuses_is_refused(ours, theirs, words, last):
    refused = 0
    for n, *settings in itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3), *last):
        try:
            size = theirs(torch.zeros(1, 1, n), *settings).shape[2]
        except RuntimeError:
            refused += 1
            with pytest.raises(ValueError, match=words):
                ours(n, *settings)
        else:
            assert ours(n, *settings) == size, (n, settings)
    assert refused > 20


@pytest.mark.parametrize("sizes", [(0, 1), (5, 0), (5, 3, 0), (5, 3, 1, -1), (5, 3, 1, 0, 0)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match="start at 1"):
        conv_out_size(*sizes)


def test_receptive_field_of_well_known_stacks():
    assert receptive_field([]) == (1, 1, 0)
    assert receptive_field([(3,)] * 3) == (7, 1, 0)
    assert receptive_field([(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)]) == (15, 1, -7)
    assert receptive_field([(7, 2, 3), (3, 2, 1)]) == (11, 4, -5)


@pytest.mark.parametrize("name, oracle, factor", [
    ("sobel", filters.sobel_v, 4), ("sobel_y", filters.sobel_h, 4),
    ("scharr", filters.scharr_v, 16), ("scharr_y", filters.scharr_h, 16)])
def test_edge_kernels_are_scikit_images(name, oracle, factor):
    """Up to the factor that scikit-image divides by, and to its direction."""
    image = load_photo("camera", 64)[0]
    ours = F.conv2d(image[None, None], torch.tensor(KERNELS[name])[None, None])[0, 0] / factor
    theirs = oracle(image.numpy())[1:-1, 1:-1]
    assert np.allclose(ours, theirs, atol=1e-5) or np.allclose(ours, -theirs, atol=1e-5)


def test_kernels_point_where_the_docs_say():
    ramp = torch.arange(3.0).expand(3, 3)
    for name in ("vertical", "sobel", "scharr"):
        assert (torch.tensor(KERNELS[name]) * ramp).sum() > 0
    for name in ("horizontal", "sobel_y", "scharr_y"):
        assert (torch.tensor(KERNELS[name]) * ramp.T).sum() > 0


def test_photographs():
    photo = load_photo("chelsea", 100)
    assert photo.shape == (3, 100, 150) and photo.dtype == torch.float32
    assert photo.min() >= 0 and photo.max() <= 1
    assert load_photo("camera").shape == (1, 512, 512)
    assert load_photo("coffee", gray=True).shape == (1, 400, 600)
    for bad in (("lena",), ("camera", 600), ("camera", 0)):
        with pytest.raises(ValueError, match="There are|shorter side"):
            load_photo(*bad)
