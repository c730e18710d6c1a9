"""One rank of a distributed run: calls a worker, an importable function, in a process of torchrun.

    torchrun --nproc-per-node 2 \\
        -m helpers.distributed helpers.distributed.workers:train_cifar epochs=1

runs it on this computer, and the same line on several, with `--nnodes` and a meeting place,
`--rdzv-endpoint`. What follows the worker are its arguments, as Python writes them. Inside a
notebook, `helpers.launch` does the same.
"""

import ast
import os
import sys

from .parent import end_with
from .rank import load


def parsed(words: list[str]) -> dict:
    """Turn ["epochs=1", "name=fast"] into {"epochs": 1, "name": "fast"}."""
    arguments = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise SystemExit(f"{word!r} is no argument: write name=value, such as epochs=1.")
        try:
            arguments[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):  # a word without quotes: take it as it stands
            arguments[name] = value
    return arguments


def main() -> None:
    """Read the command line."""
    if len(sys.argv) < 2 or ":" not in sys.argv[1]:
        raise SystemExit(__doc__)
    end_with(os.getppid())
    result = load(sys.argv[1])(**parsed(sys.argv[2:]))
    if os.environ.get("RANK", "0") == "0" and result is not None:
        print(result)


if __name__ == "__main__":
    main()
