"""A module drawn from what it computes: its layers, and what its shortcuts pass by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .style import in_course_style

WIDTH, HEIGHT, STEP = 1.2, 0.62, 1.0  # of a box, and from one to the next
COLORS = {"conv": "#cfe2f3", "norm": "#fce5cd", "add": "#d9ead3", "other": "#eeeeee"}
NAMES = {"add": ("+", "add"), "relu": ("ReLU", "other"), "ReLU": ("ReLU", "other"),
         "Linear": ("dense", "other"), "MaxPool2d": ("max pooling", "other"),
         "AdaptiveAvgPool2d": ("mean", "other"), "Flatten": ("flatten", "other"),
         "amax": ("largest", "other")}


@dataclass(eq=False)
class _Step:
    """What is computed: its words, its kind, the steps whose results it takes, its result."""

    text: str
    kind: str
    inputs: list["_Step"]
    result: Tensor

    @property
    def shape(self) -> str:
        return " × ".join(map(str, self.result.shape[1:]))


class _Recorder(TorchFunctionMode):
    """Notes each step of a forward pass; what happens inside of closed modules is one step."""

    def __init__(self, x: Tensor):
        super().__init__()
        self.steps = [_Step("x", "other", [], x)]
        self.last, self.inside = {id(x): self.steps[0]}, 0

    def note(self, text: str, kind: str, given: Iterable, result: object) -> None:
        if isinstance(result, Tensor):
            inputs = [self.last[id(one)] for one in given if id(one) in self.last]
            self.steps.append(_Step(text, kind, inputs, result))
            self.last[id(result)] = self.steps[-1]

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not self.inside:
            name = func.__name__.strip("_")
            self.note(*NAMES.get(name, (name, "other")), args, result)
        return result

    def before(self, module: nn.Module, given: tuple) -> None:
        self.inside += 1

    def after(self, module: nn.Module, given: tuple, result: object) -> None:
        self.inside -= 1
        if not self.inside:
            self.note(*_layer(module), given, result)


def _layer(layer: nn.Module) -> tuple[str, str]:
    """Return what a layer is called in a drawing, and its kind."""
    name = type(layer).__name__
    if isinstance(layer, nn.Conv2d):
        stride = f", stride {layer.stride[0]}" if layer.stride[0] > 1 else ""
        return f"{' × '.join(map(str, layer.kernel_size))} convolution{stride}", "conv"
    return ("batch norm", "norm") if "Norm" in name else NAMES.get(name, (name, "other"))


def _steps(module: nn.Module, x: Tensor, closed: tuple[type[nn.Module], ...]) -> list[_Step]:
    """Run a module on `x` as in evaluation; return the steps that lead to its result."""
    recorder, hooks = _Recorder(x), []
    modes = {one: one.training for one in module.modules()}
    module.eval()  # statistics stay as they are
    try:
        for one in module.modules():
            whole = type(one).__module__.startswith("torch.nn") and not [*one.children()]
            if whole or isinstance(one, closed):
                hooks += [one.register_forward_pre_hook(recorder.before),
                          one.register_forward_hook(recorder.after)]
        with torch.no_grad(), recorder:
            result = module(x)
    finally:
        for hook in hooks:
            hook.remove()
        for one, mode in modes.items():
            one.training = mode
    if id(result) not in recorder.last:
        raise ValueError(f"{type(module).__name__} cannot be drawn: it returns "
                         f"{type(result).__name__}, and a drawing ends with one tensor.")
    needed, wanted = set(), [recorder.last[id(result)]]
    while wanted:
        step = wanted.pop()
        needed.add(step)
        wanted += step.inputs
    return [step for step in recorder.steps if step in needed]


def _places(steps: list[_Step]) -> dict[_Step, tuple[float, float]]:
    """Put the longest way from first to last into one column, the rest beside it."""
    length: dict[_Step, int] = {}
    for step in steps:
        length[step] = 1 + max((length[one] for one in step.inputs), default=-1)
    main, step = set(), steps[-1]
    while step is not None:
        main.add(step)
        step = max(step.inputs, key=lambda one: length[one], default=None)
    return {step: (0.0 if step in main else 1.35 * WIDTH, -STEP * length[step]) for step in steps}


def _draw(ax: Axes, steps: list[_Step]) -> None:
    places = _places(steps)
    for step, (x, y) in places.items():
        ax.add_patch(FancyBboxPatch((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, lw=0.8,
                                    boxstyle="round,pad=0,rounding_size=0.12", zorder=2,
                                    facecolor=COLORS[step.kind], edgecolor="#555555"))
        said = step.text if step.kind == "add" else f"{step.text}\n{step.shape}"
        ax.text(x, y, said, ha="center", va="center", fontsize=6.3, color="#111111", zorder=3)
        for one in step.inputs:
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
    `closed` become one box each. The modules run once, as in evaluation, and stay as they are. One
    that returns no tensor is refused with a ValueError.
    """
    found = {name: _steps(module, x, closed) for name, module in modules.items()}
    rows = max(-min(y for _, y in _places(steps).values()) for steps in found.values()) + 1
    wide = [2.35 if any(x for x, _ in _places(steps).values()) else 1.6
            for steps in found.values()]
    _, axes = plt.subplots(1, len(found), figsize=(1.5 * sum(wide), 0.42 * rows + 0.4),
                           squeeze=False, width_ratios=wide)
    for ax, (name, steps) in zip(axes[0], found.items(), strict=True):
        _draw(ax, steps)
        ax.set_title(name, fontsize=9)
    return list(axes[0])
