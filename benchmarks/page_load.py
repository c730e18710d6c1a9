"""What the figures cost a reader on a slow line: bytes, and time until a figure is alive.

    make bench, or: python benchmarks/page_load.py [--site _build/html] [--rounds 5]

Serves the built site gzipped, as hosts of static pages do, and opens pages in Chromium with an
empty cache, throttled to 10 Mbit/s and 40 ms. Each page is opened twice in turn: as it is, and with
its figures cut out by the server. The difference is what figures cost. Writes
benchmarks/page_load.json.
"""

import gzip
import http.server
import json
import re
import statistics
import sys
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from functools import partial
from pathlib import Path

from machine import measured_on
from playwright.sync_api import TimeoutError

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # run as a script, Python looks into benchmarks/ only
RESULT = Path(__file__).with_suffix(".json")
LINE = {"offline": False, "downloadThroughput": 10e6 / 8, "uploadThroughput": 10e6 / 8,
        "latency": 40}
FIGURES = re.compile(rb'<div class="course-figure".*?</p></div></div>|'
                     rb'<script type="application/json" id="course-figures">.*?</script>'
                     rb'<script>.*?</script>', re.DOTALL)
# When the last figure of the page became alive, in ms after the start.
WATCH = """
    window.aliveAt = null;
    new MutationObserver(() => {
        const places = [...document.querySelectorAll('[data-course-figure]')];
        if (places.length && places.every(place => place.dataset.ready))
            window.aliveAt ??= performance.now();
    }).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-ready']});
    // those far below would wait until they come near; on paper all are shown
    document.addEventListener('readystatechange', () => dispatchEvent(new Event('beforeprint')));
"""


class Site(http.server.SimpleHTTPRequestHandler):
    """Serves gzipped files; `?bare` gives a page without its figures."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer one request."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        body = path.read_bytes()
        if "?bare" in self.path:
            body = FIGURES.sub(b"", body)
        body = gzip.compress(body, 6)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        """Stay quiet."""


def serve(site: Path) -> str:
    """Serve a built site gzipped as long as the program runs; return its address."""
    http.server.ThreadingHTTPServer.request_queue_size = 64  # a browser opens many at once
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def visit(browser, address: str, tries: int = 3) -> dict:
    """Open one page with an empty cache on the slow line; start again where it gets stuck."""
    received = []
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        devtools = context.new_cdp_session(tab)
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", LINE)
        devtools.on("Network.loadingFinished",
                    lambda event: received.append(event["encodedDataLength"]))
        tab.add_init_script(WATCH)
        try:
            tab.goto(address, wait_until="load", timeout=15_000)
            tab.wait_for_timeout(1500)
            paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            return {"kilobytes": sum(received) / 1000, "first paint": tab.evaluate(paint),
                    "figure alive": tab.evaluate("window.aliveAt")}
        except TimeoutError as stuck:
            print(f"once more, {address}: {str(stuck).splitlines()[0]}", flush=True)
    if tries == 1:
        raise RuntimeError(f"{address} could not be loaded three times in a row.")
    return visit(browser, address, tries - 1)


def summary(visits: list[tuple[dict, dict]]) -> dict[str, float]:
    """Return the medians over pairs of visits, to a page as it is and without its figures."""
    pairs = [(a["kilobytes"], a["kilobytes"] - b["kilobytes"], a["first paint"], b["first paint"],
              a["figure alive"] - a["first paint"]) for a, b in visits]
    size, extra, paint, bare, wait = map(statistics.median, zip(*pairs, strict=True))
    return {"kilobytes": round(size, 1), "of them for figures": round(extra, 1),
            "first paint, ms": round(paint), "first paint without figures, ms": round(bare),
            "figures alive after first paint, ms": round(wait),
            "slowest, ms": round(max(pair[4] for pair in pairs))}


def main() -> None:
    """Measure all pages that have figures."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    from tools import browser

    pages = [p.relative_to(options.site).as_posix()
             for p in sorted(options.site.glob("book/*.html"))
             if b'id="course-figures"' in p.read_bytes()]
    if browser.path() is None or not pages:
        sys.exit("This benchmark needs Chromium, and the site: run make book first.")
    result, site = {}, serve(options.site)
    with browser.chromium() as chromium:
        visit(chromium, f"{site}/{pages[0]}")  # the browser's own start
        for page in pages:
            address = f"{site}/{page}"
            visits = [(visit(chromium, address), visit(chromium, address + "?bare"))
                      for _ in range(options.rounds)]
            result[Path(page).stem] = summary(visits)
            print(page, result[Path(page).stem], flush=True)
    record = {**measured_on(), "line": "10 Mbit/s, 40 ms", "rounds": options.rounds,
              "pages": result}
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
