"""Chapter 4's experiment for several seeds: four small networks under shifts.

    make bench, or: python benchmarks/pooling.py [--seeds 3]

Writes helpers/measured/pooling.json, whose ranges the chapter cites.
"""

from cells import measure

COLUMNS = {"accuracy": ("accuracy", 0), "moved by 1": ("accuracy", 1),
           "moved by 6": ("accuracy", 6), "same, 1 px": ("consistency", 1),
           "same, 6 px": ("consistency", 6)}


def collect(names: dict) -> dict:
    """Return the columns of the chapter's table, for each network."""
    return {kind: {column: names[curve][kind][shift] for column, (curve, shift) in COLUMNS.items()}
            for kind in names["kinds"]}


if __name__ == "__main__":
    measure(__doc__, "04", ["set-up", "blur", "build", "moved"], ["shifts"], collect,
            "pooling.json")
