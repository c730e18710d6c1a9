"""What `AugmentPlayground` says in words: what was done to an image, and what its label is then."""

import math
from collections.abc import Sequence
from typing import Any

from .traits import BadValue, is_filled

FACTORS = ("brightness", "contrast", "saturation")
_LONGEST = 24  # letters of a label


def two_words(labels: Any, own: bool, own_other: bool) -> list[str]:
    """Return the labels of both images: those given, or what is known of the course's own."""
    if labels is None:
        return ["cat" if own else "the image", "cup" if own_other else "the second image"]
    words = [one for one in labels if isinstance(one, str) and 0 < len(one) <= _LONGEST] if (
        is_filled(labels, 2)) else []
    if len(words) != 2:
        raise BadValue(f"labels must be two words of at most {_LONGEST} letters, not {labels!r}.")
    return words


def mixed_label(share: float, labels: Sequence[str]) -> str:
    """Return the label of `share` of an image and the rest of another; as in augment.js."""
    parts = [(part, word) for part, word in zip((share, 1 - share), labels, strict=True)
             if part > 1e-9]
    return ", ".join(f"{part:.4g} {word}" for part, word in parts) if parts[1:] else parts[0][1]


def told(draw: int, found: dict, share: float) -> str:
    """What happens to the image in a draw, in words; the same as `words` in augment.js."""
    def digits(value: float) -> str:
        return f"{math.floor(abs(value) * 100 + 0.5) / 100:.2f}"

    said = []
    if found["window"]:
        said.append("window of {2} × {3} enlarged".format(*found["window"]))
    moves = [(found["right"], "right", "left"), (found["down"], "down", "up")]
    moves = [f"{abs(by)} {ahead if by > 0 else back}" for by, ahead, back in moves if by]
    said += [f"moved {' and '.join(moves)}"] if moves else []
    said += ["flipped left to right"] if found["flip"] else []
    said += ["flipped top to bottom"] if found["vertical_flip"] else []
    said += [f"{name} {digits(found[name])}" for name in FACTORS if found[name] is not None]
    if found["hue"] is not None:
        said.append(f"hue {'−' if found['hue'] < 0 else '+'}{digits(found['hue'])}")
    if found["hole"]:
        said.append("cut out around row {}, column {}".format(*found["hole"]))
    if share < 1:
        said.append(f"{digits(share)} of it mixed with {digits(1 - share)} of the second image")
    return f"draw {draw + 1}: {', '.join(said) or 'unchanged'}"
