"""All that must hold before a change lands. `make test` calls this.

    python tools/test.py             a sample of each long check
    python tools/test.py --long      the full counts
    python tools/test.py --chapters  only the chapters, for other versions of packages
"""

import os
import shutil
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter

from check import ALONE, PYTEST, QUICK, ROOT, report, together

SITE = ROOT / "_build" / "smoke"
HTML = SITE / "_build" / "html"
NBVAL = ["-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=300",
         "-p", "no:cacheprovider", "-q", "book"]
SMOKE = {"COURSE_PROFILE": "smoke", "COURSE_DATA": "stand-in", "TQDM_DISABLE": "1",
         "COURSE_PROGRESS": "off"}
# `gpu` where there is one
CHAPTERS = SMOKE | ALONE | {"COURSE_PROFILE": os.environ.get("COURSE_PROFILE", "smoke")}


def steps(long: bool) -> list[dict]:
    """Return what runs one after the other, and in each of these what runs side by side.

    Each notebook runs once, under nbval; the site is made of what it gave.
    """
    counts = "" if long else " and not long"
    chapters = [([*NBVAL, "-p", "tools.nbval_cache", "--site-cache", str(SITE)], CHAPTERS),
                (["tools/book.py", "--output", str(SITE)], SMOKE | ALONE)]
    slow, site = (([*PYTEST, "-n", "3", "-m", chosen + counts],
                   ALONE | {"COURSE_SITE": str(HTML)})
                  for chosen in ("(slow or long) and not site" if long else "slow and not site",
                                 "site"))
    if long:  # the author's edition as well, with its solutions
        chapters.insert(0, (NBVAL, CHAPTERS))
    return [QUICK, {"chapters (strict nbval) and site": chapters, "slow tests": [slow]},
            {"the site in a browser": [site]}]


def main() -> int:
    """Run every step, even after one fails, and return how many failed."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the full counts of the long checks")
    parser.add_argument("--chapters", action="store_true",
                        help="run the chapters and compare, and nothing else")
    asked = parser.parse_args()
    if asked.chapters:
        return report(together({"chapters, strict nbval": [(NBVAL, CHAPTERS)]}))
    shutil.rmtree(HTML, ignore_errors=True)  # or pages that are no longer in it would stay
    return report([name for side_by_side in steps(asked.long) for name in together(side_by_side)])


if __name__ == "__main__":
    sys.exit(main())
