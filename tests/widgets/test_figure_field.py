"""The receptive field in Python."""

import pytest
import torch

from helpers import ReceptiveField, load_photo
from helpers.widgets import STACKS, BadValue


def test_receptive_field_takes_short_layers_and_names():
    figure = ReceptiveField(layers=[(5,), (2, 2), (5,), (2, 2)], size=32)
    assert figure.layers == STACKS["LeNet"] == ReceptiveField("LeNet").layers
    assert figure.field == (16, 4, 0) and (figure.layer, figure.index) == (4, 2)
    with pytest.raises(BadValue, match="hold_trait_notifications"):
        figure.layer, figure.index = 4, 9
    with figure.hold_trait_notifications():
        figure.layer, figure.index = 1, 27
    assert figure.field.size == 5


def test_paths_are_the_slopes_of_a_stack_of_ones():
    figure = ReceptiveField([(3, 2, 1), (3, 1, 2, 2)], size=9, row=0, index=4)
    assert figure.paths.shape == (9, 9) and (figure.layer, figure.field.size) == (2, 11)
    column = torch.tensor([0, 0, 0, 1, 1, 1, 0, 1, 1.0])  # outputs 0, 2 and 4 of layer 1, 4 last
    assert figure.paths.equal(torch.outer(torch.tensor([1, 1, 0, 1, 1, 1, 0, 0, 0.0]), column)
                              .double())
    figure.layer = 0
    assert figure.paths[0, 4] == figure.paths.sum() == 1


def test_any_picture_is_shown_by_its_middle_square_in_gray():
    photo = load_photo("coffee")
    figure = ReceptiveField(picture=photo)
    assert figure.picture.equal(ReceptiveField(picture="coffee").picture)
    assert figure.picture.shape == (96, 96) and 0 <= figure.picture.min() <= figure.picture.max()
    small = torch.rand(16, 19)
    figure.picture = small
    torch.testing.assert_close(figure.picture, small[:, 1:17], atol=0.002, rtol=0)
    figure.picture = torch.full((3, 16, 16), 51, dtype=torch.uint8)
    assert figure.picture.eq(51 / 255).all()
    for bad in (torch.zeros(2, 16, 16), torch.zeros(15, 19), torch.full((16, 16), 1.5), 7,
                torch.zeros(16, 16, dtype=torch.int64), None, {"side": 16},
                {"height": 16, "width": 16, "data": "AAAA"}, torch.full((16, 16), torch.nan)):
        with pytest.raises(BadValue, match=r"^picture [^\n]{20,200}$"):
            figure.picture = bad
    assert figure.picture.eq(51 / 255).all()


@pytest.mark.parametrize("size, said", [(1, "only 1 number: "), (2, "only 2 numbers: ")])
def test_one_is_no_plural(size, said):
    with pytest.raises(BadValue, match=f"The kernel of layer 1 spans 3, but it gets {said}"):
        ReceptiveField([(3,)], size=size)
    with pytest.raises(BadValue, match="there is 1 layer, and 3 × 3 outputs"):
        ReceptiveField([(3,)], size=5, index=3)


@pytest.mark.parametrize("name", ReceptiveField.presets)
def test_presets_are_states_of_the_figure(name):
    figure = ReceptiveField.from_state(ReceptiveField.presets[name])
    assert figure.layer == len(figure.layers) and figure.paths.sum() > 1
