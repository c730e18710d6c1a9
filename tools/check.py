"""All that must hold before a change lands, one step after the other. `make test` calls this.

    python tools/check.py          a sample of each long check python tools/check.py --long   the
    full counts python tools/check.py --chapters   only the chapters, for other versions of
    packages: `make test-colab`
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build" / "smoke"
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider"]
SMOKE = {"COURSE_PROFILE": "smoke", "COURSE_DATA": "stand-in", "TQDM_DISABLE": "1"}
# `gpu` where there is one
CHAPTERS = SMOKE | {"COURSE_PROFILE": os.environ.get("COURSE_PROFILE", "smoke")}
# Work runs side by side here, so each process gets one thread: two that fight for the same cores
# are slower than one.
ALONE = {"OMP_NUM_THREADS": "1"}


def together(steps: dict[str, tuple[list[str], dict[str, str]]]) -> list[str]:
    """Run steps at the same time and return the names of those that failed.

    What one step prints is seen at once; of several it follows step by step, when they have ended.
    """
    def run(name: str) -> tuple[str, subprocess.CompletedProcess, float]:
        command, environment = steps[name]
        started = time.monotonic()
        process = subprocess.run([sys.executable, *command], cwd=ROOT,
                                 env={**os.environ, **environment}, check=False,
                                 stdout=None if len(steps) == 1 else subprocess.PIPE,
                                 stderr=subprocess.STDOUT,
                                 encoding="utf-8", errors="replace")
        return name, process, time.monotonic() - started

    print(f"\n── {' and '.join(steps)} ──", flush=True)
    failed = []
    with ThreadPoolExecutor(len(steps)) as pool:
        for name, process, seconds in pool.map(run, steps):
            print(process.stdout or "", end="")
            print(f"── {name}: {'FAILED' if process.returncode else 'ok'}, {seconds:.0f} s",
                  flush=True)
            failed += [name] if process.returncode else []
    return failed


def main() -> int:
    """Run every step, even after one fails, and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the full counts of the long checks")
    parser.add_argument("--chapters", action="store_true", help="run the chapters and compare, and "
                                                                "nothing else")
    asked = parser.parse_args()
    chapters = {"chapters, strict nbval": (["-m", "pytest", *NBVAL, "book"], CHAPTERS | ALONE)}
    if asked.chapters:
        return len(together(chapters))
    chosen = [] if asked.long else ["-m", "not long"]
    # or pages that are no longer in it would stay
    shutil.rmtree(SITE / "_build" / "html", ignore_errors=True)
    failed = []
    for steps in (
        {"lint": (["-m", "ruff", "check", "."], {})},
        {"notebooks in stored form": (["tools/notebooks.py", "check"], {})},
        {"the site, in the smoke profile": (["tools/build.py", "--output", str(SITE)],
                                            SMOKE | ALONE), **chapters},
        {"unit and site tests": (["-m", "pytest", "tests", *chosen, "-n", "logical",
                                  "--maxprocesses", "4", "--dist",
                                  "worksteal"],
                                 ALONE | {"COURSE_SITE": str(SITE / "_build" / "html")})},
    ):
        failed += together(steps)
    if failed:
        print(f"\nFailed: {', '.join(failed)}.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
