"""Labeled images held whole in memory as uint8, and batches cut from them by indexing."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

Augmentation = Callable[[Tensor], Tensor]
_AT_A_TIME = 5000 * 3 * 32 * 32  # pixels, each of a color


@dataclass(frozen=True)
class ImageSet:
    """One split of a data set, on one device: `images` uint8 (N, C, H, W), `labels` int64 (N,).

    `mean` and `std` (C,) are those of the training images, in units of the full range 0 to 1.
    It is a `Dataset`: `len(s)`, and `s[i]` gives a normalized image (C, H, W) and its label.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor
    source: str
    _scale: Tensor = field(init=False)
    _shift: Tensor = field(init=False)

    def __post_init__(self):
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise ValueError("images must be a uint8 tensor (N, C, H, W), but this one is "
                             f"{self.images.dtype} {tuple(self.images.shape)}.")
        if len(self.images) != len(self.labels):
            raise ValueError(f"There are {len(self.images):,} images but {len(self.labels):,} "
                             "labels: each image needs exactly one. Were they cut or filtered "
                             "apart?")
        if len(self.labels):
            low, high = (int(label) for label in self.labels.aminmax())
            if low < 0 or high >= len(self.classes):
                raise ValueError(f"Labels run from {low} to {high}, but {len(self.classes)} "
                                 f"classes have the numbers 0 to {len(self.classes) - 1}.")
        # (x / 255 - mean) / std as one multiplication and one addition
        mean, std = (t.to(self.images.device).view(1, -1, 1, 1) for t in (self.mean, self.std))
        object.__setattr__(self, "_scale", 1 / (255 * std))
        object.__setattr__(self, "_shift", -mean / std)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"There are {len(self):,} images, numbered from 0: there is no number "
                             f"{index}.")
        return self.normalize(self.images[index][None])[0], self.labels[index]

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.images.shape[1:]))
        return f"ImageSet({len(self):,} images {shape}, {len(self.classes)} classes, {self.source})"

    def normalize(self, images: Tensor) -> Tensor:
        """Turn uint8 images, or floats in [0, 1], into floats of mean 0 and spread 1 a channel."""
        if images.dtype == torch.uint8:
            return images.float().mul_(self._scale).add_(self._shift)
        return images * (255 * self._scale) + self._shift

    def denormalize(self, images: Tensor) -> Tensor:
        """Undo `normalize`: floats in [0, 1] again, to look at."""
        return ((images - self._shift) / (255 * self._scale)).clamp(0, 1)

    def take(self, count: int) -> "ImageSet":
        """Return the first `count` images as a set of their own, or all where there are fewer."""
        return replace(self, images=self.images[:count], labels=self.labels[:count])

    def batches(self, batch_size: int, *, shuffle: bool = True, num_samples: int | None = None,
                augment: Sequence[Augmentation] = ()) -> "Batches":
        """Return an iterable of `(images, labels)` batches; each pass over it is one epoch.

        batch_size: images in a batch; the last one of an epoch may have fewer.
        shuffle: whether to draw a new order each epoch.
        num_samples: images in an epoch, drawn anew without repeats; all by default.
        augment: functions applied in turn to each whole batch, float (N, C, H, W) in [0, 1], on
            the device, before normalization.
        """
        return Batches(self, batch_size, shuffle, num_samples, tuple(augment))


@dataclass(frozen=True)
class Batches:
    """An endless supply of epochs over an `ImageSet`; made by `ImageSet.batches`."""

    data: ImageSet
    batch_size: int
    shuffle: bool = True
    num_samples: int | None = None
    augment: tuple[Augmentation, ...] = ()

    def __post_init__(self):
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ValueError(f"A batch needs at least one image; batch_size is {self.batch_size}.")
        if self.num_samples is not None and not 1 <= self.num_samples <= len(self.data):
            raise ValueError(f"An epoch of {self.num_samples:,} images cannot be drawn without "
                             f"repeats from {len(self.data):,}. Leave num_samples out to use all.")

    @property
    def epoch_size(self) -> int:
        """Images in one epoch."""
        return self.num_samples or len(self.data)

    def __len__(self) -> int:
        return math.ceil(self.epoch_size / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return map(self.cut, self.order())

    def order(self, generator: torch.Generator | None = None) -> Sequence[Tensor]:
        """Return the numbers of the images in each batch of an epoch; `generator` draws them."""
        numbers = torch.arange(len(self.data))
        if self.shuffle:  # drawn on the CPU, so that one seed gives one order on every device
            numbers = torch.randperm(len(self.data), generator=generator)
        return numbers[:self.epoch_size].to(self.data.images.device).split(self.batch_size)

    def cut(self, picked: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images with these numbers, augmented and normalized, and their labels."""
        images = self.data.images[picked]
        if self.augment:
            images = images.float().div_(255)
            for change in self.augment:
                images = change(images)
        return self.data.normalize(images), self.data.labels[picked]


@dataclass(frozen=True)
class ImageData:
    """The three splits of one data set, with its `classes`, `mean`, `std` and `source`."""

    train: ImageSet
    val: ImageSet
    test: ImageSet

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.train.classes

    @property
    def mean(self) -> Tensor:
        """Mean of each channel over the training images, (C,), full range = 1."""
        return self.train.mean

    @property
    def std(self) -> Tensor:
        """Standard deviation of each channel over the training images, (C,), full range = 1."""
        return self.train.std

    @property
    def source(self) -> str:
        """Where the images came from; says "synthetic stand-in" when they are not CIFAR-10."""
        return self.train.source

    def __repr__(self) -> str:
        return (f"{self.source}: {len(self.train):,} training, {len(self.val):,} validation, "
                f"{len(self.test):,} test images")


def assemble(splits: Sequence[tuple[Tensor, Tensor]], classes: Sequence[str], source: str,
             device: torch.device | str) -> ImageData:
    """Make a data set of images and labels of training, validation and test; measure channels."""
    mean, std = channel_statistics(splits[0][0])
    std = std.clamp_min(1 / 255)  # a channel may be the same everywhere

    def split(images: Tensor, labels: Tensor) -> ImageSet:
        # convolutions on the CPU and on recent GPUs are faster on channels_last; indexing keeps it
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        return ImageSet(images, labels.to(device), tuple(classes), mean.to(device), std.to(device),
                        source)

    return ImageData(*(split(*tensors) for tensors in splits))


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (C,) of uint8 images (N, C, H, W), full range = 1.

    Exact: sums of integers, so many images at a time that their float copy has 123 MB.
    """
    total, squares = torch.zeros(2, images.shape[1], dtype=torch.float64)
    for part in images.split(max(1, _AT_A_TIME // max(1, math.prod(images.shape[1:])))):
        wide = part.transpose(0, 1).flatten(1).double()
        total += wide.sum(1).cpu()
        squares += wide.square().sum(1).cpu()
    count = images.numel() / images.shape[1]
    mean = total / count
    std = (squares / count - mean**2).clamp_min(0).sqrt()
    return (mean / 255).float(), (std / 255).float()
