"""The two statistics of `diagnose`, wrapped uint8 and labels apart, on thousands of images."""

from collections import Counter
from functools import partial

import pytest
import torch
from programs import DATA, IMAGES, LABELS, flat, names

from helpers.augment import color_jitter, cutout, random_crop, random_flip, random_resized_crop
from helpers.data import load_cifar10
from helpers.device import set_seed
from helpers.diagnosis.batch import JUMPS, PEAK, scrambled, wrapped
from helpers.diagnosis.pairing import ENOUGH, OF_EACH_CLASS, unrelated

AUGMENTED = {
    "plain": lambda x: x,
    "crop and flip": lambda x: random_crop(random_flip(x)),
    "cutout": partial(cutout, size=16),
    "jitter": partial(color_jitter, brightness=1.0, contrast=1.0, saturation=1.0),
    "all": lambda x: cutout(color_jitter(random_resized_crop(random_flip(x)), 0.4, 0.4, 0.4)),
    "gray": lambda x: x.mean(1, keepdim=True),
    "black and white": lambda x: (x > 0.5).float(),
    "noise": torch.rand_like,
    "normal noise": torch.randn_like,
}
MEAN = torch.tensor([125, 123, 114], dtype=torch.uint8).view(1, 3, 1, 1)
WRAPPED = {
    "x - 128": lambda x: (x - 128) / 64, "x - 120": lambda x: x - 120,
    "x + 25": lambda x: (x + 25) / 255, "x * 2": lambda x: (x * 2) / 255, "x * 3": lambda x: x * 3,
    "x - mean": lambda x: (x - MEAN) / 63,
    "augmented": lambda x: random_crop(random_flip((x - 128).float() / 255)),
}


def is_wrapped(images):
    jumps, peak = wrapped(images)
    return jumps > JUMPS and peak > PEAK


def count_wrapped(data, draws, sizes=(64, 128, 500)):
    """False alarms in each kind of images, and batches missed in each kind of wrapping."""
    set_seed(0)
    alarms, missed = Counter(), Counter()
    for size in sizes:
        for _ in range(draws):
            images = data.images[torch.randint(len(data), (size,))]
            for name, change in AUGMENTED.items():
                alarms[name] += is_wrapped(change(images.float() / 255))
            for name, change in WRAPPED.items():
                missed[name] += not is_wrapped(change(images))
    return +alarms, +missed


def is_unrelated(images, labels):
    share, limit, _ = unrelated(images, labels)
    return share > limit


def count_unrelated(data, draws, sizes=(256, 500)):
    """How often right labels are accused, and which part of shuffled ones is found."""
    set_seed(0)
    accused = found = 0
    for size in sizes:
        for change in (AUGMENTED["plain"], AUGMENTED["crop and flip"], AUGMENTED["all"]):
            for _ in range(draws):
                picked = torch.randint(len(data), (size,))
                images, labels = change(data.images[picked].float() / 255), data.labels[picked]
                accused += is_unrelated(images, labels)
                found += is_unrelated(images, labels[torch.randperm(size)])
    return accused, found / (draws * len(sizes) * 3)


def test_wrapped_uint8_is_told_from_other_images():
    assert count_wrapped(DATA, draws=2, sizes=(64, 128)) == ({}, {})


def test_pixels_in_a_view_are_told_from_other_images():
    """F33: no alarm on any kind of image, and each view is found."""
    set_seed(0)
    for change in AUGMENTED.values():
        images = change(DATA.images[:128].contiguous().float() / 255)
        assert not scrambled(images)
    for name in ("plain", "crop and flip", "cutout", "jitter", "all"):
        images = AUGMENTED[name](DATA.images[:128].contiguous().float() / 255)
        assert scrambled(images.permute(0, 2, 3, 1).reshape(images.shape))


def test_labels_that_belong_are_told_from_shuffled_ones():
    accused, found = count_unrelated(DATA, draws=4)
    assert accused == 0 and found > 0.9


@pytest.mark.long
@pytest.mark.parametrize("source", ["stand-in", "real"])
def test_both_over_many_draws(source, request, monkeypatch):
    """No false alarm; all of the wrapping found, and 97 % of the shuffling."""
    if source == "real":
        monkeypatch.setenv("COURSE_DATA", request.getfixturevalue("real_folder"))
        data = load_cifar10(verbose=False).train
    else:
        data = request.getfixturevalue("whole_standin").train
    assert count_wrapped(data, draws=30) == ({}, {})
    alarms, missed = count_wrapped(data, draws=30, sizes=(16,))
    assert not alarms and missed.total() <= 4, (
        "of 210: few images may show too few of the pixels that x + 25 wraps")
    accused, found = count_unrelated(data, draws=100)
    assert accused == 0 and found > 0.97


def test_too_few_images_are_not_judged():
    assert unrelated(IMAGES[:ENOUGH - 1], LABELS[:ENOUGH - 1]) is None
    assert unrelated(IMAGES, torch.arange(ENOUGH) % (ENOUGH // OF_EACH_CLASS + 1)) is None
    assert unrelated(IMAGES, LABELS) is not None
    assert names(flat(), (IMAGES[:200], LABELS[:200].flip(0))) == []
