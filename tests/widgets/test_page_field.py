"""The receptive field on its page: the photograph, the stack from the side, the table."""

import pytest
import torch
import torch.nn.functional as F
from widget_support import PHONE

from helpers import ReceptiveField

# red above blue: only there where the output sees the pixel and paths lead from it
SEEN = """one => {
    const image = one.getContext("2d").getImageData(0, 0, one.width, one.height).data;
    return Array.from({ length: one.width * one.height }, (_, i) =>
                      image[4 * i] - image[4 * i + 2]); }"""


def check_field(page) -> torch.Tensor:
    """What is lit, and what is marked from the side, is where the output's gradient is not 0."""
    page.settle()
    fields = page.all("table input", "+e.value")
    layers = [fields[i:i + 4] for i in range(0, len(fields), 4)][:page.value("look at layer")]
    size, row, column = map(page.value, ("input size", "row", "column"))
    x = image = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    for kernel, *settings in layers:
        x = F.conv2d(x, torch.ones(1, 1, kernel, kernel, dtype=x.dtype), None, *settings)
    x[0, 0, row, column].backward()
    slopes = image.grad[0, 0]
    marked = page.all("rect.ctr-read, rect.ctr-chosen", "e.dataset.at")
    assert {int(at[2:]) for at in marked if at.startswith("0,")} == {
        *slopes.sum(0).nonzero()[:, 0].tolist()}
    warm = torch.tensor(page.fig.locator("canvas").evaluate(SEEN)).reshape(size, size)
    assert (warm > 0).equal(slopes > 0), "lit where it sees, else dark and bluish"
    return slopes


def test_the_photograph_by_mouse_sliders_and_arrow_keys(on_page):
    page = on_page("03", ReceptiveField)
    photo = page.fig.get_by_role("application")
    assert "4 spans 16 × 16 pixels" in page.text(".ctr-formula") and check_field(page).sum() > 256
    box = photo.bounding_box()
    page.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.tab.mouse.down()
    page.tab.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 8, steps=5)
    page.tab.mouse.up()
    check_field(page)
    assert (page.value("row"), page.value("column")) == (0, 4)
    page.tab.mouse.move(box["x"] + 9, box["y"] + box["height"] - 9)
    page.settle()
    assert (page.value("row"), page.value("column")) == (0, 4), "it moves only while pressed"
    for key, place in (("ArrowDown", (1, 4)), ("ArrowLeft", (1, 3)), ("ArrowUp", (0, 3)),
                       ("ArrowUp", (0, 3)), ("ArrowRight", (0, 4))):
        photo.press(key)
        page.settle()
        assert (page.value("row"), page.value("column")) == place
    page.slider("row").press("End")
    check_field(page)
    assert page.value("row") == 4 and "row 4, column 4" in photo.get_attribute("aria-label")


def test_heat_can_be_left_out(on_page):
    page = on_page("03", ReceptiveField)
    check_field(page)
    before = page.fig.locator("canvas").evaluate(SEEN)
    page.box("number of paths").click()
    page.settle()
    plain = page.fig.locator("canvas").evaluate(SEEN)
    assert max(plain) < 10 < max(before), "gray again"


def test_the_stack_from_the_side_its_menu_and_its_table(on_page):
    page = on_page("03", ReceptiveField)
    for name in ("look at layer", "column", "input size"):
        page.slider(name).press("ArrowLeft")
    check_field(page)
    page.fig.locator("rect[data-at='2,3']").click()
    check_field(page)
    assert page.value("look at layer") == 2 and page.value("column") == 3
    page.choose("stack", "dilated 2, 2, 2")
    assert check_field(page).gt(0).sum() == 49 and "49 of these 169: the rest are holes" in (
        page.text(".ctr-formula"))
    field = page.fig.get_by_role("spinbutton", name="dilation of layer 2")
    field.fill("3")
    field.press("Tab")
    check_field(page)
    for bad in ("99", ""):
        field.fill(bad)
        field.press("Enter")
        assert "whole number" in page.alert() and field.input_value() == "3"
    page.button("add a layer").click()
    page.button("remove layer 1").click()
    check_field(page)
    assert page.alert() == ""
    page.choose("stack", "ResNet")
    page.slider("input size").press("End")
    page.settle()
    said = page.text(".ctr-formula")
    assert "67 × 67" in said and "start in 10 % of the pixels" in said, "as the chapter says"
    assert check_field(page).equal(ReceptiveField("ResNet", 96).paths)


@pytest.mark.parametrize("width", [390, 320])
def test_by_finger_on_a_phone(on_page, width):
    page = on_page("03", ReceptiveField, **{**PHONE, "width": width})
    assert page.fits() and page.opened == [False], "the table of layers is folded on a phone"
    page.fig.get_by_role("application").scroll_into_view_if_needed()
    photo = page.fig.get_by_role("application").bounding_box()
    page.tab.touchscreen.tap(photo["x"] + 20, photo["y"] + photo["height"] - 20)
    check_field(page)
    assert (page.value("row"), page.value("column")) == (4, 0)
    cone = page.fig.locator(".rf-cone svg")
    cone.scroll_into_view_if_needed()
    box = page.fig.locator("rect[data-at='2,3']").bounding_box()
    page.tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 26)  # beside the cell
    check_field(page)
    assert page.value("look at layer") == 2 and page.value("column") == 3 and page.fits()
    small = page.all("button, select, summary, input[type=range]",
                     "[e.getBoundingClientRect().height, e.textContent]")
    assert not [one for one in small if 0 < one[0] < 43.9]


@pytest.mark.parametrize("settings", [{"scheme": "dark"}, {"forced_colors": "active"}], ids=str)
def test_the_field_is_seen_in_all_colors(on_page, settings):
    page = on_page("03", ReceptiveField, **settings)
    check_field(page)
    fills = [page.all(f"rect.{kind}", "getComputedStyle(e).fill")[0]
             for kind in ("rf-read", "ctr-quiet")]
    assert fills[0] != fills[1]
