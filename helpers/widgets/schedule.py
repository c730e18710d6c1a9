"""`ScheduleExplorer`: the learning rate of each epoch by PyTorch's schedulers, and what it does to
a noisy descent.
"""

import functools
import warnings
from collections.abc import Callable

import torch
import traitlets as t
from torch import Tensor, nn
from torch.optim import lr_scheduler

from .figure import BadValue, Choice, Count, Figure, Real, html_boxes, html_table, module

SCHEDULES = ("constant", "StepLR", "ExponentialLR", "CosineAnnealingLR", "OneCycleLR",
             "warm-up + cosine",
             "ReduceLROnPlateau")
"""The schedules that the figure knows: PyTorch's names, but for the constant rate and the one of
two parts.
"""

_LIMITS = {"lr": [0.001, 1.0], "epochs": [5, 60], "step_size": [1, 60], "gamma": [0.05, 1.0],
           "exp_gamma": [0.5, 1.0],
           "eta_min": [0.0, 0.1], "pct_start": [0.05, 0.9], "warmup": [1, 30],
           "factor": [0.05, 0.95],
           "patience": [0, 20]}
_START_FACTOR = 0.1                       # a warm-up begins with this share of the rate
_STEPS, _WEIGHTS, _START = 25, 32, 10.0   # steps per epoch, weights, and where all of them start
_PRIME, _MULTIPLIER = 2 ** 31 - 1, 48_271


@functools.cache
def _noise() -> list[float]:
    """The noise of all gradients, one number after the other: mean 0, standard deviation 2, the
    same for everyone.

    Sums of three uniform numbers, which have the variance 3/12, from the generator of Park and
    Miller (1988) with the multiplier that they, Miller and Stockmeyer advised in 1993. Its products
    stay below 2^53, so that JavaScript, whose numbers are all floats, draws exactly the same.
    """
    state, numbers = 1, []
    for _ in range(_LIMITS["epochs"][1] * _STEPS * _WEIGHTS):
        total = 0
        for _ in range(3):
            state = _MULTIPLIER * state % _PRIME
            total += state
        numbers.append(4 * (total / _PRIME - 1.5))
    return numbers


def _descent() -> Callable[[float], float]:
    """Return a function that takes the rate of the next epoch, goes down for `_STEPS` steps and
    returns the mean loss.

    The loss is the mean of w²/2 over the weights, the gradient of each weight's part is w, plus
    noise.
    """
    weights, noise = [_START] * _WEIGHTS, iter(_noise())

    def epoch(rate: float) -> float:
        total = 0.0
        for _ in range(_STEPS):
            for i, w in enumerate(weights):
                weights[i] = w = w - rate * (w + next(noise))
                # not sum(), which rounds otherwise since Python 3.12: JavaScript does it like this
                total += w * w
        return total / (2 * _STEPS * _WEIGHTS)

    return epoch


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

    _esm = module("schedule")
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

    def __init__(self, schedule: str = "StepLR", **settings):
        super().__init__(schedule=schedule, limits=_LIMITS, **settings)

    @t.validate("schedule", "lr", "epochs", "eta_min", "pct_start", "warmup")
    def _fits(self, proposal):
        now = {name: getattr(self, name)
               for name in ("schedule", "lr", "epochs", "eta_min", "pct_start", "warmup")}
        now[proposal["trait"].name] = proposal["value"]
        problem = _misfit(**now)
        if problem:
            raise BadValue(problem)
        return proposal["value"]

    def rates(self, schedule: str | None = None) -> Tensor:
        """Return the rate in each epoch, (epochs,), float64, as PyTorch's scheduler sets it.

        `schedule`: another one, with the settings that the figure has for it.
        """
        return self._run(schedule)[0]

    def losses(self, schedule: str | None = None) -> Tensor:
        """Return the descent's mean loss in each epoch, (epochs,), float64; `schedule` as in
        `rates`.
        """
        return self._run(schedule)[1]

    def code(self) -> str:
        """Return the expression that makes the scheduler; it needs `lr_scheduler` of torch.optim
        and an `optimizer`.
        """
        cosine = f"lr_scheduler.CosineAnnealingLR(optimizer, T_max={{}}, eta_min={self.eta_min})"
        return {
            "constant": "lr_scheduler.ConstantLR(optimizer, factor=1.0)",
            "StepLR": f"lr_scheduler.StepLR(optimizer, step_size={self.step_size}, "
                      f"gamma={self.gamma})",
            "ExponentialLR": f"lr_scheduler.ExponentialLR(optimizer, gamma={self.exp_gamma})",
            "CosineAnnealingLR": cosine.format(self.epochs),
            "OneCycleLR": f"lr_scheduler.OneCycleLR(optimizer, max_lr={self.lr}, "
                          f"total_steps={self.epochs},\n    pct_start={self.pct_start}, "
                          "cycle_momentum=False)",
            "warm-up + cosine": "lr_scheduler.SequentialLR(optimizer, [\n    "
                                f"lr_scheduler.LinearLR(optimizer, start_factor={_START_FACTOR}, "
                                f"total_iters={self.warmup}),\n    "
                                f"{cosine.format(self.epochs - self.warmup)},\n], "
                                f"milestones=[{self.warmup}])",
            "ReduceLROnPlateau": f"lr_scheduler.ReduceLROnPlateau(optimizer, factor={self.factor}, "
                                 f"patience={self.patience})",
        }[self.schedule]

    def _scheduler(self, schedule: str, optimizer: torch.optim.Optimizer):
        """Return PyTorch's scheduler, made without the text of `code`, which tests compare with it.
        """
        if schedule == "StepLR":
            return lr_scheduler.StepLR(optimizer, self.step_size, self.gamma)
        if schedule == "ExponentialLR":
            return lr_scheduler.ExponentialLR(optimizer, self.exp_gamma)
        if schedule == "CosineAnnealingLR":
            return lr_scheduler.CosineAnnealingLR(optimizer, self.epochs, self.eta_min)
        if schedule == "OneCycleLR":
            return lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=self.epochs,
                                           pct_start=self.pct_start,
                                           cycle_momentum=False)
        if schedule == "warm-up + cosine":
            up = lr_scheduler.LinearLR(optimizer, _START_FACTOR, total_iters=self.warmup)
            down = lr_scheduler.CosineAnnealingLR(optimizer, self.epochs - self.warmup,
                                                  self.eta_min)
            return lr_scheduler.SequentialLR(optimizer, [up, down], [self.warmup])
        if schedule == "ReduceLROnPlateau":
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=self.factor,
                                                  patience=self.patience)
        return lr_scheduler.ConstantLR(optimizer, factor=1.0)

    def _run(self, schedule: str | None) -> tuple[Tensor, Tensor]:
        """Return the rates and the losses of the epochs, PyTorch setting the rates as a training
        loop lets it.
        """
        schedule = self.schedule if schedule is None else schedule
        if schedule not in SCHEDULES:
            raise BadValue(f"schedule must be one of {', '.join(SCHEDULES)}, not {schedule!r}.")
        problem = _misfit(schedule, self.lr, self.epochs, self.eta_min, self.pct_start, self.warmup)
        if problem:
            raise BadValue(problem)
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=self.lr)
        scheduler, epoch, rates, losses = self._scheduler(schedule, optimizer), _descent(), [], []
        with warnings.catch_warnings():  # of older versions, about a call in their own SequentialLR
            warnings.filterwarnings("ignore", message="The epoch parameter")
            for _ in range(self.epochs):
                rates.append(optimizer.param_groups[0]["lr"])
                losses.append(epoch(rates[-1]))
                optimizer.step()
                if schedule == "ReduceLROnPlateau":
                    scheduler.step(losses[-1])
                else:
                    scheduler.step()
        return torch.tensor(rates, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)

    def to_html(self) -> str:
        """Return rates and losses of all schedules that fit, the chosen one marked, as a table."""
        middle, rows = (self.epochs - 1) // 2, []
        for name in SCHEDULES:
            if not _misfit(name, self.lr, self.epochs, self.eta_min, self.pct_start, self.warmup):
                rates, losses = (values.tolist() for values in self._run(name))
                rows.append([f"{name} (chosen)" if name == self.schedule else name,
                             *(rates[i] for i in (0, middle, -1)), losses[-1]])
        head = ("schedule", "rate in epoch 1", f"epoch {middle + 1}", f"epoch {self.epochs}",
                "last loss")
        return html_boxes(html_table(rows, f"learning rates from {self.lr:g} over {self.epochs} "
                                           "epochs", head),
                          note=f"In code: scheduler = {' '.join(self.code().split())}. The loss is "
                               "that of a descent with noise in its gradient. With JavaScript, "
                               "this table is a figure of every epoch.")


def _misfit(schedule: str, lr: float, epochs: int, eta_min: float, pct_start: float,
            warmup: int) -> str:
    """Why a schedule cannot be made with these settings, in one sentence, or ""."""
    if schedule == "OneCycleLR" and pct_start * epochs <= 1:
        return (f"OneCycleLR cannot rise within {pct_start:g} of {epochs} epochs: pct_start × "
                "epochs must be more than 1, the epoch that it starts from.")
    if schedule == "warm-up + cosine" and warmup >= epochs:
        return (
            f"A warm-up of {warmup} epochs must be shorter than the whole training, which has "
            f"{epochs}.")
    if schedule in ("CosineAnnealingLR", "warm-up + cosine") and eta_min > lr:
        return (
            f"eta_min is {eta_min:g} and lr {lr:g}: a cosine falls to eta_min, which must not be "
            "higher.")
    return ""
