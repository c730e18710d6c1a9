"""The convolution explorer in the browser: photograph and numbers, by mouse, keys and finger."""

import io
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from test_page_numbers import check_conv
from widget_support import PHONE, number

from helpers import KERNELS, ConvExplorer

CORNERS = [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]


def settings_of(page) -> dict[str, int]:
    return {name: page.value(name) for name in ("stride", "padding", "dilation")}


def block(page, name: str) -> torch.Tensor:
    """Read the patch, the products or the sum."""
    told = page.fig.get_by_role("img", name=f"{name}:").get_attribute("aria-label")
    rows = told.split(": ", 1)[1].split("; ")
    return torch.tensor([[number(one) for one in row.split(", ")] for row in rows])


def told(page) -> tuple[int, int, float]:
    """The output that is looked at: row, column, value."""
    page.settle()
    said = page.fig.locator(".ctr-spoken").last.inner_text()
    found = re.fullmatch(r"output row (\d+), column (\d+) is (\S+)", said)
    assert found, said
    return int(found[1]), int(found[2]), number(found[3])


def check_sum(page) -> tuple[int, int]:
    """See that the arithmetic that is shown is that of PyTorch's output there."""
    row, column, value = told(page)
    settings, mine = settings_of(page), page.mine
    photo = page.fig.get_by_role("application").count() and page.fig.get_by_role(
        "application").is_visible()
    image = mine.photo if photo else page.matrix("input").float()
    kernel = page.matrix("kernel").float()
    expected = F.conv2d(image[None, None], kernel[None, None], **settings)[0, 0]
    assert value == pytest.approx(expected[row, column].item(), rel=1e-3, abs=1e-3)
    assert block(page, "sum").item() == pytest.approx(value, rel=6e-3, abs=1e-3)
    padded = F.pad(image, [settings["padding"]] * 4)
    top, left = row * settings["stride"], column * settings["stride"]
    spans = [settings["dilation"] * (n - 1) + 1 for n in kernel.shape]
    patch = padded[top:top + spans[0], left:left + spans[1]]
    torch.testing.assert_close(block(page, "patch"), patch, rtol=6e-3, atol=1e-3)
    products = patch[::settings["dilation"], ::settings["dilation"]] * kernel
    torch.testing.assert_close(block(page, "products"), products, rtol=6e-3, atol=1e-3)
    assert products.sum().item() == pytest.approx(value, rel=1e-2, abs=1e-2)
    return row, column


def pixels(page, where: str) -> np.ndarray:
    """Read a canvas, (height, width, 4)."""
    flat, height, width = page.fig.locator(f".ctr-c-{where} canvas").evaluate(
        "c => [[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data], c.height, "
        "c.width]")
    return np.array(flat, dtype=np.int64).reshape(height, width, 4)


def check_pictures(page) -> None:
    """Photograph and output are painted pixel for pixel, orange above 0 and blue below."""
    page.settle()
    settings, padding = settings_of(page), page.value("padding")
    shown, mine = pixels(page, "source"), (page.mine.photo * 255).round().numpy()
    inner = shown[padding:len(shown) - padding, padding:shown.shape[1] - padding, 0]
    assert inner.shape == mine.shape and abs(inner - mine).max() <= 1
    kernel = page.matrix("kernel").float()
    out = F.conv2d(page.mine.photo[None, None], kernel[None, None], **settings)[0, 0].numpy()
    painted = pixels(page, "result")
    assert painted.shape[:2] == out.shape and (painted[..., 3] == 255).all()
    if (kernel < 0).any() and abs(kernel.sum() - 1) < 1e-4:
        assert abs(painted[..., 0] - (out.clip(0, 1) * 255)).max() <= 1, "as a photograph is"
        assert (painted[..., 0] == painted[..., 2]).all()
    elif (kernel < 0).any():
        strong = abs(out) > 0.3 * np.quantile(abs(out), 0.99)
        warm = painted[..., 0] > painted[..., 2]
        assert strong.any() and (warm == (out > 0))[strong].all()
    else:
        assert (painted[..., 0] == painted[..., 2]).all()


def middle_of(page, where: str, across: float, down: float) -> tuple[float, float]:
    box = page.fig.locator(f".ctr-c-{where} canvas").bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def test_a_photograph_by_mouse_and_by_keyboard(alone):
    page = alone(ConvExplorer())
    check_pictures(page)
    first = check_sum(page)
    page.tab.mouse.move(*middle_of(page, "source", 0.25, 0.5))
    there = check_sum(page)
    assert there != first and abs(there[0] - 47) <= 1 and abs(there[1] - 23) <= 1
    page.tab.mouse.move(*middle_of(page, "result", 0.75, 0.25))
    assert check_sum(page) == (23, 70)
    window = page.fig.get_by_role("application")
    for key, by in (("ArrowDown", (1, 0)), ("ArrowLeft", (0, -1)), ("Shift+ArrowUp", (-8, 0))):
        before = told(page)
        window.press(key)
        assert check_sum(page) == (before[0] + by[0], before[1] + by[1])
    page.button("previous output").press("Enter")
    check_sum(page)


def test_kernels_of_the_gallery_sliders_and_weights_on_a_photograph(alone):
    page = alone(ConvExplorer())
    names = page.fig.get_by_role("group", name="kernels").get_by_role("button")
    assert names.count() == len(KERNELS)
    for name in ("box", "sharpen", "laplacian"):
        names.get_by_text(name, exact=True).click()
        pressed = page.all(".ctr-c-kernel[aria-pressed=true]", "e.innerText.trim()")
        assert pressed == [name]
        check_pictures(page)
        check_sum(page)
    for slider in ("stride", "padding", "dilation", "dilation"):
        page.slider(slider).press("ArrowRight")
        check_pictures(page)
        check_sum(page)
    assert "⌊(96 + 2·1 − 3·(3 − 1) − 1) / 2⌋ + 1 = 46" in page.text(".ctr-formula")
    page.cells("kernel").first.click()
    page.type("110000")
    check_sum(page)
    cell = page.cells("kernel").first
    assert cell.inner_text() == "110000" and cell.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.all(".ctr-c-kernel[aria-pressed=true]", "1") == []


def test_the_challenge_is_noticed_when_it_is_solved(alone):
    page = alone(ConvExplorer("square", padding=1))
    verdict = page.fig.locator(".ctr-met")
    assert verdict.inner_text() == ""
    weights = [weight for row in CORNERS for weight in row]
    for cell, weight in zip(page.cells("kernel").all(), weights, strict=True):
        cell.click()
        page.type(str(weight))
    assert "Only corners" in verdict.inner_text()
    found = page.matrix("output")
    assert {tuple(at) for at in found.nonzero().tolist()} <= {
        (r, c) for r in (1, 2, 5, 6) for c in (1, 2, 5, 6)} and found.any()
    page.button("box").click()
    page.settle()
    assert verdict.inner_text() == ""


def test_inputs_by_name_have_the_size_that_was_chosen(alone):
    page = alone(ConvExplorer("edge"))
    page.slider("input size").press("ArrowRight")
    page.choose("input", "disc")
    check_conv(page)
    assert page.matrix("input").shape == (9, 9) and page.matrix("input").sum() > 9


def test_the_sum_of_a_convolution_of_numbers_and_what_fits_nowhere(alone):
    page = alone(ConvExplorer("edge", "laplacian"))
    places = set()
    for move in (page.cells("output").nth(7).hover, page.button("next output").click,
                 lambda: page.cells("output").nth(8).press("ArrowDown"),
                 page.cells("input").nth(40).hover):
        move()
        places.add(check_sum(page))
    assert len(places) == 4
    marked = page.fig.locator("[aria-label=input] [aria-selected=true]").count()
    assert marked == 9
    page.slider("kernel size").fill("5")
    page.slider("dilation").press("ArrowRight")
    assert "fits nowhere" in page.alert() and page.value("dilation") == 1
    assert page.matrix("output").shape == (4, 4)
    check_sum(page)


def test_from_the_photograph_to_numbers_and_back(alone):
    page = alone(ConvExplorer("square", photo="camera", padding=4, dilation=4))
    assert page.cells("input").first.is_hidden()
    page.button("numbers").click()
    check_conv(page)
    assert page.value("dilation") == 4, "with that padding it fits"
    page.button("picture").click()
    page.slider("padding").press("Home")
    check_pictures(page)
    page.button("numbers").click()
    check_conv(page)
    assert page.value("dilation") == 1 and page.alert() == ""


def test_a_photograph_of_the_readers_own_stays_in_the_page(alone):
    page = alone(ConvExplorer("edge"))
    assert page.button("picture").count() == 0
    colors = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(colors).save(file, "png")
    chooser = page.fig.locator("input[type=file]")
    chooser.set_input_files({"name": "mine.png", "mimeType": "image/png",
                             "buffer": file.getvalue()})
    page.fig.get_by_role("application").wait_for()
    page.mine.photo = torch.from_numpy(colors).permute(2, 0, 1)
    check_pictures(page)
    check_sum(page)
    chooser.set_input_files({"name": "mine.txt", "mimeType": "text/plain", "buffer": b"no image"})
    page.fig.get_by_text("no picture that your browser can read").wait_for()
    check_pictures(page)
    large = io.BytesIO()
    Image.fromarray(colors).resize((1600, 960), Image.Resampling.NEAREST).save(large, "png")
    chooser.set_input_files({"name": "large.png", "mimeType": "image/png",
                             "buffer": large.getvalue()})
    page.fig.get_by_text("photograph, 58 × 96").wait_for()
    assert page.alert() == ""


@pytest.mark.parametrize("figure", [ConvExplorer(), ConvExplorer("edge")],
                         ids=["photo", "numbers"])
def test_the_film_runs_and_stops_and_shows_all_again(alone, figure):
    page = alone(figure)
    before = told(page)
    page.button("play").click()
    page.tab.wait_for_timeout(900)
    if figure.view == "picture":
        assert (pixels(page, "result")[..., 3] == 0).any(), "what comes is not painted yet"
    page.button("stop").click()
    assert told(page) != before and page.button("play").count() == 1
    if figure.view == "picture":
        check_pictures(page)
    check_sum(page)


def test_the_film_stops_where_nobody_sees_it(alone):
    page = alone(ConvExplorer("edge"))
    page.button("play").click()
    page.tab.evaluate("document.body.style.paddingTop = '5000px'; scrollTo(0, 0)")
    page.button("play").wait_for(state="attached")
    assert page.button("stop").count() == 0


def test_who_asks_for_less_motion_gets_no_play_button(alone):
    page = alone(ConvExplorer(), reduced_motion="reduce")
    assert page.button("next output").count() == 1 and page.button("play").count() == 0


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_the_sliders_and_the_output_are_seen_together(alone, width):
    page = alone(ConvExplorer(), **{**PHONE, "width": width})
    assert page.fits()
    page.fig.locator(".ctr-c-source canvas").tap()
    assert abs(check_sum(page)[0] - 47) <= 1
    boxes = [page.slider("stride").bounding_box(),
             page.fig.locator(".ctr-c-result canvas").bounding_box(),
             page.cells("kernel").last.bounding_box()]
    low, high = (min(b["y"] for b in boxes), max(b["y"] + b["height"] for b in boxes))
    assert high - low < 844 - 100
    assert boxes[2]["width"] >= (43 if width == 390 else 36)
    page.cells("kernel").first.tap()
    page.type("-3")
    check_pictures(page)
    page.button("numbers").tap()
    check_conv(page)
    page.cells("input").nth(9).tap()
    page.type("5")
    check_conv(page)
    assert 5 in page.matrix("input") and page.fits()


@pytest.mark.parametrize("settings", [{"forced_colors": "active"}, {"scheme": "dark"}],
                         ids=["forced colors", "dark"])
def test_window_output_and_grid_are_seen_in_other_colors(alone, settings):
    """Whoever cannot see fills sees frames, and cells keep their colors."""
    page = alone(ConvExplorer("edge", padding=1), **settings)
    frames = page.all(".ctr-c-lines .ctr-c-window", "getComputedStyle(e).stroke")
    assert len(frames) == 4 and len({*frames}) == 1
    lines = page.all("[role=grid]", "getComputedStyle(e).backgroundColor")
    cells = page.all("[aria-label=input] [role=gridcell]", "getComputedStyle(e).backgroundColor")
    assert {"rgb(0, 0, 0)", "rgb(255, 255, 255)"} <= {*cells}
    assert not {*lines} & {"rgb(0, 0, 0)", "rgb(255, 255, 255)"}


def test_on_the_page_of_its_chapter(on_page):
    page = on_page("02", ConvExplorer)
    check_pictures(page)
    page.slider("padding").press("ArrowRight")
    check_pictures(page)
    check_sum(page)
    page = on_page("03", ConvExplorer)
    check_conv(page)
    check_sum(page)


def test_colors_are_explained_where_they_mean_something(alone):
    page = alone(ConvExplorer())
    shown = page.fig.locator(".ctr .ctr-hint").first
    ends = ".ctr-c-scale span"
    assert "blue is below 0" in shown.inner_text() and "−" in page.all(ends, "e.innerText")[0]
    page.button("drop the border").click()
    page.settle()
    assert "what gets below 0 is black" in shown.inner_text()
    assert page.all(ends, "e.innerText") == ["≤ 0", "≥ 1"]
    check_pictures(page)
    page.button("numbers").click()
    page.settle()
    assert shown.inner_text() == ""
    below = page.matrix("output") < 0
    painted = page.all("[aria-label=output] [role=gridcell]", "getComputedStyle(e).backgroundColor")
    blue = [[*map(int, re.findall(r"\d+", one))] for one in painted]
    assert [one[2] > one[0] for one in blue] == below.flatten().tolist() and below.any()


@pytest.mark.parametrize("view", ["picture", "numbers"])
@pytest.mark.parametrize("width", [410, 320])
def test_in_a_narrow_window_numbers_can_be_read_and_nothing_lies_over_a_button(alone, width, view):
    """With a mouse: fingers get the large cells in any case."""
    page = alone(ConvExplorer("edge", photo="astronaut", view=view), width=width)
    sizes = page.all(".ctr-c-block text", "parseFloat(getComputedStyle(e).fontSize)")
    assert len(sizes) >= 15 and min(sizes) >= 8
    beam = page.fig.locator(".ctr-c-beam").bounding_box()
    for one in page.fig.get_by_role("button").all() + page.fig.locator(".ctr-c-own").all():
        box = one.bounding_box()
        assert not box or (box["y"] + box["height"] <= beam["y"]
                           or box["y"] >= beam["y"] + beam["height"])
    titles = page.all(".ctr-c-stage .ctr-title", "e.offsetHeight")
    assert max(titles) < 30 and page.fits()
