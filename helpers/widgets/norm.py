"""`BatchNormExplorer`: one feature of a batch, before and after batch normalization."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Copied, Count, Real

_NOISE = 512
_LIMITS = {"gamma": [-3.0, 3.0], "beta": [-4.0, 4.0], "shift": [-6.0, 6.0], "scale": [0.0, 4.0],
           "trail": 60}


def _noise() -> list[float]:
    """Normal numbers, the same for everyone."""
    numbers = torch.randn(_NOISE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [round(number, 3) for number in numbers.tolist()]


NOISE = _noise()


def _tensors(*values: float) -> list[Tensor]:
    """Return each number as a tensor for one feature, (1,)."""
    return [torch.tensor([value], dtype=torch.float64) for value in values]


def _batch(draws: int, size: int, shift: float, scale: float) -> Tensor:
    """Return the numbers of one batch, (size, 1)."""
    places = (draws * size + (2 * draws + 1) * torch.arange(size)) % _NOISE  # none of them twice
    return (shift + scale * torch.tensor(NOISE, dtype=torch.float64)[places])[:, None]


def _moved(x: Tensor, running_mean: float, running_var: float) -> list[float]:
    """Return mean and variance of a batch, then the running ones after it, by PyTorch."""
    mean, var = _tensors(running_mean, running_var)
    F.batch_norm(x, mean, var, training=True, momentum=0.1)
    return [x.mean().item(), x.var().item(), mean.item(), var.item()]


def _after(batches: int, batch_size: int, **settings: float) -> dict[str, Any]:
    """Return the state of a new layer after some batches of training."""
    trail, running = [], [0.0, 1.0]
    for draw in range(1, batches + 1):
        trail.append(_moved(_batch(draw, batch_size, **settings), *running))
        running = trail[-1][2:]
    return {"batch_size": batch_size, "draws": batches, "running_mean": running[0],
            "running_var": running[1], **settings,
            "trail": [[round(value, 6) for value in row] for row in trail]}


class _Trail(Copied):
    """Rows of four numbers, one for each batch: its mean and variance, and the running ones."""

    def __init__(self) -> None:
        super().__init__([])
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> list[list[float]]:
        """Refuse all else, in one sentence."""
        def fits(row: Any) -> bool:
            return isinstance(row, Sequence) and len(row) == 4 and all(
                isinstance(v, float | int) and math.isfinite(v) for v in row)

        rows = isinstance(value, list | tuple) and len(value) <= _LIMITS["trail"]
        if not rows or not all(map(fits, value)):
            raise BadValue(f"{self.name} must be a list of at most {_LIMITS['trail']} rows of four "
                           "numbers: mean and variance of a batch, and the running ones.")
        return [[*map(float, row)] for row in value]


class BatchNormExplorer(Figure):
    """Batch normalization of one feature of `batch_size` images.

    Its numbers, `input`, have mean `shift` and spread `scale`. `output` is `F.batch_norm` of
    `input` with γ `gamma`, β `beta` and, unless `training`, the running statistics; `gap` is how
    far apart the means of both modes are. `next_batch()` draws other images and, in training,
    updates the running statistics with momentum 0.1 and adds a row to the `trail`.
    """

    title = "Batch norm: training, evaluation"
    challenge = "Close the gap between the two modes, then open it again."
    caption = ("One batch on one axis: as it comes, as training normalizes it (by its own mean and "
               "spread) and as evaluation does (by the running ones). The running statistics "
               "follow the batches a tenth of the way each time; where they have not arrived, the "
               "same network gives other numbers.")
    presets = {"a new layer": {"training": True, **_after(0, 16, shift=4.0, scale=1.5)},
               "2 images a batch": {"training": True, **_after(51, 2, shift=4.0, scale=1.5)},
               "256 images a batch": {"training": True, **_after(51, 256, shift=4.0, scale=1.5)},
               "darker images": {"training": False, **_after(51, 64, shift=4.0, scale=1.5),
                                 "shift": 0.0}}

    _esm = module("norm")
    limits = constant(_LIMITS)
    gamma = Real(1.0, *_LIMITS["gamma"])
    beta = Real(0.0, *_LIMITS["beta"])
    shift = Real(4.0, *_LIMITS["shift"])
    scale = Real(1.5, *_LIMITS["scale"])
    batch_size = Count(16, 2, _NOISE)
    training = t.Bool(True).tag(sync=True)
    draws = t.Int(0).tag(sync=True, kept=True)
    running_mean = Real(0.0, -1e3, 1e3)
    running_var = Real(1.0, 0.0, 1e3)
    trail = _Trail()
    noise = constant(NOISE)

    @property
    def input(self) -> Tensor:
        """The numbers of the batch, (batch_size, 1), float64."""
        return _batch(self.draws, self.batch_size, self.shift, self.scale)

    @property
    def output(self) -> Tensor:
        """What batch normalization makes of it, (batch_size, 1), computed by PyTorch."""
        return self._normalized(self.training)

    @property
    def gap(self) -> float:
        """The mean of the output in evaluation mode, minus that in training mode."""
        return (self._normalized(False).mean() - self._normalized(True).mean()).item()

    def _normalized(self, training: bool) -> Tensor:
        settings = _tensors(self.running_mean, self.running_var, self.gamma, self.beta)
        return F.batch_norm(self.input, *settings, training=training)

    def next_batch(self) -> None:
        """Draw the next images; in training, move the running statistics towards theirs."""
        self.draws += 1
        if self.training:
            row = _moved(self.input, self.running_mean, self.running_var)
            self.trail = [*self.trail, row][-_LIMITS["trail"]:]
            self.running_mean, self.running_var = row[2:]

    def to_html(self) -> str:
        """Return the statistics as a table."""
        def spread(x: Tensor) -> list[float]:  # to a learner 1e-16 is 0
            return [round(x.mean().item(), 9) + 0.0, x.std(correction=0).item()]

        rows = [["batch", *spread(self.input)],
                ["running", self.running_mean, self.running_var ** 0.5],
                ["after, in training", *spread(self._normalized(True))],
                ["after, in evaluation", *spread(self._normalized(False))]]
        table = html_table(rows, f"one feature of {self.batch_size} images", ("", "mean", "spread"))
        mode = "training" if self.training else "evaluation"
        return html_boxes(table, note=(
            f"Batch normalization in {mode}, with γ {self.gamma:g} and β {self.beta:g}."))
