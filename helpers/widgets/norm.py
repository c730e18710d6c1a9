"""`BatchNormExplorer`: one feature of a batch, before and after batch normalization."""

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from .figure import Count, Figure, Real, html_boxes, html_table, module

_POOL = 512
_LIMITS = {"gamma": [-3.0, 3.0], "beta": [-4.0, 4.0], "shift": [-6.0, 6.0], "scale": [0.0, 4.0]}


def _pool() -> list[float]:
    """Normal numbers, the same for everyone."""
    numbers = torch.randn(_POOL, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [round(number, 3) for number in numbers.tolist()]


class BatchNormExplorer(Figure):
    """Batch normalization of one feature of `batch_size` images, whose numbers have mean `shift`
    and spread `scale`.

    `output` is `F.batch_norm` of `input` with γ `gamma`, β `beta` and, unless `training`, the
    running statistics. `next_batch()` draws other images and, in training, updates the running
    statistics with momentum 0.1.
    """

    _esm = module("norm")
    gamma = Real(1.0, *_LIMITS["gamma"])
    beta = Real(0.0, *_LIMITS["beta"])
    shift = Real(2.0, *_LIMITS["shift"])
    scale = Real(1.5, *_LIMITS["scale"])
    batch_size = Count(64, 2, _POOL)
    training = t.Bool(True).tag(sync=True)
    draws = t.Int(0).tag(sync=True)
    running_mean = Real(0.0, -1e3, 1e3)
    running_var = Real(1.0, 0.0, 1e3)
    pool = t.List(_pool(), read_only=True).tag(sync=True)

    def __init__(self, **settings):
        super().__init__(limits=_LIMITS, **settings)

    @classmethod
    def is_own(cls, name: str) -> bool:
        """The pool is a constant."""
        return super().is_own(name) and name != "pool"

    @property
    def input(self) -> Tensor:
        """The numbers of the batch, (batch_size, 1), float64."""
        places = (self.draws * self.batch_size + torch.arange(self.batch_size)) % _POOL
        return (self.shift + self.scale * torch.tensor(self.pool,
                                                       dtype=torch.float64)[places])[:, None]

    @property
    def output(self) -> Tensor:
        """What batch normalization makes of it, (batch_size, 1), computed by PyTorch."""
        running = (torch.tensor([v], dtype=torch.float64)
                   for v in (self.running_mean, self.running_var))
        weights = (torch.tensor([v], dtype=torch.float64) for v in (self.gamma, self.beta))
        return F.batch_norm(self.input, *running, *weights, training=self.training)

    def next_batch(self) -> None:
        """Draw the next images; in training, move the running statistics towards theirs."""
        self.draws += 1
        if self.training:
            mean, var = (torch.tensor([v], dtype=torch.float64)
                         for v in (self.running_mean, self.running_var))
            F.batch_norm(self.input, mean, var, training=True, momentum=0.1)
            self.running_mean, self.running_var = mean.item(), var.item()

    def to_html(self) -> str:
        """Return the statistics as a table."""
        rows = [["batch", self.input.mean().item(), self.input.std(correction=0).item()],
                ["running", self.running_mean, self.running_var ** 0.5],
                # to a learner 1e-16 is 0
                ["after", round(self.output.mean().item(), 9) + 0.0,
                 self.output.std(correction=0).item()]]
        mode = "training" if self.training else "evaluation"
        return html_boxes(html_table(rows, f"one feature of {self.batch_size} images",
                                     ("", "mean", "spread")),
                          note=f"Batch normalization in {mode}, with γ {self.gamma:g} and β "
                               f"{self.beta:g}. With JavaScript, this table is a figure to play "
                               "with.")
