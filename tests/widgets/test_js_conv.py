"""Convolutions, photographs and the numbers in cells in JavaScript, against PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import assert_equal, compared, draw, number, run_js

from helpers import KERNELS, ConvExplorer
from helpers.data.photos import NAMES
from helpers.widgets import BadValue

LIMITS = ConvExplorer("edge").limits
PHOTOS = {name: ConvExplorer(photo=name) for name in NAMES[:4]}
KNOWN = "figure.convProblem(now) ? null : "


def or_none(*arguments, **settings):
    """The one map of the result, or None where PyTorch refuses."""
    try:
        return F.conv2d(*arguments, **settings)[0, 0]
    except RuntimeError:
        return None


def drawn(g) -> tuple[torch.Tensor, dict]:
    """A random kernel, and random settings."""
    kernel = torch.randn(draw(g, 1, 7), draw(g, 1, 7), generator=g, dtype=torch.float64)
    return kernel, {"stride": draw(g, 1, 4), "padding": draw(g, 0, 4), "dilation": draw(g, 1, 4)}


@compared("conv", f"{KNOWN}figure.conv2d(now)", 1, refused=(0.05, 0.6))
def test_convolution_of_numbers_equals_pytorchs(g):
    image = torch.randn(draw(g, 1, 16), draw(g, 1, 16), generator=g, dtype=torch.float64)
    kernel, settings = drawn(g)
    now = {"input": image.tolist(), "kernel": kernel.tolist(), "limits": LIMITS, "view": "numbers",
           "photo": None, **settings}
    return now, or_none(image[None, None], kernel[None, None], **settings)


@compared("conv", f"{KNOWN}figure.conv2d({{ ...now, input: figure.laidOn(now) }})", 2,
          refused=(0.01, 0.4), counts=[pytest.param(60, id="sample"),
                                       pytest.param(600, id="full", marks=pytest.mark.long)])
def test_convolution_of_photographs_equals_pytorchs(g):
    """Real ones and noise, as the page gets them; those that are small may be too small."""
    if draw(g, 0, 1):
        figure = PHOTOS[NAMES[draw(g, 0, 3)]]
    else:
        shape = [draw(g, 16, 24), draw(g, 16, 96)]
        figure = ConvExplorer(photo=torch.rand(shape, generator=g))
    kernel, settings = drawn(g)
    now = {**figure.page_state(), "kernel": kernel.tolist(), **settings}
    photo = (figure.photo * 255).round().double() / 255
    return now, or_none(photo[None, None], kernel[None, None], **settings)


@compared("conv", "figure.patch(now, now.row, now.column).map((r) => r.map((p) => p.value))", 3)
def test_the_patch_is_what_the_output_reads(g):
    image = torch.randn(draw(g, 7, 12), draw(g, 7, 12), generator=g, dtype=torch.float64)
    k, padding, dilation = draw(g, 1, 3), draw(g, 0, 3), draw(g, 1, 3)
    stride = draw(g, 1, 3)
    patches = F.unfold(image[None, None], k, dilation, padding, stride)[0]
    columns = (image.shape[1] + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    at = draw(g, 0, patches.shape[1] - 1)
    now = {"input": image.tolist(), "kernel": torch.ones(k, k).tolist(), "stride": stride,
           "padding": padding, "dilation": dilation, "row": at // columns, "column": at % columns}
    return now, patches[:, at].reshape(k, k)


@compared("conv", "figure.onlyCorners(now)", 4, assert_equal)
def test_a_kernel_for_corners_sees_no_edge_that_runs_along_an_axis(g):
    k = draw(g, 2, 5)
    kernel = torch.randn(k, k, generator=g, dtype=torch.float64)
    if draw(g, 0, 2):
        kernel -= kernel.mean(0)
    if draw(g, 0, 2):
        kernel -= kernel.mean(1, keepdim=True)
    if not draw(g, 0, 9):
        kernel *= 0
    steps = torch.randn(9, generator=g, dtype=torch.float64).expand(9, 9)
    edges, corner = torch.stack([steps, steps.T]), torch.zeros(2 * k, 2 * k).double()
    corner[k:, k:] = 1
    blind = F.conv2d(edges[:, None], kernel[None, None]).abs().max() < 1e-9
    sees = F.conv2d(corner[None, None], kernel[None, None]).abs().max() > 1e-9
    return kernel.tolist(), bool(blind and sees)


def test_of_the_kernels_with_names_none_is_the_answer_to_the_challenge():
    answer = [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]
    assert run_js("conv", "figure.onlyCorners(now)", [*KERNELS.values(), answer]) == [
        *[False] * len(KERNELS), True]


def check_fits(mine, now):
    value, room = now
    assert 0 <= mine["size"] <= 13
    if mine["size"]:
        assert 0.6 * mine["size"] * len(mine["text"]) <= room, (now, mine)
        assert number(mine["text"]) == pytest.approx(value, rel=0.5 if room < 34 else 0.06,
                                                     abs=0.006 if room < 40 else 0.0006)
    else:
        assert room < 24


@compared("conv", "figure.fitted(...now)", 5, check_fits)
def test_numbers_stay_within_their_cells(g):
    room = draw(g, 10, 56)
    size = 10.0 ** draw(g, -3, 6)
    value = (2 * torch.rand((), generator=g, dtype=torch.float64).item() - 1) * size
    now = [round(value) if draw(g, 0, 1) else value, room]
    return now, now


def test_110000_is_read_in_a_cell_of_34_pixels():
    (mine,) = run_js("conv", "figure.fitted(...now)", [[110000, 33]])
    assert mine["size"] >= 8 and number(mine["text"]) == 110000


@pytest.mark.parametrize("rows, columns", [(6, 6), (94, 94), (1, 17), (29, 88), (17, 18)])
def test_a_film_shows_every_row_and_ends(rows, columns):
    answer = """(() => { const seen = []; let at = 0, time = 0, wait = 0;
        while (at < now[0] * now[1] && seen.length < 1e5) {
          seen.push(at); [at, wait] = figure.filmed(at, ...now); time += wait; }
        return [seen, time]; })()"""
    ((seen, time),) = run_js("conv", answer, [[rows, columns]])
    assert seen == sorted({*seen}) and {at // columns for at in seen} == {*range(rows)}
    assert len(seen) == rows * columns or rows * columns > 300
    assert time < 75_000


@pytest.mark.parametrize("change, word", [
    ({"photo": {"height": 15, "width": 20, "data": ""}}, "16 to 96"),
    ({"photo": {"height": 20, "width": 97, "data": ""}}, "16 to 96"),
    ({"photo": {"height": 20, "width": 20, "data": "AAAA"}}, "a byte"),
    ({"photo": {"height": 16, "width": 16, "data": "!" * 342}}, "a byte"),
    ({"photo": None}, "no photograph"), ({"stride": 5}, "stride"), ({"padding": 0.5}, "padding"),
    ({"kernel": [[1] * 8]}, "at most 7"),
    ({"kernel": [[1] * 7] * 7, "dilation": 4, "photo": {"height": 16, "width": 96,
                                                       "data": "A" * 2048}}, "fits nowhere")])
def test_bad_states_are_refused_in_the_page_and_in_python(change, word):
    state = ConvExplorer().page_state()
    good, said = run_js("conv", "figure.convProblem(now)", [state, {**state, **change}])
    assert good == "" and word in said
    with pytest.raises(BadValue):
        ConvExplorer.from_state({**state, **change})
