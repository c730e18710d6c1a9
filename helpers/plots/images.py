"""Pictures: images, maps of numbers, what a model takes images for. Each returns its axes."""

from collections.abc import Sequence
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

from ..convolution import whole
from ..data import ImageSet
from ..training.fit import predict
from .style import RIGHT, WRONG, in_course_style


def _to_array(image: Tensor) -> np.ndarray:
    """Return an image (C, H, W), uint8, bool or float in [0, 1], as matplotlib wants it."""
    image = image.detach().cpu().permute(1, 2, 0).squeeze(-1)
    if image.dtype == torch.uint8:
        return image.numpy()
    if not (image.is_floating_point() or image.dtype == torch.bool):
        raise ValueError(f"To be shown, images need floats in [0, 1] or uint8, not {image.dtype}: "
                         "write images.to(torch.uint8) if they run from 0 to 255.")
    image = image.float()
    if not image.isfinite().all():
        raise ValueError("This image holds nan or inf, which no color stands for. Where do they "
                         "come from? Print images.isfinite().all() after each step.")
    if not -1e-4 <= image.min() <= image.max() <= 1 + 1e-4:
        raise ValueError(f"This image has values from {image.min():.2f} to {image.max():.2f}; to "
                         "be shown it needs floats in [0, 1] or uint8. Undo the normalization "
                         "first: data.train.denormalize(images).")
    return image.clamp(0, 1).numpy()


def _checked(name: str, pictures: Tensor, *words: Sequence[str] | None) -> Tensor:
    """Return pictures (N, …, H, W) as a tensor; refuse what cannot be shown, in one sentence."""
    try:
        pictures = (torch.as_tensor(pictures) if hasattr(pictures, "shape")
                    else torch.stack([torch.as_tensor(one) for one in pictures]))
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} wants a tensor of pictures of one size, not this "
                         f"{type(pictures).__name__}.") from None
    if not pictures.numel():
        raise ValueError(f"{name} was given no picture to show: this is {tuple(pictures.shape)}.")
    for given in words:
        if given is not None and len(given) != len(pictures):
            raise ValueError(f"There are {len(pictures)} pictures but {len(given)} titles or "
                             "colors: each picture needs its own.")
    return pictures


def _words(titles: Sequence[object] | Tensor | None) -> list[str]:
    """Return titles as texts, an empty list for none."""
    given = titles.tolist() if isinstance(titles, Tensor) else titles
    return [] if given is None else [str(one) for one in given]


def _axes(pictures: Tensor, columns: int, inches: float, titles: Sequence[str]) -> np.ndarray:
    """Return axes for pictures (N, …, H, W), `inches` wide each; photographs fill the page."""
    columns = min(whole("columns", columns, 1), len(pictures))
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[-2:]
    each = min(8 / columns, inches if max(height, width) <= 64 else 4)
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    size = (each * columns, rows * (each * height / width + 0.17 * lines + 0.08))
    _, axes = plt.subplots(rows, columns, squeeze=False, figsize=size)
    for ax in axes.flat:
        ax.axis("off")
    return axes


@in_course_style
def show_images(images: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8,
                colors: Sequence[str] | None = None) -> np.ndarray:
    """Show images (N, C, H, W), uint8 or float in [0, 1], in rows of `columns`, with their titles.

    colors: those of the titles. Returns the axes. Raises ValueError for what is no such batch.
    """
    images = _checked("show_images", images, titles, colors)
    if images.ndim != 4 or images.shape[1] not in (1, 3, 4):
        raise ValueError("show_images wants a batch (N, C, H, W) of 1, 3 or 4 channels, but this "
                         f"is {tuple(images.shape)}. One image (C, H, W) becomes a batch of one by "
                         "unsqueeze(0); channels at the end come to the front by "
                         "permute(0, 3, 1, 2).")
    words, arrays = _words(titles), [_to_array(image) for image in images]
    axes = _axes(images, columns, 1.1, words)
    columns = axes.shape[1]
    for i, (ax, array) in enumerate(zip(axes.flat, arrays, strict=False)):
        ax.imshow(array, vmin=0, vmax=255 if images.dtype == torch.uint8 else 1)
        if words:
            ax.set_title(words[i], fontsize=8 if columns <= 8 else 7,
                         color=colors[i] if colors else "black")
    return axes


@in_course_style
def show_maps(maps: Tensor, titles: Sequence[str] | None = None, *, columns: int = 4,
              numbers: bool = False, same_scale: bool = False) -> np.ndarray:
    """Show maps (N, H, W) of any values, such as kernels and what they answer.

    numbers: whether to write the values into the cells, of maps of up to 16 × 16.
    same_scale: whether all maps share one scale, instead of each having its own.

    Zero is white, positive values are red, negative ones blue, and what is no finite number is
    gray. Returns the axes. Raises ValueError for what are no such maps.
    """
    maps = _checked("show_maps", maps, titles)
    if maps.ndim != 3 or maps.is_complex():
        raise ValueError(f"show_maps wants real numbers (N, H, W), but this is {maps.dtype} "
                         f"{tuple(maps.shape)}. Take one image of a batch, y[0], or one channel of "
                         "all, y[:, 0].")
    maps = maps.detach().float().cpu()
    # room for the numbers
    words = _words(titles)
    axes = _axes(maps, columns, max(2.1, 0.4 * maps.shape[2] if numbers else 0), words)
    limits = maps.abs().nan_to_num(0, 0).amax((1, 2)).clamp_min(1e-12)
    colors = plt.get_cmap("RdBu_r").with_extremes(bad="#999999")
    for i, (ax, values) in enumerate(zip(axes.flat, maps, strict=False)):
        limit = float(limits.max() if same_scale else limits[i])
        shown = values.where(values.isfinite(), torch.nan).numpy()
        ax.imshow(shown, cmap=colors, vmin=-limit, vmax=limit)
        if words:
            ax.set_title(words[i], fontsize=9)
        if numbers and max(values.shape) <= 16:
            for (row, column), value in np.ndenumerate(values.numpy()):
                dark = abs(value) > 0.6 * limit
                ax.text(column, row, f"{round(float(value), 6) + 0:.3g}", ha="center", va="center",
                        fontsize=8, color="white" if dark else "black")
    return axes


def show_predictions(model: nn.Module, data: ImageSet, count: int = 8, *,
                     columns: int = 4) -> np.ndarray:
    """Show the first `count` images of `data`, what `model` takes them for and what they are.

    Returns the axes. Raises ValueError where the model does not tell the classes of `data` apart.
    """
    if not isinstance(data, ImageSet) or not len(data):
        raise ValueError("show_predictions wants a set of images with their labels, such as "
                         "data.test, and at least one image in it.")
    data = data.take(whole("count", count, 1))
    logits = predict(model, data)
    if logits.shape[1:] != (len(data.classes),):
        raise ValueError(f"The model gives {tuple(logits.shape)}, but {len(data)} images of "
                         f"{len(data.classes)} classes need logits ({len(data)}, "
                         f"{len(data.classes)}): one for each class.")
    probabilities = logits.softmax(1)
    titles, colors = [], []
    for p, label in zip(probabilities, data.labels.tolist(), strict=True):
        guess, sure = int(p.argmax()), bool(p.isfinite().all())
        right = sure and guess == label
        between = "\n" if columns > 5 else " "  # narrow pictures, short lines
        titles.append(f"{'✓' if right else '✗'} {data.classes[guess] if sure else 'nan'}{between}"
                      f"{100 * p[guess]:.0f} %\nis {data.classes[label]}")
        colors.append(RIGHT if right else WRONG)
    return show_images(data.images, titles, columns=columns, colors=colors)


def show_screenshot(name: str) -> object:
    """Return a picture of a program's window, for a notebook to show: `"tensorboard"`."""
    from IPython.display import Image  # here: only notebooks have it

    folder = resources.files("helpers.plots")
    names = [one.name.removesuffix(".png") for one in folder.iterdir() if one.name.endswith(".png")]
    if name not in names:
        raise ValueError(f"There is no screenshot {name!r}. There are: {', '.join(names)}.")
    picture = folder / f"{name}.png"
    return Image(picture.read_bytes(), format="png")
