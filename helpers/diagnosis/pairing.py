"""The check whether labels belong to their images, by a test with random orders. See `diagnose`."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .case import SHOWN, Case
from .finding import Finding

# `unrelated` says how these were measured.
ENOUGH, OF_EACH_CLASS = 256, 25  # images that the question needs, in all and of each class
ORDERS = 499                     # random ones that are tried
MANY, MOST = 500, 1000           # from how many images on the limit is lower, how many are used
LIMIT, LIMIT_OF_MANY = 0.01, 0.002
# Fewer classes may be groups of others, or something that averages do not show: of random groups of
# CIFAR-10's and the stand-in's classes with 256 images two failed in 9 and 8 of 25 draws, three in
# 5 and 4, five in none.
KINDS = 5
ENOUGH_IN_STEP, STRAYS = 32, 0.4  # images in a step, and the share with labels of others


def check_pairing(case: Case) -> Iterator[Finding]:
    """Yield whether labels belong to other images than those beside them."""
    # Wrapped pixels have lost their brightness, by which the classes are told apart.
    if not case.paired or case.has("wrapped uint8"):
        return
    judged = unrelated(case.floats, case.labels)
    if judged is None:
        case.unseen.append(f"whether labels belong to their images: pass {ENOUGH} of them, "
                           f"{OF_EACH_CLASS} of each class")
        return
    share, limit, count = judged
    kinds = len(as_numbers(case.labels).unique())
    if share > limit and kinds < KINDS:
        case.unseen.append(f"whether labels belong to their images: these {kinds} classes do not "
                           "differ in brightness and texture. They may have been shuffled apart, "
                           "or differ in something else")
    elif share > limit:
        yield Finding("labels unrelated to images", "Put into random orders, the labels fit these "
            f"{count} images as well as now {100 * share:.1f} % of the time; right labels of "
            "photographs leave less than 1 %. Images and labels have probably been shuffled or "
            "sorted apart, and then there is nothing to learn. Give both the same order: order = "
            "torch.randperm(N), and images[order], labels[order]. (Classes that differ in neither "
            "brightness nor texture, such as drawn shapes, look the same from here.)")


def check_pairs(case: Case) -> Iterator[Finding]:
    """Yield whether the step gives the loss other labels than those of the images it shows."""
    seen = case.trace.seen if case.trace else None
    if seen is None or seen.first is None or not case.paired or not seen.losses:
        return
    count = len(seen.first)
    places = {row.tobytes(): i for i, row in enumerate(_rows(case.floats[:SHOWN]))}
    order = [places.get(row.tobytes()) for row in _rows(seen.first)]
    targets = [taken.target for taken in seen.losses if taken.target.shape == (count,)
               and not taken.target.is_floating_point()]
    if None in order or len({*order}) < count or case.labels.ndim != 1 or not targets:
        return
    labels = case.labels[torch.tensor(order)]
    # Labels may be numbered anew, as long as those that were the same still are.
    if count >= ENOUGH_IN_STEP and all(_strays(labels, target.cpu()) > STRAYS
                                       for target in targets):
        yield Finding("labels unrelated to images", "In your step the images come to the model in "
            "one order, and the labels to the loss in another: so many labels belong to another "
            "image that there is nothing to learn. Draw one order, order = torch.randperm(N), and "
            "take images[order] and labels[order].")


def _rows(images: Tensor) -> np.ndarray:
    """Return the first numbers of each image, enough to tell one from another."""
    return images.detach().float().flatten(1)[:, :256].cpu().contiguous().numpy()


def _strays(labels: Tensor, targets: Tensor) -> float:
    """Return the share of images whose target is not that of most images of its label."""
    table = torch.stack([labels.cpu().long(), targets.long()])
    _, counts = table.unique(dim=1, return_counts=True)
    pairs = table.unique(dim=1)[0]
    most = sum(counts[pairs == label].max().item() for label in pairs.unique())
    return 1 - most / len(labels)


def unrelated(images: Tensor, labels: Tensor) -> tuple[float, float, int] | None:
    """Return the share of random orders of labels that fit as well, its limit, how many images.

    None where that cannot be told: fewer than ENOUGH images, or 25 of each class. The fit is how
    far the means of the classes lie apart in brightness and roughness, channel by channel, in
    coarse fields: of CIFAR-10's classes, and of the stand-in's, the means do differ. With right
    labels hardly any order fits as well, with labels shuffled apart every share is as likely as any
    other. The limit is 1 %, and 0.2 % from 500 images on: so rarely is it missed.

    Measured with 256, 500 and 1000 images of CIFAR-10 and of the stand-in, 200 draws each, plain,
    with crops and flips, with resized crops, color jitter and cutout: right labels were accused in
    none of 3600 draws (the largest share was 0.6 %, from 500 images on 0.2 %), shuffled ones found
    in 98 to 100 %. See tests/diagnosis/test_statistics.py.
    """
    labels = as_numbers(labels)
    present = labels.unique()
    if images.ndim != 4 or labels.ndim != 1 or min(images.shape[2:]) < 5 or len(present) < 2 \
            or len(images) < max(ENOUGH, OF_EACH_CLASS * len(present)):
        return None
    images = images[:max(MOST, OF_EACH_CLASS * len(present))].detach().float().cpu()
    labels = torch.searchsorted(present.cpu(), labels[:len(images)].cpu())
    features = _brightness_and_roughness(images)
    sizes = labels.bincount(minlength=len(present)).clamp_min(1)[:, None]

    def fit(order: Tensor) -> float:
        sums = torch.zeros(len(present), features.shape[1]).index_add(0, labels[order], features)
        return (sums.square() / sizes).sum().item()

    generator = torch.Generator().manual_seed(0)  # its own: the same answer each time
    given = fit(torch.arange(len(labels)))
    better = sum(fit(torch.randperm(len(labels), generator=generator)) >= given
                 for _ in range(ORDERS))
    limit = LIMIT if len(images) < MANY else LIMIT_OF_MANY
    return (better + 1) / (ORDERS + 1), limit, len(images)


def as_numbers(labels: Tensor) -> Tensor:
    """Return labels in a type that can be sorted: of rows, the place of the largest."""
    labels = labels.real if labels.is_complex() else labels
    labels = labels if labels.is_floating_point() else labels.long()
    return labels.argmax(1) if labels.ndim == 2 else labels


def _brightness_and_roughness(images: Tensor) -> Tensor:
    """Return features (N, D) of images (N, C, H, W) in coarse fields, each normalized."""
    rough = [F.adaptive_avg_pool2d(images.diff(dim=dim).abs(), 2) for dim in (2, 3)]
    parts = [F.adaptive_avg_pool2d(images, 4), *rough]
    features = torch.cat([part.flatten(1) for part in parts], 1)
    return (features - features.mean(0)) / features.std(0).clamp_min(1e-6)
