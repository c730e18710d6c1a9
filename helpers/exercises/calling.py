"""A call of what a learner has defined, with copies of the arguments."""

import copy

import numpy as np
import torch

from .comparing import WrongAnswer, difference
from .shown import called


def result_of(f, args: tuple, kwargs: dict, in_place: bool):
    """Call `f` with copies; raise WrongAnswer if it changed them and should not."""
    given, named = copy.deepcopy((args, kwargs))
    result = f(*given, **named)
    if not in_place:
        for number, (after, before) in enumerate(zip([*given, *named.values()],
                                                     [*args, *kwargs.values()], strict=True), 1):
            if _is_data(before) and difference(after, before, 0):
                name = getattr(f, "__name__", "it")
                raise WrongAnswer(f"`{called(name, args, kwargs)}` has changed its argument number "
                                  f"{number}: work on a copy.")
    return result


def _is_data(value) -> bool:
    return isinstance(value, torch.Tensor | np.ndarray | list | dict) and not callable(value)
