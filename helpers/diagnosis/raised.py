"""What a model raises, explained: PyTorch's own words, and what the model seems to want."""

import functools
import re
from collections.abc import Callable, Iterator

from .case import Case
from .finding import Finding

Check = Callable[[Case], Iterator[Finding]]


# Words of PyTorch's errors, and what to do.
HINTS = (
    ("view size is not compatible", "The shapes fit, but the numbers do not lie in memory in this "
     "order, which view wants: permute, transpose and channels_last images leave them so. Use "
     "x.flatten(1), or reshape in place of view."),
    ("modified by an inplace operation", "A line changes numbers in place that backward still "
     "needs: z += 1, z[…] = …, or a method with _ at its end, such as relu_. Write z = z + 1, or "
     "leave inplace=True out."),
    ("leaf Variable that requires grad", "A line changes a parameter in place while gradients are "
     "computed: put it under with torch.no_grad()."),
    ("through the graph a second time", "backward comes to a graph that is used up. Something of "
     "an earlier call is still in this loss: a sum of losses, a list of outputs, a state that is "
     "carried over. Cut it off with .detach() (or add up loss.item()), and call backward once on "
     "each loss."),
    ("does not require grad", "The loss has no graph: item(), detach(), argmax, numpy or no_grad "
     "has cut it off, or all parameters are frozen. requires_grad_() would only silence this."),
    ("can be implicitly created only for scalar", "backward starts from one number: take the mean "
     'of the loss, which is what reduction="mean" does.'),
    ("has no attribute 'backward'", "The loss is a plain number here, without a graph: item() "
     "comes too early. Call backward on the tensor, and item() only for what is printed."),
    ("same device", "Model, images and labels must be on one device: model.to(device) before the "
     "optimizer is made, and images.to(device), labels.to(device) in the loop."),
    ("Can't call numpy()", "Numbers with a graph become an array by x.detach().cpu().numpy()."),
)


def hint(said: str) -> str:
    """Return what to do about an error of PyTorch's, or "" where that is not known."""
    return next((way for words, way in HINTS if words in said), "")


def explained(check: Check) -> Check:
    """Let a check that runs the model say what the model raises, and what it seems to want."""
    @functools.wraps(check)
    def safely(case: Case) -> Iterator[Finding]:
        try:
            yield from check(case)
        except Exception as problem:
            case.unseen.append("the model: it does not take these images; pass what your step "
                               "makes of them")
            yield from case.of_model_alone(_raised(case, problem))
    return safely


def _raised(case: Case, problem: Exception) -> Finding:
    said, shape = str(problem).split("\n")[0].rstrip("."), tuple(case.few.shape)
    last = len(shape) == 4 and shape[1] > 4 >= shape[3]
    product = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", said)
    return Finding("wrong axis" if last and not product else "the model raises", "On images of "
        f"shape {shape}, {case.few.dtype}, the model stops with {type(problem).__name__}: {said}. "
        f"{_way_out(case, said, product, last)}")


def _way_out(case: Case, said: str, product: re.Match | None, channels_last: bool) -> str:
    """Return what the model seems to want; `product` are the sizes of two matrices."""
    images, weight = case.few, next(case.model.parameters(), None)
    if product:
        rows, width, wanted, out = map(int, product.groups())
        return f"A dense layer made for {wanted} numbers gets {width}: " + (
            f"it should begin with Linear({width}, {out})." if rows == len(images) else
            f"and {rows} rows for {len(images)} images, so a view mixes images. Use flatten(1).")
    if channels_last:
        return ("The channels seem to come last. PyTorch wants (N, C, H, W): use "
                "images.permute(0, 3, 1, 2), not reshape, which would scramble the pixels.")
    if "more than 1 value per channel" in said:
        return ("Batch normalization cannot train on a single image: one number has no spread. "
                "Pass a larger batch.")
    if weight is not None and weight.dtype != images.dtype:
        return f"The weights are {weight.dtype}, the images {images.dtype}: use images.float()."
    if known := hint(said):
        return known
    if channels := re.search(r"to have (\d+) channels, but got (\d+)", said):
        wanted, got = channels.groups()
        return (f"The first layer is made for {wanted} channels, and these images have {got}. "
                + ("Gray images get three by images.expand(-1, 3, -1, -1), or begin with "
                   if got == "1" else "Begin with ") + f"Conv2d({got}, …).")
    if images.ndim == 3:
        return ("A single image becomes a batch of one by images.unsqueeze(0); gray ones get a "
                "channel by unsqueeze(1).")
    return "Print x.shape after each line of forward to find the place."
