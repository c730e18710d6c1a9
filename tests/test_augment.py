"""Changes of whole batches: torchvision's in distribution, each image by a draw of its own."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chi2_contingency, chisquare, ks_2samp
from support import noise
from torchvision.transforms import v2

from helpers import Mixup, fit, set_seed
from helpers.augment import color_jitter, cutout, random_crop, random_flip, random_resized_crop

NAN = float("nan")
COUNTS = [pytest.param(2_000, id="sample"), pytest.param(40_000, id="full", marks=pytest.mark.long)]
ALL = [random_flip, random_crop, partial(random_crop, padding=3, mode="reflect"), cutout,
       random_resized_crop, partial(color_jitter, brightness=0.5, contrast=0.2, saturation=0.6)]


def numbered(height=6, width=5):
    """One image whose pixels are all different and not 0: it tells where a window was cut."""
    return (torch.arange(height * width).view(1, 1, height, width) + 1).float() / 1000


def alike(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    """Two counts of the same things come from one distribution, as far as they can tell."""
    seen = (mine + theirs) > 0
    assert chi2_contingency(torch.stack([mine[seen], theirs[seen]]).numpy()).pvalue > 1e-4


@pytest.mark.parametrize("count", COUNTS)
def test_flip_draws_as_torchvisions(count):
    set_seed(0)
    image = numbered()
    flipped = (random_flip(image.expand(count, -1, -1, -1), p=0.3) != image).flatten(1).any(1)
    theirs = torch.tensor([not v2.RandomHorizontalFlip(0.3)(image).equal(image)
                           for _ in range(count)])
    alike(torch.bincount(flipped.long(), minlength=2), torch.bincount(theirs.long(), minlength=2))
    assert random_flip(image, p=1).equal(v2.functional.horizontal_flip(image))


@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize("count", COUNTS)
def test_padded_crop_draws_as_torchvisions(count, mode):
    set_seed(0)
    image, padding = numbered(), 2
    padded = F.pad(image, [padding] * 4, mode=mode)
    windows = {padded[0, 0, top:top + 6, left:left + 5].flatten().numpy().tobytes(): top * 5 + left
               for top in range(5) for left in range(5)}
    assert len(windows) == 25, "every place looks different"

    def counted(crops):
        places = [windows[crop.flatten().numpy().tobytes()] for crop in crops]
        return torch.bincount(torch.tensor(places), minlength=25)

    mine = counted(random_crop(image.expand(count, -1, -1, -1), padding, mode))
    theirs = v2.RandomCrop((6, 5), padding=padding, padding_mode=mode)
    alike(mine, counted(theirs(image[0]) for _ in range(count)))
    assert chisquare(mine.numpy()).pvalue > 1e-4, "every place is as likely as every other"


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("count", COUNTS)
def test_cutout_draws_as_torchvisions_erasing_on_an_image_with_a_border(count, size):
    set_seed(0)
    image = torch.ones(1, 1, 7, 7)
    before, after = size // 2, size - 1 - size // 2
    bordered = F.pad(image, [before, after] * 2, value=1)[0]
    area = size ** 2 / bordered[0].numel()
    erasing = v2.RandomErasing(p=1, scale=(area, area), ratio=(1, 1))

    def place_of(one):  # where the hidden part begins and ends, as one number
        spans = ((one[0] == 0).any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        top, left = (before + (s[0] if len(s) == size or s[0] > 0 else s[-1] + 1 - size)
                     for s in spans)
        return top * 7 + left

    def counted(images):
        return torch.bincount(torch.tensor([place_of(one) for one in images]), minlength=7 * 7)

    mine = counted(cutout(image.expand(count, -1, -1, -1), size))
    alike(mine, counted(erasing(bordered)[:, before:before + 7, before:before + 7]
                        for _ in range(count)))
    assert chisquare(mine.numpy()).pvalue > 1e-4


@pytest.mark.parametrize("count", COUNTS)
def test_resized_crop_cuts_areas_as_torchvisions(count):
    """Where no side is longer than the image, torchvision draws area and ratio in the same way."""
    set_seed(0)
    settings = {"scale": (0.1, 0.4), "ratio": (3 / 4, 4 / 3)}
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    image = torch.stack([y, x])[None]

    def sides(crops):  # how much of the height and width is in the crop, read off its middle
        middles = (crops[:, axis].select(2 - axis, 32) for axis in (0, 1))
        return [(line[:, 48] - line[:, 16]) * 2 for line in middles]

    theirs = v2.RandomResizedCrop((64, 64), antialias=False, **settings)
    mine = sides(random_resized_crop(image.expand(count, -1, -1, -1), **settings))
    expected = sides(torch.stack([theirs(image[0]) for _ in range(count)]))
    for a, b in zip(mine, expected, strict=True):
        # in whole pixels, as torchvision cuts them: 63 span the range from 0 to 1
        assert ks_2samp(*((63 * side).round().numpy() for side in (a, b))).pvalue > 1e-4
    area = mine[0] * mine[1]
    assert area.min() > 0.08 and area.max() < 0.44


def test_colours_equal_torchvisions_for_the_same_factors(monkeypatch):
    images = torch.rand(4, 3, 6, 6)
    factors = [torch.tensor([0.6, 1.0, 1.3, 1.5]), torch.tensor([0.9, 1.1, 0.8, 1.2]),
               torch.tensor([0.4, 1.6, 1.2, 0.7])]
    drawn = iter(factors)
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, *_: self.copy_(next(drawn)))
    mine = color_jitter(images, 0.5, 0.2, 0.6)
    for i, image in enumerate(images):
        for adjust, factor in zip(("brightness", "contrast", "saturation"), factors, strict=True):
            image = getattr(v2.functional, f"adjust_{adjust}")(image, factor[i].item())
        torch.testing.assert_close(mine[i], image, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("change", ALL)
def test_shape_type_and_one_draw_for_each_image(change):
    set_seed(0)
    images = torch.rand(1, 3, 9, 8).expand(64, -1, -1, -1)
    for kind in (images, (images * 255).byte(), images.double()):
        changed = change(kind)
        assert changed.shape == kind.shape and changed.dtype == kind.dtype
        versions = {one.numpy().tobytes() for one in changed.contiguous()}
        assert len(versions) > 1, "not the same for all"
    set_seed(1)
    first = change(images)
    set_seed(1)
    assert change(images).equal(first), "one seed, one result"
    assert images.equal(images[:1].expand(64, -1, -1, -1)), "the input is left as it was"


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("images, words", [
    (torch.rand(3, 8, 8), ["(N, C, H, W)", "unsqueeze(0)"]),
    (torch.rand(8, 8), ["(N, C, H, W)", "(8, 8)"]),
    (torch.randn(2, 3, 8, 8), ["[0, 1]", "normalizing"]),
    (torch.rand(2, 3, 8, 8) * 255, ["[0, 1]", "255"]),
    (torch.full((2, 3, 8, 8), float("nan")), ["[0, 1]", "nan"]),
    (torch.ones(2, 3, 8, 8, dtype=torch.int64), ["uint8", "int64"]),
    (np.zeros((2, 3, 8, 8)), ["(N, C, H, W)", "ndarray"]), (None, ["(N, C, H, W)", "NoneType"]),
    (torch.rand(2, 3, 0, 8), ["(2, 3, 0, 8)"]), (torch.rand(2, 0, 8, 8), ["(2, 0, 8, 8)"]),
])
def test_what_is_no_batch_of_images_is_refused_in_words(change, images, words):
    with pytest.raises(ValueError) as error:
        change(images)
    assert all(word in str(error.value) for word in words)


BAD = [(random_flip, "p", (2, -1, NAN, "a", None, [0.5])),
       (random_crop, "padding", (-1, 2.0, True, "2", (1, 2), None, 10**9)),
       (random_crop, "mode", ("zeros", None, 3)),
       (partial(random_crop, mode="reflect"), "padding", (8,)),
       (partial(random_crop, mode="circular"), "padding", (9,)),
       (cutout, "size", (-2, 2.5, True, "8", None, NAN, (2, 3))),
       (random_resized_crop, "scale", ((0, 1), (0.8, 0.3), 0.5, (0.5,), (0.1, 0.2, 0.3), (NAN, 1),
                                       ("a", "b"), None)),
       (random_resized_crop, "ratio", ((2, 1), 2, (1, float("inf")))),
       (color_jitter, "brightness", (2, (0.5, 1.5), None)), (color_jitter, "contrast", ("a", NAN)),
       (color_jitter, "saturation", (-0.1,))]


@pytest.mark.parametrize("change, name, values", BAD, ids=lambda one: getattr(one, "__name__", ""))
def test_fault_f35_settings_that_are_none_are_refused_in_a_sentence(change, name, values):
    for value in values:
        with pytest.raises(ValueError, match=r"^[^\n]{20,250}\.$"):
            change(torch.rand(2, 3, 8, 8), **{name: value})


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_crops_surround_as_pytorch_pads(mode):
    """As far as PyTorch can; every window is one of its own padded image."""
    image, size = (numbered(4, 4) * 1000).byte(), 3 if mode == "reflect" else 4
    for kind in (image, image.float() / 255):
        padded = F.pad(kind.float(), [size] * 4, mode=mode)
        windows = {one.numpy().tobytes() for one in padded[0, 0].unfold(0, 4, 1).unfold(1, 4, 1)
                   .flatten(0, 1).to(kind.dtype)}
        crops = random_crop(kind.expand(50, -1, -1, -1), size, mode)
        assert {one.numpy().tobytes() for one in crops.contiguous()} <= windows


@pytest.mark.parametrize("change", ALL)
def test_fault_a_batch_of_no_images_stays_one(change):
    assert change(torch.rand(0, 3, 8, 8)).shape == (0, 3, 8, 8)
    half = torch.rand(2, 3, 8, 8).half()
    assert change(half).dtype == torch.float16 and change(half).isfinite().all()


def test_nothing_is_changed_by_settings_of_nothing():
    images = torch.rand(2, 3, 8, 8)
    for change in (partial(random_flip, p=0), partial(random_crop, padding=0),
                   partial(cutout, size=0), color_jitter):
        assert change(images).equal(images)
    whole = random_resized_crop(images, scale=(1, 1), ratio=(1, 1))
    torch.testing.assert_close(whole, images, rtol=1e-5, atol=1e-5)


def test_augmented_batches_are_normalised_afterwards_and_differ_from_epoch_to_epoch():
    data = noise(60, size=8)
    batches = data.batches(60, shuffle=False, augment=[random_crop, random_flip])
    (first, labels), = batches
    (second, _), = batches
    assert not first.equal(second) and labels.equal(data.labels)
    black = data.normalize(torch.zeros(1, 3, 1, 1))
    assert (first == black).all(1).any(), "the border is black, not gray"
    (plain, _), = data.batches(60, shuffle=False, augment=[partial(random_flip, p=0)])
    torch.testing.assert_close(plain, data.normalize(data.images))


def test_mixup_shares_labels_and_trains():
    """Chapter 8 proves images and labels equal to its own."""
    set_seed(0)
    data = noise(60, size=8)
    _, targets = next(iter(Mixup(data.batches(60))))
    torch.testing.assert_close(targets.sum(1), torch.ones(60))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 10))
    history = fit(model, Mixup(data.batches(20)), data, epochs=2, verbose=False,
                  optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    assert history.epochs == 2 and 0 <= history.train_accuracy[-1] <= 1
    for alpha in (0, -1, NAN, float("inf"), "a", None):
        with pytest.raises(ValueError, match="alpha must be more than 0"):
            Mixup(data.batches(20), alpha=alpha)
    for batches in (data, [next(iter(data.batches(20)))], None):
        with pytest.raises(ValueError, match="Mixup wraps what"):
            Mixup(batches)
