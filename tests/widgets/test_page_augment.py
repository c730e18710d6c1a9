"""The augmentation playground on its page: pixels and words as Python has them."""

import json
import re

import torch
from widget_support import PHONE

from helpers import AugmentPlayground

PIXELS = """all => JSON.stringify(all.map(c => {
    const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    return [c.height, c.width, [...d].filter((_, i) => i % 4 < 3)]; }))"""


def check(page) -> None:
    """Compare the pixels of all canvases, and their labels, with Python's."""
    page.settle()
    mine, draws = page.mine, "[role=gridcell] canvas"
    assert page.all(draws, "e.getAttribute('aria-label')") == [mine.words(k) for k in range(8)]
    expected, pixels = 255 * mine.output, page.fig.locator(draws).evaluate_all(PIXELS)
    for k, (height, width, numbers) in enumerate(json.loads(pixels)):
        shown = torch.tensor(numbers).reshape(height, width, 3).permute(2, 0, 1)
        torch.testing.assert_close(shown.float(), expected[k], atol=0.502, rtol=0)
    selected = page.all("[role=gridcell]", "e.getAttribute('aria-selected')")
    told = mine.words(selected.index("true"))
    assert selected.count("true") == 1
    assert page.text("[role=status]") == f"{told[0].upper()}{told[1:]}."
    second = page.fig.get_by_role("img", name=re.compile("^second image"))
    assert second.is_visible() == (mine.share < 1)


def test_random_draws_of_an_image_are_pythons(alone):
    page = alone(AugmentPlayground())
    mine = page.mine
    check(page)
    page.box("flip top to bottom").press("Space")
    mine.vertical_flip = not mine.vertical_flip
    for name, trait in (("padding", "padding"), ("cutout", "cutout"), ("contrast", "contrast"),
                        ("hue", "hue"), ("window", "window"), ("mixup λ", "share")):
        page.click_at(name, 0.45)
        setattr(mine, trait, type(getattr(mine, trait))(page.slider(name).input_value()))
    check(page)
    page.slider("saturation").press("ArrowRight")
    mine.saturation = float(page.slider("saturation").input_value())
    page.choose("pad with", "reflect")
    page.choose("cut to", "mean")
    page.button("draw again").click()
    mine.padding_mode, mine.cutout_fill = "reflect", "mean"
    mine.draw_again()
    check(page)
    assert page.alert() == ""
    cells = page.fig.get_by_role("gridcell")
    cells.nth(6).click()
    for key, at in (("ArrowLeft", 5), ("ArrowUp", 1), ("ArrowUp", 1), ("Home", 0), ("ArrowDown", 4),
                    ("End", 7), ("ArrowRight", 7)):
        page.tab.keyboard.press(key)
        assert cells.nth(at).evaluate("c => c === document.activeElement && c.tabIndex === 0"), key
    check(page)
    page.slider("padding").press("Home")
    assert page.fig.get_by_role("combobox", name="pad with").is_disabled()


def test_the_main_sliders_are_in_sight_and_mixup_tells_the_label(alone):
    page = alone(AugmentPlayground())
    folds = page.fig.locator("details")
    folds.evaluate_all("all => all.forEach((one) => { one.open = false; })")
    for name in ("padding", "window", "brightness", "saturation", "cutout", "mixup λ"):
        assert page.slider(name).is_visible(), name
    assert not page.slider("hue").is_visible()
    heading = page.fig.locator(".ctr-title").filter(has_text="eight draws")
    assert heading.inner_text() == "eight draws, all with the label cat"
    page.slider("mixup λ").fill("0.7")
    page.settle()
    assert heading.inner_text() == "eight draws, each with the label 0.7 cat, 0.3 cup"


def test_draws_are_read_by_a_finger(alone):
    page = alone(AugmentPlayground(), **PHONE)
    page.fig.get_by_role("gridcell").nth(3).tap()
    check(page)
    assert "Draw 4" in page.text("[role=status]") and page.fits()
