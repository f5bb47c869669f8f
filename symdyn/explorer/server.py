"""A small local server for the page of an explorer: this machine alone, a secret in the address, and nothing else served."""

from __future__ import annotations

import hmac
import itertools
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from symdyn.errors import DeclarationError
from symdyn.explorer.views import Explorer

__all__ = ["ExplorerServer"]

#: The only address that is listened to, most bytes of a request, and seconds after which an idle connection is closed.
HOST, MOST_BYTES, IDLE = "127.0.0.1", 65_536, 60
#: Files of the page with their types.
FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "explorer.js": ("explorer.js", "text/javascript; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "explorer.css": ("explorer.css", "text/css; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ExplorerServer(ThreadingHTTPServer):
    """The page of an explorer at a local address, which contains a random token.

    It listens to 127.0.0.1 alone; requests with another ``Host`` or ``Origin``, or without the token, are refused.

    Parameters
    ----------
    explorer : Explorer
    port : int, optional
        A free one unless given.

    Attributes
    ----------
    address : str
        Where the page is.

    Raises
    ------
    DeclarationError
        For a port that is none.
    OSError
        If the port is taken.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.explorer.Explorer(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"))
    >>> with sd.explorer.ExplorerServer(decay) as server:
    ...     server.address.startswith("http://127.0.0.1:")
    True
    """

    daemon_threads = True

    def __init__(self, explorer: Explorer, port: int = 0) -> None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65_536:
            raise DeclarationError(f"port is {port!r}; expected a whole number from 0 (a free one) to 65535")
        self.explorer, self.token, self.lock = explorer, secrets.token_urlsafe(24), threading.Lock()
        self.superseded = 0  # requests up to this number are not waited for any longer
        self._numbers = itertools.count(1)
        self._last = 0
        super().__init__((HOST, port), _Page)
        self.address = f"http://{HOST}:{self.server_port}/{self.token}/"

    def respond(self, path: str, body: bytes | None) -> tuple[int, str, bytes]:
        """The status, type and content for a path below the token.

        Parameters
        ----------
        path : str
        body : bytes or None
            Of a POST; None for a GET.

        Returns
        -------
        (int, str, bytes)

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.explorer.Explorer(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"))
        >>> with sd.explorer.ExplorerServer(decay) as server:
        ...     server.respond("setup.cfg", None)[0], server.respond("frame", b"{")[0]
        (404, 400)
        """
        if body is None:
            if path == "description":
                return 200, "application/json", _json(self.explorer.description())
            if path not in FILES:
                return 404, "text/plain", b"not found"
            name, kind = FILES[path]
            return 200, kind, (Path(__file__).parent / "page" / name).read_bytes()
        if path == "supersede":  # the page does not wait for the frames it has asked for
            self.superseded = self._last
            return 200, "application/json", b"{}"
        if path != "frame":
            return 404, "text/plain", b"not found"
        try:
            request = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            return 400, "text/plain", b"expected JSON"
        self._last = number = next(self._numbers)
        with self.lock:  # kernels are not for several threads at once
            return 200, "application/json", _json(self.explorer.answer(request, lambda: number <= self.superseded))


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


class _Page(BaseHTTPRequestHandler):
    """One connection."""

    server: ExplorerServer
    protocol_version, timeout = "HTTP/1.1", IDLE
    server_version, sys_version = "symdyn", ""

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length[:12]) > MOST_BYTES:
            self._send(413, "text/plain", b"too long, or of unknown length")
            return
        if self.headers.get_content_type() != "application/json":
            self._send(415, "text/plain", b"expected application/json")
            return
        self._handle(self.rfile.read(int(length)))

    def _handle(self, body: bytes | None) -> None:
        own = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in own or self.headers.get("Origin") not in (None, *(f"http://{o}" for o in own)):
            self._send(403, "text/plain", b"refused")
            return
        _, token, path = (*self.path.split("/", 2), "", "")[:3]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._send(404, "text/plain", b"not found")
            return
        self._send(*self.server.respond(path, body))

    def _send(self, status: int, kind: str, content: bytes) -> None:
        if status != 200:
            self.close_connection = True  # a body may be unread
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        if status != 200:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """No log: the address is secret."""
