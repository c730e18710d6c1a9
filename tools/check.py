"""All that must hold before a change lands, one step after the other. `make test` calls this.

    python tools/check.py          a sample of each long check
    python tools/check.py --long   the full counts
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider"]


def main() -> int:
    """Run every step, even after one fails, and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the full counts of the long checks")
    long = parser.parse_args().long
    python = sys.executable
    steps = {
        "lint": [python, "-m", "ruff", "check", "."],
        "notebooks in stored form": [python, "tools/notebooks.py", "check"],
        "unit and site tests": [python, "-m", "pytest", "tests", *([] if long else ["-m", "not long"])],
        "chapters, strict nbval": [python, "-m", "pytest", *NBVAL, "book"],
    }
    chapters = {"COURSE_PROFILE": os.environ.get("COURSE_PROFILE", "smoke"), "COURSE_DATA": "stand-in",
                "TQDM_DISABLE": "1"}
    failed = []
    for name, command in steps.items():
        print(f"\n── {name} ──", flush=True)
        environment = {**os.environ, **(chapters if "nbval" in name else {})}
        started = time.monotonic()
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            failed.append(name)
        print(f"── {name}: {'FAILED' if name in failed else 'ok'}, {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        print(f"\nFailed: {', '.join(failed)}.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
