"""A server that misbehaves on purpose, and the ways in which it does.

`with serve(body, behave) as server:` answers each request by `behave(call)`, on a plain socket;
`MISBEHAVIOURS` has one `behave` for each kind, with the words in which a download tells of it.
"""

import contextlib
import gzip
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

STEP = 4096


@dataclass
class Call:
    """One request: where to answer, from which byte on, and what would be right."""

    connection: socket.socket
    body: bytes
    range: str | None
    ended: threading.Event

    def send(self, *parts: str | bytes) -> None:
        for part in parts:
            self.connection.sendall(part.encode() if isinstance(part, str) else part)

    def slowly(self, data: bytes, seconds: float, step: int = 1) -> None:
        """Send a few bytes at a time until the other side has had enough."""
        for i in range(0, len(data), step):
            self.send(data[i:i + step])
            if self.ended.wait(seconds):
                return

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        time.sleep(0.02)  # what was sent shall arrive
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def headers(self, status: str = "200 OK", length: int | str | None = None, *more: str) -> None:
        lines = [] if length is None else [f"Content-Length: {length}"]
        self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, *more, "", ""]))


@dataclass
class Server:
    """A running server: its address, and the ranges that it was asked for."""

    port: int
    scheme: str = "http"
    requests: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/cifar-10-python.tar.gz"


@contextlib.contextmanager
def serve(body: bytes, behave: Callable[[Call], None], tls: ssl.SSLContext | None = None,
          scheme: str = "") -> Iterator[Server]:
    """Run a server in threads; when it ends, so do the answers that never would."""
    listening, ended = socket.create_server(("127.0.0.1", 0)), threading.Event()
    server = Server(listening.getsockname()[1], scheme or ("https" if tls else "http"))

    def answer(tcp: socket.socket) -> None:
        with contextlib.suppress(OSError), tcp:
            tcp.settimeout(20)
            connection = tls.wrap_socket(tcp, server_side=True) if tls else tcp
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (got := connection.recv(STEP)):
                    request += got
                    if not request.startswith(b"GET"):  # TLS, where plain text was expected
                        break
                found = re.search(rb"Range: (bytes=\d+-)\r", request)
                server.requests.append(found and found[1].decode())
                behave(Call(connection, body, server.requests[-1], ended))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def well(call: Call, delay: float = 0, drop_after: int | None = None) -> None:
    """Answer as one should, resuming where it is asked for; slowly, or not to the end."""
    start = int(call.range[6:-1]) if call.range else 0
    if start >= len(call.body):
        return call.headers("416 Range Not Satisfiable", 0)
    part = f"Content-Range: bytes {start}-{len(call.body) - 1}/{len(call.body)}"
    call.headers(*("206 Partial Content" if call.range else "200 OK", len(call.body) - start),
                 *([part] if call.range else []))
    rest = call.body[start:]
    return call.slowly(rest[:drop_after], delay, STEP) if delay else call.send(rest[:drop_after])


def from_the_start(call: Call) -> None:
    """Take no notice of the range, as many plain servers do."""
    call.headers("200 OK", len(call.body))
    call.send(call.body)


def says(status: str, *headers: str, body: bytes = b"no") -> Callable[[Call], None]:
    def behave(call: Call) -> None:
        call.headers(status, len(body), *headers)
        call.send(body)
    return behave


def sends(*parts: str | bytes, rest: slice | None = None) -> Callable[[Call], None]:
    """Send this, and then a part of the right bytes."""
    def behave(call: Call) -> None:
        call.send(*parts, call.body[rest] if rest else b"")
    return behave


def _chunked(call: Call, first: str, rest: slice) -> None:
    call.headers("200 OK", None, "Transfer-Encoding: chunked")
    call.send(first, "\r\n", call.body[rest])


def _chunked_html(call: Call) -> None:
    call.headers("200 OK", None, "Transfer-Encoding: chunked", "Content-Type: text/html")
    call.send("5\r\nlogin\r\n0\r\n\r\n")


def _endless(call: Call, before: str, piece: bytes) -> None:
    call.send(before)
    while not call.ended.is_set():
        call.send(piece)


def _stalls(call: Call, before: Callable[[Call], None] = lambda call: None) -> None:
    before(call)
    call.ended.wait(20)


def _half(call: Call) -> None:
    call.headers("200 OK", len(call.body))
    call.send(call.body[:len(call.body) // 2])


def _half_then(call: Call, then: Callable[[Call], None]) -> None:
    _half(call)
    time.sleep(0.02)
    then(call)


def _wrong(call: Call, change: Callable[[bytes], bytes]) -> None:
    call.headers("200 OK", len(call.body))
    call.send(change(call.body))


def _zipped(call: Call) -> None:
    content = gzip.compress(call.body)
    call.headers("200 OK", None, "Content-Encoding: gzip")
    call.send(content)


def _elsewhere(to: str, status: str = "302 Found") -> Callable[[Call], None]:
    return says(status, f"Location: {to}", body=b"")


OK = "HTTP/1.1 200 OK\r\n"
# How a mirror misbehaves, and how the learner is told. E5 to E8, D02 to D10 are a review's cases.
MISBEHAVIOURS: dict[str, tuple[Callable[[Call], None], str]] = {
    "E5-D03 speaks SSH": (sends("SSH-2.0-OpenSSH_9\r\n\r\n"), "SSH-2.0-OpenSSH_9"),
    "nothing at all": (sends(), "closed connection without"),
    "random bytes": (sends(bytes(range(128, 256)) * 9), "."),
    "a status line too long": (sends("HTTP/1.1 200 " + "x" * 70_000 + "\r\n\r\n"), "."),
    "escape codes as status": (sends("\x1b[31mHTTP\r\n\r\n"), r"^[^\x1b]*$"),
    "a status of letters": (sends("HTTP/1.1 abc OK\r\n\r\n"), "HTTP/1.1 abc OK"),
    "a status of five digits": (sends("HTTP/1.1 20000 OK\r\n\r\n"), "HTTP/1.1 20000"),
    "E5-D04 chunks cut off": (partial(_chunked, first="100000", rest=slice(500)),
                              "IncompleteRead|before the end"),
    "E5-D04b a chunk's size of letters": (partial(_chunked, first="xyz", rest=slice(500)), "."),
    "a negative chunk": (partial(_chunked, first="-5", rest=slice(500)), "."),
    "a chunk of 2^70 bytes": (partial(_chunked, first="4" + "0" * 17, rest=slice(500)), "."),
    "chunks end too soon": (partial(_chunked, first="0\r\n", rest=slice(0)), "before the end"),
    "E5-D05 Content-Length: abc": (sends(OK, "Content-Length: abc\r\n\r\n", rest=slice(1000)),
                                   "before the end"),
    "E5-D05b Content-Length: 5, 5": (sends(OK, "Content-Length: 5, 5\r\n\r\n", rest=slice(5)),
                                     "before the end"),
    "Content-Length: -1": (sends(OK, "Content-Length: -1\r\n\r\n", rest=slice(9)),
                           "before the end"),
    "Content-Length of 5000 digits": (sends(OK, f"Content-Length: {'9' * 5000}\r\n\r\n"), "."),
    "offers too little": (sends(OK, "Content-Length: 5\r\n\r\nhello"), "offers 5 bytes"),
    "offers too much": (sends(OK, "Content-Length: 987654321\r\n\r\n"), "offers 987,654,321 bytes"),
    "E5-D06b 300 headers": (sends(OK, "X: y\r\n" * 300, "\r\n"), "100 headers"),
    "a header too long": (sends(OK, "X: " + "y" * 70_000, "\r\n\r\n"), "header line|more than"),
    "D06c redirects in a circle": (_elsewhere("/x"), "redirect.*infinite loop"),
    "D06d redirects to a local file": (_elsewhere("file:///etc/passwd"), "file:///etc/passwd"),
    "E5-D06e redirects to a bad port": (_elsewhere("http://127.0.0.1:80a/x"), "80a"),
    "redirects to half an address": (_elsewhere("http://[::1/x"), "."),
    "redirects to a port too large": (_elsewhere("http://127.0.0.1:99999/x"), "."),
    "redirects to nobody": (_elsewhere("http://127.0.0.1:9/x", "301 Moved"), "refused"),
    "redirects nowhere": (says("302 Found"), "302"),
    "redirects to FTP": (_elsewhere("ftp://127.0.0.1:9/x"), "refused"),
    **{f"status {status}": (says(status), status[:3]) for status in (
        "204 No Content", "304 Not Modified", "400 Bad Request", "401 Unauthorized",
        "403 Forbidden", "404 Not Found", "407 Proxy Authentication Required", "410 Gone",
        "416 Range Not Satisfiable", "429 Too Many Requests", "500 Internal Server Error",
        "502 Bad Gateway", "503 Service Unavailable", "511 Network Authentication Required")},
    "D02 a web page": (says("200 OK", "Content-Type: text/html", body=b"<html>log in"),
                       "a web page.*login"),
    "a web page in chunks": (_chunked_html, "a web page"),
    "an empty file": (says("200 OK", body=b""), "offers 0 bytes"),
    "D08c reset before the answer": (Call.reset, "reset"),
    "D08c reset in the middle": (partial(_half_then, then=Call.reset), "reset|before the end"),
    "D06 cut in the middle": (_half, "bytes before the end"),
    "cut, of unknown length": (sends(OK, "\r\n", rest=slice(9000)), "bytes before the end"),
    "E8-D10 never ends": (partial(_endless, before=OK + "\r\n", piece=bytes(STEP)), "wrong hash"),
    "E8 never ends, in chunks": (
        partial(_endless, before=OK + "Transfer-Encoding: chunked\r\n\r\n",
                piece=b"1000\r\n" + bytes(STEP) + b"\r\n"), "wrong hash"),
    "E8 begins for ever": (partial(_endless, before="", piece=b"HTTP/1.1 100 Continue\r\n\r\n"),
                           "nothing came"),
    "one wrong byte": (partial(_wrong, change=lambda b: b[:-1] + bytes([b[-1] ^ 1])),
                       "wrong hash"),
    "zeros": (partial(_wrong, change=lambda b: bytes(len(b))), "wrong hash"),
    "compressed once more": (_zipped, "wrong hash|before the end"),
    "never answers": (_stalls, "nothing came|timed out"),
    "stops after the headers": (partial(_stalls, before=lambda c: c.headers("200 OK",
                                                                            len(c.body))),
                                "nothing came|timed out"),
    "stops in the middle": (partial(_stalls, before=_half), "nothing came|timed out"),
    "a header for ever": (lambda c: c.slowly(OK.encode() + b"X: " + b"y" * 9999, 0.03),
                          "nothing came"),
    "a chunk's size for ever": (lambda c: (c.headers("200 OK", None, "Transfer-Encoding: chunked"),
                                           c.slowly(b"0" * 9999, 0.03)), "nothing came"),
    "too slow": (lambda c: (c.headers("200 OK", len(c.body)), c.slowly(c.body, 0.03)),
                 "only 0 kB/s"),
}
