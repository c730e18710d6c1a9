"""What a model and a loop do, noted while they do it, however they are written."""

import weakref
from contextlib import ExitStack

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.overrides import TorchFunctionMode

from .notes import Compared, Taken, compared, made_by, unlike
from .restore import SENSITIVE, remember_optimizer

LOSSES = {F.cross_entropy, F.nll_loss, F.binary_cross_entropy_with_logits, F.mse_loss, F.l1_loss,
          F.smooth_l1_loss, F.huber_loss}
_RELUS = {F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_DIFFERENCES = {torch.sub, Tensor.sub, Tensor.__sub__, Tensor.__rsub__}
_EQUALS = {torch.eq, Tensor.eq, Tensor.__eq__}
_DRAWS = {torch.rand, torch.randn, torch.rand_like, torch.randn_like, torch.randint,
          torch.bernoulli, Tensor.uniform_, Tensor.normal_, Tensor.bernoulli_}
_DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, torch.dropout}
class Recorder(TorchFunctionMode):
    """Notes what happens to `model` while it is active; `undo` takes the hooks away afterwards.

    losses: what each of PyTorch's losses was given
    broadcast: the shapes of differences that pair each output with each label
    dead: for each ReLU, the share of its units that are zero for all images
    backwards: the value of each loss that was sent back
    reached, filled: numbers (`id`) of parameters to which gradients came, and such as are not 0
    calls, graphs: how often the model was called, and how often with a graph for gradients
    inputs: how many numbers each call of the model got, their mean and their mean square
    first: what the first call of the model got
    modes: of each module that behaves differently in training, whether it was in the last call
    learning: the same of calls in which something is trained, up to this module
    drifting: batch normalization whose averages move, though nothing up to it is trained
    strangers: tensors at work that require gradients and that the model does not know
    foreign: whether a parameter is among these
    compared: of each comparison of numbers (N,), how many were equal
    dropped, drawn: whether F.dropout dropped something, and other random numbers were drawn
    optimizers: those that moved, each remembered by `undo` before its first step
    steps: for each step of an optimizer of the model, the gradients of its `parameters` before it
    rates: the learning rates of the first step
    """

    def __init__(self, model: nn.Module, undo: ExitStack):
        super().__init__()
        self.losses: list[Taken] = []
        self.broadcast: list[tuple[tuple, tuple]] = []
        self.dead: list[float] = []
        self.backwards: list[float] = []
        self.inputs: list[tuple[int, float, float]] = []
        self.first: Tensor | None = None
        self.modes: dict[nn.Module, bool] = {}
        self.compared: list[Compared] = []
        self.rates: list[float] = []
        self.learning: list[bool] = []
        self.steps: list[list[Tensor | None]] = []
        self.optimizers: list[Optimizer] = []
        self.calls = self.graphs = 0
        self.dropped = self.drawn = self.foreign = False
        self.parameters = list(model.parameters())
        self.reached: set[int] = set()
        self.filled: set[int] = set()
        self._known, self._undo, self._model = set(self.parameters), undo, model
        self.strangers: dict[int, weakref.ref[Tensor]] = {}
        self._drifting: set[nn.Module] = set()
        self._learning: set[nn.Module] = set()
        # Hooks at the leaves too: a learner may call parts of the model by themselves.
        leaves = [module for module in model.modules() if not list(module.children())]
        for module in {model, *leaves}:
            undo.callback(module.register_forward_pre_hook(self._called).remove)
        sensitive = [module for module in leaves if isinstance(module, SENSITIVE)]
        for module in sensitive or [model]:
            undo.callback(module.register_forward_pre_hook(self._mode).remove)
        for parameter in self.parameters:
            if parameter.requires_grad:
                undo.callback(parameter.register_post_accumulate_grad_hook(self._arrived).remove)
        undo.callback(register_optimizer_step_pre_hook(self._step).remove)
        undo.callback(register_optimizer_step_post_hook(self._stepped).remove)

    @property
    def drifting(self) -> int:
        """How many modules' running averages move under weights that stay."""
        return len(self._drifting - self._learning)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in LOSSES:
            values = [*args, *(kwargs[name] for name in ("input", "target") if name in kwargs)]
            self.losses.append(Taken(func, values[0].detach(), values[1], made_by(values[0])))
        elif func is Tensor.backward:
            self.backwards.append(float(args[0].detach()) if args[0].numel() == 1 else 0.0)
        elif func in _RELUS and result.ndim >= 2:
            # of each unit, over images and places
            highest = result.detach().transpose(0, 1).flatten(1).amax(1)
            self.dead.append((highest <= 0).float().mean().item())
        elif func in _EQUALS:
            self.compared += compared(args, result)
        elif func in _DIFFERENCES:
            self.broadcast += unlike(args)
        elif func in _DRAWS:
            self.drawn = True
        elif func in _DROPOUTS:
            self.dropped = self.dropped or (result is not args[0] and not result.equal(args[0]))
        for a in args:
            if isinstance(a, Tensor) and a.requires_grad and a.is_leaf and a not in self._known:
                self.strangers[id(a)] = weakref.ref(a)
                self.foreign = self.foreign or isinstance(a, nn.Parameter)
        return result

    def _called(self, module, args):
        self.calls += 1
        self.graphs += torch.is_grad_enabled()
        if module is self._model and args and isinstance(args[0], Tensor) and args[0].ndim > 2:
            x = args[0].detach().float()
            self.first = x if self.first is None else self.first
            self.inputs.append((x.numel(), x.mean().item(), x.square().mean().item()))

    def _mode(self, module, args):
        self.modes[module] = module.training
        if torch.is_grad_enabled() and (any(p.requires_grad for p in module.parameters()) or any(
                isinstance(a, Tensor) and a.requires_grad for a in args)):
            self.learning.append(module.training)
            self._learning.add(module)
        elif module.training and getattr(module, "running_mean", None) is not None:
            self._drifting.add(module)

    def _arrived(self, parameter):
        self.reached.add(id(parameter))
        # Where an optimizer steps in a hook, gradients are gone already.
        if id(parameter) not in self.filled and (parameter.grad is None or parameter.grad.any()):
            self.filled.add(id(parameter))

    def _step(self, optimizer, args, kwargs):
        if optimizer not in self.optimizers:
            gradients = {p: p.grad for group in optimizer.param_groups for p in group["params"]}
            self.rates += [float(group["lr"]) for group in optimizer.param_groups]
            remember_optimizer(self._undo, optimizer)
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
            self.optimizers.append(optimizer)
        if not _has_closure(args, kwargs):
            self._note_gradients(optimizer)

    def _stepped(self, optimizer, args, kwargs):
        if _has_closure(args, kwargs):  # which computes the gradients within the step
            self._note_gradients(optimizer)

    def _note_gradients(self, optimizer):
        if any(p in self._known for group in optimizer.param_groups for p in group["params"]):
            self.steps.append([None if p.grad is None else p.grad.detach().clone()
                               for p in self.parameters])


def _has_closure(args, kwargs):
    return callable(kwargs.get("closure")) or any(map(callable, args[1:]))
