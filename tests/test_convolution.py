"""Sizes, receptive fields and kernels against PyTorch and scikit-image."""

import itertools
import random
import warnings
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import filters
from torch import nn

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


COUNTS = [pytest.param(1_000, id="sample"),
          pytest.param(30_000, id="full", marks=pytest.mark.long)]
ODD = (2.0, 3.5, None, "same", "valid", "Same", "2", (), (1, 2, 3), [2, 1], (2.0, 1),
       ("same", 0), float("nan"), np.float64(2), torch.tensor(2.0))


def drawn(rng: random.Random, low: int, high: int):
    """A setting: mostly a number or a pair, now and then what it could be by mistake."""
    if rng.random() < 0.05:
        return rng.choice(ODD)
    low -= rng.random() < 0.05
    pair = (rng.randint(low, high), rng.randint(low, high))
    return rng.choice((pair[0], pair[0], pair, list(pair), pair[:1]))


def convolved_in_two_axes(image, *settings):
    with warnings.catch_warnings():  # about a kernel of no pixels
        warnings.simplefilter("ignore")
        return nn.Conv2d(1, 1, *settings)(image)


def agree(ours, theirs, said) -> bool:
    """Both give one shape, or both refuse, we in one sentence; whether it was refused."""
    try:
        shape = tuple(theirs().shape[2:])
    except (RuntimeError, TypeError, ValueError):
        with pytest.raises(ValueError, match=r"^[^\n]{20,300}\.$"):
            pytest.fail(f"{said} gives {ours()}, and PyTorch refuses it")
        return True
    assert ours() == shape, said
    return False


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("pooling", [False, True], ids=["convolution", "pooling"])
def test_fault_f35_random_settings_have_pytorchs_size_or_are_refused(count, pooling):
    rng, refused = random.Random(0), 0
    for _ in range(count):
        size = (rng.randint(1, 9), rng.randint(1, 9))
        kernel, dilation = drawn(rng, 1, 4), drawn(rng, 1, 3)
        stride = None if pooling and rng.random() < 0.2 else drawn(rng, 1, 3)
        words = ("same", "valid") if rng.random() < 0.2 and not pooling else ()
        padding = rng.choice(words) if words else drawn(rng, 0, 2)
        image, given = torch.zeros(1, 1, *size), (kernel, stride, padding, dilation)
        if pooling:
            ceil = rng.random() < 0.5
            theirs = partial(F.max_pool2d, image, *given, ceil_mode=ceil)
            ours = partial(pool_out_size, size, *given, ceil)
        else:
            sides = kernel * 2 if isinstance(kernel, tuple) and len(kernel) == 1 else kernel
            theirs = partial(convolved_in_two_axes, image, sides, *given[1:])
            ours = partial(conv_out_size, size, *given)
        refused += agree(ours, theirs, given)
    assert count / 5 < refused < count * 0.8


@pytest.mark.parametrize("count", COUNTS)
def test_fault_f35_receptive_fields_are_those_of_gradients(count):
    """Of an output in the middle of a long input: the first and the last pixel that it reads."""
    rng = random.Random(1)
    for _ in range(count // 10):
        layers = []
        for _ in range(rng.randint(1, 3)):
            kernel, stride, dilation = rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3)
            padding = rng.choice(("same", "valid", 0, 1, 2))
            layers.append((kernel, 1 if padding == "same" else stride, padding, dilation))
        x = image = torch.zeros(1, 1, 301, requires_grad=True)
        for kernel, stride, padding, dilation in layers:
            weight = torch.ones(1, 1, kernel)
            x = F.conv1d(x, weight, None, stride, padding, dilation)
        place, field = x.shape[2] // 2, receptive_field(layers)
        x[0, 0, place].backward()
        read = image.grad[0, 0].nonzero()
        first = field.start + place * field.jump
        assert (read.min(), read.max()) == (first, first + field.size - 1), layers


@pytest.mark.parametrize("layers", [
    [(0,)], [(3, 0)], [(3, 1, -1)], [(3, 1, 0, 0)], [(3.5,)], [3.0], [(True,)], [()], [None],
    [(3, 1, 0, 1, 1)], "LeNet", 3, None, [(3, 2, "same")], [(3, 1, "half")], [((3, 5),)]], ids=str)
def test_fault_f35_what_is_no_stack_of_layers_is_refused(layers):
    with pytest.raises(ValueError, match=r"^[^\n]{20,300}\.$"):
        receptive_field(layers)


def test_fault_f35_sizes_are_whole_numbers_or_tuples_of_them():
    assert conv_out_size(32, 3, 1, "same") == 32 and conv_out_size(32, 4, padding="valid") == 29
    assert conv_out_size(32, (3, 5)) == (30, 28) and conv_out_size((32,), 3) == (30,)
    assert receptive_field([3, 3]) == receptive_field(iter([(3,), (3,)])) == (5, 1, 0)
    assert pool_out_size(32, 2) == 16 and pool_out_size((32, 9), (2, 3)) == (16, 3)
    assert type(conv_out_size(np.int64(9), np.int32(3), torch.tensor(2))) is int
    for call in (lambda: conv_out_size(32, 3, 2.0), lambda: conv_out_size(32, True),
                 lambda: conv_out_size(0, 1), lambda: pool_out_size(32, 2, 2, "same"),
                 lambda: pool_out_size(32, 2, ceil_mode=1),
                 lambda: conv_out_size((9, 9), (3, 3, 3)),
                 lambda: pool_out_size(9, ()), lambda: conv_out_size(9, 3, stride=())):
        with pytest.raises(ValueError, match=r"^[^\n]{20,300}\.$"):
            call()


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
