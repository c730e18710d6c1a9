"""Experiments that leave no trace: what `diagnose` does to a model, its optimizer and a learner's
loop is undone.
"""

import copy
import functools
import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

_RELUS = {F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
# behave differently in training
SENSITIVE = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)


@contextmanager
def kept(model: nn.Module, optimizer: Optimizer | None = None,
         function: Callable | None = None) -> Iterator[ExitStack]:
    """Put everything back as it was, however the block ends.

    That is: weights, buffers, gradients, modes and flags of `model`; the state and settings of
    `optimizer`; the random states of Python, NumPy and PyTorch; and whatever `function` uses by
    name and has a `state_dict`: a scheduler, another model. Gradients are gone within the block.
    """
    with ExitStack() as undo:
        _keep_random(undo)
        keep_model(undo, model)
        if optimizer is not None:
            keep_optimizer(undo, optimizer)
        for thing in _named_by(function, set()):
            if isinstance(thing, Optimizer):
                keep_optimizer(undo, thing)
            elif isinstance(thing, nn.Module):
                keep_model(undo, thing)
            else:
                undo.callback(thing.load_state_dict, copy.deepcopy(thing.state_dict()))
        yield undo


def keep_model(undo: ExitStack, model: nn.Module) -> None:
    """Let `undo` restore the model as it is now, in place: the learner's names still mean the same
    tensors.
    """
    for module in model.modules():
        undo.callback(setattr, module, "training", module.training)
        undo.callback(_refill, module._parameters, dict(module._parameters))
        undo.callback(_refill, module._buffers, dict(module._buffers))
    for tensor in model.buffers():
        undo.callback(_copy, tensor, tensor.detach().clone())
    for parameter in model.parameters():
        _keep_parameter(undo, parameter)


def keep_optimizer(undo: ExitStack, optimizer: Optimizer) -> None:
    """Let `undo` restore the optimizer as it is now, and what it trains."""
    state = {parameter: copy.deepcopy(values) for parameter, values in optimizer.state.items()}
    undo.callback(_refill, vars(optimizer), dict(vars(optimizer)))
    undo.callback(_refill, optimizer.state, state)
    for group in optimizer.param_groups:
        settings = {name: value if name == "params" else copy.deepcopy(value)
                    for name, value in group.items()}
        undo.callback(_refill, group, settings)
        for parameter in group["params"]:
            _keep_parameter(undo, parameter)


def _keep_parameter(undo, parameter):
    undo.callback(setattr, parameter, "grad", parameter.grad)
    undo.callback(parameter.requires_grad_, parameter.requires_grad)
    undo.callback(_copy, parameter, parameter.detach().clone())
    parameter.grad = None  # a loop that adds to gradients must not add to the learner's


def _keep_random(undo):
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


def anew(model: nn.Module, only_if_spoilt: bool = False) -> None:
    """Draw the model's weights anew, or only if some of them are not finite."""
    if not only_if_spoilt or not all(torch.isfinite(p).all() for p in model.parameters()):
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()


def _named_by(function, visited) -> Iterator:
    """Yield what has a `state_dict` among the values that `function`, and functions it calls by
    name, refer to.
    """
    if function is None or id(function) in visited:
        return
    visited.add(id(function))
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
    for value in values:
        if inspect.isfunction(value) and not (value.__module__
                                              or "").startswith(("torch", "numpy")):
            yield from _named_by(value, visited)
        elif hasattr(value, "load_state_dict") and not inspect.isclass(value) and id(
            value) not in visited:
            visited.add(id(value))
            yield value


class Witness(TorchFunctionMode):
    """Notes what a model and a loop do while it is active, however they are written.

    `losses`: the (input, target) of each cross-entropy; `dead`: for each ReLU, the share of its
    units that are zero for all images; `backwards`: how often `backward` was called; `strangers`:
    parameters at work that the model does not know; `modes`: of each call of a module that behaves
    differently in training, whether it was training; `calls`: how often the model was called,
    `graphs`: how often with a graph for gradients; `steps`: for each step of an optimizer, the
    gradients before it.
    """

    def __init__(self, model: nn.Module, undo: ExitStack):
        super().__init__()
        self.losses, self.dead, self.modes, self.steps, self.optimizers = [], [], [], [], []
        self.backwards = self.calls = self.graphs = 0
        self.strangers, self._known = set(), set(model.parameters())
        self.parameters = list(model.parameters())
        self._undo = undo
        # Hooks at the leaves too: a learner may call parts of the model by themselves.
        leaves = [module for module in model.modules() if not list(module.children())]
        for module in {model, *leaves}:
            undo.callback(module.register_forward_pre_hook(self._called).remove)
        sensitive = [module for module in leaves if isinstance(module, SENSITIVE)]
        for module in sensitive or [model]:
            undo.callback(module.register_forward_pre_hook(self._mode).remove)
        undo.callback(register_optimizer_step_pre_hook(self._step).remove)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is F.cross_entropy:
            values = [*args, *(kwargs[name] for name in ("input", "target") if name in kwargs)]
            self.losses.append((values[0].detach(), values[1]))
        elif func is Tensor.backward:
            self.backwards += 1
        elif func in _RELUS and result.ndim >= 2:
            # of each unit, over images and places
            highest = result.detach().transpose(0, 1).flatten(1).amax(1)
            self.dead.append((highest <= 0).float().mean().item())
        self.strangers.update(id(a) for a in args if isinstance(a, nn.Parameter)
                              and a not in self._known)
        return result

    def _called(self, module, _):
        self.calls += 1
        self.graphs += torch.is_grad_enabled()

    def _mode(self, module, _):
        self.modes.append(module.training)

    def _step(self, optimizer, *_):
        if optimizer not in self.optimizers:
            gradients = {p: p.grad for group in optimizer.param_groups for p in group["params"]}
            keep_optimizer(self._undo, optimizer)
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
            self.optimizers.append(optimizer)
        self.steps.append([None if p.grad is None else p.grad.detach().clone()
                           for p in self.parameters])
