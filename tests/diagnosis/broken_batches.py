"""Broken batches, and the name by which each must be found."""

import torch
import torch.nn.functional as F
from programs import DATA, IMAGES, LABELS, STORED, fault, flat, lenet
from torch import nn

from helpers.models import BNLeNet

ONE_PIXEL = IMAGES.clone()
ONE_PIXEL[3, 0, 2, 2] = float("nan")
EMPTY_FIELD = F.one_hot(LABELS, 10).float()
EMPTY_FIELD[3, 2] = float("nan")
SHUFFLED = LABELS[torch.randperm(256, generator=torch.Generator().manual_seed(5))]

BATCHES = [fault(name, what, make, (images, labels), **more) for (
    name, what, make, images, labels, more) in (
    ("nan in images", "one pixel", flat, ONE_PIXEL, LABELS, {}),
    ("uint8 images", "as they are stored", lenet, STORED, LABELS, {}),
    ("images not normalized", "up to 255", lenet, STORED.float(), LABELS,
     {"says": "from 0 to 255"}),
    ("images not normalized", "divided twice", lenet, STORED.float() / 255 / 255, LABELS, {}),
    ("wrapped uint8", "subtracted", lenet, (STORED - 128) / 64, LABELS, {}),
    ("wrapped uint8", "brightened", lenet, DATA.normalize((STORED + 50).float() / 255), LABELS, {}),
    ("wrong axis", "channels last", lenet, IMAGES.permute(0, 2, 3, 1), LABELS,
     {"says": "permute(0, 3, 1, 2)"}),
    ("labels unrelated to images", "shuffled apart", flat, IMAGES, SHUFFLED, {}),
    ("the model raises", "another type", lenet, IMAGES.double(), LABELS,
     {"says": "images.float()"}),
    ("the model raises", "one image", BNLeNet, IMAGES[:1], LABELS[:1], {"says": "larger batch"}),
    ("labels out of range", "negative where the model raises", lambda: flat(nn.Linear(3000, 10)),
     IMAGES, LABELS - 1, {"also": {"the model raises"}, "says": "have the numbers from 0 on"}),
    ("the loss raises", "cut apart", flat, IMAGES, LABELS[:200], {"says": "There are 256 images"}),
    ("the loss raises", "one-hot of one class more", flat, IMAGES, F.one_hot(LABELS, 11).float(),
     {"says": "one_hot(labels, 10)"}),
    ("the loss raises", "a column", flat, IMAGES, LABELS[:, None], {"says": "labels.squeeze(1)"}),
    ("the loss raises", "numbers as floats", flat, IMAGES, LABELS.float(),
     {"says": "labels.long()"}),
    ("the loss raises", "one-hot as integers", flat, IMAGES, F.one_hot(LABELS, 10),
     {"says": "labels.float()"}),
    ("labels out of range", "beginning with 1", flat, IMAGES, LABELS + 1,
     {"says": "from 1 to 10, but 10 classes"}),
    ("labels out of range", "negative", flat, IMAGES, LABELS - 1, {"says": "from -1 to 8"}),
    ("the loss raises", "bits", flat, IMAGES, LABELS > 4, {"says": "labels.long()"}),
    ("the loss raises", "one-hot as bits", flat, IMAGES, F.one_hot(LABELS, 10).bool(),
     {"says": "labels.float()"}),
    ("the loss raises", "another whole type", flat, IMAGES, LABELS.to(torch.uint16),
     {"says": "labels.long()"}),
    ("nan in labels", "an empty field", flat, IMAGES, EMPTY_FIELD, {}),
    ("no label counts", "all ignored", flat, IMAGES, LABELS * 0 - 100, {"says": "0 / 0"}),
    ("only one class", "sorted by class", flat, IMAGES, LABELS * 0 + 4, {"says": "are 4"}),
)]
