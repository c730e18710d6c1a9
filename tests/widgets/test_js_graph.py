"""Expressions and graphs in JavaScript, against PyTorch's autograd."""

import random

import pytest
import torch
from widget_support import compared, draw, run_js

from helpers import AutogradGraph
from helpers.widgets import BadValue
from helpers.widgets.expression import parse

LIMITS = AutogradGraph().limits
COUNTS = [pytest.param(1_000, id="sample"),
          pytest.param(20_000, id="full", marks=pytest.mark.long)]


UNARY = [torch.neg, torch.square, torch.sin, torch.cos, torch.tanh, torch.sigmoid, torch.relu,
         torch.abs, lambda v: (v * 0.1).exp(), lambda v: (v * v + 1).log(),
         lambda v: (v * v + 0.5).sqrt()]
BINARY = [lambda a, b: a + b, lambda a, b: a - 2 * b, lambda a, b: a * b,
          lambda a, b: a / (b * b + 1), lambda a, b: 3 - a / 2, lambda a, b: (a * 0.1) ** 3,
          lambda a, b: (a * a + 1) ** (b * 0.1)]


def random_expression(g):
    """A function of x, y and z that uses each operation of the figure sooner or later."""
    steps = [(draw(g, 0, 1), *(draw(g, 0, 99) for _ in range(3))) for _ in range(4)]
    is_mean = draw(g, 0, 1)

    def function(x, y, z):
        known = [x, y, z]
        for binary, which, i, j in steps:
            a, b = known[i % len(known)], known[j % len(known)]
            known.append(BINARY[which % len(BINARY)](a, b) if binary
                         else UNARY[which % len(UNARY)](a))
        result = known[-1] + x
        return result.mean() if is_mean else result.sum()

    return function


@compared("graph", """(() => {
    const { values, grads } = figure.computed(now.nodes, now.inputs, true);
    return [values[values.length - 1][0], ...grads.slice(0, 3).flat()]; })()""", 4,
          counts=[pytest.param(200, id="sample"),
                  pytest.param(2_000, id="full", marks=pytest.mark.long)])
def test_graphs_recorded_at_one_place_are_right_at_another(g):
    function = random_expression(g)
    shape = ((), (3,), (2, 2))[draw(g, 0, 2)]
    shapes = {"x": shape, "y": (), "z": shape}
    start, other = ({name: torch.randn(one, generator=g, dtype=torch.float64)
                     for name, one in shapes.items()} for _ in range(2))
    graph = AutogradGraph(function, **start)
    assert graph.replayable
    leaves = {name: value.clone().requires_grad_() for name, value in other.items()}
    output = function(**leaves)
    output.backward()
    gradients = [torch.zeros_like(v) if v.grad is None else v.grad for v in leaves.values()]
    now = {"nodes": graph.nodes, "inputs": {name: v.tolist() for name, v in other.items()}}
    return now, torch.cat([output.detach()[None], *(one.flatten() for one in gradients)])


FUNCTIONS = {"sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "exp": torch.exp,
             "log": torch.log, "sqrt": torch.sqrt, "tanh": torch.tanh, "abs": torch.abs,
             "sigmoid": torch.sigmoid, "relu": torch.relu}
PAIRS = {"max": torch.maximum, "min": torch.minimum}


def tensor(value):
    return torch.as_tensor(value, dtype=torch.float64)


def random_tree(rng, depth):
    """An expression as text, how strongly it binds, and a function that PyTorch computes."""
    kind = rng.random() if depth else 0.0
    if kind < 0.25:
        name = rng.choice("xyz" * 3 + "0123")
        if name.isdigit():
            number = rng.choice([0.0, 0.5, 1.0, 2.0, 3.0, 0.25])
            return f"{number:g}", 5, lambda v: number
        return name, 5, lambda v: v[name]
    if kind < 0.5:
        name, (text, _, inner) = rng.choice([*FUNCTIONS]), random_tree(rng, depth - 1)
        return f"{name}({text})", 5, lambda v: FUNCTIONS[name](tensor(inner(v)))
    if kind < 0.58:
        text, strength, inner = random_tree(rng, depth - 1)
        return f"-{text if strength > 2 else f'({text})'}", 3, lambda v: -inner(v)
    (a, s, left), (b, u, right) = random_tree(rng, depth - 1), random_tree(rng, depth - 1)
    if kind < 0.66:
        name = rng.choice([*PAIRS])
        return (f"{name}({a}, {b})", 5,
                lambda v: PAIRS[name](tensor(left(v)), tensor(right(v))))
    sign = rng.choice(["+", "-", "*", "/", "^", "**"])
    mine = {"+": 1, "-": 1, "*": 2, "/": 2}.get(sign, 4)
    a = a if s >= mine + (mine == 4) else f"({a})"
    b = b if u > mine or (mine == 4 and u >= 3) else f"({b})"
    space = rng.choice(["", " "])

    def compute(v):
        p, q = left(v), right(v)
        if mine == 4 and isinstance(q, torch.Tensor) and not q.requires_grad:
            q = q.item()  # a number in the text is a number for PyTorch
        if not isinstance(p, torch.Tensor) and not isinstance(q, torch.Tensor):
            p = tensor(p)
        return {"+": lambda: p + q, "-": lambda: p - q, "*": lambda: p * q, "/": lambda: p / q,
                }.get(sign, lambda: p ** q)()
    return f"{a}{space}{sign}{space}{b}", mine, compute


def random_case(rng):
    """An expression that the figure takes, inputs, often at a kink, and what autograd gives."""
    while True:
        text, _, function = random_tree(rng, rng.randint(1, 4))
        try:
            names = [node["name"] for node in parse(text) if node["op"] == "leaf"]
        except BadValue:
            continue
        at = {name: rng.choice([0.0, 1.0, -1.0, 2.0, *(rng.gauss(0, 2) for _ in range(6))])
              for name in names}
        leaves = {name: tensor(value).requires_grad_() for name, value in at.items()}
        output = function(leaves)
        output.backward()
        return text, at, output.item(), [one.grad.item() for one in leaves.values()]


WRITTEN = """(() => {
    const { nodes, problem } = figure.graphOf(now.expression, now.limits);
    if (problem) return problem;
    const { values, grads } = figure.computed(nodes, now.inputs, true);
    return [values[values.length - 1][0], ...grads.slice(0, Object.keys(now.inputs).length).flat()]
        .map(String); })()"""


@pytest.mark.parametrize("count", COUNTS)
def test_typed_expressions_equal_autograd_also_at_kinks_and_outside_their_domain(count):
    rng = random.Random(count)
    cases = [random_case(rng) for _ in range(count)]
    now = [{"expression": text, "inputs": at, "limits": LIMITS} for text, at, _, _ in cases]
    infinite = 0

    def same(mine, theirs, limit, case):
        torch.testing.assert_close(mine, theirs, equal_nan=True, atol=limit, rtol=limit,
                                   msg=lambda words: f"{case}: {words}")

    for (text, at, value, grads), mine in zip(cases, run_js("graph", WRITTEN, now), strict=True):
        assert isinstance(mine, list), (text, mine)
        truth = tensor([value, *grads])
        infinite += not truth.isfinite().all()
        same(tensor([float(one) for one in mine]), truth, 1e-5, (text, at))
        graph = AutogradGraph(text, **at)
        same(tensor([graph.value, *graph.gradients.values()]), truth, 1e-9, (text, at))
    assert 0.05 < infinite / count < 0.5, "enough of both kinds"


@pytest.mark.parametrize("text, at, gradients", [
    ("relu(x)", {"x": 0.0}, [0]), ("abs(x)", {"x": 0.0}, [0]),
    ("max(x, y)", {"x": 1.0, "y": 1.0}, [0.5, 0.5]), ("min(x, x)", {"x": 2.0}, [1]),
    ("max(x, 2)", {"x": 2.0}, [0.5]),
    ("x ^ 0", {"x": 0.0}, [0]), ("x ^ y", {"x": 0.0, "y": 2.0}, [0, 0])])
def test_conventions_where_there_is_no_slope(text, at, gradients):
    (mine,) = run_js("graph", WRITTEN, [{"expression": text, "inputs": at, "limits": LIMITS}])
    assert [float(one) for one in mine[1:]] == gradients
    assert [one.item() for one in AutogradGraph(text, **at).gradients.values()] == gradients


def test_the_page_reads_and_refuses_what_python_does_in_the_same_words():
    rng = random.Random(0)
    pieces = [*"xyz()+-*/^,.$²w2 ", "**", "sin", "max(", "sin(", "1.5", "×"]
    texts = ["".join(rng.choice(pieces) for _ in range(rng.randint(0, 9))) for _ in range(3_000)]
    for _ in range(1_000):  # one character too many, too few, or wrong
        text = random_case(rng)[0]
        at = rng.randrange(len(text))
        texts.append(text[:at] + rng.choice(["", *"x)(,*"]) + text[at + rng.randint(0, 1):])
    texts.append("x" + "+x" * 13)
    mine = run_js("graph", """(() => { const { nodes, problem } = figure.graphOf(...now);
        return problem || nodes.map(({ op, name, inputs }) => [op, name, inputs.map((one) =>
            typeof one === "number" ? one : null)]); })()""", [[text, LIMITS] for text in texts])
    read = 0
    for text, answer in zip(texts, mine, strict=True):
        try:
            expected = [[node["op"], node["name"],
                         [one if isinstance(one, int) else None for one in node["inputs"]]]
                        for node in parse(text)]
            read += 1
        except BadValue as problem:
            expected = str(problem)
        assert answer == expected, text
    assert 150 < read < 3_000, "enough of both kinds"


def test_remarks_say_what_pytorch_gives():
    def said(text, **at):
        nodes = "figure.graphOf(now.expression, now.limits).nodes"
        return " ".join(*run_js("graph", f"figure.remarks({nodes}, figure.evaluate({nodes}, "
                                         "Object.fromEntries(Object.entries(now.inputs).map("
                                         "([name, v]) => [name, [v]]))))",
                                [{"expression": text, "inputs": at, "limits": LIMITS}]))

    assert "log(−1) is no real number" in said("log(x)", x=-1) and "nan" in said("log(x)", x=-1)
    assert said("log(x)", x=0) == "log(0) is −inf in PyTorch, which raises no error and goes on."
    assert said("1 / x", x=0).startswith("1 / 0 is inf in PyTorch")
    assert said("x / x", x=0).startswith("0 / 0 is no real number")
    assert said("sqrt(x)", x=0) == "The slope of sqrt(0) towards x is inf in PyTorch."
    assert "kink at 0" in said("relu(x)", x=0) and "half" in said("max(x, y)", x=1, y=1)
    assert said("sin(x * x) + abs(y)", x=1, y=2) == ""


def test_the_curve_is_cut_where_it_leaves_the_chart_and_broken_at_a_pole():
    def pieces(points):
        (found,) = run_js("graph", "figure.pieces(now, [-1, 1])", [points])
        return found

    assert pieces([[0, 0], [1, 2]]) == [[[0, 0], [0.5, 1]]]
    assert pieces([[0, -2], [1, 0], [2, 2]]) == [[[0.5, -1], [1, 0], [1.5, 1]]]
    assert pieces([[0, -9], [1, 9]]) == [] and pieces([[0, 0], [1, None], [2, 0]]) == []


def test_edges_are_as_wide_as_gradients_are_large():
    small, one, ten, nothing, large = run_js("graph", "figure.edgeWidth(now)",
                                             [[0.01], [1], [-10], [0], [1e9]])
    assert 1 == nothing == small or nothing < small
    assert small < one < ten < large == 11
