from dataclasses import replace

import pytest
import torch
from support import noise
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from helpers.data import channel_statistics


def make(count=10, **changes):
    own = {"labels": torch.arange(count) % 3, "classes": ("a", "b", "c"),
           "mean": torch.tensor([0.5, 0.4, 0.3]), "std": torch.tensor([0.2, 0.25, 0.3])}
    return replace(noise(count), **{**own, **changes})


def numbered():
    """A hundred images, each of one color: its number."""
    return make(100, images=torch.arange(100).byte().view(-1, 1, 1, 1).expand(-1, 3, 32, 32))


def numbers_of(data, images):
    return data.denormalize(images)[:, 0, 0, 0].mul(255).round().long()


def test_normalisation_equals_torchvisions_and_is_undone():
    data = make()
    oracle = v2.Compose([v2.ToDtype(torch.float32, scale=True),
                         v2.Normalize(data.mean.tolist(), data.std.tolist())])
    torch.testing.assert_close(data.normalize(data.images), oracle(data.images))
    torch.testing.assert_close(data.normalize(data.images.float() / 255), oracle(data.images))
    torch.testing.assert_close(data.denormalize(data.normalize(data.images)), data.images / 255,
                               atol=1e-5, rtol=0)


def test_unshuffled_batches_are_the_data_in_order():
    data = make(10)
    batches = list(data.batches(4, shuffle=False))
    assert [len(labels) for _, labels in batches] == [4, 4, 2] and len(data.batches(4)) == 3
    torch.testing.assert_close(torch.cat([images for images, _ in batches]),
                               data.normalize(data.images))
    assert torch.cat([labels for _, labels in batches]).equal(data.labels)


def test_shuffled_epoch_holds_every_image_once_with_its_label():
    data = numbered()
    batches = data.batches(7)
    for _ in range(2):
        images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        numbers = numbers_of(data, images)
        assert sorted(numbers.tolist()) == list(range(100))
        assert labels.equal(numbers % 3)
    torch.manual_seed(0)
    first, second = (torch.cat([labels for _, labels in batches]) for _ in range(2))
    assert not first.equal(second), "each epoch has an order of its own"
    torch.manual_seed(0)
    assert first.equal(torch.cat([labels for _, labels in batches])), "and one seed gives one order"


def test_num_samples_draws_that_many_without_repeats():
    data = numbered()
    batches = data.batches(8, num_samples=20)
    images = torch.cat([images for images, _ in batches])
    assert len(batches) == 3 and len(images) == 20
    assert len(numbers_of(data, images).unique()) == 20
    in_order = torch.cat([labels for _, labels in data.batches(8, shuffle=False, num_samples=20)])
    assert in_order.equal(data.labels[:20])


def test_augmentation_sees_the_whole_batch_between_0_and_1_before_normalisation():
    data = make(10)
    seen = []

    def negative(images):
        seen.append(images)
        return 1 - images

    images, _ = next(iter(data.batches(10, shuffle=False, augment=[negative])))
    torch.testing.assert_close(seen[0], data.images / 255)
    torch.testing.assert_close(images, data.normalize(255 - data.images))


def test_it_is_a_dataset():
    data = make(10)
    images, labels = next(iter(DataLoader(data, batch_size=10)))
    torch.testing.assert_close(images, data.normalize(data.images))
    assert labels.equal(data.labels)
    with pytest.raises(IndexError, match="no number 10"):
        data[10]


def test_batches_keep_channels_last():
    data = make(10, images=make(10).images.contiguous(memory_format=torch.channels_last))
    images, _ = next(iter(data.batches(4)))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_channel_statistics_equal_torchs():
    images = make(7).images
    mean, std = channel_statistics(images)
    wide = images.double().transpose(0, 1).flatten(1) / 255
    torch.testing.assert_close(mean, wide.mean(1).float())
    torch.testing.assert_close(std, wide.std(1, correction=0).float())


@pytest.mark.parametrize("changes, words", [
    ({"labels": torch.zeros(9, dtype=torch.int64)}, "10 images but 9 labels"),
    ({"images": torch.zeros(10, 3, 32, 32)}, "must be a uint8 tensor"),
    ({"images": torch.zeros(10, 32, 32, dtype=torch.uint8)}, r"\(N, C, H, W\)"),
    ({"labels": torch.full((10,), 3)},
     "Labels run from 3 to 3, but 3 classes have the numbers 0 to 2"),
])
def test_bad_sets_say_what_is_wrong(changes, words):
    with pytest.raises(ValueError, match=words):
        make(**changes)


@pytest.mark.parametrize("size, count, words", [
    *((size, None, "at least one image") for size in (0, -1, 2.5)),
    (2, 11, "cannot be drawn without repeats from 10")])
def test_bad_settings_of_batches(size, count, words):
    with pytest.raises(ValueError, match=words):
        make().batches(size, num_samples=count)
