"""Notes on single functions that were called: a loss, a comparison, a difference."""

from dataclasses import dataclass

from torch import Tensor

# Nodes of the graph that change a tensor's shape, memory or type, and not its numbers.
_SAME_NUMBERS = {f"{name}Backward{n}" for n in "01" for name in (
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "ToCopy", "Clone", "Alias", "T",
    "Transpose", "Permute", "Slice", "Select", "Clamp")}


@dataclass
class Taken:
    """What a loss was given: its function, the numbers, the labels, and what made the numbers."""

    loss: object
    input: Tensor
    target: Tensor
    maker: str  # such as "Sigmoid"; "" where that is not known


@dataclass
class Compared:
    """A comparison of predictions and labels: how many are equal, of how many, and of what."""

    hits: int
    count: int
    whole: bool  # whether whole numbers were compared with the numbers of classes


def made_by(values: Tensor) -> str:
    """Return the name of the function that made `values`, as its graph knows it, or ""."""
    node = values.grad_fn
    while node is not None and node.name() in _SAME_NUMBERS:
        node = node.next_functions[0][0]
    return "" if node is None else node.name().split("Backward")[0]


def compared(args: tuple, result: Tensor) -> list[Compared]:
    """Return what was compared in `a == b`, if these are numbers (N,)."""
    if len(args) != 2 or not all(isinstance(a, Tensor) for a in args) or result.ndim != 1:
        return []
    floats = [a for a in args if a.is_floating_point()]
    whole = len(floats) != 1 or bool((floats[0] == floats[0].round()).all())
    return [Compared(int(result.sum()), len(result), whole)]


def unlike(args: tuple) -> list[tuple[tuple, tuple]]:
    """Return the shapes of a difference of a column and a row, one of which is to be trained."""
    if len(args) != 2 or not all(isinstance(a, Tensor) for a in args):
        return []
    shapes, count = (tuple(args[0].shape), tuple(args[1].shape)), max(a.numel() for a in args)
    paired = {*shapes} == {(count, 1), (count,)} and count > 1
    return [shapes] if paired and args[0].requires_grad != args[1].requires_grad else []
