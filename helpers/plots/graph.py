"""A module drawn from what it computes: its layers, and what its shortcuts pass by."""

from collections.abc import Mapping

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from .style import in_course_style

WIDTH, HEIGHT, STEP = 1.2, 0.62, 1.0  # of a box, and from one to the next
COLORS = {"conv": "#cfe2f3", "norm": "#fce5cd", "add": "#d9ead3", "other": "#eeeeee"}


class _Tracer(fx.Tracer):
    """Follows a module's forward; instances of `closed`, and PyTorch's layers, stay whole."""

    def __init__(self, closed: tuple[type[nn.Module], ...]):
        super().__init__()
        self.closed = closed

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self.closed) or super().is_leaf_module(m, module_qualified_name)


def _label(node: fx.Node, module: nn.Module) -> tuple[str, str]:
    """Return what a box says, and its kind."""
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target))
        name = type(layer).__name__
        if isinstance(layer, nn.Conv2d):
            stride = f", stride {layer.stride[0]}" if layer.stride[0] > 1 else ""
            size = " × ".join(map(str, layer.kernel_size))
            return f"{size} convolution{stride}", "conv"
        if "Norm" in name:
            return "batch norm", "norm"
        return {"ReLU": "ReLU", "Linear": "dense", "MaxPool2d": "max pooling",
                "AdaptiveAvgPool2d": "mean", "Flatten": "flatten"}.get(name, name), "other"
    if node.op == "placeholder":
        return "x", "other"
    name = getattr(node.target, "__name__", str(node.target))
    return {"add": ("+", "add"), "relu": ("ReLU", "other")}.get(name, (name, "other"))


def _graph(module: nn.Module, x: Tensor, closed: tuple[type[nn.Module], ...]) -> list[fx.Node]:
    """Return the steps of a module as they are computed, each with the shape of its result."""
    try:
        traced = fx.GraphModule(module, _Tracer(closed).trace(module))
    except (fx.proxy.TraceError, TypeError) as error:
        raise ValueError(f"{type(module).__name__} cannot be drawn: its forward looks at the "
                         f"values that it gets, so its steps are not always the same ({error}). "
                         "Name the class of the part that does so in `closed`.") from None
    modes = {one: one.training for one in module.modules()}
    module.eval()  # statistics stay as they are
    with torch.no_grad():
        ShapeProp(traced).propagate(x)
    for one, mode in modes.items():
        one.training = mode
    return [node for node in traced.graph.nodes if node.op not in ("output", "get_attr")]


def _places(nodes: list[fx.Node]) -> dict[fx.Node, tuple[float, float]]:
    """Put the longest way from first to last into one column, the rest beside it."""
    length, before = {}, {}
    for node in nodes:
        inputs = [one for one in node.all_input_nodes if one in length]
        before[node] = max(inputs, key=lambda one: length[one], default=None)
        length[node] = 1 + length[before[node]] if inputs else 0
    main, node = set(), nodes[-1]
    while node is not None:
        main.add(node)
        node = before[node]
    return {node: (0.0 if node in main else 1.35 * WIDTH, -STEP * length[node]) for node in nodes}


def _draw(ax: Axes, module: nn.Module, nodes: list[fx.Node]) -> None:
    places = _places(nodes)
    for node, (x, y) in places.items():
        text, kind = _label(node, module)
        shape = tuple(node.meta["tensor_meta"].shape)[1:]
        ax.add_patch(FancyBboxPatch((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, lw=0.8,
                                    boxstyle="round,pad=0,rounding_size=0.12", zorder=2,
                                    facecolor=COLORS[kind], edgecolor="#555555"))
        said = text if kind == "add" else f"{text}\n{' × '.join(map(str, shape))}"
        ax.text(x, y, said, ha="center", va="center", fontsize=7, color="#111111", zorder=3)
        for one in node.all_input_nodes:
            if one not in places:
                continue
            (x0, y0), jumps = places[one], places[one][1] - y > 1.5 * STEP
            aside = jumps and x0 == x
            start = (x0 + WIDTH / 2, y0) if aside or x > x0 else (x0, y0 - HEIGHT / 2)
            end = (x + WIDTH / 2, y) if aside or x < x0 else (x, y + HEIGHT / 2)
            bend = ("arc3,rad=-0.45" if aside else "angle3,angleA=0,angleB=90" if x > x0 else
                    "angle3,angleA=90,angleB=0" if x < x0 else "arc3")
            ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=8, lw=1,
                                         color="#c0392b" if aside or x != x0 else "#555555",
                                         connectionstyle=bend, zorder=1))
    wide = max(x for x, _ in places.values())
    deep = min(y for _, y in places.values())
    ax.set(xlim=(-WIDTH * 0.6, max(wide + WIDTH * 0.6, WIDTH * 1.15)),
           ylim=(deep - HEIGHT * 0.7, HEIGHT * 0.7))
    ax.axis("off")


@in_course_style
def draw_modules(modules: Mapping[str, nn.Module], x: Tensor,
                 closed: tuple[type[nn.Module], ...] = ()) -> list[Axes]:
    """Draw modules side by side, as they compute `x` (N, …): a box for each step, with its shape.

    Steps follow each other downwards; red arrows are shortcuts. Instances of the classes in
    `closed` become one box each. A module's forward must not depend on the values that it gets
    (`torch.fx` follows it): a ValueError says so. Weights and statistics stay as they are.
    """
    graphs = {name: _graph(module, x, closed) for name, module in modules.items()}
    rows = max(-min(y for _, y in _places(nodes).values()) for nodes in graphs.values()) + 1
    wide = [2.35 if any(x for x, _ in _places(nodes).values()) else 1.6
            for nodes in graphs.values()]
    _, axes = plt.subplots(1, len(graphs), figsize=(1.35 * sum(wide), 0.42 * rows + 0.4),
                           squeeze=False, width_ratios=wide)
    for ax, (name, nodes) in zip(axes[0], graphs.items(), strict=True):
        _draw(ax, modules[name], nodes)
        ax.set_title(name, fontsize=9)
    return list(axes[0])
