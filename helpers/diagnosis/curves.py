"""The chart of the patients: the loss of each batch of each of them."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..plots.style import in_course_style
from ..training.history import History


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
