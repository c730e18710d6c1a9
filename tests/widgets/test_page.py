"""The figures on the built pages, moved by mouse, keyboard and finger; what they print is compared
with PyTorch.
"""

import contextlib
import json
import re
import sys

import pytest
import torch
import torch.nn.functional as F
from support import PAGES, ROOT

from helpers import History
from helpers.widgets import (
    ALGORITHMS,
    DEPTHS,
    SCHEDULES,
    AllReduce,
    AugmentPlayground,
    AutogradGraph,
    BadValue,
    BatchNormExplorer,
    GradientFlow,
    ScheduleExplorer,
    TrainingMonitor,
)
from helpers.widgets.allreduce import _written

CHAPTER = {path[5:7]: path for path in PAGES[1:]}
SLIDERS = {"ConvExplorer": ["input size", "kernel size", "stride", "padding", "dilation"],
           "PoolExplorer": ["input size", "window", "stride", "padding"]}


def figure(tab, index=0):
    """Wait for a figure of the page to be alive, and return it."""
    one = tab.locator("[data-course-figure]").nth(index)
    one.scroll_into_view_if_needed()
    tab.wait_for_function("i => document.querySelectorAll('[data-course-figure]')[i].dataset.ready",
                          arg=index)
    return one


def store(site, page) -> dict:
    """What the page holds about its figures."""
    text = (site / page).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="course-figures">(.*?)</script>', text, re.DOTALL)[1])


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def matrix(fig, name: str) -> torch.Tensor:
    """Read a grid as one who hears the page does: from the labels of its cells."""
    rows = fig.locator(f"[role=grid][aria-label='{name}'] [role=row]").all()
    cells = "cells => cells.map(c => c.getAttribute('aria-label'))"
    return torch.tensor([[number(label.split(": ")[1])
                          for label in row.locator("[role=gridcell]").evaluate_all(cells)]
                         for row in rows], dtype=torch.float64)


def value(fig, name: str) -> int:
    return int(fig.get_by_role("slider", name=name, exact=True).input_value())


def settled(tab) -> None:
    """Let the figure draw."""
    tab.evaluate("() => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)))")


def check_conv(tab, fig) -> None:
    settled(tab)
    expected = F.conv2d(matrix(fig, "input")[None, None], matrix(fig, "kernel")[None, None],
                        **{name: value(fig, name)
                           for name in ("stride", "padding", "dilation")})[0, 0]
    torch.testing.assert_close(matrix(fig, "output"), expected, rtol=1e-3, atol=1e-3)


def check_pool(tab, fig) -> None:
    settled(tab)
    window, stride, padding = (value(fig, name) for name in ("window", "stride", "padding"))
    ceil = fig.get_by_role("checkbox", name="ceil mode").is_checked()
    image = matrix(fig, "input")[None, None]
    if fig.get_by_role("combobox", name="keep the").input_value() == "max":
        expected = F.max_pool2d(image, window, stride, padding, ceil_mode=ceil)
    else:
        include = fig.get_by_role("checkbox", name="count the padding").is_checked()
        expected = F.avg_pool2d(image, window, stride, padding, ceil_mode=ceil,
                                count_include_pad=include)
    torch.testing.assert_close(matrix(fig, "output"), expected[0, 0], rtol=1e-3, atol=1e-3)


FIGURES = [pytest.param("02", "ConvExplorer", check_conv, id="convolution"),
           pytest.param("04", "PoolExplorer", check_pool, id="pooling")]


@pytest.mark.parametrize("chapter, kind, check", FIGURES)
def test_every_slider_by_keyboard_and_by_mouse(open_page, chapter, kind, check):
    tab = open_page(CHAPTER[chapter])
    fig = figure(tab)
    check(tab, fig)
    for name in SLIDERS[kind]:
        slider = fig.get_by_role("slider", name=name, exact=True)
        before = slider.input_value()
        slider.focus()
        tab.keyboard.press("ArrowRight")
        settled(tab)
        refused = fig.get_by_role("alert").inner_text()
        assert slider.input_value() == (before if refused else str(int(before) + 1))
        check(tab, fig)
        box = slider.bounding_box()
        tab.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)  # its lower end
        check(tab, fig)
        tab.mouse.click(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2)
        check(tab, fig)


@pytest.mark.parametrize("chapter, kind, check", FIGURES)
def test_cells_are_edited_by_keyboard_mouse_and_finger(open_page, chromium, server, chapter, kind,
                                                       check):
    tab = open_page(CHAPTER[chapter])
    fig = figure(tab)
    cell = fig.locator("[role=grid][aria-label=input] [role=gridcell]").nth(9)
    cell.click()
    tab.keyboard.type("-2.5")
    tab.keyboard.press("Enter")
    check(tab, fig)
    assert number(cell.get_attribute("aria-label").split(": ")[1]) == -2.5
    cell.focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("7")
    tab.keyboard.press("Enter")
    check(tab, fig)
    assert 7 in matrix(fig, "input") and -2.5 in matrix(fig, "input")
    cell.focus()
    tab.keyboard.press("Space")
    settled(tab)
    assert -2.5 not in matrix(fig, "input")
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True,
                                 is_mobile=True)
    page = phone.new_page()
    page.goto(server + CHAPTER[chapter])
    fig = figure(page)
    fig.locator("[role=grid][aria-label=input] [role=gridcell]").nth(9).tap()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    check(page, fig)
    assert 5 in matrix(fig, "input")
    phone.close()


@pytest.mark.parametrize("chapter, kind, check", FIGURES)
def test_what_is_no_number_is_refused_and_nothing_is_lost(open_page, chapter, kind, check):
    tab = open_page(CHAPTER[chapter])
    fig = figure(tab)
    before = matrix(fig, "input")
    for text in ("abc", "1e9", "NaN", "--"):
        fig.locator("[role=grid][aria-label=input] [role=gridcell]").first.click()
        tab.keyboard.type(text)
        tab.keyboard.press("Enter")
        settled(tab)
        assert "is not a number" in fig.get_by_role("alert").inner_text()
        assert matrix(fig, "input").equal(before)
    fig.get_by_role("slider", name="stride", exact=True).press("ArrowRight")
    settled(tab)
    assert fig.get_by_role("alert").inner_text() == ""
    check(tab, fig)


def test_a_kernel_that_fits_nowhere_is_refused_in_words(open_page):
    tab = open_page(CHAPTER["02"])
    fig = figure(tab)
    for _ in range(2):
        fig.get_by_role("slider", name="kernel size", exact=True).press("ArrowRight")
    assert value(fig, "kernel size") == 5
    fig.get_by_role("slider", name="dilation", exact=True).press("ArrowRight")
    settled(tab)
    assert "fits nowhere" in fig.get_by_role("alert").inner_text()
    assert value(fig, "dilation") == 1 and matrix(fig, "output").shape == (4, 4)
    fig.get_by_role("slider", name="padding", exact=True).press("ArrowRight")
    settled(tab)
    fig.get_by_role("slider", name="dilation", exact=True).press("ArrowRight")
    check_conv(tab, fig)
    assert value(fig, "dilation") == 2 and fig.get_by_role("alert").inner_text() == ""


def test_a_padding_of_more_than_half_the_window_is_refused(open_page):
    tab = open_page(CHAPTER["04"])
    fig = figure(tab)
    for _ in range(2):
        fig.get_by_role("slider", name="padding", exact=True).press("ArrowRight")
    settled(tab)
    assert "half the window" in fig.get_by_role("alert").inner_text() and value(fig, "padding") == 1
    for mode in ("average", "max"):
        fig.get_by_role("combobox", name="keep the").select_option(mode)
        for box in ("ceil mode", "count the padding"):
            if fig.get_by_role("checkbox", name=box).is_visible():
                fig.get_by_role("checkbox", name=box).click()
                check_pool(tab, fig)


def test_presets_and_the_sum_behind_an_output(open_page):
    tab = open_page(CHAPTER["02"])
    fig = figure(tab)
    for name in ("kernel", "input"):
        menu = fig.get_by_role("combobox", name=name, exact=True)
        for option in menu.locator("option").evaluate_all("all => all.map(o => "
                                                          "o.value).filter(Boolean)"):
            menu.select_option(option)
            check_conv(tab, fig)
    output = fig.locator("[role=grid][aria-label=output] [role=gridcell]")
    for step in (lambda: output.nth(7).hover(), lambda: output.nth(8).click(),
                 lambda: tab.keyboard.press("ArrowDown"),
                 lambda: fig.get_by_role("button", name="next output").click(),
                 lambda: fig.get_by_role("button", name="previous output").press("Enter")):
        step()
        settled(tab)
        text = fig.locator(".ctr-sum").inner_text()
        row, column = map(int, re.match(r"output \((\d+),(\d+)\)", text).groups())
        total = number(text.split("=")[-1].strip())
        assert total == pytest.approx(matrix(fig, "output")[row, column].item(), abs=1e-3)
        terms = re.findall(r"(−?[\d.]+)·\(?(−?[\d.]+)\)?", text)
        assert len(terms) == 9 and sum(number(a) * number(b)
                                       for a, b in terms) == pytest.approx(total, abs=1e-2)
    before = fig.locator(".ctr-sum").inner_text()
    fig.get_by_role("button", name="play").click()
    tab.wait_for_function("t => document.querySelector('.ctr-sum').innerText !== t", arg=before)
    fig.get_by_role("button", name="stop").click()


def test_who_asks_for_less_motion_gets_no_play_button(chromium, server):
    context = chromium.new_context(reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(server + CHAPTER["02"])
    fig = figure(tab)
    assert fig.get_by_role("button", name="next output").count() and not fig.get_by_role(
        "button", name="play").count()
    context.close()


def test_receptive_field_by_sliders_clicks_and_table(open_page):
    tab = open_page(CHAPTER["03"])
    fig = figure(tab, 1)

    def check():
        settled(tab)
        fields = fig.locator("table input").evaluate_all("all => all.map(i => +i.value)")
        layers = [fields[i:i + 4] for i in range(0, len(fields), 4)][:value(fig, "look at layer")]
        image = torch.ones(1, 1, value(fig, "input size"), dtype=torch.float64, requires_grad=True)
        x = image
        for kernel, stride, padding, dilation in layers:
            x = F.conv1d(x, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride,
                         padding=padding,
                         dilation=dilation)
        x[0, 0, value(fig, "output")].backward()
        marked = fig.locator("rect.ctr-read, rect.ctr-chosen").evaluate_all("all => all.map(r => "
                                                                            "r.dataset.at)")
        assert {int(at[2:]) for at in marked
                if at.startswith("0,")} == set(image.grad[0, 0].nonzero()[:, 0].tolist())

    check()
    for name in ("look at layer", "output", "input size"):
        fig.get_by_role("slider", name=name).press("ArrowLeft")
        check()
    fig.locator("rect[data-at='2,3']").click()
    check()
    assert value(fig, "look at layer") == 2 and value(fig, "output") == 3
    for option in ("three 3s", "dilated 2, 2, 2", "ResNet stem"):
        fig.get_by_role("combobox", name="stack").select_option(option)
        check()
    field = fig.get_by_role("spinbutton", name="dilation of layer 2")
    field.fill("3")
    field.press("Tab")
    check()
    for bad, word in (("99", "whole number"), ("", "whole number"), ("1.5", "whole number")):
        field.fill(bad)
        field.press("Enter")
        settled(tab)
        assert word in fig.get_by_role("alert").inner_text()
        assert fig.get_by_role("spinbutton", name="dilation of layer 2").input_value() == "3"
    fig.get_by_role("button", name="add a layer").click()
    fig.get_by_role("button", name="remove layer 1").click()
    check()
    assert fig.get_by_role("alert").inner_text() == ""


def test_the_graph_is_stepped_and_its_inputs_changed(open_page):
    tab = open_page(CHAPTER["01"])
    fig = figure(tab, 1)
    slider = fig.get_by_role("slider", name="step")
    told = [fig.locator(".ctr-sum").inner_text()]
    for _ in range(int(slider.get_attribute("max"))):
        fig.get_by_role("button", name="next step").press("Enter")
        settled(tab)
        told.append(fig.locator(".ctr-sum").inner_text())
    assert len(set(told)) == len(told) == 10 and told[1].startswith("forward") and told[
        -1].startswith("backward")
    for x, y in ((2.0, 3.0), (-1.5, 0.25)):
        for name, v in (("x", x), ("y", y)):
            fig.get_by_label(f"value of {name}").fill(str(v))
            fig.get_by_label(f"value of {name}").press("Enter")
            settled(tab)
        expected = AutogradGraph(lambda x, y: x * y + (x * x).sin(), x=x, y=y).gradients
        for name in ("x", "y"):
            text = fig.locator(f"[data-node={name}] .ctr-line-2").text_content()
            assert number(text.removeprefix("grad ")) == pytest.approx(expected[name].item(),
                                                                       rel=1e-3)
    fig.get_by_label("value of x").fill("much")
    fig.get_by_label("value of x").press("Enter")
    settled(tab)
    assert "is not a number" in fig.get_by_role("alert").inner_text()
    assert number(fig.get_by_label("value of x").input_value()) == -1.5
    slider.press("Home")
    settled(tab)
    assert fig.locator(".ctr-sum").inner_text() == told[0]


def test_batch_normalization_in_training_and_evaluation(open_page):
    tab = open_page(CHAPTER["06"])
    fig, mine = figure(tab), BatchNormExplorer()

    def check():
        settled(tab)
        found = [number(n)
                 for n in re.findall(r"[μσ]\s+(−?[\d.]+)", fig.locator(".ctr-sum").inner_text())]
        x, y = mine.input, mine.output
        expected = [float(n) for v in (x, y) for n in (v.mean(), v.std(correction=0))]
        expected[2:2] = [mine.running_mean, mine.running_var ** 0.5]
        assert found == pytest.approx(expected, abs=0.006)

    check()
    for label, name, key in (("input mean", "shift", "ArrowRight"),
                             ("input spread", "scale", "ArrowLeft"),
                             ("γ", "gamma", "ArrowLeft"), ("β", "beta", "ArrowRight")):
        fig.get_by_role("slider", name=label, exact=True).press(key)
        setattr(mine, name, getattr(mine, name) + (0.25 if key == "ArrowRight" else -0.25))
        check()
    fig.get_by_role("button", name="next batch").click()
    mine.next_batch()
    check()
    fig.get_by_role("combobox", name="batch size").select_option("4")
    mine.batch_size, mine.draws = 4, 0
    fig.get_by_role("button", name="20 batches").press("Enter")
    for _ in range(20):
        mine.next_batch()
    check()
    fig.get_by_role("combobox", name="mode").select_option("evaluation")
    mine.training = False
    fig.get_by_role("button", name="next batch").click()
    mine.next_batch()
    check()
    fig.get_by_role("button", name="running statistics").click()
    mine.running_mean, mine.running_var, mine.draws = 0.0, 1.0, 0
    check()


def of_kind(tab, site, page, kind):
    """Return the page's first figure of a class, and the same in Python."""
    figures = store(site, page)["figures"]
    name, record = next((n, f) for n, f in figures.items() if f["module"] == kind.__name__)
    places = tab.locator("[data-course-figure]").evaluate_all("all => all.map(f => "
                                                              "f.dataset.courseFigure)")
    return figure(tab, places.index(name)), kind.from_state(record["values"])


def moves(tab, slider):
    """Move a slider by keys and by mouse, and yield after each move."""
    for key in ("ArrowLeft", "ArrowRight", "Home", "ArrowRight", "End"):
        slider.press(key)
        yield settled(tab)
    box = slider.bounding_box()
    for share in (0.15, 0.45, 0.7):
        tab.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        yield settled(tab)


def check_flow(tab, fig, mine) -> int:
    """Compare what is read out with Python's numbers; return the layer."""
    settled(tab)
    kinds = ["plain", "residual"] if mine.kind == "both" else [mine.kind]
    told = " ".join(fig.get_by_role("status").all_inner_texts())
    layer, depth = map(int, re.search(r"Layer (\d+) of (\d+)", told).groups())
    found = {kind: [number(n) for n in re.findall(rf"{kind} (\d[\d.]*\d(?:e−?\d+)?|\d)", told)]
             for kind in ("plain", "residual")}
    assert depth == mine.depth == int(fig.get_by_role("slider", name="layer").get_attribute("max"))
    for kind in ("plain", "residual"):
        norms = mine.norms(kind)
        expected = [norms[layer - 1].item(), (norms[0] / norms[-1]).item(),
                    mine.loss(kind)] if kind in kinds else []
        assert found[kind] == pytest.approx(expected, rel=5.1e-3)
        marks = fig.locator(f".ctr-flow .ctr-mark-{kind}")
        assert min(2, len(expected)) <= marks.count() <= len(norms) * (kind in kinds)
        assert fig.locator(f".ctr-flow path.ctr-{kind}").count() == (kind in kinds)
    return layer


def test_gradients_by_depth_layer_norm_and_weights(open_page, chromium, server, site):
    tab = open_page(CHAPTER["07"])
    fig, mine = of_kind(tab, site, CHAPTER["07"], GradientFlow)
    layer, depth = (fig.get_by_role("slider", name=name, exact=True) for name in ("layer", "depth"))
    norm, weights, show = (fig.get_by_label(name, exact=True)
                           for name in ("batch norm", "weights", "show"))
    check_flow(tab, fig, mine)
    for way in (lambda: norm.press("Space"), norm.click):
        way()
        mine.norm = "batch norm" if mine.norm == "none" else "none"
        assert norm.is_checked() == (mine.norm == "batch norm")
        for words in ("He", "default"):
            weights.select_option(words)
            mine.weights = words
            seen = set()
            for _ in moves(tab, depth):
                mine.depth = DEPTHS[int(depth.input_value())]
                assert depth.get_attribute("aria-valuetext") == f"{mine.depth} layers"
                check_flow(tab, fig, mine)
                seen.add(mine.depth)
            assert {DEPTHS[0], DEPTHS[-1]} < seen
    depth.press("End")
    mine.depth = DEPTHS[-1]
    for kind in ("plain", "residual", "both"):
        show.select_option(kind)
        mine.kind = kind
        seen = set()
        for _ in moves(tab, layer):
            at = check_flow(tab, fig, mine)
            assert layer.get_attribute("aria-valuetext") == f"layer {at} of {mine.depth}"
            seen.add(at)
        assert {1, 2, mine.depth} < seen
    box = fig.locator(".ctr-flow svg").bounding_box()
    for share, low, high in ((0.02, 1, 1), (0.5, 25, 40), (0.999, 64, 64)):
        tab.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert low <= check_flow(tab, fig, mine) <= high
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True,
                                 is_mobile=True)
    page = phone.new_page()
    page.goto(server + CHAPTER["07"])
    fig, mine = of_kind(page, site, CHAPTER["07"], GradientFlow)
    for share, expected in ((0.97, mine.depth), (0.02, 1)):
        page.wait_for_timeout(500)  # taps that come while the page still moves are lost
        size = fig.locator(".ctr-flow svg").bounding_box()
        fig.locator(".ctr-flow svg").tap(position={"x": share * size["width"],
                                                   "y": size["height"] / 2})
        assert check_flow(page, fig, mine) == expected
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.close()


PIXELS = """all => JSON.stringify(all.map(c => {
    const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    return [c.height, c.width, [...d].filter((_, i) => i % 4 < 3)]; }))"""


def check_draws(tab, fig, mine) -> None:
    """Compare the pixels of all canvases, and their labels, with Python's."""
    settled(tab)
    draws, expected = fig.locator("[role=gridcell] canvas"), 255 * mine.output
    for k, (height, width, numbers) in enumerate(json.loads(draws.evaluate_all(PIXELS))):
        shown = torch.tensor(numbers).reshape(height, width, 3).permute(2, 0, 1)
        torch.testing.assert_close(shown.float(), expected[k], atol=0.502, rtol=0)
        assert draws.nth(k).get_attribute("aria-label") == mine.words(k)
    assert draws.count() == 8
    selected = fig.get_by_role("gridcell").evaluate_all("all => all.map(c => "
                                                        "c.getAttribute('aria-selected'))")
    assert selected.count("true") == 1
    told = mine.words(selected.index("true"))
    assert fig.get_by_role("status").inner_text() == f"{told[0].upper()}{told[1:]}."
    assert fig.get_by_role("img", name=re.compile("^second image")).is_visible() == (mine.share < 1)


def test_random_draws_of_an_image_are_pythons(open_page, chromium, server, site):
    tab = open_page(CHAPTER["08"])
    fig, mine = of_kind(tab, site, CHAPTER["08"], AugmentPlayground)
    check_draws(tab, fig, mine)
    for name in ("flip top to bottom", "flip left to right"):
        trait = "vertical_flip" if "bottom" in name else "flip"
        for way in (lambda box: box.press("Space"), lambda box: box.click()):
            way(fig.get_by_role("checkbox", name=name))
            setattr(mine, trait, not getattr(mine, trait))
            check_draws(tab, fig, mine)
    sliders = {"padding": "padding", "cutout": "cutout", "brightness": "brightness",
               "contrast": "contrast",
               "saturation": "saturation", "hue": "hue", "window": "window", "mixup λ": "share"}
    for name, trait in sliders.items():
        slider, seen = fig.get_by_role("slider", name=name, exact=True), set()
        for _ in moves(tab, slider):
            kind = int if trait in ("padding", "cutout") else float
            setattr(mine, trait, kind(slider.input_value()))
            check_draws(tab, fig, mine)
            seen.add(getattr(mine, trait))
        assert len(seen) >= 4 and fig.get_by_role("alert").inner_text() == ""
    for name, trait in (("pad with", "padding_mode"), ("cut to", "cutout_fill")):
        menu = fig.get_by_role("combobox", name=name)
        for word in menu.locator("option").evaluate_all("all => all.map(o => o.value)"):
            menu.select_option(word)
            setattr(mine, trait, word)
            check_draws(tab, fig, mine)
    again = fig.get_by_role("button", name="draw again")
    for way in (again.click, lambda: again.press("Enter")):
        way()
        mine.draw_again()
        check_draws(tab, fig, mine)
    cells = fig.get_by_role("gridcell")
    cells.nth(6).click()
    for key, at in (("ArrowLeft", 5), ("ArrowUp", 1), ("ArrowUp", 1), ("Home", 0), ("ArrowDown", 4),
                    ("End", 7),
                    ("ArrowRight", 7)):
        tab.keyboard.press(key)
        check_draws(tab, fig, mine)
        assert cells.nth(at).evaluate("c => c === document.activeElement && c.tabIndex === 0"), key
    padding = fig.get_by_role("slider", name="padding")
    padding.press("Home")
    assert fig.get_by_role("combobox", name="pad with").is_disabled()
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True,
                                 is_mobile=True)
    page = phone.new_page()
    page.goto(server + CHAPTER["08"])
    fig, mine = of_kind(page, site, CHAPTER["08"], AugmentPlayground)
    fig.get_by_role("gridcell").nth(3).tap()
    check_draws(page, fig, mine)
    assert "Draw 4" in fig.get_by_role("status").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.close()


def check_schedule(tab, fig, mine, epoch=None) -> int:
    """Compare what is read out, the table and the code with Python's; return the epoch, the last
    one by default.
    """
    settled(tab)
    told = fig.get_by_role("status").inner_text()
    at, count = map(int, re.search(r"Epoch (\d+) of (\d+)", told).groups())
    assert count == mine.epochs and at == (epoch or at)
    slider = fig.get_by_role("slider", name="epoch", exact=True)
    assert slider.get_attribute("aria-valuetext") == f"epoch {at} of {count}"
    numbers = [number(one) for one in re.findall(
        r"(?:rate|loss|[\d.]+:) (\d[\d.]*(?:e−\d+)?)(?=[,.] |\.$)", told)]
    small = ScheduleExplorer("constant", lr=mine.lr / 10,
                             epochs=count).losses() if mine.lr >= 0.01 else None
    expected = [mine.rates(), mine.losses(), mine.losses("constant"),
                *([] if small is None else [small])]
    assert numbers[:len(expected)] == pytest.approx([one[at - 1].item() for one in expected],
                                                    rel=5.1e-3), told
    fitting = []
    for name in SCHEDULES:
        with contextlib.suppress(BadValue):
            fitting.append([name, mine.rates(name)[at - 1].item(),
                            mine.losses(name)[at - 1].item()])
    rows = fig.locator("tbody tr").evaluate_all("all => all.map(row => [...row.children].map(c => "
                                                "c.innerText))")
    assert [row[0] for row in rows] == [row[0] for row in fitting]
    for row, right in zip(rows, fitting, strict=True):
        assert [number(one) for one in row[1:]] == pytest.approx(right[1:], rel=5.1e-3), row[0]
    assert fig.locator("tr[aria-current=true] th").all_inner_texts() == [mine.schedule]
    code = fig.get_by_role("group", name="the code").inner_text()
    assert f"optimizer = SGD(model.parameters(), lr={mine.lr})\nscheduler = {mine.code()}\n" in code
    assert ("step(val_loss)" in code) == (mine.schedule == "ReduceLROnPlateau")
    lines = 2 + (mine.schedule != "constant")
    for drawn in ("path:not(.ctr-others)", "circle"):
        assert fig.locator(f".ctr-flow {drawn}").count() == 2 * lines
    assert fig.locator(".ctr-flow path.ctr-others").count() == len(fitting) - (
        mine.schedule != "constant") - 1
    return at


CONTROLS = {"StepLR": {"step_size": "step_size", "gamma": "gamma"},
            "ExponentialLR": {"gamma": "exp_gamma"},
            "CosineAnnealingLR": {"eta_min": "eta_min"}, "OneCycleLR": {"pct_start": "pct_start"},
            "warm-up + cosine": {"warm-up": "warmup", "eta_min": "eta_min"},
            "ReduceLROnPlateau": {"factor": "factor", "patience": "patience"}, "constant": {}}


def test_schedules_with_all_their_settings(open_page, site):
    tab = open_page(CHAPTER["09"])
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    epochs, rate = (fig.get_by_role("slider", name=name, exact=True)
                    for name in ("epochs", "peak lr"))
    check_schedule(tab, fig, mine, mine.epochs)

    def change(slider, trait):
        """Move a slider to many places, and Python's figure with it, where the page does not
        refuse.
        """
        seen = set()
        for _ in moves(tab, slider):
            shown = slider.get_attribute("aria-valuetext") or slider.input_value()
            alert = fig.get_by_role("alert").inner_text()
            before = getattr(mine, trait)
            setattr(mine, trait, type(before)(shown))
            assert not alert or getattr(mine, trait) == before, "what was refused goes back"
            check_schedule(tab, fig, mine)
            seen.add(shown)
        assert len(seen) >= 4, trait

    for name, settings in CONTROLS.items():
        fig.get_by_role("combobox", name="schedule").select_option(name)
        mine.schedule = name
        check_schedule(tab, fig, mine)
        visible = fig.get_by_role("slider").evaluate_all("all => all.map(s => "
                                                         "s.getAttribute('aria-label'))")
        assert set(visible) == {"peak lr", "epochs", "epoch",
                                *settings} and len(visible) == 3 + len(settings)
        for label, trait in settings.items():
            change(fig.get_by_role("slider", name=label, exact=True), trait)
    change(rate, "lr")
    change(epochs, "epochs")


def test_a_schedule_that_does_not_fit_is_refused_or_made_to_fit(open_page, site):
    tab = open_page(CHAPTER["09"])
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    menu = fig.get_by_role("combobox", name="schedule")
    menu.select_option("warm-up + cosine")
    slider = fig.get_by_role("slider", name="warm-up", exact=True)
    fig.get_by_role("slider", name="epochs", exact=True).fill("12")
    slider.fill("11")
    mine.epochs, mine.warmup, mine.schedule = 12, 11, "warm-up + cosine"
    check_schedule(tab, fig, mine)
    slider.press("ArrowRight")
    settled(tab)
    assert "shorter than the whole" in fig.get_by_role(
        "alert").inner_text() and slider.input_value() == "11"
    fig.get_by_role("slider", name="epochs", exact=True).press("ArrowLeft")
    settled(tab)
    assert "shorter than the whole" in fig.get_by_role("alert").inner_text()
    check_schedule(tab, fig, mine)
    menu.select_option("StepLR")
    mine.schedule = "StepLR"
    fig.get_by_role("slider", name="epochs", exact=True).fill("6")
    mine.epochs = 6
    check_schedule(tab, fig, mine)
    assert fig.get_by_role("alert").inner_text() == "" and "warm-up" not in fig.locator(
        "tbody").inner_text()
    menu.select_option("warm-up + cosine")
    mine.warmup = 5
    mine.schedule = "warm-up + cosine"
    check_schedule(tab, fig, mine)
    assert slider.input_value() == "5"


def test_epochs_of_a_schedule_are_read_by_keyboard_mouse_and_finger(open_page, chromium, server,
                                                                    site):
    tab = open_page(CHAPTER["09"])
    fig, mine = of_kind(tab, site, CHAPTER["09"], ScheduleExplorer)
    slider, count = fig.get_by_role("slider", name="epoch", exact=True), mine.epochs
    code = fig.get_by_role("group", name="the code")
    code.evaluate("c => getSelection().selectAllChildren(c)")
    for key, epoch in (("ArrowLeft", count - 1), ("Home", 1), ("ArrowRight", 2), ("End", count),
                       ("ArrowRight", count)):
        slider.press(key)
        check_schedule(tab, fig, mine, epoch)
    assert tab.evaluate(
        "getSelection().toString()").strip() == code.inner_text().strip(), "selected text stays so"
    left, right = 46, 8
    for chart in fig.locator(".ctr-flow > svg").all():
        box = chart.bounding_box()
        for epoch in (1, count // 2, count):
            x = box["x"] + left + (box["width"] - left - right) * (epoch - 0.5) / count
            tab.mouse.move(x, box["y"] + box["height"] / 2)
            check_schedule(tab, fig, mine, epoch)
        tab.mouse.move(box["x"] + 1, box["y"] + 50)
        check_schedule(tab, fig, mine, 1)
    log, rates = fig.get_by_role("checkbox",
                                 name="logarithmic rate"), fig.locator(".ctr-flow > svg").first
    for way in (lambda: log.press("Space"), log.click):
        before = rates.locator("path.ctr-schedule").get_attribute("d"), log.is_checked()
        way()
        check_schedule(tab, fig, mine, 1)
        assert log.is_checked() != before[1]
        assert rates.locator("path.ctr-schedule").get_attribute("d") != before[0]
        assert ("10⁻²" in rates.text_content()) == log.is_checked()
    phone = chromium.new_context(viewport={"width": 360, "height": 800}, has_touch=True,
                                 is_mobile=True)
    page = phone.new_page()
    page.goto(server + CHAPTER["09"])
    fig, mine = of_kind(page, site, CHAPTER["09"], ScheduleExplorer)
    for share, epoch in ((0.97, mine.epochs), (0.02, 1)):
        page.wait_for_timeout(500)  # taps that come while the page still moves are lost
        size = fig.locator(".ctr-flow > svg").first.bounding_box()
        fig.locator(".ctr-flow > svg").first.tap(position={"x": share * size["width"],
                                                           "y": size["height"] / 2})
        check_schedule(page, fig, mine, epoch)
    for name in SCHEDULES:
        fig.get_by_role("combobox", name="schedule").select_option(name)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    phone.close()


def check_allreduce(tab, fig, mine) -> None:
    """Compare the numbers held, what is marked, the steps in words, the costs and the times with
    Python's.
    """
    settled(tab)
    n, moves = mine.processes, mine.sent(mine.step)
    # a number of its own for each rank: which ones a cell holds
    bits = 2 ** torch.arange(n)[:, None].expand(-1, n)
    ranks = AllReduce(values=bits, algorithm=mine.algorithm).state(mine.step)
    for name, values in (("gradients at the start", mine.values), ("numbers held", mine.state())):
        cells = fig.locator(f"[role=grid][aria-label='{name}'] [role=gridcell]").evaluate_all(
            "all => all.map(c => [c.getAttribute('aria-label'), c.innerText, c.dataset.mark, "
            "c.className])")
        assert len(cells) == n * n
        for k, (label, text, mark, style) in enumerate(cells):
            rank, chunk = divmod(k, n)
            start, told = label.split(": ", 1)
            assert start == f"chunk {chunk} of rank {rank}"
            value = number(told.split(",")[0].split(" = ")[-1])
            assert value == pytest.approx(values[rank, chunk].item(), rel=1e-3, abs=1e-3)
            assert number(text) == pytest.approx(value, rel=6e-2)
            inside = [r for r in range(n)
                      if int(ranks[rank, chunk]) >> r & 1] if name == "numbers held" else [rank]
            whose = {1: "its own number", n: "the sum of all ranks: complete"}
            assert told.split(", ", 1)[1] == whose.get(len(inside), "the sum of ranks "
                                                                    f"{', '.join(map(str, inside))}")
            assert ("ctr-whole" in style) == (len(inside) == n)
            sends, gets = (any(one[end] == rank and chunk in one.chunks for one in moves)
                           for end in (0, 1))
            sign = ("+" if mine.step < n else "=") if gets else "→" if sends else ""
            assert mark == (sign if name == "numbers held" else "")
    before = mine.values if mine.algorithm == "everyone to everyone" else mine.state(
        max(0, mine.step - 1))
    lines = fig.locator(".ctr-sum").inner_text().split("\n")
    assert lines[0].startswith(f"Step {mine.step}") and ("all sums" in lines[0]) == (mine.step ==
                                                                                     mine.steps)
    for line, (sender, receiver, chunks) in zip(lines[1:], moves, strict=True):
        assert line.startswith(f"rank {sender} → rank {receiver}: ")
        assert (f"chunk {chunks[0]}, " in line) == (len(chunks) == 1)
        numbers = [number(one) for one in re.split(r"[:,] ", line)[-1].split()]
        assert numbers == pytest.approx(before[sender, list(chunks)].tolist(), rel=6e-3)
    assert fig.locator(".ctr-hop").count() == fig.locator(".ctr-tip").count() == len(moves)
    step = fig.get_by_role("slider", name="step", exact=True)
    assert step.get_attribute("aria-valuetext") == f"step {mine.step} of {mine.steps}"
    costs, times = fig.locator(".ctr-costs table").evaluate_all(
        "all => all.map(t => [...t.rows].map(r => [...r.cells].slice(1).map(c => c.innerText)))")
    far, everything = mine.traffic(), mine.traffic(mine.steps)
    assert [[int(one) for one in row] for row in costs[1:]] == [
        [mine.step, mine.steps], *([int(of(far)), int(of(everything))] for of in (
            lambda counts: counts[:, 0].max(), lambda counts: counts.sum(1).max(),
            lambda counts: counts[:, 0].sum()))]
    for row, size in zip(times[1:], (2, 4, 8, 16), strict=True):
        seconds = [mine.seconds(name, size) for name in ALGORITHMS]
        stars = [f"{'* ' if one == min(seconds) else ''}{_written(one)}" for one in seconds]
        assert row == stars
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_all_reduce_is_stepped_by_all_its_algorithms(open_page, site):
    tab = open_page(CHAPTER["10"])
    fig, mine = of_kind(tab, site, CHAPTER["10"], AllReduce)
    check_allreduce(tab, fig, mine)
    menu = fig.get_by_role("combobox", name="algorithm", exact=True)
    step, processes = (fig.get_by_role("slider", name=name, exact=True)
                       for name in ("step", "processes"))

    def reach(number: int) -> None:
        mine.step = number
        check_allreduce(tab, fig, mine)

    for name in ALGORITHMS[::-1]:
        menu.select_option(name)
        mine.step = 0
        mine.algorithm = name
        check_allreduce(tab, fig, mine)
        for number_ in range(1, mine.steps + 1):
            fig.get_by_role("button", name="next step").press("Enter")
            reach(number_)
        assert mine.state().equal(mine.values.sum(0).expand(mine.processes, -1))
        for button, number_ in (("next", 0), ("previous", mine.steps), ("previous", mine.steps - 1),
                                ("first", 0),
                                ("last", mine.steps)):
            fig.get_by_role("button", name=f"{button} step").click()
            reach(number_)
        for key, number_ in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1),
                             ("End", mine.steps)):
            step.press(key)
            reach(number_)
        seen = set()
        for _ in moves(tab, processes):
            mine.processes = int(processes.input_value())
            check_allreduce(tab, fig, mine)
            step.press("End")
            reach(mine.steps)
            seen.add(mine.processes)
        assert {2, 6} < seen
    for name, trait in (("megabytes", "megabytes"), ("gigabits per s", "gigabits"),
                        ("latency, µs", "latency")):
        slider, seen = fig.get_by_role("slider", name=name, exact=True), set()
        for _ in moves(tab, slider):
            setattr(mine, trait, float(slider.get_attribute("aria-valuetext").split()[0]))
            check_allreduce(tab, fig, mine)
            seen.add(getattr(mine, trait))
        assert set(mine.limits[trait]) <= seen and len(seen) >= 4
    assert fig.get_by_role("alert").inner_text() == ""
    menu.select_option("ring")
    settled(tab)
    before = fig.locator(".ctr-sum").inner_text()
    fig.get_by_role("button", name="play").click()
    tab.wait_for_function("t => document.querySelector('.ctr-sum').innerText !== t", arg=before)
    fig.get_by_role("button", name="last step").click()
    settled(tab)
    assert fig.get_by_role("button", name="play").get_attribute("aria-pressed") == "false"


def test_gradients_of_an_all_reduce_are_changed_and_sums_taken_apart(open_page, chromium, server,
                                                                     site):
    tab = open_page(CHAPTER["10"])
    fig, mine = of_kind(tab, site, CHAPTER["10"], AllReduce)
    start, held = (fig.locator(f"[role=grid][aria-label='{name}'] [role=gridcell]")
                   for name in ("gradients at the start", "numbers held"))
    n, values = mine.processes, mine.values

    def edited(rank: int, chunk: int, value: float) -> None:
        values[rank, chunk] = value
        mine.values = values
        check_allreduce(tab, fig, mine)

    def looked(rank: int, chunk: int) -> None:
        settled(tab)
        label = held.nth(rank * n + chunk).get_attribute("aria-label")
        assert fig.locator(".ctr-formula").inner_text() == f"{label[0].upper()}{label[1:]}."
        chosen = (
            "all => all.map((c, i) => c.getAttribute('aria-selected') === 'true' ? i : "
            "-1).filter(i => i >= 0)")
        assert held.evaluate_all(chosen) == [rank * n + chunk]
        terms = [start.nth(i) for i in start.evaluate_all(chosen)]
        assert all(f"chunk {chunk} of" in one.get_attribute("aria-label") for one in terms)
        total = sum(number(one.inner_text()) for one in terms)
        assert total == pytest.approx(mine.state()[rank, chunk].item(), abs=1e-3)

    fig.get_by_role("button", name="last step").click()
    mine.step = mine.steps
    start.nth(1).click()
    tab.keyboard.type("-2.5")
    tab.keyboard.press("Enter")
    edited(0, 1, -2.5)
    assert held.nth(1).get_attribute("aria-label").startswith("chunk 1 of rank 0: −2.5 + ")
    start.nth(n).focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("7")
    tab.keyboard.press("Enter")
    edited(1, 1, 7)
    start.nth(0).focus()
    tab.keyboard.press("Space")
    edited(0, 0, float(values[0, 0] == 0))
    for text in ("abc", "1e9", "NaN"):
        start.nth(2).click()
        tab.keyboard.type(text)
        tab.keyboard.press("Enter")
        settled(tab)
        assert "is not a number" in fig.get_by_role("alert").inner_text()
        check_allreduce(tab, fig, mine)
    for _ in range(mine.steps - 1):
        fig.get_by_role("button", name="previous step").click()
        mine.step -= 1
        held.nth(0).click()
        looked(0, 0)
        rank = chunk = 0
        for key, down, right in (("ArrowRight", 0, 1), ("ArrowDown", 1, 0), ("End", 0, n),
                                 ("ArrowLeft", 0, -1),
                                 ("ArrowUp", -1, 0), ("Home", 0, -n)):
            tab.keyboard.press(key)
            rank, chunk = rank + down, min(n - 1, max(0, chunk + right))
            looked(rank, chunk)
        held.nth(n * n - 1).hover()
        looked(n - 1, n - 1)
    assert fig.get_by_role("alert").inner_text() == ""
    phone = chromium.new_context(viewport={"width": 360, "height": 800}, has_touch=True,
                                 is_mobile=True)
    tab = phone.new_page()
    tab.goto(server + CHAPTER["10"])
    fig, mine = of_kind(tab, site, CHAPTER["10"], AllReduce)
    fig.get_by_role("slider", name="processes", exact=True).press("End")
    mine.processes = 6
    for name in ALGORITHMS:
        fig.get_by_role("combobox", name="algorithm").select_option(name)
        mine.step = 0
        mine.algorithm = name
        tab.wait_for_timeout(500)  # taps that come while the page still moves are lost
        fig.get_by_role("button", name="next step").tap()
        mine.step = 1
        check_allreduce(tab, fig, mine)
    fig.locator("[role=grid][aria-label='numbers held'] [role=gridcell]").nth(8).tap()
    settled(tab)
    assert fig.locator(".ctr-formula").inner_text().startswith("Chunk 2 of rank 1: ")
    phone.close()


def test_the_training_monitor_reads_out_its_epochs(open_page, site):
    tab = open_page(CHAPTER["05"])
    fig = figure(tab)
    (record,) = store(site, CHAPTER["05"])["figures"].values()
    epochs = record["values"]["epochs"]
    assert epochs and not record["values"]["running"] and record["values"]["status"].startswith(
        "Finished")
    for i, epoch in enumerate(epochs, 1):
        if len(epochs) > 1:  # with one epoch there is nothing to choose
            fig.get_by_role("slider", name="epoch").fill(str(i))
        settled(tab)
        assert f"validation loss {epoch['val_loss']:.3f}" in fig.inner_text()
    assert fig.get_by_role("slider", name="epoch").is_visible() == (len(epochs) > 1)
    before = fig.locator("path.ctr-batch").get_attribute("d")
    fig.get_by_role("slider", name="smoothing").press("Home")
    settled(tab)
    rough = fig.locator("path.ctr-batch").get_attribute("d")
    fig.get_by_role("checkbox", name="logarithmic loss").click()
    settled(tab)
    assert len({before, rough, fig.locator("path.ctr-batch").get_attribute("d")}) == 3


def test_the_training_monitor_of_several_epochs(chromium, tmp_path):
    """The smoke site trains for one epoch; here are three, on a page of their own."""
    sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
    import figures

    history = History(train_loss=[2.0, 1.5, 1.2], train_accuracy=[0.2, 0.4, 0.5],
                      val_loss=[1.8, 1.6, 1.4],
                      val_accuracy=[0.3, 0.4, 0.45], seconds=[1.0, 2.0, 3.0], images=[100] * 3,
                      batch_loss=[2.3 - 0.01 * i for i in range(90)])
    view = '<script type="application/vnd.jupyter.widget-view+json">{"model_id": "m"}</script>'
    body = figures.embedded(view, {"m": {"state": TrainingMonitor(history).get_state()}})
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{body}",
                                        encoding="utf-8")
    tab = chromium.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    fig = figure(tab)
    assert "Epoch 3 of 3: training loss 1.200, accuracy 50.0 %; validation loss 1.400" in fig.inner_text()
    fig.get_by_role("slider", name="epoch").press("ArrowLeft")
    settled(tab)
    assert "Epoch 2 of 3: training loss 1.500, accuracy 40.0 %; validation loss 1.600" in fig.inner_text()
    tab.close()


@pytest.mark.parametrize("page", PAGES)
def test_without_javascript_the_numbers_stand_there_as_tables(chromium, server, site, page):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(server + page)
    places = tab.locator("[data-course-figure]")
    if "course-figures" in (site / page).read_text(encoding="utf-8"):
        assert places.count() == len(store(site, page)["figures"]) >= 1
        for i in range(places.count()):
            assert places.nth(i).locator("table").first.is_visible() and places.nth(i).locator(
                "td").count() > 3
    else:
        assert not places.count()
    context.close()


def test_pages_without_figures_load_none_of_their_code(site):
    for page in PAGES:
        text = (site / page).read_text(encoding="utf-8")
        shows = "data-course-figure=" in text
        assert shows == ("course-figures" in text) == ("01" <= page[5:7] <= "10")
        assert "widget-state+json" not in text and "require.js" not in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", [*PAGES, "search.html", "genindex.html"])
def test_no_serious_finding_of_axe(open_page, page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    tab = open_page(page, scheme=scheme)
    tab.wait_for_function("() => [...document.querySelectorAll('[data-course-figure]')].every(f => "
                          "f.dataset.ready)")
    # The theme's buttons fade into their colours after the page has loaded; half-way the contrast
    # is too low.
    tab.wait_for_function("() => !document.getAnimations().some(a => a instanceof CSSTransition)")
    # Contrast does not depend on the width, and code has the same colours on every page: looking
    # for it takes longest.
    code = {} if "01_" in page else {"exclude": [["div.highlight pre"]]}
    # preload fetches what is not there
    findings = Axe().run(tab, code, {"preload": False}).response["violations"]
    tab.set_viewport_size({"width": 390, "height": 900})
    settled(tab)
    narrow = {"preload": False, "rules": {"color-contrast": {"enabled": False}}}
    findings += Axe().run(tab, options=narrow).response["violations"]
    assert not [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in findings
                if v["impact"] in ("serious", "critical")]


def test_every_figure_of_helpers_is_in_a_chapter():
    import helpers
    text = "".join((ROOT / page.replace(".html", ".ipynb")).read_text(encoding="utf-8")
                   for page in PAGES[1:])
    figures = [n for n in helpers.widgets.__all__ if hasattr(getattr(helpers.widgets, n), "to_html")
               and n != "Figure"]
    missing = [name for name in figures if f"{name}(" not in text]
    assert len(figures) >= 5 and missing == ([] if "09" in CHAPTER else ["ScheduleExplorer"])
