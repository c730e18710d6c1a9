"""The augmentation playground in JavaScript, against torchvision and Python."""

import pytest
import torch
from torchvision.transforms.v2 import functional as T
from widget_support import COUNTS, assert_same, compare, compared, draw, real, run_js

from helpers import AugmentPlayground


def random_picture(g, low: int = 2, high: int = 9) -> torch.Tensor:
    """A small image of noise, (3, H, W), in some of few shades: at equal ones the hue jumps."""
    x = torch.rand(3, draw(g, low, high), draw(g, low, high), generator=g, dtype=torch.float64)
    shades = draw(g, 0, 3)
    return (x * shades).round() / shades if shades else x


def random_change(g, x: torch.Tensor) -> tuple[str, list, torch.Tensor]:
    """A change of an image: its name in JavaScript, the arguments, and torchvision's result."""
    high, wide = x.shape[1:]

    def crop():
        mode, padding = ("zeros", "reflect")[draw(g, 0, 1)], draw(g, 0, 8)
        padding = padding if mode == "zeros" else min(padding, high - 1, wide - 1)
        top, left = draw(g, 0, 2 * padding), draw(g, 0, 2 * padding)
        padded = T.pad(x, [padding], padding_mode="constant" if mode == "zeros" else mode)
        return "paddedCrop", [top, left, padding, mode], T.crop(padded, top, left, high, wide)

    def window():
        h, w = draw(g, 1, high), draw(g, 1, wide)
        place = [draw(g, 0, high - h), draw(g, 0, wide - w), h, w]
        return "resizedCrop", place, T.resized_crop(x, *place, size=[high, wide], antialias=False)

    def flip():
        vertical = bool(draw(g, 0, 1))
        return "flipped", [vertical], (T.vertical_flip if vertical else T.horizontal_flip)(x)

    def factor(name):
        value = (0.0, 1.0, real(g, 0, 2), real(g, 0, 2))[draw(g, 0, 3)]
        return f"adjust{name.title()}", [value], getattr(T, f"adjust_{name}")(x, value)

    def hue():
        value = (0.0, 0.5, -0.5, 1 / 6, *(real(g, -0.5, 0.5) for _ in range(4)))[draw(g, 0, 7)]
        return "adjustHue", [value], T.adjust_hue(x, value)

    def cut():
        row, column, size = draw(g, 0, high - 1), draw(g, 0, wide - 1), draw(g, 0, 24)
        fill = [real(g, 0, 1) for _ in range(3)]
        (top, tall), (left, broad) = (
            (max(0, start), max(0, min(start + size, n) - max(0, start)))
            for start, n in ((row - size // 2, high), (column - size // 2, wide)))
        square = torch.tensor(fill, dtype=torch.float64)[:, None, None]
        return "cutOut", [row, column, size, fill], T.erase(x, top, left, tall, broad, square)

    def mix():
        other, share = torch.rand(x.shape, generator=g, dtype=x.dtype), real(g, 0, 1)
        return "mixed", [as_picture(other), share], torch.lerp(other, x, share)

    choices = [crop, window, flip, lambda: factor("brightness"), lambda: factor("contrast"),
               lambda: factor("saturation"), hue, cut, mix]
    return choices[draw(g, 0, len(choices) - 1)]()


def as_picture(x: torch.Tensor) -> dict:
    return {"height": x.shape[1], "width": x.shape[2], "planes": x.flatten(1).tolist()}


@pytest.mark.parametrize("count", COUNTS)
def test_changes_of_images_equal_torchvisions(count):
    seen = set()

    def case(g):
        x = random_picture(g)
        name, arguments, result = random_change(g, x)
        seen.add(name)
        return [name, as_picture(x), *arguments], result

    def check(mine, theirs):
        assert [mine["height"], mine["width"]] == list(theirs.shape[1:])
        assert_same(mine["planes"], theirs.flatten(1))

    compare(count, 7, case, "augment", "figure[now[0]](...now.slice(1))", check)
    assert len(seen) == 9


def check_draw(mine, theirs):
    assert mine[0] == theirs[0]
    assert_same(mine[1], theirs[1])


@compared("augment", """figure.augmentProblem(now.state) ? null : (() => {
    const { state, draw } = now, [image, other] = [state.image, state.other].map(figure.decoded);
    const found = figure.parameters(state, draw), told = figure.words(draw, found, state.share);
    const x = figure.drawn(state, image, other, found);
    return [told, x.planes.flat().filter((_, i) => i % 9 === 0)]; })()""", 8, check_draw,
          [pytest.param(100, id="sample"), COUNTS[1]])
def test_random_draws_of_an_image_equal_pythons(g):
    """All settings together: the same words, the same order, and each ninth number of a draw."""
    def setting(*values):
        return values[draw(g, 0, len(values) - 1)]

    image = random_picture(g, 16, 24)
    figure = AugmentPlayground(
        image, torch.rand(image.shape, generator=g), flip=setting(True, False),
        vertical_flip=setting(True, False), padding=draw(g, 0, 8),
        padding_mode=setting("zeros", "reflect"), window=setting(1.0, 0.5, 0.1),
        brightness=setting(0.0, 0.5, 1.0), contrast=setting(0.0, 0.3), saturation=setting(0.0, 0.7),
        hue=setting(0.0, 0.1, 0.5), cutout=setting(0, 5, 24), cutout_fill=setting("zeros", "mean"),
        share=setting(1.0, 0.6, 0.0), draws=draw(g, 0, 200))
    which = draw(g, 0, 7)
    shown = figure.words(which), figure.output[which].double().flatten()[::9]
    return {"state": figure.page_state(), "draw": which}, shown


def composed(figure: AugmentPlayground) -> str:
    """The code that the page shows for a figure."""
    (code,) = run_js("augment", "figure.composed(now)", [figure.page_state()])
    return code


def test_the_label_of_a_mixture_is_pythons():
    figures = [AugmentPlayground(share=share / 10) for share in range(11)]
    states = [{name: one.get_state()[name] for name in ("share", "labels")} for one in figures]
    assert run_js("augment", "figure.labelOf(now)", states) == [one.label for one in figures]


@pytest.mark.parametrize("settings, steps", [
    ({}, []), ({"flip": True}, ["RandomHorizontalFlip"]),
    ({"padding": 4, "padding_mode": "reflect"}, ["RandomCrop"]),
    ({"window": 0.3, "vertical_flip": True}, ["RandomResizedCrop", "RandomVerticalFlip"]),
    ({"hue": 0.1, "contrast": 0.4}, ["ColorJitter"]),
    ({"cutout": 8, "cutout_fill": "mean"}, ["RandomErasing"]),
    ({"flip": True, "padding": 2, "brightness": 0.4, "cutout": 24, "share": 0.6},
     ["RandomCrop", "RandomHorizontalFlip", "ColorJitter", "RandomErasing"])])
def test_the_code_of_the_page_is_torchvisions(settings, steps):
    figure = AugmentPlayground(torch.rand(3, 24, 30), **{"flip": False, "padding": 0} | settings)
    code, names = composed(figure), {}
    exec(code, names)
    pipeline = names["augment"]
    found = [type(one).__name__ for one in pipeline.transforms]
    assert [one for one in found if one != "ToDtype"] == steps
    image = torch.randint(256, (3, 24, 30), dtype=torch.uint8)
    result = pipeline(image)
    assert result.shape == image.shape and result.dtype == torch.float32 and result.max() <= 1
    by_name = dict(zip(found, pipeline.transforms, strict=True))
    if "RandomErasing" in by_name:
        erased = by_name["RandomErasing"](torch.full((3, 24, 30), 0.9))
        assert (erased != 0.9).any(0).sum().item() == min(figure.cutout, 23) ** 2
    if "ColorJitter" in by_name:
        assert by_name["ColorJitter"].hue == ((-figure.hue, figure.hue) if figure.hue else None)
    assert ("MixUp" in code) == (figure.share < 1) == ("mixup" in names)
