"""Checks of layers: what they are set to, and what gradients reach the first. See `diagnose`."""

from collections.abc import Iterator

import torch
from torch import nn

from .case import Case
from .finding import Finding
from .restore import SENSITIVE, length, restored_afterwards

DROPPED = 0.9    # part that is dropped, with which hardly anything arrives
LATEST = 0.9     # momentum of running averages that follow the last batch; 0.1 is usual
VANISHED = 1e-6  # gradient of the first layer as part of the largest, both as parts of the weights
AGAIN, FEW = 4, 32  # passes, of so many images, after which a gradient that was 0 is called 0


def check_layers(case: Case) -> Iterator[Finding]:
    """Yield which dropout and which batch normalization is set to an odd number."""
    for module in case.model.modules():
        if isinstance(module, SENSITIVE[0]) and module.p >= DROPPED:
            yield Finding("nearly everything dropped", f"A {type(module).__name__} has "
                f"p={module.p:g}, which is the part that is dropped, not the part that is kept: "
                f"only {100 * (1 - module.p):.0f} % get through. Usual are 0.1 to 0.5.")
        elif isinstance(module, SENSITIVE[1]) and module.momentum is not None and (
                module.momentum >= LATEST or (module.momentum == 0 and _as_drawn(module))):
            still = module.momentum == 0
            yield Finding("momentum of batch normalization", "A layer of batch normalization has "
                f"momentum={module.momentum:g}, so that its running averages, which evaluation "
                f"uses, {'stay at 0 and 1' if still else 'are those of the last batch'}. In "
                "PyTorch it is the part of the new batch, 0.1 if nothing is said; elsewhere it is "
                "that of the old average.")


def _as_drawn(module: nn.Module) -> bool:
    mean = module.running_mean
    return isinstance(mean, torch.Tensor) and not mean.any()


def check_flow(case: Case) -> Iterator[Finding]:
    """Yield whether gradients are 0, or next to it, where they arrive."""
    gradients = {name: g for name, g in case.gradients.items() if g is not None}
    if not case.ready or (case.consequences and not _sizes(case)) or not gradients:
        return
    zero = [name for name, g in gradients.items() if not g.any()]
    if 0 < len(zero) < len(gradients) and not case.consequences and (
            names := _still_zero(case, zero)):
        yield Finding("no gradient", f"The gradient of {len(names)} parameters, {names[0]} for "
            "one, is 0, however often we try: a function behind them is flat, such as round, sign, "
            "argmax, a comparison, or a ReLU that has died. Its slope is 0, so no step changes "
            "them.")
    sizes = _sizes(case)
    if len(sizes) > 2 and 0 < sizes[0] < VANISHED * max(sizes):
        yield Finding("vanishing gradients", "The gradient of the first layer is "
            f"{sizes[0] / max(sizes):.0e} of the largest: each layer behind it makes it smaller, "
            "as sigmoid and tanh do, and the first ones learn nothing. Use ReLU, batch "
            "normalization or residual connections, and PyTorch's initial weights.")


def _sizes(case: Case) -> list[float]:
    """Return how large gradients are as parts of their weights, layer by layer."""
    return [length([g]) / max(length([case.model.get_parameter(name).detach()]), 1e-12)
            for name, g in case.gradients.items() if g is not None and g.ndim > 1]


def _still_zero(case: Case, names: list[str]) -> list[str]:
    """Return which gradients stay 0 when the layers behind them move: some begin with zeros."""
    images, labels = case.few[:FEW], case.few_labels[:FEW]
    with restored_afterwards(case.model):
        optimizer = torch.optim.SGD(case.model.parameters(), lr=0.01)
        for seed in range(AGAIN):
            torch.manual_seed(seed)  # what is left out by chance comes in
            optimizer.zero_grad()
            case.loss_fn(case.model.train()(images.clone()), labels).backward()
            names = [name for name in names if (g := case.model.get_parameter(name).grad) is None
                     or not g.any()]
            if not names:
                break
            optimizer.step()
    return names
