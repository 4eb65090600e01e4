"""The program behind --enable-telemetry: hears the server's processes, and shows a page about them.

A service of the server (docs/services.md) runs this file. It answers on this machine only, at / for
people, /status.json for programs, /metrics for Prometheus.
"""

import contextlib
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mod_pywsgi.runtime.telemetry import Server, parse

_HOST = "127.0.0.1"
_NAMES = frozenset({"localhost", _HOST})
_LARGEST = 65536  # bytes; a datagram has 8192 at most
_PAGE = Path(__file__).with_suffix(".html")


class Hub:
    """What is known, for the thread that hears and those that answer."""

    def __init__(self, interval: float) -> None:
        self._server = Server(interval)
        self._lock = threading.Lock()

    def take(self, data: bytes) -> None:
        datagram = parse(data)
        if datagram:
            with self._lock:
                self._server.take(datagram, time.monotonic())

    def answer(self, path: str) -> tuple[str, str] | None:
        """Content type and text of a page; None: there is none."""
        with self._lock:
            self._server.forget(time.monotonic())
            if path == "/metrics":
                return "text/plain; version=0.0.4", self._server.prometheus()
            if path == "/status.json":
                return "application/json", json.dumps(self._server.document())
        if path == "/":
            return "text/html", _PAGE.read_text(encoding="utf-8")
        return None


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds

        def do_GET(self) -> None:
            # By another name, a page of somebody else's could read this one.
            if self.headers.get("Host", "").rpartition(":")[0] not in _NAMES:
                self.send_error(403)
                return
            found = hub.answer(self.path.partition("?")[0])
            if found is None:
                self.send_error(404)
                return
            body = found[1].encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{found[0]}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: whoever looks, looks each second."""

    return Handler


def serve(path: str, port: int, interval: float) -> None:
    """Hear and answer until the process is told to end.

    :param path: of the socket, which is made anew. :param interval: between reports, in seconds.
    """
    hub = Hub(interval)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        with ThreadingHTTPServer((_HOST, port), _handler(hub)) as http:
            http.daemon_threads = True
            threading.Thread(target=http.serve_forever, daemon=True).start()
            try:
                while True:
                    hub.take(heard.recv(_LARGEST))
            finally:
                http.shutdown()


if os.environ.get("PYWSGI_TELEMETRY_SOCKET"):
    serve(
        os.environ["PYWSGI_TELEMETRY_SOCKET"],
        int(os.environ["PYWSGI_TELEMETRY_PORT"]),
        float(os.environ["PYWSGI_TELEMETRY_SECONDS"]),
    )
