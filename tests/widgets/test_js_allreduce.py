"""The all-reduce in JavaScript, against Python and its own promises."""

import pytest
import torch
from widget_support import compared, draw, real, run_js

from helpers.widgets import ALGORITHMS, AllReduce
from helpers.widgets.allreduce import written


def random_allreduce(g) -> AllReduce:
    """Any ranks, algorithm and step; whole numbers and others, some of them large."""
    n, whole = draw(g, 2, 8), draw(g, 0, 1)
    values = torch.randn(n, n, generator=g) * 10.0 ** draw(g, 0, 4)
    figure = AllReduce(values=values.round() if whole else values,
                       algorithm=ALGORITHMS[draw(g, 0, 2)], megabytes=10 ** real(g, -1, 3),
                       gigabits=10 ** real(g, -1, 3), latency=10 ** real(g, -1, 4))
    figure.step = draw(g, 0, figure.steps)
    return figure


def check_steps(answers, expected):
    (held, *mine, seconds, texts), (state, values, *theirs, times) = answers, expected
    near = {"rel": 1e-5, "abs": 1e-5 * values.abs().max().item()}
    for rank, row in enumerate(held):
        for chunk, one in enumerate(row):
            assert one["ranks"] == sorted(set(one["ranks"])), "no rank is counted twice"
            for found in (state[rank, chunk], values[one["ranks"], chunk].sum()):
                assert one["value"] == pytest.approx(found.item(), **near)
    assert mine == theirs and seconds == pytest.approx(times, rel=1e-12)
    for text, time in zip(texts, times, strict=True):
        (a, unit), (b, same) = text.split(), written(time).split()
        assert unit == same and float(a) == float(b)


@compared("allreduce", """figure.allreduceProblem(now) ? null : (() => {
    const { algorithm, step, size, values } = now, n = values.length;
    const times = figure.ALGORITHMS.map((way) => figure.seconds(now, way, size));
    return [figure.held(now, step), figure.sent(algorithm, n, step),
        figure.traffic(algorithm, n, step), figure.stepCount(algorithm, n), times,
        times.map(figure.written)]; })()""", 13, check_steps)
def test_steps_of_an_all_reduce_equal_pythons(g):
    figure, size = random_allreduce(g), draw(g, 2, 200)
    times = [figure.seconds(name, size) for name in ALGORITHMS]
    sent = [[one.sender, one.receiver, [*one.chunks]] for one in figure.sent(figure.step)]
    return {**figure.page_state(), "size": size}, [
        figure.state(), figure.values, sent, figure.traffic().tolist(), figure.steps, times]


def check_clock(answers, expected):
    (done, moved), (step, part, megabytes) = answers, expected
    assert done["step"] == step and done["part"] == pytest.approx(part, abs=1e-5)
    torch.testing.assert_close(torch.tensor(moved, dtype=torch.float64), megabytes, rtol=1e-5,
                               atol=1e-5 * megabytes.max().item() + 1e-9)


@compared("allreduce", """(() => {
    const { algorithm, values, time } = now, n = values.length;
    const done = figure.progress(now, algorithm, n, time);
    return [done, figure.moved(now, algorithm, n, done)]; })()""", 14, check_clock)
def test_at_any_time_as_much_has_gone_as_python_says(g):
    """Steps are equally long; in the middle of one, a share of what it moves has gone."""
    figure, share = random_allreduce(g), (draw(g, 0, 4) % 4) / 4
    last, step = figure.steps, figure.step
    part = share if step < last else 0.0
    time = (step + share) * figure.seconds() / last  # after the end, too
    now, then = (figure.megabytes_moved(at) for at in (step, min(step + 1, last)))
    return {**figure.page_state(), "time": time}, [step, part, now + part * (then - now)]


def test_chunks_travel_from_device_to_device_and_no_device_covers_another():
    """On any screen: all within it, and a chunk's way begins and ends where it belongs."""
    cases = [[shape, n, wide] for shape in ("ring", "hub", "all") for n in range(2, 9)
             for wide in (276, 346, 400)]
    plans = run_js("allreduce", """(() => { const plan = figure.ringLayout(...now), n = now[1];
        return { ...plan, ends: plan.places.map((_, i) => [0, 1].map((share) =>
            plan.way(i, (i + 1) % n, share))) }; })()""", cases)
    for (shape, n, wide), plan in zip(cases, plans, strict=True):
        places, (w, h) = plan["places"], plan["box"]
        for i, (x, y) in enumerate(places):
            assert w / 2 <= x <= wide - w / 2 and h / 2 + 15 <= y <= plan["tall"] - h / 2
            start, end = plan["ends"][i]
            assert start == pytest.approx([x, y], abs=1e-6)
            assert end == pytest.approx(places[(i + 1) % n], abs=1e-6)
            for a, b in places[:i]:
                assert abs(a - x) >= w or abs(b - y) >= h + 2, (shape, n, wide, "they overlap")


def test_words_and_sliders_of_the_all_reduce():
    told = [([1, 1], [0, 1], -6.5, [[1, -2], [3, -4.5]],
             "chunk 1 of rank 1: −2 + (−4.5) = −6.5, the sum of all ranks: complete"),
            ([0, 1], [0], -2, [[1, -2], [3, -4.5]], "chunk 1 of rank 0: −2, its own number"),
            ([2, 0], [0, 2], 4, [[1] * 3, [2] * 3, [3] * 3],
             "chunk 0 of rank 2: 1 + 3 = 4, the sum of ranks 0, 2")]
    cases = [[*at, {"value": value, "ranks": ranks}, values]
             for at, ranks, value, values, _ in told]
    assert run_js("allreduce", "figure.told(...now)", cases) == [text for *_, text in told]
    values = [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    figure = AllReduce(values=values)
    wider, narrower = run_js("allreduce", "figure.withRanks(...now)",
                             [[values, n, figure.limits["start"]] for n in (5, 2)])
    figure.processes = 5
    assert torch.tensor(wider).equal(figure.values.long()) and narrower == [[1, 1], [2, 2]]
    places = range(-3, 13)
    numbers = run_js("allreduce", "figure.numberAt(now)", [*places])
    assert numbers == [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
    assert run_js("allreduce", "figure.placeOf(now)", numbers) == [*places]
    for name in ("megabytes", "gigabits", "latency"):
        assert set(figure.limits[name]) <= set(numbers), "the ends of its slider"
