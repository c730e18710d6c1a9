"""Broken batches, and the name by which each must be found."""

import torch
import torch.nn.functional as F
from programs import DATA, IMAGES, LABELS, STORED, Registry, flat, lenet
from torch import nn

from helpers.models import BNLeNet

BATCHES = broken = Registry()


@broken("nan in images")
def one_pixel():
    images = IMAGES.clone()
    images[3, 0, 2, 2] = float("nan")
    return flat(), (images, LABELS), {}


@broken("uint8 images")
def as_they_are_stored():
    return lenet(), (STORED, LABELS), {}


@broken("images not normalised", says="from 0 to 255")
def up_to_255():
    return lenet(), (STORED.float(), LABELS), {}


@broken("images not normalised")
def divided_twice():
    return lenet(), (STORED.float() / 255 / 255, LABELS), {}


@broken("wrapped uint8")
def subtracted():
    return lenet(), ((STORED - 128) / 64, LABELS), {}


@broken("wrapped uint8")
def brightened():
    return lenet(), (DATA.normalize((STORED + 50).float() / 255), LABELS), {}


@broken("wrong axis", says="permute(0, 3, 1, 2)")
def channels_last():
    return lenet(), (IMAGES.permute(0, 2, 3, 1), LABELS), {}


@broken("labels unrelated to images")
def shuffled_apart():
    order = torch.randperm(256, generator=torch.Generator().manual_seed(5))
    return flat(), (IMAGES, LABELS[order]), {}


@broken("the model raises", says="images.float()")
def of_another_type():
    return lenet(), (IMAGES.double(), LABELS), {}


@broken("the model raises", says="larger batch")
def of_one_image():
    return BNLeNet(), (IMAGES[:1], LABELS[:1]), {}


@broken("labels out of range", {"the model raises"}, says="classes have the numbers from 0 on")
def negative_where_the_model_raises():
    return flat(nn.Linear(3000, 10)), (IMAGES, LABELS - 1), {}


for name, what, labels, says in (
    ("labels and images differ in number", "cut apart", LABELS[:200], "There are 256 images"),
    ("one-hot labels of another length", "one class more", F.one_hot(LABELS, 11).float(), "11"),
    ("labels of the wrong shape", "a column", LABELS[:, None], "labels.squeeze(1)"),
    ("labels of the wrong type", "numbers as floats", LABELS.float(), "labels.long()"),
    ("labels of the wrong type", "one-hot as integers", F.one_hot(LABELS, 10), "labels.float()"),
    ("labels out of range", "beginning with 1", LABELS + 1, "from 1 to 10, but 10 classes"),
    ("labels out of range", "negative", LABELS - 1, "from -1 to 8"),
    ("only one class", "sorted by class", LABELS * 0 + 4, "are 4"),
):
    broken.add(name, what, lambda labels=labels: (flat(), (IMAGES, labels), {}), says=says)
