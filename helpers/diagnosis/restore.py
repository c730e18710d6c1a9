"""Experiments that leave no trace: a model, its optimizer and a loop are put back as they were."""

import copy
import functools
import inspect
import math
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# Modules that behave differently in training: all kinds of dropout, and of batch normalization.
SENSITIVE = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)


@contextmanager
def restored_afterwards(model: nn.Module, optimizers: Iterable[Optimizer] = (),
                        function: Callable | None = None) -> Iterator[ExitStack]:
    """Put everything back as it was, however the block ends.

    That is: weights, buffers, gradients, modes and flags of `model`; the state and settings of
    `optimizers`; the random states of Python, NumPy and PyTorch; and whatever `function` uses by
    name and has a `state_dict`: a scheduler, another model. Gradients are gone within the block.
    """
    with ExitStack() as undo:
        _remember_random(undo)
        remember_model(undo, model)
        for optimizer in optimizers:
            remember_optimizer(undo, optimizer)
        for thing in used_by(function):
            if isinstance(thing, Optimizer):
                remember_optimizer(undo, thing)
            elif isinstance(thing, nn.Module):
                remember_model(undo, thing)
            else:
                undo.callback(thing.load_state_dict, copy.deepcopy(thing.state_dict()))
        yield undo


def remember_model(undo: ExitStack, model: nn.Module) -> None:
    """Let `undo` restore the model in place: the learner's names still mean the same tensors."""
    for module in model.modules():
        undo.callback(setattr, module, "training", module.training)
        undo.callback(_refill, module._parameters, dict(module._parameters))
        undo.callback(_refill, module._buffers, dict(module._buffers))
    for tensor in model.buffers():
        undo.callback(_copy, tensor, tensor.detach().clone())
    for parameter in model.parameters():
        _remember_parameter(undo, parameter)


def remember_optimizer(undo: ExitStack, optimizer: Optimizer) -> None:
    """Let `undo` restore the optimizer as it is now, and what it trains."""
    state = {parameter: copy.deepcopy(values) for parameter, values in optimizer.state.items()}
    undo.callback(_refill, vars(optimizer), dict(vars(optimizer)))
    undo.callback(_refill, optimizer.state, state)
    for group in optimizer.param_groups:
        settings = {name: value if name == "params" else copy.deepcopy(value)
                    for name, value in group.items()}
        undo.callback(_refill, group, settings)
        for parameter in group["params"]:
            _remember_parameter(undo, parameter)


def _remember_parameter(undo, parameter):
    undo.callback(setattr, parameter, "grad", parameter.grad)
    undo.callback(parameter.requires_grad_, parameter.requires_grad)
    undo.callback(_copy, parameter, parameter.detach().clone())
    parameter.grad = None  # a loop that adds to gradients must not add to the learner's


def _remember_random(undo):
    undo.callback(random.setstate, random.getstate())
    undo.callback(np.random.set_state, np.random.get_state())
    undo.callback(torch.set_rng_state, torch.get_rng_state())
    if torch.cuda.is_available():
        undo.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
    if torch.backends.mps.is_available():
        undo.callback(torch.mps.set_rng_state, torch.mps.get_rng_state())


def _copy(tensor, values):
    tensor.data.copy_(values)


def _refill(mapping, content):
    mapping.clear()
    mapping.update(content)


def draw_weights(model: nn.Module) -> None:
    """Draw the weights of all of PyTorch's layers anew."""
    for module in model.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def length(tensors: Iterable[Tensor]) -> float:
    """Return the Euclidean length of all tensors together."""
    return math.sqrt(sum(t.square().sum().item() for t in tensors))


def used_by(function: Callable | None, visited: set[int] | None = None) -> Iterator:
    """Yield what has a `state_dict` and is used by `function`, or by functions that it calls."""
    visited = set() if visited is None else visited
    for value in _named_in(function):
        if id(value) in visited:
            continue
        visited.add(id(value))
        if inspect.isfunction(value):
            if not (value.__module__ or "").startswith(("torch", "numpy")):
                yield from used_by(value, visited)
        elif hasattr(value, "load_state_dict") and not inspect.isclass(value):
            yield value


def _named_in(function: Callable | None) -> list:
    """Return the values that a function refers to by name, or has been given beforehand."""
    values = []
    if isinstance(function, functools.partial):
        values += [*function.args, *function.keywords.values(), function.func]
    if inspect.ismethod(function):
        values += [*getattr(function.__self__, "__dict__", {}).values(), function.__self__,
                   function.__func__]
    if inspect.isfunction(function):
        values += function.__defaults__ or ()
        try:
            names = inspect.getclosurevars(function)
            values += [*names.nonlocals.values(), *names.globals.values()]
        except ValueError:  # a name that has no value yet
            pass
    return values
