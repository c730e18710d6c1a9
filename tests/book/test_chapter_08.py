"""Chapter 8: changes of images and the mean of both answers by hand."""

import pytest
import torch
import torch.nn.functional as F
from support import define, from_one_seed
from torch import nn

import helpers


@pytest.mark.parametrize("name, settings", [
    ("random_flip", {"p": 0.3}), ("random_crop", {"padding": 3}), ("cutout", {"size": 5})])
def test_changes_by_hand_are_those_of_helpers(name, settings):
    by_hand = define("08", name.replace("_", "-"), torch=torch, F=F, many=torch.zeros(4, 3, 8, 8),
                     batch=torch.rand(16, 3, 32, 32), set_seed=helpers.set_seed,
                     show_images=lambda *_, **__: None)[name]
    for images in (torch.rand(50, 3, 9, 8), torch.randint(256, (50, 3, 9, 8), dtype=torch.uint8)):
        mine, ours = from_one_seed((by_hand, getattr(helpers, name)), images, **settings)
        assert mine.equal(ours)


def test_asking_twice_by_hand_is_that_of_helpers():
    names = define("08", "flip-average", nn=nn, evaluate=lambda *_: (0, 0), model=None, val=None)
    model, images = helpers.FastResNet().eval(), torch.rand(3, 3, 32, 32)
    assert names["FlipAverage"](model)(images).equal(helpers.FlipAverage(model)(images))
