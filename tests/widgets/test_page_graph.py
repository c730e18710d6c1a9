"""A graph on its page: stepped, dragged, and of the reader's own expression."""

import math

import pytest
from widget_support import PHONE, number

from helpers import AutogradGraph


def real(text: str) -> float:
    return float(text.replace("−", "-"))


def check_graph(page, text, **at) -> None:
    """The boxes, the slopes on the edges and the widths are those of PyTorch's autograd."""
    page.settle()
    graph = AutogradGraph(text, **at)
    shown = {name: [real(one) if one else None for one in lines] for name, *lines in page.all(
        "[data-node]", """[e.dataset.node, e.querySelector(".ag-value").textContent,
                          e.querySelector(".ag-grad").textContent.replace("grad ", "")]""")}
    collected = {node["name"]: 0.0 for node, *_ in graph._graph()}
    edges = [(*edge.split("-"), slope) for edge, slope in page.all(
        "[data-slope]", "[e.dataset.slope, e.textContent.slice(2)]")]
    for start, end, slope in edges:
        collected[start] += real(slope) * shown[end][1]
    for node, value, gradient in graph._graph():
        mine, theirs = shown[node["name"]], (value.item(), gradient.item())
        assert mine == pytest.approx(theirs, rel=6e-3, abs=1e-9, nan_ok=True), node["name"]
        if math.isfinite(theirs[1]) and node["name"] in {one for one, *_ in edges}:
            assert collected[node["name"]] == pytest.approx(theirs[1], rel=2e-2, abs=1e-2)


def test_it_opens_with_its_values_and_hides_what_is_to_be_predicted(on_page):
    page = on_page("01", AutogradGraph, 1)
    assert page.all(".ag-value", "e.textContent") == ["2", "3", "4", "−0.7568", "6", "5.243"]
    assert {*page.all(".ag-grad", "e.textContent")} == {""}
    assert page.all("[data-slope]", "e.textContent") == [
        "× 2", "× 2", "× −0.654", "× 3", "× 2", "× 1", "× 1"]
    assert page.fig.locator(".ag-tangent").get_attribute("d") == "M0 0", "it would tell"
    page.button("show all").click()
    check_graph(page, "sin(x*x) + x*y", x=2.0, y=3.0)
    assert page.all("[data-node=x] .ag-sum", "e.textContent") == ["3 + (−1.31) + (−1.31)"]
    assert page.fig.locator(".ag-tangent").get_attribute("d") != "M0 0"
    page.button("hide gradients").click()
    page.settle()
    assert {*page.all(".ag-grad", "e.textContent")} == {""}


def test_the_graph_of_the_chapter_is_finished_and_can_be_stepped_anew(on_page):
    page = on_page("01", AutogradGraph)
    assert not page.fig.get_by_role("textbox", name="expression").is_visible()
    assert page.all("[data-node=x] .ag-grad", "e.textContent") == ["grad [4.5 4.5; 4.5 4.5]"]
    page.button("next step").click()
    page.settle()
    assert page.value("step") == 0 and "Step on" in page.text(".ctr-sum")
    page.plays()


def test_the_graph_is_stepped_and_its_inputs_changed(on_page):
    page = on_page("01", AutogradGraph, 1)
    page.slider("step").press("Home")
    page.settle()
    last, told = int(page.slider("step").get_attribute("max")), [page.text(".ctr-sum")]
    for _ in range(last):
        page.button("next step").press("Enter")
        page.settle()
        told.append(page.text(".ctr-sum"))
    assert len({*told}) == last + 1 == 11
    assert told[1].startswith("forward") and told[-2].startswith("backward")
    assert "3 + (−1.307) + (−1.307) = 0.3854" in told[-1]
    assert "has 0.3854 in all" in "".join(told) and "so far" in "".join(told)
    for name, typed in (("x", "-1.5"), ("y", "0.25")):
        page.fig.get_by_label(f"value of {name}").fill(typed)
        page.fig.get_by_label(f"value of {name}").press("Enter")
    check_graph(page, "sin(x*x) + x*y", x=-1.5, y=0.25)
    x = page.fig.get_by_label("value of x")
    x.fill("much")
    x.press("Enter")
    assert "is not a number" in page.alert() and number(x.input_value()) == -1.5
    page.slider("x").press("ArrowRight")
    check_graph(page, "sin(x*x) + x*y", x=-1.49, y=0.25)
    assert page.alert() == "" and number(x.input_value()) == -1.49


def test_the_curve_is_dragged(on_page):
    page = on_page("01", AutogradGraph, 1)
    page.button("show all").click()
    page.choose("curve over", "y")
    chart = page.fig.locator(".ag-beside svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.tab.mouse.click(box["x"] + 46 + (box["width"] - 56) * 0.25, box["y"] + box["height"] / 2)
    page.settle()
    assert number(page.fig.get_by_label("value of y").input_value()) == pytest.approx(-2, abs=0.03)
    assert "over y" in chart.text_content() and "slope 2" in chart.text_content()


COVERED = """() => {
    const pills = [...document.querySelectorAll(".ag-pill")].map((e) => e.getBoundingClientRect());
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom - 1
        && b.top < a.bottom - 1;
    const both = pills.filter((a, i) => pills.some((b, k) => k !== i && meet(a, b))).length;
    const labels = [...document.querySelectorAll("[data-slope]")];
    const edges = [...document.querySelectorAll("[data-edge]")];
    const under = labels.filter((label) => edges.some((edge) => {
        if (edge.dataset.edge === label.dataset.slope) return false;
        const box = label.getBoundingClientRect(), matrix = edge.getScreenCTM();
        const at = (s) => edge.getPointAtLength(s).matrixTransform(matrix);
        return Array.from({ length: Math.ceil(edge.getTotalLength() / 2) }, (_, i) => at(2 * i))
            .some(({ x, y }) => x > box.left && x < box.right && y > box.top && y < box.bottom);
    }));
    return [both, under.map((label) => label.dataset.slope)]; }"""


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_no_slope_lies_over_another_one_or_over_another_edge(alone, width):
    page = alone(AutogradGraph(), width=width)
    for name in AutogradGraph.presets:
        page.fig.get_by_role("button", name=name, exact=True).click()
        page.settle()
        assert page.tab.evaluate(COVERED) == [0, []], name


def test_a_reader_types_an_expression(on_page):
    page = on_page("01", AutogradGraph, 1)
    field = page.fig.get_by_role("textbox", name="expression")
    field.fill("z * tanh(x - y)^2 / 3")
    check_graph(page, "z * tanh(x - y)^2 / 3", x=2.0, y=3.0, z=1.0)
    field.fill("z * tanh(x - y)) / 3")
    page.settle()
    assert page.alert() == "", "not while it is typed"
    field.press("Enter")
    assert "parenthesis without an opening one, at character 16. The figure keeps" in page.alert()
    assert field.input_value() == "z * tanh(x - y)) / 3", "what was typed is not lost"
    assert field.evaluate("e => [e.selectionStart, e.selectionEnd]") == [15, 16]
    check_graph(page, "z * tanh(x - y)^2 / 3", x=2.0, y=3.0, z=1.0)
    field.fill("log(x)")
    page.slider("x").press("Home")
    page.settle()
    assert page.alert() == "" and "log(−4) is no real number" in page.text(".ag-remark")
    check_graph(page, "log(x)", x=-4.0)
    field.fill("x")
    check_graph(page, "x", x=-4.0)
    field.fill("exp(1000 * x) - 1 / 0 * y")
    page.fig.get_by_label("value of x").fill("1")
    page.fig.get_by_label("value of x").press("Enter")
    check_graph(page, "exp(1000 * x) - 1 / 0 * y", x=1.0, y=3.0)


@pytest.mark.parametrize("width", [390, 320])
def test_an_expression_by_finger(on_page, width):
    page = on_page("01", AutogradGraph, 1, **{**PHONE, "width": width})
    page.fig.get_by_role("textbox", name="expression").tap()
    page.fig.get_by_role("textbox", name="expression").fill("max(x, y) * min(y, z) - x / (y + z)")
    check_graph(page, "max(x, y) * min(y, z) - x / (y + z)", x=2.0, y=3.0, z=1.0)
    assert page.fits()
    small = page.all("button, select, input", "[e.getBoundingClientRect().height, e.outerHTML]")
    assert not [one for one in small if 0 < one[0] < 43.9]


def test_signs_of_gradients_are_told_apart_without_colors(on_page):
    page = on_page("01", AutogradGraph, 1, forced_colors="active")
    page.button("show all").click()
    page.settle()
    styles = dict(page.all("path[data-edge]",
                           "[e.dataset.edge, getComputedStyle(e).strokeDasharray]"))
    assert styles["x-a"] != "none" and styles["y-c"] == "none"
    ink, box = (page.all(f"[data-node=a] {kind}", "getComputedStyle(e).fill")[0]
                for kind in (".ag-value", "rect"))
    assert ink != box


def test_a_dot_runs_along_the_edges_but_not_for_those_who_want_less_motion(on_page):
    for settings, dots in (({}, 2), ({"reduced_motion": "reduce"}, 0)):
        page = on_page("01", AutogradGraph, 1, **settings)
        page.button("previous step").click()
        page.settle()
        assert page.fig.locator(".ag-dot").count() == dots, "one for each factor"
        assert page.button("play").count() == bool(dots)
