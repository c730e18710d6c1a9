"""Charts, one verb for each: it draws, and returns the axes it drew on; none writes a file."""

import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor

from ..convolution import whole
from ..training.history import History
from .style import WRONG, in_course_style


@in_course_style
def plot_history(history: History | Mapping[str, History]) -> np.ndarray:
    """Draw loss and accuracy by epoch, training dashed and validation solid.

    history: one run, or several by name. Returns the two axes. Raises ValueError where there is
    no epoch to draw.
    """
    runs = {"": history} if isinstance(history, History) else history
    if not isinstance(runs, Mapping) or not all(isinstance(r, History) for r in runs.values()):
        raise ValueError("plot_history wants what fit returns, or several by name, such as "
                         f"{{\"SGD\": history}}, not {type(history).__name__}.")
    if not any(run.epochs for run in runs.values()):
        raise ValueError("There is no finished epoch to draw: train for one at least.")
    colors = itertools.cycle(plt.rcParams["axes.prop_cycle"].by_key()["color"])
    _, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
        for color, (name, run) in zip(colors, runs.items(), strict=False):
            for split, said, dashes in (("train", "training", "--"), ("val", "validation", "-")):
                values = getattr(run, f"{split}_{kind}")
                if not all(map(math.isnan, values)):
                    ax.plot(range(1, len(values) + 1), values, dashes, color=color, marker="o",
                            markersize=3, label=f"{name} {said}".strip())
        ax.set(xlabel="epoch", ylabel=kind)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes[0].lines and not axes[1].lines:
        axes[1].text(0.5, 0.5, "no accuracy:\nthese are no classes", ha="center", va="center",
                     transform=axes[1].transAxes)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(fontsize=8)
    _say_stand_in(axes[1], *(run.source for run in runs.values()))
    return axes


def _say_stand_in(ax: Axes, *sources: str) -> None:
    """A figure must not pass for CIFAR-10's when it is not."""
    for source in sources:
        if "stand-in" in source:
            ax.set_title(source, color=WRONG, fontsize=9)


@in_course_style
def plot_lines(x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str,
               *, log: str = "", markers: bool = False) -> Axes:
    """Draw lines, by name, over common `x`.

    log: which axes are logarithmic: "", "x", "y" or "xy".
    markers: whether to mark the points. Returns the axes. Raises ValueError where a line has not
    one number for each x, and where nothing is positive on a logarithmic axis.
    """
    if not isinstance(lines, Mapping) or not lines or {*log} - {*"xy"}:
        raise ValueError("plot_lines wants lines by name, such as {\"loss\": losses}, and for log "
                         f"\"\", \"x\", \"y\" or \"xy\"; got {type(lines).__name__} and {log!r}.")
    places = _numbers(x, "x")
    rows = {name: _numbers(values, name) for name, values in lines.items()}
    for name, values in rows.items():
        if len(values) != len(places) or not len(values):
            raise ValueError(f"{name!r} has {len(values)} numbers for {len(places)} x: a line "
                             "needs one for each, and at least one.")
    if ("x" in log and not (places > 0).any()) or ("y" in log
                                              and not any((y > 0).any() for y in rows.values())):
        raise ValueError("On a logarithmic axis only positive numbers have a place, and here are "
                         "none: leave log out.")
    _, ax = plt.subplots()
    for name, values in rows.items():
        ax.plot(places, values, marker="o" if markers else None, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if "x" in log else "linear",
           yscale="log" if "y" in log else "linear")
    if len(lines) > 1:
        ax.legend()
    return ax


def _numbers(values: Sequence[float] | Tensor, name: str) -> np.ndarray:
    """Return a row of numbers, from whichever device and type, or refuse it in one sentence."""
    try:
        return np.array([one.item() if isinstance(one, Tensor) else float(one) for one in values])
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name!r} must be a row of numbers: a list or a tensor (N,).") from None


def confusion_matrix(preds: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return counts (K, K), row = true class, column = predicted, of preds (N,) and labels (N,).

    Raises ValueError for what are not the numbers of `classes` classes, in pairs.

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), classes=2)
    tensor([[1, 1],
            [0, 1]])
    """
    classes = whole("classes", classes, 1)
    preds, labels = (_class_numbers(name, values, classes)
                     for name, values in (("preds", preds), ("labels", labels)))
    if len(preds) != len(labels):
        raise ValueError(f"There are {len(preds):,} predictions but {len(labels):,} labels; they "
                         "must go in pairs.")
    return torch.bincount(labels * classes + preds, minlength=classes**2).view(classes, classes)


def _class_numbers(name: str, values: Tensor, classes: int) -> Tensor:
    """Return the numbers of classes (N,) as int64 on the CPU, or refuse them in one sentence."""
    try:
        values = torch.as_tensor(values).cpu()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} must be a tensor (N,), not {type(values).__name__}.") from None
    fractions = values.is_floating_point() or values.is_complex()
    if values.ndim != 1 or (len(values) and fractions):
        raise ValueError(f"{name} must be the numbers of classes (N,), but this is {values.dtype} "
                         f"{tuple(values.shape)}. Of logits or rows (N, K) take argmax(1).")
    values = values.long()  # bytes would overflow where they are counted
    if len(values) and not 0 <= values.min() <= values.max() < classes:
        raise ValueError(f"{name} run from {values.min()} to {values.max()}, but {classes} classes "
                         f"have the numbers 0 to {classes - 1}.")
    return values


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

    source: where the images came from, which is said where they are drawn. Returns the axes. A
    class without images has an empty row.
    """
    if not isinstance(classes, Sequence) or isinstance(classes, str):
        raise ValueError("plot_confusion wants the names of the classes, such as data.classes, not "
                         f"{classes!r}.")
    counts = confusion_matrix(preds, labels, len(classes)).double()
    percent = 100 * counts / counts.sum(1, keepdim=True).clamp_min(1)
    _, ax = plt.subplots(figsize=(5.6, 5))
    ax.imshow(percent.numpy(), cmap="Blues", vmin=0, vmax=100)
    for row, values in enumerate(percent.tolist()):
        for column, value in enumerate(values):
            ax.text(column, row, f"{value:.0f}" if counts[row].any() else "", ha="center",
                    va="center", fontsize=8, color="white" if value > 55 else "black")
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="predicted", ylabel="true")
    ax.grid(False)
    _say_stand_in(ax, source)
    return ax


@in_course_style
def plot_class_accuracy(accuracy: Mapping[str, Tensor], classes: Sequence[str]) -> Axes:
    """Draw bars of accuracy by class, fractions (K,), a color for each model; return the axes.

    A class without images, nan, has no bar. Raises ValueError for what are no such fractions.
    """
    if not isinstance(accuracy, Mapping) or not accuracy:
        raise ValueError("plot_class_accuracy wants fractions by the names of models, such as "
                         "{\"LeNet\": class_accuracy(preds, labels, 10)}.")
    rows = {name: _numbers(values, name) for name, values in accuracy.items()}
    for name, values in rows.items():
        if len(values) != len(classes) or (values < 0).any() or (values > 1).any():
            raise ValueError(f"{name!r} must have a fraction from 0 to 1 for each of the "
                             f"{len(classes)} classes; it has {len(values)} numbers from "
                             f"{values.min():g} to {values.max():g}.")
    _, ax = plt.subplots(figsize=(8, 3))
    width = 0.8 / len(rows)
    for number, (name, values) in enumerate(rows.items()):
        places = np.arange(len(classes)) + (number - (len(rows) - 1) / 2) * width
        ax.bar(places, values, width, label=name)
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    ax.set(ylabel="accuracy", ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="x", visible=False)
    if len(rows) > 1:
        ax.legend()
    return ax
