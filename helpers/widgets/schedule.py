"""`ScheduleExplorer`: PyTorch's learning rates by epoch, and what they do to a noisy descent."""

import warnings
from typing import Any

import torch
import traitlets as t
from torch import Tensor, nn

from .descent import LONGEST, RULES, TOGETHER, code, descent, made, misfit
from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Choice, Count, Real, one_of

SCHEDULES = tuple(RULES)
"""The schedules of the figure: PyTorch's names, but for the constant rate and that of two parts."""

_LIMITS = {"lr": [0.001, 1.0], "epochs": [5, LONGEST], "step_size": [1, 60], "gamma": [0.05, 1.0],
           "exp_gamma": [0.5, 1.0], "eta_min": [0.0, 0.1], "pct_start": [0.05, 0.9],
           "warmup": [1, 30], "factor": [0.05, 0.95], "patience": [0, 20]}


class ScheduleExplorer(Figure):
    """The learning rate in each of `epochs` epochs, and the loss of a descent that follows it.

    `schedule` is one of `SCHEDULES`, with `lr` as its first or, where it rises, its highest rate,
    and these settings: StepLR `step_size` (epochs) and `gamma`; ExponentialLR `exp_gamma`;
    CosineAnnealingLR `eta_min`; OneCycleLR `pct_start`, the share of the epochs in which it rises;
    "warm-up + cosine" `warmup` (epochs), from a tenth of `lr`, and `eta_min`; ReduceLROnPlateau
    `factor` and `patience` (epochs). All step once an epoch. `log_scale` is for the axis of the
    rate. Raises BadValue where the chosen schedule does not fit into the epochs.

    The descent: 32 weights that start at 10, the mean of w²/2 as the loss, 25 steps an epoch, each
    along the gradient w plus noise of standard deviation 2, the same for all schedules.
    ReduceLROnPlateau is given this loss.
    """

    title = "Learning-rate schedules"
    challenge = "Get the last epoch's loss below 0.005; then below 0.015 within 10 epochs."
    caption = ("A large rate gets down fast and cannot settle; a small one settles, but needs long "
               "to arrive. A schedule is large first and small later: each time the rate falls, "
               "the noise in the loss falls with it; too early, and the descent stops short.")
    presets = {
        "StepLR": {"schedule": "StepLR", "lr": 0.1, "epochs": 30, "step_size": 10, "gamma": 0.1},
        "cosine": {"schedule": "CosineAnnealingLR", "lr": 0.1, "epochs": 30, "eta_min": 0.0},
        "one cycle": {"schedule": "OneCycleLR", "lr": 0.3, "epochs": 30, "pct_start": 0.3},
        "too small": {"schedule": "StepLR", "lr": 0.003, "epochs": 30, "step_size": 10,
                      "gamma": 0.1},
        "too large": {"schedule": "constant", "lr": 1.0, "epochs": 30},
    }
    _esm = module("schedule")
    limits = constant(_LIMITS)
    schedule = Choice(*SCHEDULES)
    lr = Real(0.1, *_LIMITS["lr"])
    epochs = Count(30, *_LIMITS["epochs"])
    step_size = Count(10, *_LIMITS["step_size"])
    gamma = Real(0.1, *_LIMITS["gamma"])
    exp_gamma = Real(0.85, *_LIMITS["exp_gamma"])
    eta_min = Real(0.0, *_LIMITS["eta_min"])
    pct_start = Real(0.3, *_LIMITS["pct_start"])
    warmup = Count(5, *_LIMITS["warmup"])
    factor = Real(0.1, *_LIMITS["factor"])
    patience = Count(3, *_LIMITS["patience"])
    log_scale = t.Bool(False).tag(sync=True)

    def __init__(self, schedule: str = "StepLR", **settings: Any):
        super().__init__(schedule=schedule, **settings)

    @t.validate(*TOGETHER)
    def _fits(self, proposal: Any) -> Any:
        if problem := misfit(self.proposed(proposal, *TOGETHER)):
            raise BadValue(problem)
        return proposal["value"]

    def rates(self, schedule: str | None = None) -> Tensor:
        """Return the rate in each epoch, (epochs,), float64, of this `schedule` or the figure's."""
        return self._run(schedule)[0]

    def losses(self, schedule: str | None = None) -> Tensor:
        """Return the descent's mean loss in each epoch, (epochs,), float64, as `rates` does."""
        return self._run(schedule)[1]

    def code(self) -> str:
        """Return the expression that makes the scheduler: of `optimizer`, with `lr_scheduler`."""
        return code(RULES[self.schedule](self))

    def _problem(self, schedule: str) -> str:
        """Why another schedule cannot be made with the figure's settings, or ""."""
        return misfit({name: getattr(self, name) for name in TOGETHER} | {"schedule": schedule})

    def _run(self, schedule: str | None) -> tuple[Tensor, Tensor]:
        """Return the rates and the losses, PyTorch setting the rates as in a training loop."""
        schedule = one_of("schedule", schedule or self.schedule, SCHEDULES)
        if problem := self._problem(schedule):
            raise BadValue(problem)
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=self.lr)
        scheduler, epoch = made(RULES[schedule](self), optimizer), descent()
        rates, losses = [], []
        with warnings.catch_warnings():  # of older versions, about a call in their own SequentialLR
            warnings.filterwarnings("ignore", message="The epoch parameter")
            for _ in range(self.epochs):
                rates.append(optimizer.param_groups[0]["lr"])
                losses.append(epoch(rates[-1]))
                optimizer.step()
                scheduler.step(*losses[-1:] if schedule == "ReduceLROnPlateau" else ())
        return torch.tensor(rates, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)

    def to_html(self) -> str:
        """Return rates and losses of all schedules that fit, the chosen one marked, as a table."""
        middle, rows = (self.epochs - 1) // 2, []
        for name in SCHEDULES:
            if not self._problem(name):
                rates, losses = (values.tolist() for values in self._run(name))
                rows.append([f"{name} (chosen)" if name == self.schedule else name,
                             *(rates[i] for i in (0, middle, -1)), losses[-1]])
        head = ("schedule", "rate in epoch 1", f"epoch {middle + 1}", f"epoch {self.epochs}",
                "last loss")
        title = f"learning rates from {self.lr:g} over {self.epochs} epochs"
        return html_boxes(html_table(rows, title, head), note=(
            f"In code: scheduler = {' '.join(self.code().split())}. The loss is that of a descent "
            "with noise in its gradient."))
