"""A figure's state as the text of an address, and back: what strangers may have written in it."""

import math

import pytest
import torch
from widget_support import draw, run_js

from helpers import AugmentPlayground, GradientFlow, PoolExplorer, ScheduleExplorer
from helpers.widgets.card import kept

WORDS = ["batch norm", "He", "warm-up + cosine", "sin(x*x) + x·y", "", "true", "null", "12",
         "1,2;3", "a&b=c#d?e", "100 %", "[1]", '"quoted"', "中文", "%41", "−1"]


def state(generator) -> dict:
    """Settings of all kinds that figures have."""
    def number():
        value = torch.randn((), generator=generator, dtype=torch.float64).item()
        kinds = round(10 * value), value, float(f"{value:.3g}"), value * 1e-9
        return kinds[draw(generator, 0, 3)]

    def rows(height, width):
        return [[number() for _ in range(width)] for _ in range(height)]

    return {"word": WORDS[draw(generator, 0, len(WORDS) - 1)], "number": number(),
            "on": bool(draw(generator, 0, 1)), "list": [number(), number()], "none": None,
            "matrix": rows(draw(generator, 1, 5), draw(generator, 1, 5)),
            "inputs": {"x": number(), "long name": rows(2, 2)}, "empty": []}


def test_a_state_comes_back_from_its_address():
    generator = torch.Generator().manual_seed(3)
    states = [state(generator) for _ in range(200)]
    texts = run_js("pool", "figure.linkText('PoolExplorer-2', now)", states)
    assert run_js("pool", "figure.linkState('#' + now)", texts) == [
        {"figure": "PoolExplorer-2", "state": one} for one in states]
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!*'()=&+,;:%")
    assert all(set(text) <= allowed for text in texts)


def test_an_address_can_be_read_and_written_by_people():
    now = {"stride": 2, "mode": "average", "input": [[1, 2], [3, -4.5]], "norm": "batch norm",
           "one": [[5]]}
    assert run_js("pool", "figure.linkText('PoolExplorer', now)", [now]) == [
        "figure=PoolExplorer&stride=2&mode=average&input=1,2;3,-4.5&norm=batch+norm&one=5;"]


HOSTILE = [
    "figure=P&__proto__=1", "figure=P&constructor=1", "figure=P&toString=1", "figure=P&stride",
    "figure=P&=1", "figure=P&stride=1&stride=2", "figure=P&stride=%ZZ", "figure=P&stride=%E0%A4",
    'figure=P&x={"__proto__":{"a":1}}', 'figure=P&x={"constructor":1}', "figure=P&x=1e999",
    "figure=P&x=[[1e999]]", "figure=P&x=1,;2", "figure=P&x=1,e;2", f"figure=P&x={'a' * 501}",
    f"figure=P&x={'[' * 20}{']' * 20}", f"figure=P&x={'1' * 17_000}", "figure=P" + "&x=1" * 70,
    f"figure=P&x={'[' * 7000}", f"figure=P&{'n' * 16_100}=1",
]


@pytest.mark.parametrize("part", range(2))
def test_what_is_hostile_or_damaged_is_no_state(part):
    shown = HOSTILE[part::2]
    assert [one["state"] for one in run_js("pool", "figure.linkState(now)", shown)] == [
        None] * len(shown)


def test_addresses_of_other_things_are_left_alone():
    others = ["", "#", "#stride-and-padding", "#figure", "#Figure=P", "#search=figure=P"]
    assert run_js("pool", "figure.linkState(now)", others) == [None] * len(others)
    assert run_js("pool", "({}).polluted === undefined && figure.linkState(now) && "
                  "({}).polluted === undefined", ['#figure=P&x={"a":1}']) == [True]


OPENINGS = {PoolExplorer: [
    ({"stride": 2}, True), ({"mode": "average", "ceil_mode": True}, True), ({}, True),
    ({"stride": 7}, False), ({"stride": 1.5}, False), ({"stride": "2"}, False),
    ({"stride": None}, False), ({"stride": [2]}, False), ({"mode": "<b>"}, False),
    ({"mode": ["max"]}, False), ({"ceil_mode": 1}, False), ({"limits": {}}, False),
    ({"card": {}}, False), ({"hasOwnProperty": 1}, False), ({"input": [[1]]}, True)],
    ScheduleExplorer: [({"lr": 0.5}, True), ({"lr": 2}, False), ({"schedule": "evil"}, False)],
    GradientFlow: [({"depth": 64}, True), ({"frames": {}}, False), ({"seed": 3}, False)],
    AugmentPlayground: [({"hue": 0.5}, True), ({"image": {}}, False), ({"noise": [1]}, False)]}


@pytest.mark.parametrize("kind", OPENINGS, ids=lambda kind: kind.__name__)
def test_only_settings_within_their_bounds_are_taken_over(kind):
    figure = kind()
    cases = [[state, kept(kind), figure.card["opening"]] for state, _ in OPENINGS[kind]]
    found = run_js("pool", "figure.fittingState(...now)", cases)
    assert found == [state if fits else None for state, fits in OPENINGS[kind]]


def test_the_code_for_another_page_cannot_be_broken_out_of():
    (code,) = run_js("pool", "figure.embedCode(...now)", [
        ['https://a.example/figures/pool.html#figure=P&x="><script>', 'a "title" <b>', 612]])
    assert code.count("<") == 2 and code.startswith("<iframe src=") and code.endswith("</iframe>")
    assert 'src="https://a.example/figures/pool.html#figure=P&amp;x=&quot;>&lt;script>"' in code
    assert 'height="612"' in code and 'title="a &quot;title&quot; &lt;b>"' in code


def test_values_are_equal_to_the_digits_of_float32():
    cases = [[0.1, 0.1 + 1e-9, True], [0.1, 0.11, False], [1, True, False], [[1], [1.0], True],
             [[1], [1, 2], False], [{"a": 1}, {"a": 1}, True], [{"a": 1}, {"b": 1}, False],
             [None, 0, False], [[], {}, False], ["a", "a", True], [0, 1e-300, False],
             [math.pi, float(torch.tensor(math.pi)), True]]
    assert run_js("pool", "figure.sameValue(now[0], now[1])", cases) == [one[2] for one in cases]
