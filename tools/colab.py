"""The versions of packages that Colab has: `requirements-colab.txt`, which `make test-colab` uses.

    python tools/colab.py --fetch    bring it up to date by what Colab publishes
    python tools/colab.py FILE       the same from a file, a `pip freeze` of Colab
"""

import re
import sys
import urllib.request
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "requirements-colab.txt"
PUBLISHED = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.txt"
_PIN = re.compile(r"^([\w.-]+)==([\w.]+)(?:\+\w+)?\s*$", re.MULTILINE)


def updated(kept: str, freeze: str, day: str) -> str:
    """Return our list with the versions of Colab's, of those packages that it pins; and the day.

    Raises ValueError for a text that is no such list.
    """
    theirs = {name.lower().replace("_", "-"): version for name, version in _PIN.findall(freeze)}
    if not {"torch", "numpy", "ipykernel"} <= {*theirs}:
        raise ValueError("torch, numpy or ipykernel is not in it: this is no list of Colab's.")
    head, _, rest = kept.partition("# Colab has not")

    def pin(match):
        name = match[1].lower().replace("_", "-")
        return f"{match[1]}=={theirs.get(name, match[2])}"

    head = re.sub(r"on \d{4}-\d\d-\d\d", f"on {day}", _PIN.sub(pin, head), count=1)
    return head + "# Colab has not" + rest


def main() -> int | str:
    """Fetch or read Colab's list, and rewrite ours."""
    if len(sys.argv) != 2:
        return str(__doc__)
    try:
        if sys.argv[1] == "--fetch":
            with urllib.request.urlopen(PUBLISHED, timeout=60) as answer:
                freeze = answer.read().decode()
        else:
            freeze = Path(sys.argv[1]).read_text(encoding="utf-8")
        text = updated(KEPT.read_text(encoding="utf-8"), freeze, date.today().isoformat())
    except (OSError, ValueError) as error:
        return f"{KEPT.name} stays as it is: {error}"
    KEPT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
