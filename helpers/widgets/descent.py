"""The schedules of the schedule explorer, and the descent that shows what they do."""

import functools
import math
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer, lr_scheduler

STEPS, WEIGHTS, START = 25, 32, 10.0   # steps per epoch, weights, and where all of them start
LONGEST = 60                           # epochs of a training
TOGETHER = ("schedule", "lr", "epochs", "eta_min", "pct_start", "warmup")  # settings that must fit
_START_FACTOR = 0.1                    # a warm-up begins with this share of the rate

Rule = tuple[type, dict[str, Any]]     # the class of a scheduler, and its settings


def _rule(kind: type, **settings: Any) -> Rule:
    return kind, settings


def _cosine(figure: Any, epochs: int) -> Rule:
    return _rule(lr_scheduler.CosineAnnealingLR, T_max=epochs, eta_min=figure.eta_min)


# Functions of the figure; "warm-up + cosine" is made up of two others.
RULES: dict[str, Callable[[Any], Rule]] = {
    "constant": lambda f: _rule(lr_scheduler.ConstantLR, factor=1.0),
    "StepLR": lambda f: _rule(lr_scheduler.StepLR, step_size=f.step_size, gamma=f.gamma),
    "ExponentialLR": lambda f: _rule(lr_scheduler.ExponentialLR, gamma=f.exp_gamma),
    "CosineAnnealingLR": lambda f: _cosine(f, f.epochs),
    "OneCycleLR": lambda f: _rule(lr_scheduler.OneCycleLR, max_lr=f.lr, total_steps=f.epochs,
                                  pct_start=f.pct_start, cycle_momentum=False),
    "warm-up + cosine": lambda f: _rule(lr_scheduler.SequentialLR, schedulers=[
        _rule(lr_scheduler.LinearLR, start_factor=_START_FACTOR, total_iters=f.warmup),
        _cosine(f, f.epochs - f.warmup)], milestones=[f.warmup]),
    "ReduceLROnPlateau": lambda f: _rule(lr_scheduler.ReduceLROnPlateau, factor=f.factor,
                                         patience=f.patience),
}


def code(rule: Rule) -> str:
    """Return the expression that makes a scheduler, two settings a line."""
    kind, settings = rule
    if "schedulers" in settings:
        parts = "".join(f"    {code(part)},\n" for part in settings["schedulers"])
        words = f"schedulers=[\n{parts}], milestones={settings['milestones']}"
    else:
        texts = [f"{name}={value!r}" for name, value in settings.items()]
        words = ",\n    ".join(", ".join(texts[i:i + 2]) for i in range(0, len(texts), 2))
    return f"lr_scheduler.{kind.__name__}(optimizer, {words})"


def made(rule: Rule, optimizer: Optimizer) -> Any:
    """Return the scheduler itself."""
    kind, settings = rule
    if "schedulers" in settings:
        parts = [made(part, optimizer) for part in settings["schedulers"]]
        settings = settings | {"schedulers": parts}
    return kind(optimizer, **settings)


def misfit(now: dict[str, Any]) -> str:
    """Why a schedule cannot be made with the settings `TOGETHER`, in one sentence, or ""."""
    schedule, lr, epochs, eta_min, pct_start, warmup = (now[name] for name in TOGETHER)
    if schedule == "OneCycleLR" and pct_start * epochs <= 1:
        return (f"OneCycleLR cannot rise within {pct_start:g} of {epochs} epochs: pct_start × "
                "epochs must be more than 1, the epoch that it starts from.")
    if schedule == "warm-up + cosine" and warmup >= epochs:
        return (f"A warm-up of {warmup} epochs must be shorter than the whole training, which has "
                f"{epochs}.")
    if schedule in ("CosineAnnealingLR", "warm-up + cosine") and eta_min > lr:
        return (f"eta_min is {eta_min:g} and lr {lr:g}: a cosine falls to eta_min, which must not "
                "be higher.")
    return ""


@functools.cache
def noise() -> list[float]:
    """Return the noise of one gradient after the other: mean 0, standard deviation 2.

    Sines of cubes are as good as random numbers here, since no two of them are correlated, and
    JavaScript has the same ones.
    """
    return [math.sqrt(8) * math.sin(k ** 3) for k in range(LONGEST * STEPS * WEIGHTS)]


def descent() -> Callable[[float], float]:
    """Return a function that goes down for an epoch at a given rate and returns the mean loss.

    The loss is the mean of w²/2 over the weights, the gradient of each one's part is w, plus noise.
    """
    weights, noises = [START] * WEIGHTS, iter(noise())

    def epoch(rate: float) -> float:
        total = 0.0
        for _ in range(STEPS):
            for i, w in enumerate(weights):
                weights[i] = w = w - rate * (w + next(noises))
                # not sum(), which rounds otherwise since Python 3.12: JavaScript does it like this
                total += w * w
        return total / (2 * STEPS * WEIGHTS)

    return epoch
