"""The check of a learner's own evaluation, which is run and undone. See `diagnose`."""

import contextlib
import io
from collections.abc import Iterator

from torch import nn

from .case import Case
from .finding import Finding, stopped
from .record import Recorder
from .restore import SENSITIVE, restored_afterwards


def check_evaluation(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the evaluation, called from training mode, as after an epoch."""
    if case.evaluate is None:
        case.unseen.append("the evaluation: pass evaluate=…, a function without arguments")
        return
    try:
        with restored_afterwards(case.model, None, case.evaluate) as undo, \
                Recorder(case.model, undo) as seen, contextlib.redirect_stdout(io.StringIO()):
            case.model.train()
            case.evaluate()
    except Exception as problem:
        yield stopped("the evaluation raises", "Your evaluation", problem)
        return
    if not seen.calls:
        yield Finding("another model in the evaluation", "Your evaluation does not use this model "
            "at all, but another one. Run the cells that make the model and the evaluation once "
            "more, in this order.")
        return
    if seen.steps:
        yield Finding("training in the evaluation", "During evaluation the optimizer moved "
            f"{len(seen.steps)} times: the network learns the images on which it is judged. "
            "Evaluation only looks: no backward, no step.")
    if any(seen.modes) and case.mode_matters:
        yield Finding("not in evaluation mode", "During your evaluation the model is in training "
            f"mode, so {what_changes(case.model, True)}. Call model.eval() before it, and "
            "model.train() before training goes on. (If your loop calls eval just before, that "
            "will do.)")
    if seen.graphs == seen.calls:
        yield Finding("gradients in the evaluation", "Evaluation keeps the graph for gradients "
            "that nobody asks for. The numbers are right, but it takes time and much memory: put "
            "it under with torch.no_grad(), or torch.inference_mode().")


def what_changes(model: nn.Module, training: bool) -> str:
    """Return what the modules of `model` do in the wrong mode."""
    parts = []
    if any(isinstance(module, SENSITIVE[0]) for module in model.modules()):
        parts.append("dropout still drops units" if training else "dropout drops nothing")
    if any(isinstance(module, SENSITIVE[1]) for module in model.modules()):
        parts.append("batch normalization uses the mean and variance of the batch, and its running "
                     "averages learn from images that are only to be judged" if training else
                     "batch normalization uses its running averages, which no longer follow the "
                     "weights")
    return " and ".join(parts) or "a layer that asks for self.training does the wrong thing"
