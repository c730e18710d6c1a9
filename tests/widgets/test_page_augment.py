"""The augmentation playground on its page: pixels and words as Python has them."""

import json
import re

import torch
from widget_support import CHAPTER, PHONE, alert, click_at, fits, of_kind, settled, slider

from helpers import AugmentPlayground

PIXELS = """all => JSON.stringify(all.map(c => {
    const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    return [c.height, c.width, [...d].filter((_, i) => i % 4 < 3)]; }))"""


def check(tab, fig, mine) -> None:
    """Compare the pixels of all canvases, and their labels, with Python's."""
    settled(tab)
    draws, expected = fig.locator("[role=gridcell] canvas"), 255 * mine.output
    labels = draws.evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
    assert labels == [mine.words(k) for k in range(8)]
    for k, (height, width, numbers) in enumerate(json.loads(draws.evaluate_all(PIXELS))):
        shown = torch.tensor(numbers).reshape(height, width, 3).permute(2, 0, 1)
        torch.testing.assert_close(shown.float(), expected[k], atol=0.502, rtol=0)
    selected = fig.get_by_role("gridcell").evaluate_all(
        "all => all.map(c => c.getAttribute('aria-selected'))")
    assert selected.count("true") == 1
    told = mine.words(selected.index("true"))
    assert fig.get_by_role("status").inner_text() == f"{told[0].upper()}{told[1:]}."
    assert fig.get_by_role("img", name=re.compile("^second image")).is_visible() == (mine.share < 1)


def test_random_draws_of_an_image_are_pythons(open_page, site):
    tab = open_page(CHAPTER["08"])
    fig, mine = of_kind(tab, site, CHAPTER["08"], AugmentPlayground)
    check(tab, fig, mine)
    fig.get_by_role("checkbox", name="flip top to bottom").press("Space")
    mine.vertical_flip = not mine.vertical_flip
    for name, trait in (("padding", "padding"), ("cutout", "cutout"), ("contrast", "contrast"),
                        ("hue", "hue"), ("window", "window"), ("mixup λ", "share")):
        click_at(tab, slider(fig, name), 0.45)
        setattr(mine, trait, type(getattr(mine, trait))(slider(fig, name).input_value()))
    check(tab, fig, mine)
    slider(fig, "saturation").press("ArrowRight")
    mine.saturation = 0.1
    for name, trait, word in (("pad with", "padding_mode", "reflect"),
                              ("cut to", "cutout_fill", "mean")):
        fig.get_by_role("combobox", name=name).select_option(word)
        setattr(mine, trait, word)
    fig.get_by_role("button", name="draw again").click()
    mine.draw_again()
    check(tab, fig, mine)
    assert alert(tab, fig) == ""
    cells = fig.get_by_role("gridcell")
    cells.nth(6).click()
    for key, at in (("ArrowLeft", 5), ("ArrowUp", 1), ("ArrowUp", 1), ("Home", 0), ("ArrowDown", 4),
                    ("End", 7), ("ArrowRight", 7)):
        tab.keyboard.press(key)
        assert cells.nth(at).evaluate("c => c === document.activeElement && c.tabIndex === 0"), key
    check(tab, fig, mine)
    slider(fig, "padding").press("Home")
    assert fig.get_by_role("combobox", name="pad with").is_disabled()


def test_draws_are_read_by_a_finger(open_page, site):
    tab = open_page(CHAPTER["08"], **PHONE)
    fig, mine = of_kind(tab, site, CHAPTER["08"], AugmentPlayground)
    fig.get_by_role("gridcell").nth(3).tap()
    check(tab, fig, mine)
    assert "Draw 4" in fig.get_by_role("status").inner_text() and fits(tab)
