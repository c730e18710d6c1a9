"""Charts, one verb for each: it draws, and returns the axes it drew on; none writes a file."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor

from ..training.history import History
from .style import WRONG, in_course_style


@in_course_style
def plot_history(history: History | Mapping[str, History]) -> np.ndarray:
    """Draw loss and accuracy by epoch, training dashed and validation solid.

    history: one run, or several by name. Returns the two axes.
    """
    runs = {"": history} if isinstance(history, History) else history
    colors = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    _, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
        for color, (name, run) in zip(colors, runs.items(), strict=False):
            for split, said, dashes in (("train", "training", "--"), ("val", "validation", "-")):
                values = getattr(run, f"{split}_{kind}")
                if not all(map(math.isnan, values)):
                    ax.plot(range(1, run.epochs + 1), values, dashes, color=color, marker="o",
                            markersize=3, label=f"{name} {said}".strip())
        ax.set(xlabel="epoch", ylabel=kind)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes[0].lines and not axes[1].lines:
        axes[1].text(0.5, 0.5, "no accuracy:\nthese are no classes", ha="center", va="center",
                     transform=axes[1].transAxes)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(fontsize=8)
    _say_stand_in(axes[1], next(iter(runs.values())).source)
    return axes


def _say_stand_in(ax: Axes, source: str) -> None:
    """A figure must not pass for CIFAR-10's when it is not."""
    if "stand-in" in source:
        ax.set_title(source, color=WRONG, fontsize=9)


@in_course_style
def plot_lines(x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str,
               *, log: str = "", markers: bool = False) -> Axes:
    """Draw lines, by name, over common `x`.

    log: which axes are logarithmic: "", "x", "y" or "xy".
    markers: whether to mark the points. Returns the axes.
    """
    _, ax = plt.subplots()
    for name, values in lines.items():
        ax.plot(x, values, marker="o" if markers else None, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if "x" in log else "linear",
           yscale="log" if "y" in log else "linear")
    if len(lines) > 1:
        ax.legend()
    return ax


def confusion_matrix(preds: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return counts (K, K), row = true class, column = predicted, of preds (N,) and labels (N,).

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), classes=2)
    tensor([[1, 1],
            [0, 1]])
    """
    preds, labels = preds.cpu(), labels.cpu()
    if len(preds) != len(labels):
        raise ValueError(f"There are {len(preds):,} predictions but {len(labels):,} labels; they "
                         "must go in pairs.")
    return torch.bincount(labels * classes + preds, minlength=classes**2).view(classes, classes)


def class_accuracy(preds: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return for each class (K,) the fraction of its images that is right; nan where it has none.

    >>> class_accuracy(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), classes=2)
    tensor([0.5000, 1.0000])
    """
    counts = confusion_matrix(preds, labels, classes)
    return counts.diag() / counts.sum(1)


@in_course_style
def plot_confusion(preds: Tensor, labels: Tensor, classes: Sequence[str], source: str = "") -> Axes:
    """Draw the confusion matrix, in percent of each true class (rows sum to 100).

    source: where the images came from, which is said where they are drawn. Returns the axes.
    """
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


@in_course_style
def plot_class_accuracy(accuracy: Mapping[str, Tensor], classes: Sequence[str]) -> Axes:
    """Draw bars of accuracy by class, fractions (K,), a colour for each model; return the axes."""
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
