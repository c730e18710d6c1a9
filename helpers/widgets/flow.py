"""`GradientFlow`: how large the gradient is at each layer, plain and residual, before training."""

import copy
import functools
import math
from typing import Any

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor, nn

from .figure import Figure, constant, html_boxes, html_table, module
from .traits import BadValue, Choice, Count, one_of

DEPTHS = (2, 4, 8, 16, 32, 64)
"""The depths that are measured, in 3 × 3 convolutions; two of them are a block."""

_KINDS, _NORMS, _WEIGHTS = ("plain", "residual"), ("none", "batch norm"), ("default", "He")
_CHANNELS, _CLASSES, _SIZE, _IMAGES = 8, 10, 8, 16
_SEEDS = 9999
_NAMES = {"default": "PyTorch's default", "He": "He's"}


def _images() -> tuple[Tensor, Tensor]:
    """The same images, of noise, and labels for everyone."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(_IMAGES, 3, _SIZE, _SIZE, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, _CLASSES, (_IMAGES,), generator=generator)


def _drawn(shape: tuple[int, ...], weights: str, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return weight and bias as a new layer has them, or with He's normal weights and no bias."""
    weight = torch.empty(shape, dtype=torch.float64)
    bias = torch.zeros(shape[0], dtype=torch.float64)
    if weights == "He":
        nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=g)
    else:  # as nn.Conv2d and nn.Linear do it
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=g)
        bound = 1 / math.sqrt(weight[0].numel())
        bias.uniform_(-bound, bound, generator=g)
    return weight, bias


def _measure(depth: int, norm: str, weights: str, kind: str, seed: int) -> dict:
    """Return the norms of the gradients of all layers, the first one first, and the loss.

    The network: a first convolution, which is not counted, then `depth` of them, average pooling, a
    linear layer.
    """
    images, labels = _images()
    generator = torch.Generator().manual_seed(seed)  # the same weights, whatever the kind and norm
    classify = _drawn((_CLASSES, _CHANNELS), "default", generator)
    shapes = [(_CHANNELS, 3, 3, 3)] + [(_CHANNELS, _CHANNELS, 3, 3)] * depth
    layers = [_drawn(shape, weights, generator) for shape in shapes]
    for weight, _ in layers:
        weight.requires_grad_()

    def conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if norm == "none":
            return F.conv2d(x, weight, bias, padding=1)
        return F.batch_norm(F.conv2d(x, weight, padding=1), None, None, training=True)

    x = conv(images, *layers[0]).relu()
    for first, second in zip(layers[1::2], layers[2::2], strict=True):
        out = conv(conv(x, *first).relu(), *second)
        x = (x + out if kind == "residual" else out).relu()
    loss = F.cross_entropy(F.linear(x.mean(dim=(2, 3)), *classify), labels)
    gradients = torch.autograd.grad(loss, [weight for weight, _ in layers[1:]])
    return {"norms": [_rounded(one.norm().item()) for one in gradients],
            "loss": _rounded(loss.item())}


def _rounded(value: float) -> float | None:
    """Three digits; None for what is no finite number, which JSON does not have."""
    return float(f"{value:.3g}") if math.isfinite(value) else None


@functools.lru_cache(maxsize=8)
def _measured(seed: int) -> dict:
    with torch.enable_grad():
        return {_key(weights, norm, depth): {kind: _measure(depth, norm, weights, kind, seed)
                                             for kind in _KINDS}
                for weights in _WEIGHTS for norm in _NORMS for depth in DEPTHS}


def _key(weights: str, norm: str, depth: int) -> str:
    return f"{weights}, {norm}, {depth}"


class GradientFlow(Figure):
    """The L2 norm of the gradient of each convolution's weight, by layer, before any training.

    Networks of `depth` 3 × 3 convolutions (one of `DEPTHS`) with 8 channels, ReLU and, if `norm` is
    "batch norm", batch normalization, on 16 images of noise; "residual" ones add the input of each
    pair of convolutions to its output, "plain" ones do not. `weights`: the first weights, PyTorch's
    "default" or "He". `kind`: which ones are drawn, or "both". `seed` draws the weights, the same
    for both kinds. `frames`: what was measured, as a notebook saved it.
    """

    title = "Does the gradient arrive?"
    challenge = ("Let the gradient of 64 plain layers arrive at layer 1, within a factor of 100 "
                 "of the last one's.")
    caption = ("Before any training. With PyTorch's default weights and no normalization each "
               "layer hands on a part of the gradient, and after 64 of them nothing is left. "
               "Larger first weights (He) let it arrive; batch normalization alone makes it grow "
               "on the way; shortcuts keep it level.")
    presets = {
        "64 layers, plain": {"depth": 64, "norm": "none", "weights": "default", "kind": "plain"},
        "with batch norm": {"depth": 64, "norm": "batch norm", "weights": "default",
                            "kind": "plain"},
        "with shortcuts": {"depth": 64, "norm": "none", "weights": "default", "kind": "both"},
    }
    _esm = module("flow")
    limits = constant({"depths": list(DEPTHS)})
    depth = Count(DEPTHS[-1], DEPTHS[0], DEPTHS[-1])
    norm = Choice(*_NORMS)
    weights = Choice(*_WEIGHTS)
    kind = Choice("both", *_KINDS)
    seed = Count(0, 0, _SEEDS).tag(kept=False)
    frames = t.Dict(read_only=True).tag(sync=True)

    def __init__(self, depth: int = DEPTHS[-1], *, seed: int = 0, frames: dict | None = None,
                 **settings: Any):
        super().__init__(depth=depth, seed=seed, **settings)
        if frames is None:
            frames = copy.deepcopy(_measured(self.seed))
        elif set(frames) != {_key(w, n, d) for w in _WEIGHTS for n in _NORMS for d in DEPTHS}:
            raise BadValue("frames must be what another GradientFlow measured: leave them out to "
                           "measure anew.")
        self.set_trait("frames", frames)

    @t.validate("depth")
    def _is_measured(self, proposal: Any) -> Any:
        depth, known = proposal["value"], ", ".join(map(str, DEPTHS))
        if depth not in DEPTHS:
            raise BadValue(f"depth must be one of {known}, not {depth}.")
        return depth

    @t.validate("seed")
    def _is_first(self, proposal: Any) -> Any:
        if self.frames:
            raise BadValue("seed is fixed when the figure is made: write GradientFlow(seed=…) for "
                           "other weights.")
        return proposal["value"]

    def norms(self, kind: str) -> Tensor:
        """Return the norms of the "plain" or "residual" network, (depth,), first layer first."""
        norms = [math.nan if one is None else one for one in self._frame(kind)["norms"]]
        return torch.tensor(norms, dtype=torch.float64)

    def loss(self, kind: str) -> float:
        """Return the loss of the "plain" or "residual" network; log 10 = 2.30 would be guessing."""
        found = self._frame(kind)["loss"]
        return math.nan if found is None else found

    def _frame(self, kind: str) -> dict:
        return self.frames[_key(self.weights, self.norm, self.depth)][one_of("kind", kind, _KINDS)]

    def to_html(self) -> str:
        """Return the first and the last layer of every depth as a table."""
        rows = []
        for depth in DEPTHS:
            both = self.frames[_key(self.weights, self.norm, depth)]
            ends = (both[kind]["norms"][end] for kind in _KINDS for end in (0, -1))
            rows.append([depth, *("not finite" if one is None else f"{one:.3g}" for one in ends)])
        head = ("depth", "plain: first layer", "last layer", "residual: first layer", "last layer")
        norm = "with batch normalization" if self.norm == "batch norm" else "without normalization"
        return html_boxes(html_table(rows, f"size of the gradient, {norm}", head), note=(
            f"Networks before any training, with {_NAMES[self.weights]} first weights."))
