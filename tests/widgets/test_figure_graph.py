"""The graph of a computation in Python: of a function, and of an expression that is typed."""

import math

import pytest
import torch

from helpers import AutogradGraph
from helpers.widgets import BadValue


def test_the_graph_has_the_values_and_gradients_of_autograd():
    def function(x, y):
        hidden = (x * y + x.sin()) ** 2
        return hidden / (1 - y)

    graph = AutogradGraph(function, x=2.0, y=-1.0)
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, -1.0))
    function(x, y).backward()
    assert graph.gradients["x"] == x.grad and graph.gradients["y"] == y.grad and graph.replayable
    labels = [node["label"] for node in graph.nodes][2:]
    assert labels == ["x × y", "sin(x)", "a + b", "c ^ 2", "1 − y", "d / e"]
    graph.inputs = {"x": 1.0, "y": 3.0}
    expected = function(torch.tensor(1.0), torch.tensor(3.0)).item()
    assert graph.nodes[-1]["value"] == [pytest.approx(expected)]
    with pytest.raises(BadValue, match="not a finite number"):
        graph.inputs = {"x": 1.0, "y": 1.0}
    assert graph.inputs == {"x": 1.0, "y": 3.0} and graph.nodes[1]["value"] == [3.0]


def test_what_the_page_cannot_compute_again_is_only_shown():
    assert not AutogradGraph(lambda x: (x @ x).sum(), x=torch.ones(2, 2)).replayable
    assert not AutogradGraph(lambda x: x * 2 if x > 0 else x * 3, x=1.0).replayable
    assert not AutogradGraph(lambda x: x.sum(0).sum(), x=torch.ones(2, 2)).replayable
    assert AutogradGraph(lambda x: (3 * (x + 2) ** 2).mean(), x=torch.ones(2, 2)).replayable


def test_an_expression_has_the_value_and_the_gradients_of_autograd():
    graph = AutogradGraph("sin(x*x) + x*y", x=2.0, y=3.0)
    assert graph.value.item() == pytest.approx(math.sin(4) + 6)
    assert graph.gradients["x"].item() == pytest.approx(4 * math.cos(4) + 3)
    assert graph.gradients["y"] == 2 and graph.nodes == []
    graph.inputs = {"x": 0, "y": 0.0}
    assert graph.gradients == {"x": 0, "y": 0} and graph.inputs["x"] == 0.0
    graph.expression = "log(z) / x"
    assert graph.gradients["x"].isnan() and graph.value.isnan(), "z is 1 until it is set"
    graph.expression = "2 ** -x"
    assert graph.gradients["x"].item() == pytest.approx(-math.log(2))


def test_what_is_not_finite_is_what_pytorch_gives_and_can_be_saved():
    graph = AutogradGraph("log(x) + sqrt(y)", x=-1.0, y=0.0)
    assert graph.value.isnan() and graph.gradients == {"x": -1, "y": math.inf}
    assert "NaN" not in str(graph.page_state()) and "nan" in graph.to_html()
    assert AutogradGraph.from_state(graph.get_state()).gradients == graph.gradients


REFUSED = {
    "x)": "closing parenthesis without an opening one, at character 2",
    "sin(x*x) + (x*y": "The parenthesis at character 12 is never closed",
    "x +": "something is missing after “+”, at character 3", "": "no expression",
    "x * / y": "missing before “/”, at character 5", "2x": "missing before “x”, at character 2",
    "x $ y": "The sign “$”, at character 3", "foo(x)": "“foo”, at character 1, is none of",
    "sin x": "After “sin”, at character 1, an opening",
    "max(x)": "“max”, at character 1, takes two", "3 + 4": "no variable",
    "sin(x, y)": "comma at character 6", "1,5 * x": "decimal point is a dot",
    "()": "missing before “)”, at character 2", "x(y)": "missing before “(”, at character 2",
    "1e7 * x": "number at character 1 is too large", "x" + "+x" * 13: "13 operations; the figure",
    "x" + " " * 90: "91 characters", "__import__('os')": "sign “'”, at character 12",
    "x.grad": "sign “.”, at character 2", "w": "“w”, at character 1"}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_expression_is_refused_with_the_place(text):
    graph = AutogradGraph()
    for way in (lambda: AutogradGraph(text), lambda: setattr(graph, "expression", text)):
        with pytest.raises(BadValue) as problem:
            way()
        assert REFUSED[text] in str(problem.value) and "\n" not in str(problem.value)
    assert graph.expression == "sin(x*x) + x*y" and graph.value.isfinite()


def test_inputs_and_the_curve_are_of_the_expression():
    graph = AutogradGraph("x * y", x=1.0, y=2.0, over="y")
    for name, value, word in (("inputs", {"w": 1.0}, "x, y and z"),
                              ("inputs", {"x": [1.0]}, "numbers"),
                              ("inputs", {"x": math.nan}, "x must be"), ("over", "q", "over must"),
                              ("over", 3, "over"), ("step", 51, "0 to 50")):
        with pytest.raises(BadValue, match=word):
            setattr(graph, name, value)
    assert graph.inputs == {"x": 1.0, "y": 2.0} and graph.over == "y"
    with pytest.raises(BadValue, match="x, y and z"):
        AutogradGraph("x", stp=3)
    with pytest.raises(BadValue, match="must be a text"):
        AutogradGraph(3)


def test_a_function_can_be_left_for_an_expression_and_found_again():
    graph = AutogradGraph(lambda x, y: x * y, x=2.0, y=3.0)
    graph.expression = "x ^ 2"
    assert graph.gradients == {"x": 4}
    graph.inputs, graph.expression = {"x": 5.0, "y": 3.0}, ""
    assert graph.gradients == {"x": 3, "y": 2}, "as they were recorded"
    graph.inputs = {"x": 5.0, "y": 4.0}
    assert graph.gradients == {"x": 4, "y": 5}


@pytest.mark.parametrize("name", AutogradGraph.presets)
def test_presets_are_states_of_the_figure(name):
    graph = AutogradGraph()
    with graph.hold_trait_notifications():
        for trait, value in AutogradGraph.presets[name].items():
            setattr(graph, trait, value)
    assert graph.value.isfinite() and {*graph.gradients} == {*graph.inputs}
