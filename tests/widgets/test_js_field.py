"""Receptive fields in JavaScript, against PyTorch."""

import torch
import torch.nn.functional as F
from widget_support import assert_equal, compared, draw, run_js

from helpers import ReceptiveField

FIELD = ReceptiveField().limits


def gradient(layers, size, row, index):
    """The sizes of a stack of ones, and the gradient of one output, or None if it does not fit."""
    x = image = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    sizes = [size]
    for kernel, *settings in layers:
        try:
            x = F.conv2d(x, torch.ones(1, 1, kernel, kernel, dtype=x.dtype), None, *settings)
        except RuntimeError:
            return None
        sizes.append(x.shape[-1])
    row, index = row % sizes[-1], index % sizes[-1]
    x[0, 0, row, index].backward()
    return sizes, row, index, image.grad[0, 0]


def stack(g):
    return [[draw(g, 1, 5), draw(g, 1, 3), draw(g, 0, 2), draw(g, 1, 3)]
            for _ in range(draw(g, 1, 4))]


def case(g, answer, *, diagonal=False):
    now = {"layers": stack(g), "size": draw(g, 4, 40), "index": 0, "row": 0, "limits": FIELD}
    now["layer"] = len(now["layers"])
    row, index = draw(g, 0, 99), draw(g, 0, 99)
    found = gradient(now["layers"], now["size"], index if diagonal else row, index)
    if found is None:
        return now, None
    sizes, now["row"], now["index"], slopes = found
    return now, answer(sizes, slopes, now)


@compared("field", """figure.fieldProblem(now) ? null : [figure.layerSizes(now.layers, now.size),
    [...figure.reads(now.layers, now.size, now.layer, now.index)[0]].sort((a, b) => a - b)]""",
          3, assert_equal, refused=(0.02, 0.6))
def test_receptive_fields_equal_the_gradients(g):
    """What an output reads is where its gradient with respect to the input is not zero."""
    return case(g, lambda sizes, slopes, now:
                [sizes, slopes.diagonal().nonzero()[:, 0].tolist()], diagonal=True)


@compared("field", "figure.fieldProblem(now) ? null : figure.paths2d(now)", 31,
          refused=(0.02, 0.6))
def test_the_weight_of_each_pixel_is_its_gradient(g):
    return case(g, lambda sizes, slopes, now: slopes)


@compared("field", "figure.fieldProblem(now) ? null : [figure.halfOfPaths(figure.paths2d(now))]",
          32, refused=(0.02, 0.6))
def test_half_of_the_paths_start_in_so_many_pixels(g):
    def answer(sizes, slopes, now):
        sums = slopes.flatten().sort(descending=True).values.cumsum(0)
        return (sums >= sums[-1] / 2 * (1 - 1e-12)).nonzero()[:1, 0].double() + 1
    return case(g, answer)


@compared("field", "figure.scaled(now.pixels, now.side, now.size)", 33)
def test_a_photograph_is_made_smaller_by_means(g):
    side, times = draw(g, 2, 12), draw(g, 1, 4)
    image = torch.rand(side * times, side * times, generator=g, dtype=torch.float64) * 255
    return ({"pixels": image.flatten().tolist(), "side": side * times, "size": side},
            F.avg_pool2d(image[None, None], times)[0, 0])


def test_the_output_nearest_to_its_own_middle_is_itself():
    g = torch.Generator().manual_seed(5)
    cases = []
    while len(cases) < 200:
        layers, size = stack(g), draw(g, 4, 60)
        found = gradient(layers, size, 0, draw(g, 0, 99))
        if found:
            cases.append({"layers": layers, "size": size, "index": found[2]})
    answer = """(() => { const { size, jump, start } = figure.receptiveField(now.layers);
        return figure.nearest(now.layers, now.size, now.layers.length,
                              start + now.index * jump + (size - 1) / 2); })()"""
    assert run_js("field", answer, cases) == [one["index"] for one in cases]


def test_one_is_no_plural():
    state = {"layers": [[3, 1, 0, 1]], "layer": 1, "index": 0, "row": 0, "limits": FIELD}
    said = run_js("field", "figure.fieldProblem(now)", [state | {"size": n} for n in (1, 2, 3)])
    assert "gets only 1 number: " in said[0] and "gets only 2 numbers: " in said[1]
    assert said[2] == ""
