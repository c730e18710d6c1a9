"""Random networks of all layers that `NetworkExplorer` knows."""

import torch
from torch import nn
from widget_support import draw

from helpers.models import ResidualBlock

CURVES = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, lambda: nn.LeakyReLU(0.2))


class Summed(nn.Module):
    """The residual addition by hand, and one layer that reads a result twice."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + torch.tanh(self.conv(x))


class Largest(nn.Module):
    """Global pooling as FastResNet has it, or as ResNet has it."""

    def __init__(self, largest: bool):
        super().__init__()
        self.largest = largest

    def forward(self, x):
        return x.amax((2, 3)) if self.largest else x.mean((2, 3))


def part(g, channels: int, height: int, width: int) -> nn.Module:
    """A layer for maps of this size."""
    kind, small = draw(g, 0, 9), min(height, width)
    if kind <= 2:
        groups = [n for n in (1, 2, 3, channels) if channels % n == 0][draw(g, 0, 1)]
        kernel = [draw(g, 1, min(5, small)), draw(g, 1, min(3, small))]
        dilation = draw(g, 1, 2) if small > 9 else 1
        same = draw(g, 0, 3) == 0
        return nn.Conv2d(channels, groups * draw(g, 1, 3), kernel, 1 if same else draw(g, 1, 3),
                         "same" if same else [draw(g, 0, 3), draw(g, 0, 2)], dilation, groups,
                         bias=bool(draw(g, 0, 1)))
    if kind == 3:
        size = draw(g, 1, min(4, small))
        return nn.MaxPool2d(size, draw(g, 1, 3), draw(g, 0, size // 2),
                            draw(g, 1, 2) if small > 9 else 1, ceil_mode=bool(draw(g, 0, 1)))
    if kind == 4:
        size = draw(g, 1, min(4, small))
        return nn.AvgPool2d(size, draw(g, 1, 3), draw(g, 0, size // 2), bool(draw(g, 0, 1)),
                            bool(draw(g, 0, 1)), (None, 3)[draw(g, 0, 1)])
    if kind == 5:
        pool = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)[draw(g, 0, 1)]
        return pool((draw(g, 1, height), draw(g, 1, width)))
    if kind == 6:
        norm = nn.BatchNorm2d(channels, affine=bool(draw(g, 0, 1)))
        norm.running_mean = torch.randn(channels, generator=g)
        norm.running_var = torch.rand(channels, generator=g) + 0.1
        return norm
    if kind == 7:
        return ResidualBlock(channels, draw(g, 2, 5), draw(g, 1, 2))
    if kind == 8:
        return Summed(channels)
    return nn.Dropout(0.5)


def random_network(g) -> tuple[nn.Module, torch.Tensor]:
    """A network in evaluation mode, with random weights, and a normalized picture for it."""
    height, width = draw(g, 16, 24), draw(g, 16, 24)
    image = torch.randn(1, 3, height, width, generator=g)
    found: list[nn.Module] = []
    x = image
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(draw(g, 0, 10_000))
        for _ in range(draw(g, 1, 5)):
            new = part(g, *x.shape[1:]).eval()
            try:
                x = new(x)
            except (RuntimeError, ValueError):  # a kernel that fits nowhere
                continue
            found += [new, (CURVES[draw(g, 0, 4)])()]
            x = found[-1](x)
        if draw(g, 0, 1):
            end = [Largest(bool(draw(g, 0, 1)))]
        else:
            end = [nn.AdaptiveMaxPool2d(2), nn.Flatten()]
        for new in end:
            x = new(x)
        hidden = [nn.Linear(x.shape[1], 7), nn.BatchNorm1d(7), nn.ReLU()][:draw(g, 1, 3)]
        found += [*end, *hidden, nn.Linear(7, draw(g, 2, 6))]
        network = nn.Sequential(*found).eval()
        for one in network.parameters():
            one.add_(0.2 * torch.randn(one.shape, generator=g))
    return network, image


def with_gradients(network: nn.Module, image: torch.Tensor, target: int) -> tuple:
    """The logits, and the gradient of one of them with respect to the picture."""
    image = image.clone().requires_grad_()
    logits = network(image)[0]
    logits[target].backward()
    return logits.detach(), image.grad[0]


