"""Pictures: images, maps of numbers, what a model takes images for. Each returns its axes."""

from collections.abc import Sequence
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

from ..data import ImageSet
from ..training.fit import predict
from .style import RIGHT, WRONG, in_course_style


def _to_array(image: Tensor) -> np.ndarray:
    """Return (C, H, W) or (H, W), uint8 or float in [0, 1], as matplotlib wants it."""
    if image.is_floating_point() and image.numel() and not (
            -1e-4 <= image.min() <= image.max() <= 1 + 1e-4):
        raise ValueError(f"This image has values from {image.min():.2f} to {image.max():.2f}; to "
                         "be shown it needs floats in [0, 1] or uint8. Undo the normalisation "
                         "first: data.train.denormalize(images).")
    if image.ndim == 3:
        image = image.permute(1, 2, 0).squeeze(-1)
    return image.detach().cpu().numpy()


def _axes(pictures: Tensor, columns: int, inches: float,
          titles: Sequence[str] | None) -> np.ndarray:
    """Return axes for pictures (N, …, H, W), `inches` wide each; photographs fill the page."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[-2:]
    each = min(8 / columns, inches if max(height, width) <= 64 else 4)
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles else 0
    size = (each * columns, rows * (each * height / width + 0.17 * lines + 0.08))
    _, axes = plt.subplots(rows, columns, squeeze=False, figsize=size)
    for ax in axes.flat:
        ax.axis("off")
    return axes


@in_course_style
def show_images(images: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8,
                colors: Sequence[str] | None = None) -> np.ndarray:
    """Show images (N, C, H, W), uint8 or float in [0, 1], in rows of `columns`, with their titles.

    colors: those of the titles. Returns the axes.
    """
    if images.ndim != 4:
        raise ValueError("show_images wants a batch (N, C, H, W), but this is "
                         f"{tuple(images.shape)}. One image (C, H, W) becomes a batch of one by "
                         "unsqueeze(0).")
    axes = _axes(images, columns, 1.1, titles)
    columns = axes.shape[1]
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(_to_array(image), vmin=0, vmax=255 if image.dtype == torch.uint8 else 1)
        if titles is not None:
            ax.set_title(titles[i], fontsize=8 if columns <= 8 else 7,
                         color=colors[i] if colors else "black")
    return axes


@in_course_style
def show_maps(maps: Tensor, titles: Sequence[str] | None = None, *, columns: int = 4,
              numbers: bool = False, same_scale: bool = False) -> np.ndarray:
    """Show maps (N, H, W) of any values, such as kernels and what they answer.

    numbers: whether to write the values into the cells, of maps of up to 16 × 16.
    same_scale: whether all maps share one scale, instead of each having its own.

    Zero is white, positive values are red, negative ones blue. Returns the axes.
    """
    if maps.ndim != 3:
        raise ValueError(f"show_maps wants (N, H, W), but this is {tuple(maps.shape)}. "
                         "Take one image of a batch, y[0], or one channel of all, y[:, 0].")
    maps = maps.detach().float().cpu()
    # room for the numbers
    axes = _axes(maps, columns, max(2.1, 0.4 * maps.shape[2] if numbers else 0), titles)
    limits = maps.abs().amax((1, 2)).clamp_min(1e-12)
    for i, (ax, values) in enumerate(zip(axes.flat, maps, strict=False)):
        limit = float(limits.max() if same_scale else limits[i])
        ax.imshow(values.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9)
        if numbers and max(values.shape) <= 16:
            for (row, column), value in np.ndenumerate(values.numpy()):
                dark = abs(value) > 0.6 * limit
                ax.text(column, row, f"{round(float(value), 6) + 0:.3g}", ha="center", va="center",
                        fontsize=8, color="white" if dark else "black")
    return axes


def show_predictions(model: nn.Module, data: ImageSet, count: int = 8, *,
                     columns: int = 4) -> np.ndarray:
    """Show the first `count` images of `data`, what `model` takes them for and what they are."""
    data = data.take(count)
    probabilities = predict(model, data).softmax(1)
    titles, colors = [], []
    for p, label in zip(probabilities, data.labels.tolist(), strict=True):
        guess = int(p.argmax())
        right = guess == label
        between = "\n" if columns > 5 else " "  # narrow pictures, short lines
        titles.append(f"{'✓' if right else '✗'} {data.classes[guess]}{between}"
                      f"{100 * p[guess]:.0f} %\nis {data.classes[label]}")
        colors.append(RIGHT if right else WRONG)
    return show_images(data.images, titles, columns=columns, colors=colors)


def show_screenshot(name: str) -> object:
    """Return a picture of a program's window, for a notebook to show: `"tensorboard"`."""
    from IPython.display import Image  # here: only notebooks have it

    picture = resources.files("helpers.plots") / f"{name}.png"
    return Image(picture.read_bytes(), format="png")
