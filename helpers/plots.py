"""One verb for each figure. Every function draws, and returns the axes it drew on; none writes a file."""

from collections.abc import Mapping, Sequence
from functools import wraps
from importlib import resources

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor, nn

from .data import ImageSet
from .history import History
from .train import predict

_STYLE = str(resources.files("helpers") / "course.mplstyle")
_RIGHT, _WRONG = "#00694a", "#a33b00"


def use_course_style() -> None:
    """Use the course's style for figures that a notebook draws with matplotlib itself."""
    plt.style.use(_STYLE)


def _in_course_style(draw):
    @wraps(draw)
    def styled(*args, **kwargs):
        with plt.style.context(_STYLE):
            result = draw(*args, **kwargs)
            interactive = plt.isinteractive()
        # A notebook's backend switches this on with the first figure. Leaving the context would switch it off again,
        # and no later figure would be shown.
        matplotlib.interactive(interactive)
        return result
    return styled


def _to_array(image: Tensor) -> np.ndarray:
    """Return (C, H, W) or (H, W), uint8 or float in [0, 1], as matplotlib wants it."""
    if image.is_floating_point() and image.numel() and not (image.min() >= -1e-4 and image.max() <= 1 + 1e-4):
        raise ValueError(f"This image has values from {image.min():.2f} to {image.max():.2f}; to be shown it needs "
                         "floats in [0, 1] or uint8. Undo the normalisation first: data.train.denormalize(images).")
    if image.ndim == 3:
        image = image.permute(1, 2, 0).squeeze(-1)
    return image.detach().cpu().numpy()


@_in_course_style
def show_images(images: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8,
                colors: Sequence[str] | None = None) -> np.ndarray:
    """Show images (N, C, H, W), uint8 or float in [0, 1], in rows of `columns`, with their titles. Returns the axes."""
    if images.ndim != 4:
        raise ValueError(f"show_images wants a batch (N, C, H, W), but this is {tuple(images.shape)}. "
                         "One image (C, H, W) becomes a batch of one by unsqueeze(0).")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    _, axes = plt.subplots(rows, columns, squeeze=False,
                           figsize=(min(8, 1.1 * columns + 0.2), rows * min(8, 1.1 * columns + 0.2) / columns * 1.22))
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(_to_array(image), vmin=0, vmax=255 if image.dtype == torch.uint8 else 1)
        if titles is not None:
            ax.set_title(titles[i], fontsize=8 if columns <= 8 else 7, color=colors[i] if colors else "black")
    return axes


def show_predictions(model: nn.Module, data: ImageSet, count: int = 8, *, columns: int = 4) -> np.ndarray:
    """Show the first `count` images of `data` with what `model` takes them for, and what they are. Returns the axes."""
    data = data.take(count)
    probabilities = predict(model, data).softmax(1)
    titles, colors = [], []
    for p, label in zip(probabilities, data.labels.tolist(), strict=True):
        guess = int(p.argmax())
        right = guess == label
        said = f"{'✓' if right else '✗'} {data.classes[guess]}"
        share = f"{100 * p[guess]:.0f} %"
        titles.append(f"{said}\n{share}\nis {data.classes[label]}" if columns > 5 else  # narrow pictures, short lines
                      f"{said} {share}\nis {data.classes[label]}")
        colors.append(_RIGHT if right else _WRONG)
    return show_images(data.images, titles, columns=columns, colors=colors)


@_in_course_style
def plot_history(history: History | Mapping[str, History]) -> np.ndarray:
    """Draw loss and accuracy by epoch, training dashed and validation solid, for one run or several named ones.

    Returns the two axes.
    """
    runs = {"": history} if isinstance(history, History) else history
    _, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    for color, (name, run) in zip(plt.rcParams["axes.prop_cycle"].by_key()["color"], runs.items(), strict=False):
        epochs = range(1, run.epochs + 1)
        for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
            for split, dashes in (("train", "--"), ("val", "-")):
                values = getattr(run, f"{split}_{kind}")
                if values:
                    label = f"{name} {'training' if split == 'train' else 'validation'}".strip()
                    ax.plot(epochs, values, dashes, color=color, marker="o", markersize=3, label=label)
    for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
        ax.set(xlabel="epoch", ylabel=kind)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(fontsize=8)
    _say_stand_in(axes[1], next(iter(runs.values())).source)
    return axes


def _say_stand_in(ax: Axes, source: str) -> None:
    """A figure must not pass for CIFAR-10's when it is not."""
    if "stand-in" in source:
        ax.set_title(source, color=_WRONG, fontsize=9)


@_in_course_style
def plot_lines(x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, *,
               log: str = "", markers: bool = False) -> Axes:
    """Draw named lines over common `x`. `log` names the logarithmic axes: "", "x", "y" or "xy". Returns the axes."""
    _, ax = plt.subplots()
    for name, values in lines.items():
        ax.plot(x, values, marker="o" if markers else None, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if "x" in log else "linear",
           yscale="log" if "y" in log else "linear")
    if len(lines) > 1:
        ax.legend()
    return ax


def confusion_matrix(preds: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return counts (K, K): row = true class, column = predicted class, for preds (N,) and labels (N,)."""
    preds, labels = preds.cpu(), labels.cpu()
    if len(preds) != len(labels):
        raise ValueError(f"There are {len(preds):,} predictions but {len(labels):,} labels; they must go in pairs.")
    return torch.bincount(labels * classes + preds, minlength=classes**2).view(classes, classes)


def class_accuracy(preds: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return for each class (K,) the fraction of its images that `preds` gets right; nan for a class without images."""
    counts = confusion_matrix(preds, labels, classes)
    return counts.diag() / counts.sum(1)


@_in_course_style
def plot_confusion(preds: Tensor, labels: Tensor, classes: Sequence[str], source: str = "") -> Axes:
    """Draw the confusion matrix, in percent of each true class (rows sum to 100). Returns the axes."""
    counts = confusion_matrix(preds, labels, len(classes)).double()
    percent = 100 * counts / counts.sum(1, keepdim=True).clamp_min(1)
    _, ax = plt.subplots(figsize=(5.6, 5))
    ax.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, values in enumerate(percent.tolist()):
        for column, value in enumerate(values):
            ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8,
                    color="white" if value > 55 else "black")
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="predicted", ylabel="true")
    ax.grid(False)
    _say_stand_in(ax, source)
    return ax


@_in_course_style
def plot_class_accuracy(accuracy: Mapping[str, Tensor], classes: Sequence[str]) -> Axes:
    """Draw bars of accuracy by class, one colour for each named model; values are fractions (K,). Returns the axes."""
    _, ax = plt.subplots(figsize=(8, 3))
    width = 0.8 / len(accuracy)
    for number, (name, values) in enumerate(accuracy.items()):
        places = np.arange(len(classes)) + (number - (len(accuracy) - 1) / 2) * width
        ax.bar(places, [float(v) for v in values], width, label=name)
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    ax.set(ylabel="accuracy", ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="x", visible=False)
    if len(accuracy) > 1:
        ax.legend()
    return ax
