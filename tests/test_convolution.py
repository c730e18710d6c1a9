"""Sizes, receptive fields and kernels against PyTorch and scikit-image."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import filters

from helpers import KERNELS, conv_out_size, load_photo, pool_out_size, receptive_field


def works(call) -> bool:
    try:
        call()
    except RuntimeError:
        return False
    return True


def test_conv_out_size_is_pytorchs_and_refuses_what_pytorch_refuses():
    refused = 0
    for n, k, s, p, d in itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3),
                                           range(1, 4)):
        image, kernel = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
        if works(lambda i=image, w=kernel, a=(None, s, p, d): F.conv1d(i, w, *a)):
            assert conv_out_size(n, k, s, p, d) == F.conv1d(image, kernel, None, s, p, d).shape[2]
        else:
            refused += 1
            with pytest.raises(ValueError, match="fits nowhere"):
                conv_out_size(n, k, s, p, d)
    assert refused > 20


def test_pool_out_size_is_pytorchs_and_refuses_what_pytorch_refuses():
    refused = 0
    settings = itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3), (1, 2),
                                 (False, True))
    for n, k, s, p, d, ceil in settings:
        image = torch.zeros(1, 1, n)
        try:
            theirs = F.max_pool1d(image, k, s, p, d, ceil).shape[2]
        except RuntimeError:
            refused += 1
            with pytest.raises(ValueError, match="window"):
                pool_out_size(n, k, s, p, d, ceil)
        else:
            assert pool_out_size(n, k, s, p, d, ceil) == theirs, (n, k, s, p, d, ceil)
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
    for bad in (lambda: load_photo("lena"), lambda: load_photo("camera", 600),
                lambda: load_photo("camera", 0)):
        with pytest.raises(ValueError, match="There are|shorter side"):
            bad()
