"""The augmentation playground in Python."""

import pytest
import torch
import torch.nn.functional as F

from helpers import AugmentPlayground
from helpers.widgets import BadValue


def picture():
    return torch.randint(0, 256, (3, 20, 16), dtype=torch.uint8,
                         generator=torch.Generator().manual_seed(4))


def test_an_image_that_nothing_changes_is_the_image():
    image = picture()
    figure = AugmentPlayground(image, flip=False, padding=0)
    assert figure.output.equal((image / 255).expand(8, -1, -1, -1))
    assert all(figure.words(k) == f"draw {k + 1}: unchanged" for k in range(8))
    figure.image[:] = 0  # a copy
    assert figure.image.equal(image / 255)
    figure.image = image.double() / 255
    assert figure.image.equal(image / 255)


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_flips_and_crops_are_slices_of_the_image(mode):
    image = picture() / 255
    figure = AugmentPlayground(image, padding=3,
                               padding_mode="zeros" if mode == "constant" else mode)
    padded, flips, places = F.pad(image, [3] * 4, mode=mode), 0, set()
    for _ in range(6):
        for k, result in enumerate(figure.output):
            found = figure.parameters(k)
            top, left = 3 - found["down"], 3 - found["right"]
            part = padded[:, top:top + 20, left:left + 16]
            assert result.equal(part.flip(2) if found["flip"] else part)
            flips += found["flip"]
            places.add((top, left))
        figure.draw_again()
    assert 10 < flips < 38 and {n for place in places for n in place} == set(range(7))


def test_a_control_changes_how_much_and_a_draw_changes_what():
    figure = AugmentPlayground(picture(), cutout=6)
    before = [figure.parameters(k) for k in range(8)]
    figure.brightness = 0.5
    changed = [figure.parameters(k) for k in range(8)]
    assert all({**b, "brightness": None} == a and 0.5 <= b["brightness"] <= 1.5
               for a, b in zip(before, changed, strict=True))
    figure.draw_again()
    assert all(figure.parameters(k) != changed[k] for k in range(8))


def test_cutout_and_mixup_of_the_playground():
    image, other = picture() / 255, picture().flip(1) / 255
    figure = AugmentPlayground(image, other, flip=False, padding=0, cutout=7, cutout_fill="mean")
    for k, result in enumerate(figure.output):
        row, column = figure.parameters(k)["hole"]
        inside = torch.zeros(20, 16, dtype=torch.bool)
        inside[max(0, row - 3):row + 4, max(0, column - 3):column + 4] = True
        assert result[:, ~inside].equal(image[:, ~inside])
        torch.testing.assert_close(result[:, inside],
                                   image.mean((1, 2))[:, None].expand(-1, int(inside.sum())))
    figure.cutout, figure.share = 0, 0.25
    torch.testing.assert_close(figure.output[3], 0.25 * image + 0.75 * other)
    assert figure.words(3) == "draw 4: 0.25 of it mixed with 0.75 of the second image"


@pytest.mark.parametrize("share, label", [(1.0, "cat"), (0.7, "0.7 cat, 0.3 ship"), (0.0, "ship")])
def test_mixup_mixes_the_labels_as_the_images(share, label):
    figure = AugmentPlayground(picture(), picture(), ["cat", "ship"], share=share)
    assert figure.label == label and label in figure.to_html()
    assert AugmentPlayground.from_state(figure.get_state()).label == label
    assert AugmentPlayground(share=0.5).label == "0.5 cat, 0.5 cup"
    assert AugmentPlayground(picture(), share=0.5).label == "0.5 the image, 0.5 cup"
    for bad in (["cat"], "cat", ["cat", ""], ["cat", 3], ["cat", "x" * 25], 7):
        with pytest.raises(BadValue, match="two words"):
            AugmentPlayground(labels=bad)


def test_two_images_of_another_size_are_set_together():
    figure = AugmentPlayground()
    before = figure.get_state()
    with pytest.raises(BadValue, match="hold_trait_notifications"):
        figure.image = torch.zeros(3, 32, 32)
    assert figure.get_state() == before
    with figure.hold_trait_notifications():
        figure.image, figure.other = torch.zeros(3, 32, 32), torch.ones(3, 32, 32)
    assert figure.output.shape == (8, 3, 32, 32)
