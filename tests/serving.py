"""Pages of a built site, served from this computer and opened in a browser."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin


@contextmanager
def served(folder):
    """The address of a folder, as long as the test runs."""
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    pages = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{pages.server_port}/"
    pages.shutdown()


def opener(chromium, server):
    """Yield what opens the pages of a server; then close them, and see that none complained."""
    complaints, contexts = [], []

    def start(path, width=1280, scheme="light", script=None, **settings):
        context = chromium.new_context(viewport={"width": width, "height": 900},
                                       color_scheme=scheme, **settings)
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("request", lambda r: complaints.append(f"outside: {r.url}")
                if not r.url.startswith((server, "data:", "blob:")) else None)
        page.goto(urljoin(server, path), wait_until="load")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not complaints
