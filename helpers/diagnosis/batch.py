"""Checks of images and labels by themselves. See `diagnose`."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .arrival import arriving
from .case import SHOWN, Case
from .finding import Finding
from .restore import restored_afterwards

LARGEST = 20    # of normalized pixels: CIFAR-10's reach 2.1, and other sets' hardly 10
SMALLEST = 0.02  # standard deviation of pixels: 1 is usual; divided by 255 twice it is 0.001
# Images are called wrapped that exceed both; `wrapped` says how that was measured.
JUMPS, PEAK = 0.004, 0.35
_HUGE, _BIG = 0.9, 0.6  # differences of neighbors, as parts of the range
_FLAT = 3e-4            # added to a density that may be 0
ALIKE = 0.9             # difference of numbers C apart as part of that of neighbors
ONE_CLASS = 32          # labels that are hardly all the same by chance
IGNORED = -100         # the label that cross-entropy does not count
NUMBERS = (torch.int64, torch.uint8)  # in which cross-entropy takes class numbers


def check_type(case: Case) -> Iterator[Finding]:
    """Yield whether images are whole numbers, with which the model's layers cannot calculate."""
    images = case.images
    if not (images.is_floating_point() or case.lazy or _takes(case, images[:2].to(case.device))):
        yield from case.of_model_alone(Finding("uint8 images", f"The images are {images.dtype}, "
            "but layers calculate with float32. Convert, then scale: images.float() / 255, then "
            "subtract the mean and divide by the standard deviation. In this order: uint8 has no "
            "negative numbers, and 100 - 128 becomes 228."))


def _takes(case: Case, images: Tensor) -> bool:
    try:
        with restored_afterwards(case.model), torch.no_grad():
            case.model.eval()(images.clone())
    except Exception:
        return False
    return True


def check_images(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the pixels."""
    images = case.floats
    if images.ndim == 3 and (images.shape[0] <= 4 and case.labels.numel() <= 1):
        case.hopeless = True
        yield Finding("one image, not a batch", f"This is one image, of shape {tuple(images.shape)}"
            ", and a model takes batches of them, (N, C, H, W). A batch of one are images[None] "
            "and labels[None]; diagnose sees more in what your loop gets in one turn, "
            "next(iter(batches)).")
        return
    broken = (~torch.isfinite(images)).flatten(1).any(1).sum().item()
    if broken:
        case.hopeless = True
        yield Finding("nan in images", f"{broken} of the {len(images)} images contain nan or inf, "
            "and one is enough: everything computed from it is nan too, the loss and all weights "
            "after the next step. Look for a division by 0 (a standard deviation of 0?) or a log "
            "of 0 where the images are made.")
        return
    found = _out_of_scale(images)
    if found and not case.lazy:  # unless the model or the step scales them
        found = _out_of_scale(arriving(case))
    if found:
        yield found
    low, high = images.min().item(), images.max().item()
    jumps, peak = wrapped(images)
    if jumps > JUMPS and peak > PEAK:
        yield Finding("wrapped uint8", f"{100 * jumps:.1f} % of neighboring pixels differ by more "
            f"than nine tenths of the whole range, from {low:.2f} to {high:.2f}; photographs have "
            "hardly any such pair. Arithmetic on uint8 does this: it has only the numbers 0 to 255 "
            "and starts anew beyond, so that 100 - 128 is 228, and dark becomes bright. Write "
            "images.float() first, and calculate then.")
    if scrambled(images[:SHOWN]):
        yield Finding("pixels scrambled", "Numbers beside each other in a row are less alike than "
            f"those {images.shape[1]} apart: the channels of a pixel lie along the row. view and "
            "reshape do this to images (N, H, W, C): they only give the same numbers other names. "
            "Use images.permute(0, 3, 1, 2).")


def _out_of_scale(images: Tensor) -> Finding | None:
    low, high = images.min().item(), images.max().item()
    if max(-low, high) > LARGEST:
        return Finding("images not normalized", f"The images run from {low:.0f} to {high:.0f}. "
            "Weights are drawn for numbers around 0 with standard deviation 1: with these, the "
            "first layer's outputs and gradients are dozens of times too large. Divide by 255, "
            "subtract the mean, and divide by the standard deviation, for each channel.")
    # Within each channel: wrong means of channels would look like differences of pixels.
    std = images[:SHOWN].transpose(0, 1).flatten(1).std(1).max().item()
    if std < SMALLEST:
        return Finding("images not normalized", "All pixels of a channel are nearly the same: "
            f"their standard deviation is {std:.4f}, where 1 is usual. The network hardly sees a "
            "difference between the images. Were they divided by 255 twice, normalized by the mean "
            "and deviation of 0 to 255 after a division by 255, or made of zeros?")
    return None


def scrambled(images: Tensor) -> bool:
    """Return whether images (N, C, H, W) look as if a view had been taken for a permute.

    Then the channels of a pixel lie beside each other in a row, and numbers C apart, neighboring
    pixels of one channel, are more alike than neighbors.

    Measured on 60 batches of 8, 32 and 256 images of CIFAR-10 and the stand-in, plain, with crops
    and flips, jitter and cutout, and on noise: the quotient of the two is 0.99 or more where
    nothing is wrong; after a view it is 0.66 on CIFAR-10 in the median and at most 0.84 with 256
    images, 0.24 on the stand-in.
    """
    if images.ndim != 4 or images.shape[1] == 1 or images.shape[3] < 4 * images.shape[1]:
        return False
    images = images.detach().float()
    near, far = ((images[..., d:] - images[..., :-d]).abs().mean().item()
                 for d in (1, images.shape[1]))
    return far < ALIKE * near


def wrapped(images: Tensor) -> tuple[float, float]:
    """Return two signs of uint8 arithmetic that has wrapped around: how many pixels jump, how much.

    A jump is a pair of neighboring pixels more than 0.9 of its channel's range apart, neither of
    them at an end of the range (a black border, saturated colors). First number: their share of
    all pairs. Second: how many there are for each pair 0.6 to 0.9 of the range apart, by width of
    the interval. Large differences are rarer than small ones, unless small ones have become huge.

    Measured on batches of 16 to 500 images of CIFAR-10 and the stand-in, 30 of each size and kind:
    at most 0.0009 and 1.04 where nothing is wrong (any augmentation of `helpers`, gray, black and
    white), 0.010 and 0.22 on noise; from 64 images on at least 0.005 and 0.46 where uint8 has
    wrapped (x - 128, x + 25, 2 * x, …). Both must exceed 0.004 and 0.35: no false alarm in 2160
    batches, all of 1260 wrapped ones found from 64 images on, and 417 of 420 with 16.
    """
    if images.ndim != 4:
        return 0.0, 0.0
    images = images.detach().float()
    low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
    unit = (images - low) / (high - low).clamp_min(1e-12)
    inside = (unit > 1e-4) & (unit < 1 - 1e-4)
    pairs = jumps = large = 0
    for dim in (2, 3):
        size = unit.shape[dim] - 1
        a, b = unit.narrow(dim, 0, size), unit.narrow(dim, 1, size)
        both = inside.narrow(dim, 0, size) & inside.narrow(dim, 1, size)
        apart = (a - b).abs_().mul_(both)
        pairs += a.numel()
        jumps += (huge := (apart > _HUGE).sum().item())
        large += (apart > _BIG).sum().item() - huge
    share = jumps / max(pairs, 1)
    return share, share / (large / max(pairs, 1) / 3 + _FLAT)


def _spoils(case: Case) -> bool:
    """Whether labels that are nan make the loss nan, too: one may pass over them."""
    try:
        return not bool(torch.isfinite(case.loss_fn(case.outputs, case.few_labels)).all())
    except Exception:
        return True


def check_labels(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with class numbers; what else labels may be, the loss says."""
    labels, classes = case.labels, case.width
    if labels.is_floating_point() and not torch.isfinite(labels).all() and _spoils(case):
        case.out_of_range = True
        if case.step is not None and case.loss_fn is F.cross_entropy:
            case.unseen.append("the loss: labels are nan or inf here and there, which your loop "
                               "may pass over; pass its loss as loss_fn=…")
            return
        yield Finding("nan in labels", "Labels are nan or inf, and so is each loss that is made "
            "of them, and all weights after the next step. Look for an empty field of a table, a "
            "division by 0 or a log of 0 where the labels are made.")
        return
    if labels.ndim != 1 or labels.dtype not in NUMBERS or classes == 1:
        return
    counted = labels[labels.long() != IGNORED]
    if len(labels) and not len(counted):
        case.out_of_range = True
        yield Finding("no label counts", f"All {len(labels)} labels are "
            f"{IGNORED}, which cross-entropy passes over: nothing is left of which to take the "
            "mean, and 0 / 0 is nan. Were the labels looked up by names that are not found?")
        return
    low, high = counted.aminmax() if len(counted) else (0, 0)
    if low < 0 or (classes and high >= classes):
        case.out_of_range = True
        numbers = f"0 to {classes - 1}" if classes else "from 0 on"
        why = ("Was 1 taken away twice, or is -1 a mark for images without a label? Cross-entropy "
               "passes over -100." if low < 0 else
               "Do yours begin with 1? Subtract it. Else the last layer needs more outputs.")
        found = Finding("labels out of range", f"The labels run from {low} to {high}, but "
            f"{classes or 'the'} classes have the numbers {numbers}. {why}")
        # A step may count in its own way. On a GPU it is not tried: PyTorch would stop there.
        yield from case.of_model_alone(found) if labels.device.type == "cpu" else [found]
    elif len(labels) >= ONE_CLASS and low == high:
        yield Finding("only one class", f"All {len(labels)} labels of this batch are {low}. A "
            "network fed one class at a time learns to say that class, then forgets it for the "
            "next one: shuffle the images and labels together, once an epoch.")
