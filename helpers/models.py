"""The networks that the chapters build."""

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    """LeNet for 32×32 images, as chapter 5 builds it: images (N, C, 32, 32) to logits (N, K).

    `width` multiplies the number of channels and of hidden units.
    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998; with ReLU and max pooling.
    """

    def __init__(self, channels: int = 3, classes: int = 10, width: int = 1):
        super().__init__()
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
    """LeNet with batch normalization after each layer but the last, as chapter 6 builds it.

    `width` multiplies the number of channels and of hidden units.
    Source: Ioffe and Szegedy, Batch Normalization, 2015; there on other networks.
    """

    def __init__(self, channels: int = 3, classes: int = 10, width: int = 1):
        super().__init__()
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


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers training can change in `model`."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
