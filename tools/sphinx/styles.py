"""Style sheets without the rules that no page of the site can use.

The theme's have rules for all that it can do; nine of ten bytes are for what this site has not.
"""

import re
from pathlib import Path

import tinycss2

_WORD = re.compile(r"[A-Za-z_][\w-]*")
# In a selector: classes and ids. What follows a backslash is one character of the name.
_NAMED = re.compile(r"[.#]((?:[\w-]|\\.)+)")
_GROUPS = ("media", "supports", "layer", "container")


def words_of(texts) -> set[str]:
    """Return every word of pages and scripts: a class or an id that is none of them is not used."""
    return {word for text in texts for word in _WORD.findall(text)}


def _is_used(selector: str, words: set[str]) -> bool:
    without_not = re.sub(r":not\([^)]*\)", "", selector)
    return all(name.replace("\\", "") in words for name in _NAMED.findall(without_not))


def _selectors(prelude: str) -> list[str]:
    """Split a list of selectors at the commas that are not in brackets."""
    parts, depth = [""], 0
    for character in prelude:
        depth += (character in "([") - (character in ")]")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _kept(rules, words: set[str]) -> list[str]:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            used = [s for s in _selectors(tinycss2.serialize(rule.prelude)) if _is_used(s, words)]
            if used:
                kept.append(f"{','.join(used)}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "at-rule":
            if rule.lower_at_keyword in _GROUPS and rule.content is not None:
                inside = _kept(tinycss2.parse_rule_list(rule.content, True, True), words)
                if inside:
                    name = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}"
                    kept.append(f"{name}{{{''.join(inside)}}}")
            elif not (rule.lower_at_keyword == "font-face"
                      and "Font Awesome" in tinycss2.serialize(rule.content or [])):
                kept.append(rule.serialize())
    return kept


def purged(sheet: str, words: set[str]) -> str:
    """Return a style sheet with the rules whose classes and ids are all among `words`."""
    return "\n".join(_kept(tinycss2.parse_stylesheet(sheet, True, True), words)) + "\n"


def purge(folder: Path, sheets: list[str]) -> None:
    """Purge these sheets of a built site, by the words of its pages and scripts."""
    used = [*folder.rglob("*.html"), *(folder / "_static").rglob("*.js")]
    words = words_of(path.read_text(encoding="utf-8") for path in used
                     if "mathjax" not in path.parts and path.name != "fontawesome.js")
    for name in sheets:
        for path in folder.glob(name):
            path.write_text(purged(path.read_text(encoding="utf-8"), words), encoding="utf-8")
