"""What interactive figures share: one module for the browser, and a form without JavaScript."""

import abc
import difflib
import html
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Self

import anywidget
import traitlets as t

from . import card
from .traits import BadValue

_FOLDER = resources.files("helpers.widgets")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
# On lines of their own, as all are that take more than some words
_COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.M | re.S)
_SHARED = ("common", "card", "full")  # elements, and the card that `frame` puts around every figure
_Widget = anywidget.AnyWidget
_LIVE = "With JavaScript, this is a figure to play with."


def module(name: str) -> str:
    """Return `name`.js as one module for anywidget: the files that it imports, and itself."""
    parts = [*_IMPORT.findall(_read(f"{name}.js")), name]
    if parts[0] != "common" or len(set(parts)) < len(parts):
        raise ValueError(f"{name}.js must import ./common.js first, each file in one statement.")
    rest = "".join(map(_part, dict.fromkeys(part for part in parts if part not in _SHARED)))
    return f"{shared()}{rest}export default {{ render }};\n"


def shared() -> str:
    """Return what the modules of all figures begin with."""
    return "".join(map(_part, _SHARED))


def _part(name: str) -> str:
    """Return a file without its imports, to be joined with what it imports, and without comments.

    Pages and notebooks carry this, and an eighth of it would be comments.
    """
    return _COMMENT.sub("", _IMPORT.sub("", _read(f"{name}.js")))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def constant(value: dict | list) -> Any:
    """Return a value of figures that never changes."""
    kind: Any = t.Dict if isinstance(value, dict) else t.List
    return kind(value, read_only=True).tag(sync=True, constant=True)


class _FigureType(t.MetaHasTraits, abc.ABCMeta):
    """A class with traits and with methods that its subclasses must have."""


class Figure(_Widget, metaclass=_FigureType):
    """An interactive figure: live in a notebook, and with its last values on a page without Python.

    Python reads and sets the values by name. One that does not fit is refused with a `BadValue`, a
    ValueError, and so is the name of a setting that the figure does not have. To change several at
    once that only fit together, set them inside `with figure.hold_trait_notifications():`. A
    subclass sets `_esm = module("name")`, tags its values with `sync=True`, and makes what never
    changes a `constant`. (An argument of the class statement would be shorter than `_esm`, but
    Colab's traitlets do not take one.)

    Every figure stands in a card, for which a subclass sets `title`, 2 to 4 words, `challenge`, one
    line that makes one want to touch it, `presets`, {name: {setting: value}}, and `caption`: what
    there is to see.
    """

    title: str = ""
    challenge: str = ""
    presets: Any = {}
    caption: str = ""
    _css = _read("figures.css")
    card = t.Dict(read_only=True).tag(sync=True, constant=True)
    # that of ipywidgets asks values for equality, and a tensor's answer is no bool
    __repr__ = object.__repr__

    def __init__(self, **settings: Any):
        for name in {*settings} - {*_Widget.class_trait_names()}:
            self._check_name(name)
        super().__init__(**settings)

    @t.default("card")
    def _card(self) -> dict[str, Any]:
        return card.card(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(_Widget, name):
            self._check_name(name)
        try:
            super().__setattr__(name, value)
        except BadValue:
            raise
        except t.TraitError as problem:
            raise BadValue(str(problem)) from None

    def set_trait(self, name: str, value: Any) -> None:
        """Set a value that is read-only for others."""
        if not self.has_trait(name):
            self._check_name(name)
        super().set_trait(name, value)

    @classmethod
    def settings(cls) -> list[str]:
        """Return the names of what can be set."""
        traits = cls.class_traits()
        computed = [name for kind in cls.__mro__ for name, one in vars(kind).items()
                    if isinstance(one, property) and one.fset and not hasattr(_Widget, name)]
        return [*(name for name in cls._shown() if not traits[name].read_only), *computed]

    @classmethod
    def _check_name(cls, name: str) -> None:
        """Refuse what is no setting: Python would take it for a new attribute, unused."""
        own = cls.settings()
        if name in own:
            return
        near = difflib.get_close_matches(name, own, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise BadValue(f"{cls.__name__} has no setting {name}; it has {', '.join(own)}.{hint}")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the figure whose values a notebook saved."""
        own = {*cls._shown()} - {*cls.class_trait_names(constant=True)}
        return cls(**{name: state[name] for name in own if name in state})

    def page_state(self) -> dict[str, Any]:
        """Return the values and constants of the figure as JSON has them: what a page needs."""
        return self.get_state(self._shown())

    @classmethod
    def _shown(cls) -> list[str]:
        """Return the names of the figure's own values and constants."""
        foreign = _Widget.class_trait_names()
        return [name for name in cls.class_trait_names(sync=True)
                if name not in foreign and not name.startswith("_")]

    def proposed(self, proposal: Any, *names: str) -> dict[str, Any]:
        """Return the values of `names` as they would be with a change that traitlets proposes."""
        now = {name: getattr(self, name) for name in names}
        return now | {proposal["trait"].name: proposal["value"]}

    @abc.abstractmethod
    def to_html(self) -> str:
        """Return the figure's values as HTML tables: what a reader without JavaScript gets."""


def html_table(rows: Iterable[Iterable[Any]], caption: str, head: Sequence[str] = ()) -> str:
    """Return an HTML table of `rows`, numbers in few digits."""
    def cell(value: Any, tag: str = "td") -> str:
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        return f"<{tag}>{html.escape(text)}</{tag}>"

    first = f"<tr>{''.join(cell(name, 'th') for name in head)}</tr>" if head else ""
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption>{first}{body}</table>"


def html_matrices(figure: Figure, *names: str) -> Iterable[str]:
    """Return a table of each of these matrices of a figure."""
    for name in names:
        rows = getattr(figure, name).tolist()
        yield html_table(rows, f"{name}, {len(rows)} × {len(rows[0])}")


def html_boxes(*tables: str, note: str) -> str:
    """Return tables side by side, and under them a note and how they come to life."""
    boxes = "".join(f'<div class="ctr-box ctr-scroll">{one}</div>' for one in tables)
    return (f'<div class="ctr"><div class="ctr-boxes">{boxes}</div>'
            f"<p>{html.escape(f'{note} {_LIVE}'.strip())}</p></div>")
