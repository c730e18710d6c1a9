"""The convolution and the pooling explorer in Python."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets

from helpers import KERNELS, ConvExplorer, PoolExplorer
from helpers.widgets import BadValue


def test_output_is_what_conv2d_gives_for_what_can_be_read():
    figure = ConvExplorer(torch.rand(9, 7), KERNELS["laplacian"], stride=2, padding=1)
    expected = F.conv2d(figure.input[None, None], figure.kernel[None, None], stride=2,
                        padding=1)[0, 0]
    assert figure.output.equal(expected) and figure.output.shape == (5, 4)
    figure.stride = 1
    assert figure.output.shape == (9, 7)
    figure.kernel[0, 0] = 100  # a copy
    assert figure.kernel.equal(torch.tensor(KERNELS["laplacian"]))


@pytest.mark.parametrize("value", [
    [[1, 2], [3, 4]], np.eye(3), torch.ones(2, 3, dtype=torch.uint8), ((0.5,),),
    torch.ones(2, 2, requires_grad=True), np.array([[True, False]])])
def test_all_that_is_a_matrix_is_taken(value):
    kernel = ConvExplorer(kernel=value).kernel
    assert kernel.dtype == torch.float32 and kernel.ndim == 2 and not kernel.requires_grad


@pytest.mark.parametrize("name, value, word", [
    ("kernel", [[1, 2], [3]], "rectangle"), ("kernel", [[float("nan")]], "nan"),
    ("kernel", [[float("inf")]], "inf"), ("kernel", "soble", "rows"), ("kernel", [["1"]], "'1'"),
    ("kernel", [], "rows"), ("kernel", [[]], "rows"), ("kernel", 3, "rows"),
    ("kernel", None, "rows"), ("kernel", [[None]], "None"),
    ("kernel", torch.ones(8, 8), "at most 7"), ("kernel", torch.ones(1, 3, 3), "two axes"),
    ("kernel", np.array([["a"]]), "'a'"), ("input", torch.ones(17, 3), "at most 16"),
    ("input", [[1e9]], "1,000,000"), ("stride", 0, "1 to 4"), ("stride", 5, "1 to 4"),
    ("stride", "2", "whole number"), ("stride", 1.0, "whole number"),
    ("stride", True, "whole number"), ("padding", -1, "0 to 4"), ("dilation", 4, "fits nowhere"),
    ("input", [[1.0]], "fits nowhere")])
def test_bad_values_are_refused_in_one_sentence_and_the_last_good_state_is_kept(name, value, word):
    figure = ConvExplorer()
    before = figure.get_state()
    with pytest.raises(BadValue) as problem:
        setattr(figure, name, value)
    assert word in str(problem.value) and str(problem.value).count("\n") == 0
    assert isinstance(problem.value, ValueError) and isinstance(problem.value, traitlets.TraitError)
    assert figure.get_state() == before and figure.output.shape == (6, 6)


def test_values_that_only_fit_together_are_set_together():
    figure = ConvExplorer()
    with figure.hold_trait_notifications():
        figure.kernel, figure.padding, figure.dilation = torch.ones(5, 5), 4, 3
    assert figure.output.shape == (4, 4)
    with pytest.raises(BadValue, match="fits nowhere"), figure.hold_trait_notifications():
        figure.padding, figure.stride = 0, 3
    assert (figure.padding, figure.stride, figure.dilation) == (4, 1, 3)


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_is_pytorchs(mode):
    figure = PoolExplorer(torch.randn(7, 8), mode=mode, kernel_size=3, padding=1, ceil_mode=True)
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    assert figure.stride == 3
    assert figure.output.equal(pool(figure.input[None, None], 3, 3, 1, ceil_mode=True)[0, 0])
