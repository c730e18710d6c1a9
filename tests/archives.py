"""A repository's archives, served from this computer as GitHub serves them."""

import re
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def archives(root, slug):
    """The address of a server that has the commits of `root` as those of `slug`."""
    name = slug.partition("/")[2]
    address = re.compile(rf"/{slug}/(archive|zip)/([0-9a-f]{{40}})(?:\.zip)?")

    class Archive(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, commit = match.groups() if (match := address.fullmatch(self.path)) else ("", "")
            if kind == "archive":  # GitHub sends to another address, which does not end in .zip
                self.send_response(302)
                self.send_header("Location", f"/{slug}/zip/{commit}")
                self.end_headers()
                return
            made = subprocess.run(["git", "archive", "--format=zip", f"--prefix={name}-{commit}/",
                                   commit], cwd=root, capture_output=True, check=False)
            if not kind or made.returncode:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/zip")
            self.send_header("Content-Disposition", f"attachment; filename={name}-{commit}.zip")
            self.end_headers()
            self.wfile.write(made.stdout)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
