"""The check of a learner's own evaluation, which is run and undone. See `diagnose`."""

import math
from collections.abc import Iterator

from torch import nn

from .case import Case
from .finding import Finding, stopped
from .look import Look, twin_of, watched
from .raised import hint
from .restore import SENSITIVE

SPREADS, SHIFT = 1.9, 0.9  # by how much spread and mean of images may differ: factor, spreads
EXACT = 1e-3            # by how much those of the same images may, in parts of the spread


def check_evaluation(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the evaluation, called from training mode, as after an epoch."""
    if case.evaluate is None:
        case.unseen.append("the evaluation: pass evaluate=…, a function without arguments")
        return
    try:
        look = watched(case, case.model)
        if not look.seen.calls and (twin := twin_of(case, look)) is not None:
            look = watched(case, twin)
            if not look.seen.calls:
                case.unseen.append("the copy of the model that your evaluation makes and uses")
                return
    except Exception as problem:
        if not case.has("the loss raises"):  # of which it has the labels, too
            yield stopped("the evaluation raises", "Your evaluation", problem, hint(str(problem)))
        return
    seen = look.seen
    if not seen.calls:
        yield Finding("another model in the evaluation", "Your evaluation does not use this model "
            "at all, but another one. Run the cells that make the model and the evaluation once "
            "more, in this order.")
        return
    if seen.steps:
        yield Finding("training in the evaluation", "During evaluation the optimizer moved "
            f"{len(seen.steps)} times: the network learns the images on which it is judged. "
            "Evaluation only looks: no backward, no step.")
    if any(seen.modes.values()) and case.mode_matters:
        yield Finding("not in evaluation mode", "During your evaluation the model is in training "
            f"mode, so {what_changes(case.model, True)}. Call model.eval() before it, and "
            "model.train() before training goes on. (If your loop calls eval just before, that "
            "will do.)")
    if seen.graphs == seen.calls:
        yield Finding("gradients in the evaluation", "Evaluation keeps the graph for gradients "
            "that nobody asks for. The numbers are right, but it takes time and much memory: put "
            "it under with torch.no_grad(), or torch.inference_mode().")
    yield from _left_behind(look)
    yield from _wrong_count(look)
    yield from _other_images(case, look)


def _left_behind(look: Look) -> Iterator[Finding]:
    """Yield what is another after the evaluation than before."""
    if look.gradients_off:
        yield Finding("gradients left switched off", "After your evaluation gradients are switched "
            "off for good, and the next step has no graph: torch.set_grad_enabled(False) holds "
            "until somebody calls it with True. Use with torch.no_grad(): instead.")
    if look.frozen:
        yield Finding("frozen by the evaluation", "After your evaluation parameters have "
            "requires_grad=False that had True before, and no step trains them any more. Use with "
            "torch.no_grad(): instead, which ends by itself.")
    if look.changed and not look.seen.steps:
        yield Finding("weights changed by the evaluation", "After your evaluation the model has "
            "other weights than before, though no optimizer has moved: it works on the model "
            "itself. Convert, prune or average a copy, copy.deepcopy(model), or put the weights "
            "back.")


def _wrong_count(look: Look) -> Iterator[Finding]:
    """Yield whether what it calls an accuracy counts something else than right predictions."""
    compared = look.seen.compared
    if any(not each.whole for each in compared):
        yield Finding("outputs compared with labels", "Your evaluation compares outputs as they "
            "are with the numbers of classes, and these are hardly ever equal. Take the place of "
            "the largest: outputs.argmax(1), or the second part of outputs.max(1). The accuracy is "
            "(outputs.argmax(1) == labels).float().mean().")
    hits, batches = sum(each.hits for each in compared), len(compared)
    results = look.result if isinstance(look.result, tuple | list) else [look.result]
    if batches > 1 and hits > batches and any(
            isinstance(value, float) and math.isclose(value, hits / batches) for value in results):
        yield Finding("accuracy above 1", f"Your evaluation gives {hits / batches:.4g}: its {hits} "
            f"hits are divided by the {batches} batches. Divide them by the number of images, "
            f"{sum(each.count for each in compared)} here.")


def _other_images(case: Case, look: Look) -> Iterator[Finding]:
    """Yield whether the model gets images of another kind than in training, or random ones."""
    seen = look.seen
    trained = case.trace.seen.inputs if case.trace else []
    if not seen.inputs or (case.step is not None and not trained):
        return
    x = case.floats
    (mean, std), (mean_here, std_here) = (_statistics(inputs) for inputs in (
        trained or [(x.numel(), x.mean().item(), x.square().mean().item())], seen.inputs))
    ratio = max(std, std_here) / max(min(std, std_here), 1e-12)
    if ratio > SPREADS or abs(mean - mean_here) > SHIFT * max(std, std_here):
        yield Finding("images prepared otherwise in the evaluation", "In your evaluation the model "
            f"gets numbers with mean {mean_here:.2f} and standard deviation {std_here:.2f}, in "
            f"training with {mean:.2f} and {std:.2f}. It knows only what it was trained on: "
            "convert, scale and normalize images in the same way, with the mean and deviation of "
            "the training images.")
    elif seen.drawn and not any(seen.modes.values()):
        again = watched(case, look.model, seed=1).seen.inputs
        mean_again, std_again = _statistics(again or seen.inputs)
        if max(abs(mean_again - mean_here), abs(std_again - std_here)) > EXACT * std_here:
            yield Finding("random images in the evaluation", "With other random numbers your "
                "evaluation gives the model other images: flips, crops and other random changes "
                "are for training. Judge the images as they are. (A random choice of images looks "
                "the same from here: then choose once, so that numbers can be compared.)")


def _statistics(inputs: list[tuple[int, float, float]]) -> tuple[float, float]:
    """Return mean and standard deviation of all numbers that a model was given."""
    count = sum(n for n, _, _ in inputs)
    mean, square = (sum(part[0] * part[i] for part in inputs) / count for i in (1, 2))
    return mean, math.sqrt(max(square - mean**2, 0))


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
