"""What can be wrong with images, labels and outputs, each told in two or three sentences: see
`diagnose`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NUMBERS = (torch.int64, torch.uint8)  # in which cross-entropy takes class numbers
ENOUGH = 256  # images, and 25 of each class, for the question whether labels belong to their images


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a short `name` that stays the same, and a `text` for the learner."""

    name: str
    text: str = field(repr=False)


def in_images(images: Tensor) -> Iterator[Finding]:
    """Yield what is wrong with images, floats (N, C, H, W)."""
    spoilt = (~torch.isfinite(images)).flatten(1).any(1).sum().item()
    if spoilt:
        yield Finding("nan in images", (
            f"{spoilt} of the {len(images)} images contain nan or inf, and one is enough: "
            "everything computed from it is nan too, the loss and all weights after the next step. "
            "Look for a division by 0 (a standard deviation of 0?) or a log of 0 where the images "
            "are made."))
        return
    low, high, std = images.min().item(), images.max().item(), images.std().item()
    if max(-low, high) > 20:
        yield Finding("images not normalised", (
            f"The images run from {low:.0f} to {high:.0f}. Weights are drawn for numbers around 0 "
            "with standard deviation 1: with these, the first layer's outputs and gradients are "
            "dozens of times too large. Divide by 255, subtract the mean, and divide by the "
            "standard deviation, for each channel."))
    elif std < 0.02:
        yield Finding("images not normalised", (
            f"All pixels are nearly the same: their standard deviation is {std:.4f}, where 1 is "
            "usual. The network hardly sees a difference between the images. Were they divided by "
            "255 twice, or made of zeros?"))
    jumps, peak = wrapped(images)
    if jumps > 0.004 and peak > 0.35:
        yield Finding("wrapped uint8", (
            f"{100 * jumps:.1f} % of neighbouring pixels differ by more than nine tenths of the "
            f"whole range, from {low:.2f} to {high:.2f}; photographs have hardly any such pair. "
            "Arithmetic on uint8 does this: it has only the numbers 0 to 255 and starts anew "
            "beyond, so that 100 - 128 is 228, and dark becomes bright. Write images.float() "
            "first, and calculate then."))


def wrapped(images: Tensor) -> tuple[float, float]:
    """Return two signs of uint8 arithmetic that has wrapped around: how common huge jumps are, and
    how peaked.

    A jump is a pair of neighbouring pixels more than 0.9 of its channel's range apart, neither of
    them at an end of the range (a black border, saturated colours). First number: their share of
    all pairs. Second: how many there are for each pair 0.6 to 0.9 of the range apart, by width of
    the interval. Large differences are rarer than small ones, unless small ones have become huge.

    Measured on batches of 16 to 500 images of CIFAR-10 and the stand-in, 30 of each size and kind:
    at most 0.0009 and 1.04 where nothing is wrong (any augmentation of `helpers`, grey, black and
    white), 0.010 and 0.22 on noise; from 64 images on at least 0.005 and 0.46 where uint8 has
    wrapped (x - 128, x + 25, 2 * x, …). Both must exceed 0.004 and 0.35: no false alarm in 2160
    batches, all of 1260 wrapped ones found from 64 images on, and 417 of 420 with 16.
    """
    if images.ndim != 4:
        return 0.0, 0.0
    images = images.detach().float()
    low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
    unit = (images - low) / (high - low).clamp_min(1e-12)
    pairs = jumps = large = 0
    for dim in (2, 3):
        size = unit.shape[dim] - 1
        a, b = unit.narrow(dim, 0, size), unit.narrow(dim, 1, size)
        inside = (torch.minimum(a, b) > 1e-4) & (torch.maximum(a, b) < 1 - 1e-4)
        apart = (a - b).abs()[inside]
        pairs += a.numel()
        jumps += (apart > 0.9).sum().item()
        large += ((apart > 0.6) & (apart <= 0.9)).sum().item()
    share = jumps / max(pairs, 1)
    return share, share / (large / max(pairs, 1) / 3 + 3e-4)


def in_labels(labels: Tensor, count: int, classes: int | None) -> Iterator[Finding]:
    """Yield what is wrong with the labels of `count` images, of which there are `classes` kinds."""
    shape = tuple(labels.shape)
    if labels.ndim == 0 or len(labels) != count:
        yield Finding("labels and images differ in number", (
            f"There are {count} images, but the labels have the shape {shape}. Each image needs "
            "exactly one: look at where the two were cut, filtered or stacked apart."))
    elif labels.ndim == 2 and classes and shape[1] not in (1, classes):
        yield Finding("one-hot labels of another length", (
            f"Each label has {shape[1]} numbers, but there are {classes} classes: one number for "
            f"each is needed. Give one_hot(labels, {classes}), or just the numbers of the classes, "
            "(N,)."))
    elif labels.ndim > 2 or shape[1:] == (1,):
        yield Finding("labels of the wrong shape", (
            f"The labels have the shape {shape}, where one class number for each image is wanted, "
            f"({count},). A dimension of length 1 is taken away by labels.squeeze(1)."))
    elif not (labels.is_floating_point() if labels.ndim == 2 else labels.dtype in _NUMBERS):
        yield Finding("labels of the wrong type", (
            f"The labels are {labels.dtype}, {shape}. Cross-entropy takes the numbers of the "
            "classes as int64, (N,), or shares of the classes as floats, (N, K). Write "
            "labels.long() for numbers, labels.float() for rows."))
    elif labels.ndim == 1:
        # -100: not to be counted
        low, high = labels[labels != -100].aminmax() if (labels != -100).any() else (0, 0)
        if low < 0 or (classes and high >= classes):
            yield Finding("labels out of range", (
                f"The labels run from {low} to {high}, but {classes} classes have the numbers 0 to "
                f"{classes - 1}. Do yours begin with 1? Subtract it. Else the last layer needs "
                "more outputs."))
        elif count >= 32 and low == high:
            yield Finding("only one class", (
                f"All {count} labels of this batch are {low}. A network fed one class at a time "
                "learns to say that class, then forgets it for the next one: shuffle the images "
                "and labels together, once an epoch."))


def unrelated(images: Tensor, labels: Tensor, draws: int = 499) -> tuple[float, float, int] | None:
    """Return the share of random orders of the labels that fit the images as well, its limit, and
    how many images.

    None where that cannot be told: fewer than ENOUGH images, or 25 of each class. The fit is how
    far the means of the classes lie apart in brightness and roughness, channel by channel, in
    coarse fields: of CIFAR-10's classes, and of the stand-in's, the means do differ. With right
    labels hardly any order fits as well, with labels shuffled apart every share is as likely as any
    other. The limit is 1 %, and 0.2 % from 500 images on: so rarely is it missed.

    Measured with 256, 500 and 1000 images of CIFAR-10 and of the stand-in, 200 draws each, plain,
    with crops and flips, with resized crops, colour jitter and cutout: right labels were accused in
    none of 3600 draws (the largest share was 0.6 %, from 500 images on 0.2 %), shuffled ones found
    in 98 to 100 %. See tests/test_diagnose.py.
    """
    labels = labels.argmax(1) if labels.ndim == 2 else labels
    present = labels.unique()
    if images.ndim != 4 or labels.ndim != 1 or min(images.shape[2:]) < 5 or len(present) < 2 \
            or len(images) < max(ENOUGH, 25 * len(present)):
        return None
    images = images[:max(1000, 25 * len(present))].detach().float().cpu()
    labels = torch.searchsorted(present.cpu(), labels[:len(images)].cpu())
    rough = [F.adaptive_avg_pool2d(images.diff(dim=dim).abs(), 2) for dim in (2, 3)]
    features = torch.cat([part.flatten(1) for part in [F.adaptive_avg_pool2d(images, 4), *rough]],
                         1)
    features = (features - features.mean(0)) / features.std(0).clamp_min(1e-6)
    sizes = labels.bincount(minlength=len(present)).clamp_min(1)[:, None]

    def fit(order):
        sums = torch.zeros(len(present), features.shape[1]).index_add(0, labels[order], features)
        return (sums.square() / sizes).sum().item()

    generator = torch.Generator().manual_seed(0)  # its own: the same answer each time
    given = fit(torch.arange(len(labels)))
    better = sum(fit(torch.randperm(len(labels), generator=generator)) >= given
                 for _ in range(draws))
    return (better + 1) / (draws + 1), 0.01 if len(images) < 500 else 0.002, len(images)


def in_outputs(outputs, count: int, classes: int | None) -> Iterator[Finding]:
    """Yield what is wrong with the shape of what a model gives for `count` images."""
    if not isinstance(outputs, Tensor):
        yield Finding("outputs are no tensor", (
            f"The model returns a {type(outputs).__name__}, where the loss wants one tensor of "
            "logits, (N, K). Does forward end with return x, and with nothing after the x?"))
        return
    shape = tuple(outputs.shape)
    if outputs.ndim == 2 and shape[0] != count and shape[1] == count:
        yield Finding("wrong axis", (
            f"The outputs have the shape {shape} for {count} images: images lie along the second "
            "axis, classes along the first. The loss reads rows as images. Transpose: return x.T, "
            "or look for the step that swapped them."))
    elif outputs.ndim == 0 or shape[0] != count:
        yield Finding("images mixed", (
            f"{count} images go in, but the outputs have the shape {shape}: a view or reshape in "
            "the model gives part of one image to another. Use x.flatten(1), which keeps the first "
            "axis, instead of x.view(-1, …)."))
    elif outputs.ndim != 2:
        yield Finding("outputs of the wrong shape", (
            f"The outputs have the shape {shape}, where one number for each class is wanted, "
            f"({count}, {classes or 'K'}). Flatten before the last layer, x.flatten(1), or average "
            "over what is too much."))
    elif classes and shape[1] != classes:
        yield Finding("wrong number of outputs", (
            f"The model gives {shape[1]} numbers for each image, but there are {classes} classes. "
            f"Its last layer needs {classes} outputs, one for each."))


def in_model_error(problem: Exception, images: Tensor, model: nn.Module) -> Finding:
    """Say what a model that cannot compute with the images seems to want."""
    said, shape, name, hint = str(problem).split("\n")[0], tuple(
        images.shape), "the model raises", ""
    product = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", said)
    weight = next((p for p in model.parameters()), None)
    if product:
        rows, width, wanted, out = map(int, product.groups())
        hint = f"A dense layer made for {wanted} numbers gets {width}: "
        hint += (f"it should begin with Linear({width}, {out})." if rows == len(images) else
                 f"and {rows} rows for {len(images)} images, so a view mixes images. Use "
                 "flatten(1).")
    elif images.ndim == 4 and shape[1] > 4 >= shape[3]:
        name, hint = "wrong axis", ("The channels seem to come last. PyTorch wants (N, C, H, W): "
                                    "use images.permute(0, 3, 1, 2), not reshape, which would "
                                    "scramble the pixels.")
    elif "more than 1 value per channel" in said:
        hint = (
            "Batch normalization cannot train on a single image: one number has no spread. Pass a "
            "larger batch.")
    elif weight is not None and weight.dtype != images.dtype:
        hint = f"The weights are {weight.dtype}, the images {images.dtype}: use images.float()."
    elif images.ndim == 3:
        hint = (
            "A single image becomes a batch of one by images.unsqueeze(0); grey ones get a "
            "channel by unsqueeze(1).")
    hint = hint or "Print x.shape after each line of forward to find the place."
    return Finding(name, (f"On images of shape {shape}, {images.dtype}, the model stops with "
                          f"{type(problem).__name__}: {said.rstrip('.')}. {hint}"))
