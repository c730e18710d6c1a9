"""What every interactive figure has: one module for the browser, checked values, and a form without
JavaScript.
"""

import html
import math
import re
from collections.abc import Iterable, Sequence
from importlib import resources

import anywidget
import torch
import traitlets as t
from torch import Tensor

_FOLDER = resources.files(__package__)
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


class BadValue(t.TraitError, ValueError):
    """A value that a figure cannot show. The figure keeps the one it had."""


def module(name: str) -> str:
    """Return the figure's JavaScript as one file: the shared code, other files that `name`.js
    imports, and itself.
    """
    own = (_FOLDER / f"{name}.js").read_text(encoding="utf-8")
    parts = _IMPORT.findall(own)
    if parts[:1] != ["common"] or len(set(parts)) < len(parts):
        raise ValueError(f"{name}.js must import from ./common.js first, and from each file in one "
                         "statement.")
    return "".join((_FOLDER / f"{part}.js").read_text(encoding="utf-8")
                   for part in parts) + _IMPORT.sub("", own)


class Figure(anywidget.AnyWidget):
    """An interactive figure: live in a notebook and, with its last values, on a page that has no
    Python.

    Python reads and sets the values by name. One that does not fit is refused with a `BadValue`, a
    ValueError. To change several at once that only fit together, set them inside `with
    figure.hold_trait_notifications():`. A subclass sets `_esm = module("name")`. (An argument of
    the class statement would be shorter, but Colab's traitlets do not take one.)
    """

    _css = (_FOLDER / "figures.css").read_text(encoding="utf-8")
    limits = t.Dict().tag(sync=True)
    # that of ipywidgets asks values for equality, and a tensor's answer is no bool
    __repr__ = object.__repr__

    @classmethod
    def from_state(cls, state: dict) -> "Figure":
        """Return the figure whose values a notebook saved."""
        own = (name for name in cls.class_trait_names(sync=True) if name in state
               and cls.is_own(name))
        return cls(**{name: state[name] for name in own})

    @classmethod
    def is_own(cls, name: str) -> bool:
        """Whether a trait is a value of the figure, which `__init__` takes."""
        return not name.startswith("_") and name not in ("limits",
                                                         *anywidget.AnyWidget.class_trait_names())

    def to_html(self) -> str:
        """Return the figure's values as HTML tables: what a reader without JavaScript gets."""
        raise NotImplementedError


class Count(t.Int):
    """A whole number from `low` to `high`."""

    def __init__(self, default: int, low: int, high: int):
        super().__init__(default)
        self.low, self.high = low, high
        self.tag(sync=True)

    def validate(self, obj, value):
        """Refuse all else, in one sentence."""
        if isinstance(value, bool) or not isinstance(
            value, int) or not self.low <= value <= self.high:
            raise BadValue(f"{self.name} must be a whole number from {self.low} to {self.high}, "
                           f"not {value!r}.")
        return value


class Real(t.Float):
    """A number from `low` to `high`."""

    def __init__(self, default: float, low: float, high: float):
        super().__init__(default)
        self.low, self.high = low, high
        self.tag(sync=True)

    def validate(self, obj, value):
        """Refuse all else, in one sentence."""
        if isinstance(value, bool) or not isinstance(value, int |
                                                     float) or not self.low <= value <= self.high:
            raise BadValue(f"{self.name} must be a number from {self.low:g} to {self.high:g}, not "
                           f"{value!r}.")
        return float(value)


class Choice(t.Unicode):
    """One of some words."""

    def __init__(self, *words: str):
        super().__init__(words[0])
        self.words = words
        self.tag(sync=True)

    def validate(self, obj, value):
        """Refuse all else, in one sentence."""
        if value not in self.words:
            raise BadValue(f"{self.name} must be one of {', '.join(self.words)}, not {value!r}.")
        return value


class Matrix(t.TraitType):
    """A matrix of numbers: a 2-D float tensor in Python, rows of numbers in the browser.

    Takes all that `torch.as_tensor` does. What is read is a copy: change it and assign it again.
    """

    def __init__(self, default: Sequence[Sequence[float]], limit: int):
        super().__init__(torch.tensor(default, dtype=torch.float32))
        self.limit = limit
        self.tag(sync=True, to_json=lambda value, _: rows_of(value), from_json=lambda value,
                 _: value)

    def get(self, obj, cls=None):
        """Return a copy, so that nothing changes behind the figure's back."""
        return super().get(obj, cls).clone()

    def validate(self, obj, value):
        """Return `value` as a tensor, or say in one sentence why it cannot be."""
        return to_matrix(value, self.name, self.limit)


def to_matrix(value, name: str, limit: int) -> Tensor:
    """Return `value` as a (rows, columns) float tensor, or raise a BadValue that names it."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    elif hasattr(value, "__array__"):
        value = value.__array__()
    if hasattr(value, "ndim") and value.ndim != 2:
        raise BadValue(f"{name} must have two axes, rows and columns; this has the shape "
                       f"{tuple(value.shape)}. Take one channel of one image, such as images[0, "
                       "0].")
    rows = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(rows, str) or not isinstance(rows, Sequence) or not rows or not all(
        _is_row(row) for row in rows):
        raise BadValue(f"{name} must be rows of numbers, such as [[1, 0], [0, 1]].")
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise BadValue(f"{name} must be a rectangle, but its rows have {lengths[0]} and "
                       f"{lengths[-1]} numbers.")
    if max(len(rows), lengths[0]) > limit:
        raise BadValue(f"{name} may be at most {limit} × {limit}, this is {len(rows)} × "
                       f"{lengths[0]}: a figure that a reader can follow holds no more.")
    for r, row in enumerate(rows):
        for c, entry in enumerate(row):
            if isinstance(entry, bool | int | float) and math.isfinite(entry) and abs(entry) <= 1e6:
                continue
            raise BadValue(f"{name} must hold numbers between −1,000,000 and 1,000,000; row {r}, "
                           f"column {c} is {entry!r}.")
    return torch.tensor(rows, dtype=torch.float32)


def _is_row(row) -> bool:
    return isinstance(row, Sequence) and not isinstance(row, str) and len(row) > 0


def rows_of(matrix: Tensor) -> list[list[float]]:
    """Return a float32 matrix as rows of numbers, each with the few digits that it holds."""
    return [[float(f"{value:.8g}") for value in row] for row in matrix.tolist()]


def named(choices: dict, value, name: str):
    """Return the entry of `choices` that `value` names, or `value` itself where it is no name."""
    if not isinstance(value, str):
        return value
    if value not in choices:
        raise BadValue(f"There is no {name} {value!r}. There are: {', '.join(choices)}.")
    return choices[value]


def html_table(rows: Iterable[Iterable], caption: str, head: Sequence[str] | None = None) -> str:
    """Return an HTML table of `rows`, numbers in few digits."""
    def cell(value, tag="td"):
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        return f"<{tag}>{html.escape(text)}</{tag}>"

    first = f"<tr>{''.join(cell(name, 'th') for name in head)}</tr>" if head else ""
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption>{first}{body}</table>"


def html_boxes(*tables: str, note: str = "") -> str:
    """Return tables side by side with a sentence under them, as `to_html` gives them."""
    boxes = "".join(f'<div class="ctr-box ctr-scroll">{one}</div>' for one in tables)
    return f'<div class="ctr"><div class="ctr-boxes">{boxes}</div><p>{html.escape(note)}</p></div>'
