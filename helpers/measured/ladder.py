"""The table that grows through the book: what each change bought."""

from . import read_json


class Table:
    """A table that notebooks show as one, and `print` as Markdown."""

    def __init__(self, text: str):
        self._text = text

    def _repr_markdown_(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text


def show_ladder(until: str) -> Table:
    """Return the rows up to `until` of what `benchmarks/ladder.py` measured, and how.

    Raises ValueError for a row that there is not; `"asked twice"` is the last.
    """
    found = read_json("ladder.json")
    names, speeds = list(found["rungs"]), found["speed"]
    if until not in names:
        raise ValueError(f"The table has no row {until!r}. There are: {', '.join(names)}.")
    rows = ["| network | parameters | validation accuracy | training | images per second |",
            "|---|---|---|---|---|"]
    for name in names[:names.index(until) + 1]:
        rung = found["rungs"][name]
        cost = "the same | the same"
        if name in speeds:  # others are the training of the row above
            images = found["epochs"] * 45_000
            cost = f"{images / speeds[name]:,.0f} s | {speeds[name]:,.0f}"
        rows.append(f"| {name} | {rung['parameters']:,} | {100 * rung['accuracy']:.1f} ± "
                    f"{100 * rung['accuracy_spread']:.1f} % | {cost} |")
    how = (f"{found['epochs']} epochs over all 45,000 training images, accuracy on the 5,000 "
           f"validation images: mean and standard deviation over {found['seeds']} seeds, "
           f"{found['source']}. Images per second were measured side by side "
           f"({found['hardware']}), and the training takes all images at that rate.")
    return Table("\n".join([*rows, "", how]))
