"""What a model and a loop do, noted while they do it, however they are written."""

from contextlib import ExitStack

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from .restore import SENSITIVE, remember_optimizer

_RELUS = {F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}


class Recorder(TorchFunctionMode):
    """Notes what happens to `model` while it is active; `undo` takes the hooks away afterwards.

    losses: the (input, target) of each cross-entropy
    dead: for each ReLU, the share of its units that are zero for all images
    backwards: how often `backward` was called
    calls, graphs: how often the model was called, and how often with a graph for gradients
    modes: of each call of a module that behaves differently in training, whether it was training
    unregistered: numbers (`id`) of parameters at work that the model does not know
    optimizers: those that moved, each remembered by `undo` before its first step
    steps: for each step of an optimizer, the gradients of `parameters`, the model's, before it
    """

    def __init__(self, model: nn.Module, undo: ExitStack):
        super().__init__()
        self.losses: list[tuple[Tensor, Tensor]] = []
        self.dead: list[float] = []
        self.modes: list[bool] = []
        self.steps: list[list[Tensor | None]] = []
        self.optimizers: list[Optimizer] = []
        self.backwards = self.calls = self.graphs = 0
        self.parameters = list(model.parameters())
        self.unregistered: set[int] = set()
        self._known, self._undo = set(self.parameters), undo
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
        self.unregistered.update(id(a) for a in args if isinstance(a, nn.Parameter)
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
            remember_optimizer(self._undo, optimizer)
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
            self.optimizers.append(optimizer)
        self.steps.append([None if p.grad is None else p.grad.detach().clone()
                           for p in self.parameters])
