"""What the clinic of chapter 9 does with its patients: train them, and look at their curves."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..data import ImageData
from ..device import set_seed
from ..plots.style import in_course_style
from ..training.history import History
from .patients import Patient


def train_patient(make: Callable[[ImageData, int], Patient], data: ImageData, *, epochs: int,
                  images: int) -> History:
    """Train a patient on `images` images for `epochs`; return its curves, those of batches too."""
    set_seed(0)
    patient, history = make(data, images), History(source=data.source)
    for _ in range(epochs):
        losses = [patient.step(images, labels).item() for images, labels in patient.batches]
        history.batch_loss += losses
        history.train_loss.append(sum(losses) / len(losses))
        history.val_accuracy.append(patient.test())
    return history


@in_course_style
def plot_patients(runs: Mapping[str, History], chance: float) -> list[Axes]:
    """Draw the loss of each batch, one panel for a run, titled with the accuracy; return the axes.

    `chance` is the loss of a guess, drawn dashed. Losses above three times that are cut off.
    """
    columns = min(4, len(runs))
    _, axes = plt.subplots(-(-len(runs) // columns), columns, figsize=(8, 4), sharex=True,
                           sharey=True, squeeze=False)
    for ax, (name, run) in zip(axes.flat, runs.items(), strict=False):
        ax.plot(np.fmin(run.batch_loss, 3 * chance), linewidth=1)  # fmin: nan is cut off, too
        ax.axhline(chance, color="gray", linestyle="--", linewidth=1)
        ax.set(title=f"{name}: {100 * run.val_accuracy[-1]:.0f} %", ylim=(0, 3.1 * chance))
    plt.setp(axes[-1], xlabel="batch")
    plt.setp(axes[:, 0], ylabel="training loss")
    return list(axes.flat)
