"""The networks that the chapters build."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import whole


def _check(widths: Sequence[int] = (1,), **settings: int) -> None:
    """Refuse sizes of a network that are none: PyTorch makes layers without weights of them."""
    if not isinstance(widths, Sequence) or isinstance(widths, str) or not widths:
        raise ValueError("widths must be the channels of each stage, such as (16, 32, 64), not "
                         f"{widths!r}.")
    for name, value in (*settings.items(), *(("each of widths", width) for width in widths)):
        whole(name, value, 1)


class LeNet(nn.Module):
    """LeNet for 32×32 images: images (N, C, 32, 32) to logits (N, K).

    `width` multiplies the number of channels and of hidden units. Source: LeCun et al.,
    Gradient-Based Learning Applied to Document Recognition, 1998; with ReLU and max pooling.
    """

    def __init__(self, channels: int = 3, classes: int = 10, width: int = 1):
        super().__init__()
        _check(channels=channels, classes=classes, width=width)
        self.conv1 = nn.Conv2d(channels, 6 * width, 5)
        self.conv2 = nn.Conv2d(6 * width, 16 * width, 5)
        self.fc1 = nn.Linear(16 * width * 5 * 5, 120 * width)
        self.fc2 = nn.Linear(120 * width, 84 * width)
        self.fc3 = nn.Linear(84 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K) for images (N, C, 32, 32)."""
        x = F.relu(F.max_pool2d(self.conv1(images), 2))  # (N, 6, 14, 14)
        x = F.relu(F.max_pool2d(self.conv2(x), 2))       # (N, 16, 5, 5)
        x = x.flatten(1)                                 # (N, 400)
        x = F.relu(self.fc1(x))                          # (N, 120)
        x = F.relu(self.fc2(x))                          # (N, 84)
        return self.fc3(x)                               # (N, 10)


class BNLeNet(nn.Module):
    """LeNet with batch normalization after each layer but the last.

    `width` multiplies the number of channels and of hidden units.
    Source: Ioffe and Szegedy, Batch Normalization, 2015; there on other networks.
    """

    def __init__(self, channels: int = 3, classes: int = 10, width: int = 1):
        super().__init__()
        _check(channels=channels, classes=classes, width=width)
        self.conv1 = nn.Conv2d(channels, 6 * width, 5, bias=False)
        self.bn1 = nn.BatchNorm2d(6 * width)
        self.conv2 = nn.Conv2d(6 * width, 16 * width, 5, bias=False)
        self.bn2 = nn.BatchNorm2d(16 * width)
        self.fc1 = nn.Linear(16 * width * 5 * 5, 120 * width, bias=False)
        self.bn3 = nn.BatchNorm1d(120 * width)
        self.fc2 = nn.Linear(120 * width, 84 * width, bias=False)
        self.bn4 = nn.BatchNorm1d(84 * width)
        self.fc3 = nn.Linear(84 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K) for images (N, C, 32, 32)."""
        x = F.relu(F.max_pool2d(self.bn1(self.conv1(images)), 2))  # (N, 6, 14, 14)
        x = F.relu(F.max_pool2d(self.bn2(self.conv2(x)), 2))       # (N, 16, 5, 5)
        x = x.flatten(1)                                           # (N, 400)
        x = F.relu(self.bn3(self.fc1(x)))                          # (N, 120)
        x = F.relu(self.bn4(self.fc2(x)))                          # (N, 84)
        return self.fc3(x)                                         # (N, 10)


class ResidualBlock(nn.Module):
    """x + g(x), then ReLU, where g is two 3×3 convolutions with batch normalization.

    Takes (N, in_channels, H, W) to (N, out_channels, H/stride, W/stride), rounded up. Where the two
    shapes differ, a 1×1 convolution brings x to the new one. `residual=False` leaves the addition
    out: a plain block. `zero_init` starts the last γ at 0, so that the block begins as ReLU(x). Its
    layers have the names of torchvision's BasicBlock. Source: He et al., Deep Residual Learning for
    Image Recognition, 2015.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *,
                 residual: bool = True, zero_init: bool = False):
        super().__init__()
        _check(in_channels=in_channels, out_channels=out_channels, stride=stride)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.residual, self.downsample = residual, None
        if zero_init and residual:
            nn.init.zeros_(self.bn2.weight)
        if residual and (stride != 1 or in_channels != out_channels):
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, H/stride, W/stride) for x (N, in_channels, H, W)."""
        wanted = self.conv1.in_channels
        if x.ndim != 4 or x.shape[1] != wanted:
            raise ValueError(f"This block takes maps with {wanted} channels, (N, {wanted}, H, W), "
                             f"but this is {tuple(x.shape)}. The block before it must give as "
                             "many, or this one be made for them.")
        g = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if not self.residual:
            return F.relu(g)
        return F.relu(g + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """The CIFAR ResNet of 6·blocks + 2 layers: images (N, C, H, W) to logits (N, K).

    A 3×3 convolution, three stages of `blocks` blocks with `widths` channels, the second and third
    at half the size of the one before, global average pooling, a dense layer. `residual=False`
    gives the plain network of equal depth. Source: He et al., Deep Residual Learning for Image
    Recognition, 2015, section 4.2; there without the 1×1 convolutions.
    """

    def __init__(self, blocks: int = 3, widths: Sequence[int] = (16, 32, 64), channels: int = 3,
                 classes: int = 10, *, residual: bool = True, zero_init: bool = False):
        super().__init__()
        _check(widths, blocks=blocks, channels=channels, classes=classes)
        self.conv1 = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        layers, before = [], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(before, width, stride, residual=residual,
                                            zero_init=zero_init))
                before = width
        self.blocks = nn.Sequential(*layers)
        self.fc = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K) for images (N, C, H, W)."""
        x = F.relu(self.bn1(self.conv1(images)))  # (N, 16, 32, 32)
        x = self.blocks(x)                        # (N, 64, 8, 8)
        return self.fc(x.mean((2, 3)))            # (N, 10)


class FastResNet(nn.Module):
    """The course's best network, made for two cores: images (N, C, 32, 32) to logits (N, K).

    A 2×2 convolution; then, for each of `widths`, a 3×3 convolution to that many channels, max
    pooling that halves the map, and one residual block, so that most of the work is done on small
    maps; then the largest value of each channel, and a dense layer. Source: after D. Page, How to
    Train Your ResNet, 2018, and K. Jordan, 94 % on CIFAR-10 in 3.29 Seconds, 2024.
    """

    def __init__(self, widths: Sequence[int] = (16, 64, 128), channels: int = 3, classes: int = 10):
        super().__init__()
        _check(widths, channels=channels, classes=classes)
        self.stem = nn.Sequential(nn.Conv2d(channels, widths[0], 2, bias=False),
                                  nn.BatchNorm2d(widths[0]), nn.ReLU())
        stages, before = [], widths[0]
        for width in widths:
            stages.append(nn.Sequential(nn.Conv2d(before, width, 3, padding=1, bias=False),
                                        nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.ReLU(),
                                        ResidualBlock(width, width, zero_init=True)))
            before = width
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K) for images (N, C, 32, 32), or of any other size from 9 × 9."""
        smallest = 1 + 2 ** len(self.stages)
        if min(images.shape[2:]) < smallest:
            raise ValueError(f"Images of {images.shape[2]} × {images.shape[3]} are too small: of "
                             f"what {len(self.stages)} poolings halve nothing would be left. They "
                             f"need at least {smallest} × {smallest} pixels.")
        x = self.stages(self.stem(images))  # (N, 16, 31, 31), then (N, 128, 3, 3)
        return self.fc(x.amax((2, 3)))      # (N, 10)


class FlipAverage(nn.Module):
    """The mean of what `model` says of images (N, C, H, W) and of their mirror images."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean logits (N, K)."""
        return (self.model(images) + self.model(images.flip(3))) / 2


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers training can change in `model`.

    >>> count_parameters(nn.Conv2d(3, 8, 5))
    608
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
