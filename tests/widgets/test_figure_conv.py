"""The convolution explorer in Python: numbers, photographs, refusals."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets

from helpers import KERNELS, ConvExplorer, load_photo
from helpers.convolution import conv_out_size
from helpers.widgets import PATTERNS, BadValue


def test_output_is_what_conv2d_gives_for_what_can_be_read():
    figure = ConvExplorer(torch.rand(9, 7), KERNELS["laplacian"], stride=2, padding=1)
    expected = F.conv2d(figure.input[None, None], figure.kernel[None, None], stride=2,
                        padding=1)[0, 0]
    assert figure.output.equal(expected) and figure.output.shape == (5, 4)
    figure.stride = 1
    assert figure.output.shape == (9, 7)
    figure.kernel[0, 0] = 100  # a copy
    assert figure.kernel.equal(torch.tensor(KERNELS["laplacian"]))


def test_it_opens_with_a_photograph_and_with_numbers_where_there_are_some():
    figure, numbers = ConvExplorer(), ConvExplorer("dot")
    assert (figure.view, numbers.view, numbers.photo) == ("picture", "numbers", None)
    assert figure.photo.shape == (96, 96) and figure.output.shape == (94, 94)
    theirs = F.conv2d(figure.photo[None, None], figure.kernel[None, None])[0, 0]
    assert figure.output.equal(theirs)
    figure.view = "numbers"
    assert figure.output.shape == (6, 6) and figure.input.equal(torch.tensor(PATTERNS["edge"]))
    both = ConvExplorer("square", photo="coins", view="numbers", padding=1)
    assert both.output.shape == (8, 8) and both.photo.shape == (76, 96)
    assert ConvExplorer(photo=None).view == "numbers"
    figure.photo[0, 0] = 7  # a copy
    assert figure.photo.max() <= 1


@pytest.mark.parametrize("value", [
    [[1, 2], [3, 4]], np.eye(3), torch.ones(2, 3, dtype=torch.uint8), ((0.5,),),
    torch.ones(2, 2, requires_grad=True), np.array([[True, False]])])
def test_all_that_is_a_matrix_is_taken(value):
    kernel = ConvExplorer("edge", kernel=value).kernel
    assert kernel.dtype == torch.float32 and kernel.ndim == 2 and not kernel.requires_grad


@pytest.mark.parametrize("image, shape", [
    (torch.rand(40, 60), (40, 60)), (torch.rand(1, 20, 20), (20, 20)),
    (torch.rand(3, 300, 200), (96, 64)), (np.random.rand(16, 96), (16, 96)),
    (torch.randint(256, (3, 32, 32), dtype=torch.uint8), (32, 32)), ("chelsea", (64, 96))])
def test_images_are_made_gray_and_small_and_come_back_from_a_saved_state(image, shape):
    figure = ConvExplorer(photo=image)
    assert figure.photo.shape == shape and 0 <= figure.photo.min() <= figure.photo.max() <= 1
    state = json.loads(json.dumps(figure.page_state()))
    assert ConvExplorer.from_state(state).photo.equal(figure.photo)
    assert len(state["photo"]["data"]) <= 4 * -(-shape[0] * shape[1] // 3)


def test_a_photograph_keeps_its_brightness():
    image = torch.rand(3, 24, 24)
    weights = torch.tensor([0.299, 0.587, 0.114])
    gray = (image * weights[:, None, None]).sum(0)
    torch.testing.assert_close(ConvExplorer(photo=image).photo, gray, atol=0.5 / 255 + 1e-6, rtol=0)
    small = load_photo("camera", 96, gray=True)[0]
    torch.testing.assert_close(ConvExplorer(photo="camera").photo, small, atol=0.02, rtol=0)


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
    ("input", [[1.0]], "fits nowhere"), ("view", "picture", "photo='astronaut'"),
    ("view", "both", "one of"), ("photo", "mona lisa", "astronaut"), ("photo", 3, "a tensor"),
    ("photo", torch.rand(15, 40), "at least 16"), ("photo", torch.rand(2, 32, 32), "shape"),
    ("photo", torch.rand(4, 3, 32, 32), "shape"), ("photo", torch.rand(2000, 20), "too long"),
    ("photo", torch.full((20, 20), 1.5), "from 0 to 1"), ("photo", torch.ones(20, 20).long(),
                                                          "uint8"),
    ("photo", {"height": 20, "width": 20, "data": "AAAA"}, "as a notebook saves it"),
    ("photo", {"height": 1, "width": 3, "data": "AAAA"}, "16 × 16"), ("photo", {}, "saves it")])
def test_bad_values_are_refused_in_one_sentence_and_the_last_good_state_is_kept(name, value, word):
    figure = ConvExplorer("edge")
    before = figure.get_state()
    with pytest.raises(BadValue) as problem:
        setattr(figure, name, value)
    assert word in str(problem.value) and str(problem.value).count("\n") == 0
    assert isinstance(problem.value, ValueError) and isinstance(problem.value, traitlets.TraitError)
    assert figure.get_state() == before and figure.output.shape == (6, 6)


def test_what_must_fit_is_what_is_shown():
    figure = ConvExplorer()
    figure.dilation = 4  # too far for the 8 x 8 numbers
    with pytest.raises(BadValue, match="fits nowhere"):
        figure.view = "numbers"
    assert figure.view == "picture" and figure.output.shape == (88, 88)
    with pytest.raises(BadValue, match="Without a photo"):
        figure.photo = None


def test_values_that_only_fit_together_are_set_together():
    figure = ConvExplorer("edge")
    with figure.hold_trait_notifications():
        figure.kernel, figure.padding, figure.dilation = torch.ones(5, 5), 4, 3
    assert figure.output.shape == (4, 4)
    with pytest.raises(BadValue, match="fits nowhere"), figure.hold_trait_notifications():
        figure.padding, figure.stride = 0, 3
    assert (figure.padding, figure.stride, figure.dilation) == (4, 1, 3)


@pytest.mark.parametrize("figure", [ConvExplorer(), ConvExplorer("edge")], ids=["photo", "numbers"])
def test_presets_fit_what_is_shown(figure):
    assert 2 <= len(figure.presets) <= 5 and figure.title and figure.caption and figure.challenge
    for values in figure.presets.values():
        with figure.hold_trait_notifications():
            for name, value in values.items():
                setattr(figure, name, value)
        size = conv_out_size(len(figure.photo if figure.view == "picture" else figure.input), 3,
                             figure.stride, figure.padding, figure.dilation)
        assert figure.output.shape == (size, size)


def test_without_javascript_a_photograph_is_told_by_its_sizes_and_extremes():
    figure = ConvExplorer(stride=2)
    told = figure.to_html()
    assert "96 × 96" in told and "47 × 47" in told and f"{figure.output.min():.4g}" in told
    assert told.count("<table>") == 2 and ConvExplorer("edge").to_html().count("<table>") == 3
