"""What stands around every figure: title, challenge, presets, caption; and what a link keeps."""

import html
from typing import Any

import traitlets as t

from .traits import Choice, Copied, Count, Real

_KEPT = (Count, Real, Choice, Copied, t.Bool)  # checked, and small: what a reader changes


def kept(kind: Any) -> dict[str, dict]:
    """Return the settings of a class of figures that a link and a reload keep, and their bounds.

    These are the checked ones; the tag `kept` says otherwise. What a run has written, and images,
    are not.
    """
    traits = kind.class_traits()
    return {name: _bounds(traits[name]) for name in kind._shown() if not traits[name].read_only
            and traits[name].metadata.get("kept", isinstance(traits[name], _KEPT))}


def _bounds(trait: Any) -> dict[str, Any]:
    """Return what a page can check by itself; the figure's own rules come on top."""
    if isinstance(trait, Choice):
        return {"words": list(trait.words)}
    if isinstance(trait, Count | Real):
        return {"low": trait.low, "high": trait.high, "whole": isinstance(trait, Count)}
    return {}


def words(kind: Any) -> dict[str, Any]:
    """Return the texts of a class's card, plain ones where it has none."""
    presets = kind.presets if isinstance(kind.presets, dict) else {}
    return {"title": kind.title or kind.__name__, "challenge": kind.challenge,
            "caption": kind.caption,
            "presets": {name: {one: _json(kind, one, value) for one, value in values.items()}
                        for name, values in presets.items()}}


def _json(kind: Any, name: str, value: Any) -> Any:
    """Return a value of a trait as the page has it."""
    trait = kind.class_traits()[name]
    to_json = trait.metadata.get("to_json")
    return to_json(trait.validate(None, value), None) if to_json else value


def card(figure: Any) -> dict[str, Any]:
    """Return what the page needs to draw the card, and the state that "reset" goes back to."""
    names = kept(type(figure))
    return {"id": type(figure).__name__, **words(type(figure)), "kept": names,
            "opening": figure.get_state([*names])}


def carded(figure: Any) -> str:
    """Return a figure's tables in its card: what a reader without JavaScript gets."""
    said = words(type(figure))
    title, challenge, caption = (html.escape(said[name])
                                 for name in ("title", "challenge", "caption"))
    return (f'<figure class="ctr-card"><div class="ctr-name">{title}</div>'
            f'<div class="ctr-challenge">{challenge}</div>{figure.to_html()}'
            f'<figcaption class="ctr-caption">{caption}</figcaption></figure>')
