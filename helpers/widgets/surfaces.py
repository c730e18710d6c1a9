"""Losses of two weights: what the ball of `GradientDescent` rolls on."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WIDE, HIGH = 2.0, 1.5  # the map holds weights from −2 to 2 and from −1.5 to 1.5
HOURS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
WARMER = (1.21, 0.99, 0.85, 0.69, 0.59, 0.48)  # than the room, in units of 50 °C


def _bowl(x: Tensor, y: Tensor) -> Tensor:
    return (x ** 2 + 10 * y ** 2) / 2


def _valley(x: Tensor, y: Tensor) -> Tensor:
    return (x - 1) ** 2 / 4 + 5 * (y + 1 - 0.6 * x ** 2) ** 2


def _saddle(x: Tensor, y: Tensor) -> Tensor:
    return y ** 2 + x ** 4 / 8 - x ** 2 / 2 + 0.5


def _minima(x: Tensor, y: Tensor) -> Tensor:
    return (x ** 2 - 1) ** 2 / 2 + x / 5 + y ** 2 + 0.205


def _cup(x: Tensor, y: Tensor) -> Tensor:
    hours, warmer = (torch.tensor(one, dtype=x.dtype) for one in (HOURS, WARMER))
    return (x[..., None] * torch.exp(-y[..., None] * hours) - warmer).square().mean(-1)


_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bowl": _bowl, "valley": _valley, "saddle": _saddle, "two minima": _minima,
    "cup": _cup}

SURFACES = tuple(_LOSSES)
"""The surfaces, by name: four made for the figure, and the loss of a model of a cup that cools."""

# Where a ball starts, and with which rate, where nothing else is said.
STARTS = {"bowl": (-1.8, 0.4, 0.21), "valley": (-1.6, 1.2, 0.03), "saddle": (0.02, 1.3, 0.1),
          "two minima": (1.9, 1.2, 0.1), "cup": (1.0, 0.0, 0.5)}

CAPTIONS = {
    "bowl": "Ten times as curved across as along: the rate must suit the steep direction, or each "
            "step ends higher on the other side, and along the flat one the ball creeps.",
    "valley": "The walls are steep and the floor hardly falls: the walls forbid a high rate, and "
              "with a low one the ball creeps along the floor, unless momentum carries it.",
    "saddle": "In the middle the slope is 0, and yet it is no minimum: to the left and the right "
              "the loss falls. The closer a ball comes to the middle, the longer it stays there.",
    "two minima": "Two hollows, the left one deeper. Where a ball ends depends on its start, on "
                  "the rate, and on whether momentum carries it over the ridge.",
    "cup": "Each place is one law of cooling, a · exp(−k · hours): weight 1 is a, weight 2 is k, "
           "and the loss says how far it is from the readings of a cup.",
}
"""What there is to see on each surface."""


def loss(surface: str, w: Tensor) -> Tensor:
    """Return the loss at the weights (…, 2)."""
    return _LOSSES[surface](w[..., 0], w[..., 1])


def curvature(surface: str, w: Tensor) -> float:
    """Return the largest second derivative of the loss at `w` (2,) over all directions."""
    def at(weights: Tensor) -> Tensor:
        return loss(surface, weights)

    return torch.linalg.eigvalsh(torch.autograd.functional.hessian(at, w.double()))[-1].item()


def limit(curved: float, momentum: float = 0.0, nesterov: bool = False) -> float:
    """Return the rate above which SGD cannot settle where the loss is curved like this."""
    if curved <= 0:
        return math.inf
    return 2 * (1 + momentum) / curved / (1 + 2 * momentum if nesterov else 1)


def noise(steps: int) -> Tensor:
    """Return the noise of gradients (steps, 2): mean 0, standard deviation 1, always the same.

    Sines of cubes, as in descent.py: JavaScript has the same ones.
    """
    numbers: Sequence[float] = [math.sqrt(2) * math.sin((k + 1000) ** 3) for k in range(2 * steps)]
    return torch.tensor(numbers, dtype=torch.float64).reshape(steps, 2)
