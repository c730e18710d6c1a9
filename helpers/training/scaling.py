"""Loss scaling, which training in float16 needs and no other type does."""

import torch
from torch.amp.grad_scaler import GradScaler


def scaler_for(device: torch.device | None, autocast: torch.dtype | None) -> GradScaler:
    """Return what multiplies the loss before `backward` and divides the gradients before the step.

    float16 has nothing between 0 and 0.00000006, where many gradients are. The factor is halved,
    and the step left out, where a gradient has become infinite. With another type than
    torch.float16, and without autocast, it hands loss and step on as they are.

    Source: P. Micikevicius et al., Mixed precision training, 2018; `torch.amp.GradScaler`.
    """
    # PyTorch's own first factor, 2**16, leaves out the first steps of most networks here
    return GradScaler(device.type if device else "cpu", init_scale=2.0 ** 12,
                      enabled=autocast is torch.float16)
