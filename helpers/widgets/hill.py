"""`GradientDescent`: a ball that rolls down the loss of two weights, as torch.optim.SGD steps."""

import warnings
from types import SimpleNamespace
from typing import Any

import torch
import traitlets as t
from torch import Tensor

from . import surfaces
from .descent import RULES, Rule, code, made
from .figure import Figure, constant, html_boxes, html_table, module
from .surfaces import STARTS, SURFACES
from .traits import BadValue, Choice, Count, Real, one_of

_LIMITS = {"lr": [0.001, 3.0], "momentum": [0.0, 0.99], "noise": [0.0, 1.0], "steps": [5, 300],
           "x": [-surfaces.WIDE, surfaces.WIDE], "y": [-surfaces.HIGH, surfaces.HIGH]}
SCHEDULES = ("constant", "StepLR", "CosineAnnealingLR", "warm-up + cosine")
_JITTERY = {"surface": "bowl", "x": -1.8, "y": 1.2, "lr": 0.15, "momentum": 0.0, "noise": 1.0,
            "steps": 120}


class GradientDescent(Figure):
    """A ball on one of `SURFACES`, a loss of two weights: `steps` steps of SGD from `x`, `y`.

    `lr` is the rate; `momentum` and `nesterov` are those of torch.optim.SGD. `noise` is the
    standard deviation of what is added to each gradient, as batches do, the same for all balls.
    `schedule` is one of `SCHEDULES`, which changes the rate from step to step: StepLR takes a tenth
    of it after each third of the steps, the cosine ends near 0, and the warm-up begins with a tenth
    and takes a fifth of the steps.
    `race` lets three balls roll, with a third of the rate, with it, and with three times it. Start
    and rate are the surface's own unless they are given. Raises BadValue for what does not fit.
    """

    title = "A ball on the loss"
    challenge = "The ball flies out. Get it below a loss of 0.001 within 20 steps."
    caption = "The map shows the loss of two weights: the more color, the higher it is."
    presets = {
        "diverges": {"surface": "bowl", "x": -1.8, "y": 0.4, "lr": 0.21, "momentum": 0.0,
                     "steps": 25},
        "momentum in a valley": {"surface": "valley", "x": -1.6, "y": 1.2, "lr": 0.01,
                                 "momentum": 0.9, "steps": 120},
        "three rates": {"surface": "bowl", "x": -1.8, "y": 1.2, "lr": 0.1, "momentum": 0.0,
                        "race": True, "steps": 25},
        "noise, constant rate": _JITTERY | {"schedule": "constant"},
        "noise, falling rate": _JITTERY | {"schedule": "CosineAnnealingLR"},
    }
    _esm = module("hill")
    limits = constant(_LIMITS)
    starts = constant({name: list(one) for name, one in STARTS.items()})
    captions = constant(surfaces.CAPTIONS)
    surface = Choice(*SURFACES)
    lr = Real(STARTS["bowl"][2], *_LIMITS["lr"])
    momentum = Real(0.0, *_LIMITS["momentum"])
    nesterov = t.Bool(False).tag(sync=True)
    noise = Real(0.0, *_LIMITS["noise"])
    schedule = Choice(*SCHEDULES)
    race = t.Bool(False).tag(sync=True)
    steps = Count(25, *_LIMITS["steps"])
    x = Real(STARTS["bowl"][0], *_LIMITS["x"])
    y = Real(STARTS["bowl"][1], *_LIMITS["y"])

    def __init__(self, surface: str = "bowl", **settings: Any):
        own = dict(zip(("x", "y", "lr"), STARTS[one_of("surface", surface, SURFACES)], strict=True))
        super().__init__(surface=surface, **(own | settings))

    @t.validate("momentum", "nesterov")
    def _fits(self, proposal: Any) -> Any:
        now = self.proposed(proposal, "momentum", "nesterov")
        if now["nesterov"] and not now["momentum"]:
            raise BadValue("Nesterov's step looks ahead along the momentum, so it needs a momentum "
                           "above 0.")
        return proposal["value"]

    @property
    def rates(self) -> list[float]:
        """The rates of the balls."""
        return [self.lr / 3, self.lr, 3 * self.lr] if self.race else [self.lr]

    def _rule(self) -> Rule:
        """Return the scheduler and its settings, made for so many steps."""
        one = SimpleNamespace(step_size=max(1, self.steps // 3), gamma=0.1, eta_min=0.0,
                              epochs=self.steps, warmup=max(1, self.steps // 5))
        return RULES[self.schedule](one)

    def code(self) -> str:
        """Return the expression that makes the scheduler: of `optimizer`, with `lr_scheduler`."""
        return code(self._rule())

    def path(self, rate: float | None = None) -> Tensor:
        """Return the weights after 0, 1, … steps, (steps + 1, 2), float64, by torch.optim.SGD."""
        return self._run(rate)[0]

    def rates_by_step(self, rate: float | None = None) -> Tensor:
        """Return the rate of step 1, 2, …, (steps,), float64, as the scheduler sets it."""
        return self._run(rate)[1]

    def _run(self, rate: float | None) -> tuple[Tensor, Tensor]:
        w = torch.tensor([self.x, self.y], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=self.lr if rate is None else rate,
                                    momentum=self.momentum, nesterov=self.nesterov)
        scheduler, path, rates = made(self._rule(), optimizer), [w.detach().clone()], []
        with torch.enable_grad(), warnings.catch_warnings():  # SequentialLR's own, where it is old
            warnings.filterwarnings("ignore", message="The epoch parameter")
            for noise in surfaces.noise(self.steps):
                optimizer.zero_grad()
                surfaces.loss(self.surface, w).backward()
                if w.grad is not None:
                    w.grad += self.noise * noise
                rates.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                scheduler.step()
                path.append(w.detach().clone())
        return torch.stack(path), torch.tensor(rates, dtype=torch.float64)

    def losses(self, rate: float | None = None) -> Tensor:
        """Return the loss after 0, 1, … steps, (steps + 1,), float64."""
        return surfaces.loss(self.surface, self.path(rate))

    def curvature(self, x: float | None = None, y: float | None = None) -> float:
        """Return the largest curvature of the loss at the weights x, y, or where the ball starts.

        It is the largest second derivative over all directions.
        """
        at = [self.x if x is None else x, self.y if y is None else y]
        return surfaces.curvature(self.surface, torch.tensor(at, dtype=torch.float64))

    def limit(self, curvature: float) -> float:
        """Return the rate above which the ball cannot settle where the loss is curved like this.

        2 / curvature without momentum.
        """
        return surfaces.limit(curvature, self.momentum, self.nesterov)

    def to_html(self) -> str:
        """Return some steps of each ball, and where the limit lies, as tables."""
        shown = sorted({*range(min(5, self.steps)), *range(0, self.steps, 10), self.steps})
        paths = [(rate, self.path(rate).tolist(), self.losses(rate).tolist())
                 for rate in self.rates]
        tables = [html_table([[step, *path[step], losses[step]] for step in shown],
                             f"rate {rate:.3g}", ("step", "weight 1", "weight 2", "loss"))
                  for rate, path, losses in paths]
        curved = self.curvature()
        return html_boxes(*tables, note=(
            f"The surface: {self.surface}. {surfaces.CAPTIONS[self.surface]} Where the ball starts "
            f"the loss is curved by up to {curved:.3g}; there, rates above "
            f"{self.limit(curved):.3g} cannot settle. The schedule: {self.schedule}."))
