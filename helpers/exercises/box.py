"""What learners see: a box in a notebook, the same words as text elsewhere."""

import html
import sys
from dataclasses import dataclass

# Words and marks carry the meaning; the color of the edge only repeats it.
MARKS = {"right": ("✓", "#1a7f37"), "not yet": ("✗", "#bc4c00"), "note": ("›", "#0969da")}


@dataclass(frozen=True)
class Box:
    """A verdict, a hint or a solution: a title, lines of text, and code. Backticks mark code."""

    kind: str
    title: str
    lines: tuple[str, ...] = ()
    code: str = ""

    def __repr__(self):
        parts = [f"{MARKS[self.kind][0]} {self.title}", *(f"  {line}" for line in self.lines)]
        return "\n".join(parts + ([self.code] if self.code else []))

    def _repr_html_(self) -> str:
        mark, color = MARKS[self.kind]
        lines = "".join(f"<p style='margin:.3em 0'>{_marked(line)}</p>" for line in self.lines)
        code = f"<pre>{html.escape(self.code)}</pre>" if self.code else ""
        return (f"<div role='status' style='border-left:4px solid {color};padding:.2em .9em'>"
                f"<b><span style='color:{color}' aria-hidden='true'>{mark}</span> "
                f"{_marked(self.title)}</b>{lines}{code}</div>")


def _marked(text: str) -> str:
    """Return text as HTML: what stands between backticks as code."""
    parts = html.escape(text).split("`")
    if len(parts) % 2 == 0:  # one without a partner
        return html.escape(text)
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


def show(box: Box) -> None:
    """Display the box in a notebook, print it elsewhere. It is never a cell's result."""
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import display
        if get_ipython() is not None:
            display(box)
            return
    print(box)
