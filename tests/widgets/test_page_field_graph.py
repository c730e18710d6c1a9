"""The receptive field and the graph of a computation on their pages."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import (
    CHAPTER,
    PHONE,
    alert,
    figure,
    fits,
    number,
    settled,
    slider,
    value,
)

from helpers import AutogradGraph


def check_field(tab, fig) -> None:
    """What is marked in the input is where the chosen output's gradient is not zero."""
    settled(tab)
    fields = fig.locator("table input").evaluate_all("all => all.map(i => +i.value)")
    layers = [fields[i:i + 4] for i in range(0, len(fields), 4)][:value(fig, "look at layer")]
    image = torch.ones(1, 1, value(fig, "input size"), dtype=torch.float64, requires_grad=True)
    x = image
    for kernel, stride, padding, dilation in layers:
        x = F.conv1d(x, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride,
                     padding=padding, dilation=dilation)
    x[0, 0, value(fig, "output")].backward()
    marked = fig.locator("rect.ctr-read, rect.ctr-chosen").evaluate_all(
        "all => all.map(r => r.dataset.at)")
    assert {int(at[2:]) for at in marked if at.startswith("0,")} == set(
        image.grad[0, 0].nonzero()[:, 0].tolist())


def test_receptive_field_by_sliders_clicks_and_table(open_page):
    tab = open_page(CHAPTER["03"])
    fig = figure(tab, 1)
    check_field(tab, fig)
    for name in ("look at layer", "output", "input size"):
        slider(fig, name).press("ArrowLeft")
        check_field(tab, fig)
    fig.locator("rect[data-at='2,3']").click()
    check_field(tab, fig)
    assert value(fig, "look at layer") == 2 and value(fig, "output") == 3
    fig.get_by_role("combobox", name="stack").select_option("dilated 2, 2, 2")
    field = fig.get_by_role("spinbutton", name="dilation of layer 2")
    field.fill("3")
    field.press("Tab")
    check_field(tab, fig)
    for bad in ("99", ""):
        field.fill(bad)
        field.press("Enter")
        assert "whole number" in alert(tab, fig) and field.input_value() == "3"
    fig.get_by_role("button", name="add a layer").click()
    fig.get_by_role("button", name="remove layer 1").click()
    check_field(tab, fig)
    assert alert(tab, fig) == ""


def test_receptive_field_on_a_phone(open_page):
    tab = open_page(CHAPTER["03"], **PHONE)
    fig = figure(tab, 1)
    fig.locator("rect[data-at='2,3']").tap()
    check_field(tab, fig)
    assert value(fig, "output") == 3 and fits(tab)


def test_the_graph_is_stepped_and_its_inputs_changed(open_page):
    tab = open_page(CHAPTER["01"])
    fig = figure(tab, 1)
    step, told = slider(fig, "step"), [fig.locator(".ctr-sum").inner_text()]
    for _ in range(int(step.get_attribute("max"))):
        fig.get_by_role("button", name="next step").press("Enter")
        settled(tab)
        told.append(fig.locator(".ctr-sum").inner_text())
    assert len(set(told)) == len(told) == 10
    assert told[1].startswith("forward") and told[-1].startswith("backward")
    for name, v in (("x", "-1.5"), ("y", "0.25")):
        fig.get_by_label(f"value of {name}").fill(v)
        fig.get_by_label(f"value of {name}").press("Enter")
        settled(tab)
    expected = AutogradGraph(lambda x, y: x * y + (x * x).sin(), x=-1.5, y=0.25).gradients
    for name, gradient in expected.items():
        text = fig.locator(f"[data-node={name}] .ctr-line-2").text_content()
        assert number(text.removeprefix("grad ")) == pytest.approx(gradient.item(), rel=1e-3)
    fig.get_by_label("value of x").fill("much")
    fig.get_by_label("value of x").press("Enter")
    assert "is not a number" in alert(tab, fig)
    assert number(fig.get_by_label("value of x").input_value()) == -1.5
    step.press("Home")
    settled(tab)
    assert fig.locator(".ctr-sum").inner_text() == told[0]
