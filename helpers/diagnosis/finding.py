"""What `diagnose` can find, by name."""

from dataclasses import dataclass, field
from typing import Literal, get_args

Name = Literal[
    # images and labels
    "one image, not a batch", "nan in images", "uint8 images", "images not normalized",
    "wrapped uint8", "pixels scrambled", "labels out of range", "nan in labels",
    "no label counts", "only one class",
    "labels unrelated to images",
    # the model and what it gives
    "the model raises", "images changed by the model", "images mixed",
    "outputs of the wrong shape", "wrong number of outputs", "random in evaluation mode",
    "wrong axis", "softmax before cross-entropy", "sigmoid before cross-entropy",
    "ReLU after the last layer", "tanh after the last layer",
    "NLLLoss without log_softmax", "each output paired with each label",
    "the loss is maximized", "the loss raises", "the loss is not one number",
    "parameters not registered", "frozen parameters", "no gradient", "nan in the gradients",
    "vanishing gradients", "nearly everything dropped", "momentum of batch normalization",
    # what follows from another fault
    "nan in weights", "nan in outputs", "all outputs the same", "dead ReLU",
    "loss far from chance",
    # the loop
    "the step raises", "another model in the step", "no optimizer step",
    "gradients wiped before the step", "no backward", "no zero_grad", "the step is undone",
    "gathered gradients wiped", "steps lost in half precision",
    "gradients too small for a step", "not in training mode",
    "frozen batch normalization moves", "parameters not in the optimizer", "the optimizer raises",
    "learning rate too high", "learning rate too low", "weight decay too high",
    "schedule of epochs in the step", "schedule of another optimizer",
    # the evaluation
    "the evaluation raises", "another model in the evaluation", "training in the evaluation",
    "not in evaluation mode", "gradients in the evaluation",
    "images prepared otherwise in the evaluation", "random images in the evaluation",
    "accuracy above 1", "outputs compared with labels", "gradients left switched off",
    "weights changed by the evaluation", "frozen by the evaluation",
]
NAMES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a short `name` that stays the same, and a `text` for the learner."""

    name: Name
    text: str = field(repr=False)


def stopped(name: Name, what: str, problem: Exception, hint: str = "") -> Finding:
    """Return the finding that `what` has raised `problem`: PyTorch's own words, and a way out."""
    said = str(problem).strip().rstrip(".")
    return Finding(name, f"{what} stops with {type(problem).__name__}: {said}. {hint}".rstrip())
