"""A case for `diagnose`: what a learner has passed, and what has been learned of it so far."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from .finding import Finding, Name
from .restore import SENSITIVE, restored_afterwards
from .trace import Trace, Trial

SHOWN = 256  # images that the model is shown: enough to see, and quick
# From which cosine on gradients differ in length only, and by how much that differs if it does.
ALIKE, ROUNDING = 0.9, 0.98


@dataclass
class Case:
    """What each check is given; it adds what it has learned for the checks that come after it."""

    # Passed by the learner; `diagnose` describes each, images and labels are its `batch`.
    model: nn.Module
    images: Tensor
    labels: Tensor
    step: Callable | None
    optimizers: list[Optimizer]
    evaluate: Callable | None
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    classes: int | None
    # What was found so far, causes first.
    findings: list[Finding] = field(init=False, default_factory=list)
    # Findings that follow from another fault, told last; such a model shows nothing of a rate.
    consequences: list[Finding] = field(init=False, default_factory=list)
    # Findings about model and images without the loop, told if the step stops too.
    held_back: list[Finding] = field(init=False, default_factory=list)
    # Findings about outputs for a cross-entropy, told unless the step has another loss.
    of_logits: list[Finding] = field(init=False, default_factory=list)
    # What could not be looked at, and what to pass for that.
    unseen: list[str] = field(init=False, default_factory=list)
    hopeless = False  # nothing further can be said, since every number is nan, for one
    out_of_range = False  # there are labels that the model has no outputs for
    softmax = False   # the loss takes a softmax of what it is given,
    summed = False    # is added up over the batch,
    reversed = False  # is larger for right answers than for wrong ones,
    endless = False   # and falls without end
    ready = False     # there is a loss to train with
    # What the model gives in evaluation mode, None if it is of no use; mostly a tensor (N, K).
    outputs: Any = field(init=False, default=None)
    # Of each parameter that can be trained; None where it gets none.
    gradients: dict[str, Tensor | None] = field(init=False, default_factory=dict)
    # What the step has shown, if there is one and it runs.
    trace: Trace | None = field(init=False, default=None)
    # And what its optimizers do without it.
    trial: Trial | None = field(init=False, default=None)

    def __post_init__(self):
        self.width = self.classes  # how many there are, as far as is known

    def has(self, *names: Name) -> bool:
        """Return whether one of these is among the findings."""
        return any(finding.name in names for finding in self.findings)

    def of_loss(self, finding: Finding) -> list[Finding]:
        """Return what to tell of a loss at once: nothing if the step may have another one."""
        if self.step is None or self.loss_fn is not F.cross_entropy:
            return [finding]
        self.of_logits.append(finding)
        return []

    @property
    def other_loss(self) -> bool:
        """Whether the step trains with another loss than cross-entropy, and none was passed."""
        losses = self.trace.seen.losses if self.trace else []
        return self.loss_fn is F.cross_entropy and bool(losses) and not any(
            taken.loss is F.cross_entropy for taken in losses)

    def of_model_alone(self, finding: Finding) -> list[Finding]:
        """Return what to tell of a model at once: nothing if a step may prepare its images."""
        if self.step is None:
            return [finding]
        self.held_back.append(finding)
        return []

    @property
    def paired(self) -> bool:
        """Whether there are as many labels as images."""
        return self.labels.ndim > 0 and len(self.labels) == len(self.images)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next((p.device for p in self.model.parameters()), self.images.device)

    @property
    def moving(self) -> list[Optimizer]:
        """The optimizers passed, and those that moved in the step."""
        seen = self.trace.optimizers if self.trace else []
        return [*self.optimizers, *(o for o in seen if o not in self.optimizers)]

    @property
    def factor(self) -> float:
        """How long gradients in the step are, where those of the loss are 1; 1 if they differ."""
        same = self.trace is not None and self.trace.direction > ALIKE
        return self.trace.factor if self.trace and same and not (
            ROUNDING < self.trace.factor < 1 / ROUNDING) else 1.0

    @property
    def summed_in_step(self) -> bool:
        """Whether the step adds the loss up over the images, as their number in gradients says."""
        return 0.95 < self.factor / min(len(self.images), SHOWN) < 1.05

    @cached_property
    def lazy(self) -> bool:
        """Whether layers wait for the first images before they have weights."""
        return any(map(is_lazy, [*self.model.parameters(), *self.model.buffers()]))

    @cached_property
    def floats(self) -> Tensor:
        """All images as floats."""
        return self.images if self.images.is_floating_point() else self.images.float() / 255

    @cached_property
    def few(self) -> Tensor:
        """The images that the model is shown, a copy on its device."""
        return self.floats[:SHOWN].to(self.device, copy=True)

    @cached_property
    def few_labels(self) -> Tensor:
        """The labels of `few`, on the model's device; all where they do not belong to images."""
        return (self.labels[:SHOWN] if self.paired else self.labels).to(self.device)

    @cached_property
    def finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(torch.isfinite(p).all()) for p in self.model.parameters())

    @cached_property
    def mode_matters(self) -> bool:
        """Whether the model does anything else in training mode than in evaluation mode."""
        outputs = []
        with restored_afterwards(self.model):
            for training in (True, False):
                torch.manual_seed(0)
                try:
                    outputs.append(self.model.train(training)(self.few[:16]).detach())
                except Exception:  # the loop may prepare images in a way that we do not know
                    return any(isinstance(module, SENSITIVE) for module in self.model.modules())
        return not torch.allclose(*outputs, rtol=1e-4, atol=1e-6)
