"""`BatchNormExplorer`: one feature of a batch, before and after batch normalization."""

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from .figure import Figure, constant, html_boxes, html_table, module
from .traits import Count, Real

_NOISE = 512
_LIMITS = {"gamma": [-3.0, 3.0], "beta": [-4.0, 4.0], "shift": [-6.0, 6.0], "scale": [0.0, 4.0]}


def _noise() -> list[float]:
    """Normal numbers, the same for everyone."""
    numbers = torch.randn(_NOISE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [round(number, 3) for number in numbers.tolist()]


def _tensors(*values: float) -> list[Tensor]:
    """Return each number as a tensor for one feature, (1,)."""
    return [torch.tensor([value], dtype=torch.float64) for value in values]


class BatchNormExplorer(Figure):
    """Batch normalization of one feature of `batch_size` images.

    Its numbers, `input`, have mean `shift` and spread `scale`. `output` is `F.batch_norm` of
    `input` with γ `gamma`, β `beta` and, unless `training`, the running statistics. `next_batch()`
    draws other images and, in training, updates the running statistics with momentum 0.1.
    """

    _esm = module("norm")
    limits = constant(_LIMITS)
    gamma = Real(1.0, *_LIMITS["gamma"])
    beta = Real(0.0, *_LIMITS["beta"])
    shift = Real(2.0, *_LIMITS["shift"])
    scale = Real(1.5, *_LIMITS["scale"])
    batch_size = Count(64, 2, _NOISE)
    training = t.Bool(True).tag(sync=True)
    draws = t.Int(0).tag(sync=True)
    running_mean = Real(0.0, -1e3, 1e3)
    running_var = Real(1.0, 0.0, 1e3)
    noise = constant(_noise())

    @property
    def input(self) -> Tensor:
        """The numbers of the batch, (batch_size, 1), float64."""
        places = (self.draws * self.batch_size + torch.arange(self.batch_size)) % _NOISE
        noise = torch.tensor(self.noise, dtype=torch.float64)[places]
        return (self.shift + self.scale * noise)[:, None]

    @property
    def output(self) -> Tensor:
        """What batch normalization makes of it, (batch_size, 1), computed by PyTorch."""
        settings = _tensors(self.running_mean, self.running_var, self.gamma, self.beta)
        return F.batch_norm(self.input, *settings, training=self.training)

    def next_batch(self) -> None:
        """Draw the next images; in training, move the running statistics towards theirs."""
        self.draws += 1
        if self.training:
            mean, var = _tensors(self.running_mean, self.running_var)
            F.batch_norm(self.input, mean, var, training=True, momentum=0.1)
            self.running_mean, self.running_var = mean.item(), var.item()

    def to_html(self) -> str:
        """Return the statistics as a table."""
        (mean, std), (after, spread) = ((x.mean().item(), x.std(correction=0).item())
                                        for x in (self.input, self.output))
        rows = [["batch", mean, std], ["running", self.running_mean, self.running_var ** 0.5],
                ["after", round(after, 9) + 0.0, spread]]  # to a learner 1e-16 is 0
        mode, title = "training" if self.training else "evaluation", "one feature of {} images"
        table = html_table(rows, title.format(self.batch_size), ("", "mean", "spread"))
        return html_boxes(table, note=(
            f"Batch normalization in {mode}, with γ {self.gamma:g} and β {self.beta:g}."))
