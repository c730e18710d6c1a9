"""Random changes of whole batches, on the device where they are.

Each takes images (N, C, H, W), uint8 or floats in [0, 1], and returns new ones of the same shape
and type: every image gets a draw of its own. They go into `batches(…, augment=[random_crop,
random_flip])`; `functools.partial(random_crop, padding=2)` fixes settings. The CPU's global
generator draws, so that one seed gives the same changes on every device.
"""

import numbers
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .convolution import whole
from .data.images import Batches


def random_flip(images: Tensor, p: float = 0.5) -> Tensor:
    """Mirror each image, left for right, with probability `p`, from 0 to 1.

    >>> random_flip(torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8), p=1)
    tensor([[[[255, 128,   0]]]], dtype=torch.uint8)
    """
    _check(images, "random_flip")
    _fractions(p=p)
    chosen = torch.rand(len(images)) < p
    return torch.where(_there(chosen.view(-1, 1, 1, 1), images), images.flip(3), images)


def random_crop(images: Tensor, padding: int = 4, mode: str = "constant") -> Tensor:
    """Surround each image with `padding` pixels and cut a random window of the old size out of it.

    That moves it by up to `padding` pixels. `mode` is that of `F.pad`: "constant" is black,
    "reflect" mirrors the image at its edge, "replicate" repeats the edge, "circular" goes on from
    the other. Raises ValueError where the image is too small.
    """
    _check(images, "random_crop")
    height, width = images.shape[2:]
    least = min(height, width)
    most = {"reflect": least - 1, "circular": least, "constant": 1000, "replicate": 1000}
    if mode not in most:
        raise ValueError(f"mode must be one of {', '.join(most)}, not {mode!r}.")
    padding = whole(f"padding of images of {height} × {width}", padding, 0, most[mode])
    floats = images if mode == "constant" or images.is_floating_point() else images.float()
    padded = F.pad(floats, [padding] * 4, mode=mode).to(images.dtype)  # PyTorch mirrors floats only
    # (N, C, 2p + 1, 2p + 1, H, W): a view, no copy
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    top, left = _there(torch.randint(2 * padding + 1, (2, len(images))), images)
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def cutout(images: Tensor, size: int = 8) -> Tensor:
    """Blacken a square of `size` pixels around a random pixel of each image, edges included.

    Source: T. DeVries and G. W. Taylor, Improved Regularization of Convolutional Neural Networks
    with Cutout, 2017.
    """
    _check(images, "cutout")
    size = whole("size", size, 0)
    hidden = [_there(_span(length, size, len(images)), images) for length in images.shape[2:]]
    return images.masked_fill((hidden[0][:, :, None] & hidden[1][:, None, :])[:, None], 0)


def _span(length: int, size: int, count: int) -> Tensor:
    """Return (count, length): true where a span of `size` around a random place reaches."""
    first = torch.randint(length, (count, 1)) - size // 2
    place = torch.arange(length)
    return (place >= first) & (place < first + size)


def random_resized_crop(images: Tensor, scale: tuple[float, float] = (0.3, 1.0),
                        ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> Tensor:
    """Cut a random rectangle out of each image and stretch it to the old size, bilinearly.

    `scale` is the range of its area, as a fraction of the image's, `ratio` that of width over
    height (drawn evenly on a logarithmic scale). A side that would be longer than the image is cut
    to it.
    """
    _check(images, "random_resized_crop")
    try:
        (least, most), (narrow, broad) = scale, ratio
        fits = 0 < least <= most <= 1 and 0 < narrow <= broad <= 1e6
    except (TypeError, ValueError):  # no pair, or not of numbers
        fits = False
    if not fits:
        raise ValueError("scale must be two fractions of the area, 0 < low ≤ high ≤ 1, and ratio "
                         f"two positive numbers, low ≤ high; got {scale!r} and {ratio!r}.")
    if not len(images):
        return images.clone()
    count, (height, width) = len(images), images.shape[2:]
    area = torch.empty(count).uniform_(*scale)
    stretch = torch.empty(count).uniform_(*torch.tensor(ratio).log().tolist()).exp()
    high = (area / stretch * width / height).sqrt().clamp(max=1)  # fractions of the image's sides
    wide = (area * stretch * height / width).sqrt().clamp(max=1)
    down, right = (2 * torch.rand(2, count) - 1) * torch.stack([1 - high, 1 - wide])  # the center
    zero = torch.zeros(count)
    corners = torch.stack([wide, zero, right, zero, high, down], 1).view(-1, 2, 3)
    floats = images if images.is_floating_point() else images.float()
    corners = _there(corners.to(floats.dtype), images)
    grid = F.affine_grid(corners, list(images.shape), align_corners=False)
    cut = F.grid_sample(floats, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return cut if images.is_floating_point() else cut.round().to(images.dtype)


def color_jitter(images: Tensor, brightness: float = 0.0, contrast: float = 0.0,
                 saturation: float = 0.0) -> Tensor:
    """Change brightness, contrast and saturation of each image by factors of 1 ± strength.

    Always in this order, where torchvision's ColorJitter draws the order as well. Brightness
    multiplies; contrast stretches around the mean gray of the image; saturation stretches around
    each pixel's own gray.
    """
    _check(images, "color_jitter")
    _fractions(brightness=brightness, contrast=contrast, saturation=saturation)
    floats = images if images.is_floating_point() else images.float() / 255

    def stretched(around: Tensor, strength: float) -> Tensor:
        factor = torch.empty(len(images)).uniform_(1 - strength, 1 + strength).view(-1, 1, 1, 1)
        return (around + _there(factor, images) * (floats - around)).clamp(0, 1)

    if brightness:
        floats = stretched(torch.zeros((), device=images.device), brightness)
    if contrast:
        floats = stretched(_grey(floats).mean((1, 2, 3), keepdim=True), contrast)
    if saturation:
        floats = stretched(_grey(floats), saturation)
    return (floats if images.is_floating_point() else (floats * 255).round()).to(images.dtype)


def _grey(images: Tensor) -> Tensor:
    """Return how bright the eye finds each pixel, (N, 1, H, W); the mean if there is no color."""
    if images.shape[1] != 3:
        return images.mean(1, keepdim=True)
    # of ITU-R BT.601, as everywhere; torchvision rounds its 0.299 like this
    weights = torch.tensor([0.2989, 0.587, 0.114], dtype=images.dtype, device=images.device)
    return (images * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


class Mixup:
    """Batches in which every image is laid over another one, and its label is shared alike.

    Wraps `Batches`: images become λ·image + (1 - λ)·other, labels become (N, K) with λ on the one
    class and 1 - λ on the other, as `F.cross_entropy` takes them. λ is drawn for each batch from
    Beta(alpha, alpha). Source: H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, mixup: Beyond
    Empirical Risk Minimization, 2017.
    """

    def __init__(self, batches: Batches, alpha: float = 0.2):
        if not isinstance(alpha, numbers.Real) or not 0 < alpha < float("inf"):
            raise ValueError(f"alpha must be more than 0, and near 0 hardly mixes; got {alpha!r}.")
        if not hasattr(getattr(batches, "data", None), "classes"):
            raise ValueError("Mixup wraps what data.train.batches(…) returns, which knows how many "
                             f"classes there are, not {type(batches).__name__}.")
        self.batches, self.alpha, self.data = batches, alpha, batches.data

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        beta = torch.distributions.Beta(self.alpha, self.alpha)
        for images, labels in self.batches:
            share = beta.sample().item()
            other = _there(torch.randperm(len(images)), images)
            targets = F.one_hot(labels, len(self.data.classes)).float()
            yield (torch.lerp(images[other], images, share),
                   torch.lerp(targets[other], targets, share))


def _there(values: Tensor, images: Tensor) -> Tensor:
    """Bring draws to where the images are; Python need not wait until a GPU has taken them."""
    return values.to(images.device, non_blocking=images.is_cuda)


def _fractions(**settings: float) -> None:
    """Refuse, in one sentence, what is no number from 0 to 1."""
    for name, value in settings.items():
        if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
            raise ValueError(f"{name} must be a number from 0 to 1, not {value!r}.")


def _check(images: Tensor, name: str) -> None:
    """Say what is wrong with images that cannot be augmented."""
    shape = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
    if not isinstance(images, Tensor) or images.ndim != 4 or 0 in shape[1:]:
        single = " One image (C, H, W) becomes a batch of one by unsqueeze(0)."
        raise ValueError(f"{name} wants a batch of images (N, C, H, W), but this is {shape}."
                         f"{single if isinstance(shape, tuple) and len(shape) == 3 else ''}")
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise ValueError(f"{name} wants uint8 images or floats in [0, 1], not {images.dtype}.")
    if images.device.type == "cpu" and images.numel():  # a GPU would have to wait for the look
        low, high = (value.item() for value in images.detach().aminmax())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{name} wants floats in [0, 1], but these run from {low:.2f} to "
                             f"{high:.2f}. Augment before normalizing, as batches(…, augment=[…]) "
                             "does, or undo it with denormalize; images from 0 to 255 are divided "
                             "by 255.")
