"""A case for `diagnose`: what a learner has passed, and what has been learned of it so far."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .finding import Finding, Name
from .restore import SENSITIVE, restored_afterwards

SHOWN = 256  # images that the model is shown: enough to see, and quick


@dataclass
class Case:
    """What each check is given; it adds what it has learned for the checks that come after it."""

    # Passed by the learner; `diagnose` describes each, images and labels are its `batch`.
    model: nn.Module
    images: Tensor
    labels: Tensor
    step: Callable | None
    optimizer: Optimizer | None
    evaluate: Callable | None
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    classes: int | None
    # What was found so far, causes first.
    findings: list[Finding] = field(init=False, default_factory=list)
    # Findings that follow from another fault, told last; such a model shows nothing of a rate.
    consequences: list[Finding] = field(init=False, default_factory=list)
    # Findings about model and images without the loop, told if the step stops too.
    held_back: list[Finding] = field(init=False, default_factory=list)
    # What could not be looked at, and what to pass for that.
    unseen: list[str] = field(init=False, default_factory=list)
    hopeless = False  # every number is nan, so that nothing further can be said
    softmax = False   # the loss takes a softmax of what it is given
    ready = False     # there is a loss to train with
    # Those of the model in evaluation mode (N, K), None if they are of no use.
    outputs: Tensor | None = field(init=False, default=None)

    def __post_init__(self):
        self.width = self.classes  # how many there are, as far as is known
        # those passed or, if none was, those that moved in the step
        self.optimizers = [] if self.optimizer is None else [self.optimizer]

    def has(self, *names: Name) -> bool:
        """Return whether one of these is among the findings."""
        return any(finding.name in names for finding in self.findings)

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
