"""The quick part of `make test`: lint, types, stored form, unit tests. `make check`.

No browser is started, no process group, and nothing is built.
"""

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Work runs side by side, and two threads that fight for the same core are slower than one.
ALONE = {"OMP_NUM_THREADS": "1"}
PYTEST = ["-m", "pytest", "tests", "-q", "--dist", "worksteal"]
AMERICAN = ("--builtin", "clear,rare,en-GB_to_en-US")
SPELLED = ("helpers", "tests", "tools", "benchmarks", "book", "README.md", "CONTRIBUTING.md")
# Words after `python`, and what is added to its environment
Command = tuple[Sequence[str], Mapping[str, str]]


def unit_tests(chosen: str) -> list[Command]:
    """Return the tests without a site, processes or long counts that are marked as `chosen`."""
    return [([*PYTEST, "--doctest-modules", "helpers", "-n", "logical", "-m", chosen], ALONE)]


QUICK = {
    "lint": [(["-m", "ruff", "check", "."], {}),
             (["-m", "codespell_lib", *AMERICAN, *SPELLED], {})],
    "types": [(["-m", "basedpyright", "--project", "pyproject.toml"], {})],
    "notebooks in stored form": [(["tools/notebooks.py", "check"], {})],
    "unit tests": unit_tests("not slow and not site and not long"),
}


def together(steps: Mapping[str, Sequence[Command]]) -> list[str]:
    """Run steps side by side, each its commands in turn; return the names of those that failed.

    What one step prints is seen at once; of several it follows step by step, when they have ended.
    """
    def run(name: str) -> tuple[str, bool, str, float]:
        started, failed, printed = time.monotonic(), False, []
        for words, environment in steps[name]:
            done = subprocess.run([sys.executable, *words], cwd=ROOT, check=False,
                                  env={**os.environ, **environment}, encoding="utf-8",
                                  errors="replace", stderr=subprocess.STDOUT,
                                  stdout=None if len(steps) == 1 else subprocess.PIPE)
            failed |= done.returncode != 0
            printed.append(done.stdout or "")
        return name, failed, "".join(printed), time.monotonic() - started

    print(f"\n── {' and '.join(steps)} ──", flush=True)
    broken = []
    with ThreadPoolExecutor(len(steps)) as pool:
        for name, failed, printed, seconds in pool.map(run, steps):
            print(printed, end="")
            print(f"── {name}: {'FAILED' if failed else 'ok'}, {seconds:.0f} s", flush=True)
            broken += [name] if failed else []
    return broken


def report(failed: Sequence[str]) -> int:
    """Name the steps that failed, and return how many."""
    if failed:
        print(f"\nFailed: {', '.join(failed)}.")
    return len(failed)


if __name__ == "__main__":
    ArgumentParser(description=__doc__).parse_args()
    sys.exit(report(together(QUICK)))
