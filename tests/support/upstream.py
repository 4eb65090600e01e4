"""A server behind the server under test: it tells what it was asked, and echoes WebSockets (RFC 6455)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from support import raw

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 0x1, 0x8


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
            return
        if self.path.endswith("/moved"):
            host, port = self.server.server_address[:2]
            self.send_response(302)
            self.send_header("Location", f"http://{host!s}:{port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path.endswith("/silent"):
            self.server.released.wait(20)  # type: ignore[attr-defined]
            self.close_connection = True
            return
        told = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({**told, "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def echo(self) -> None:
        """Frames come back, in capitals, until one says that it is over."""
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.wfile.flush()
        opcode = TEXT
        while opcode != CLOSE:
            opcode, payload = read_frame(self.rfile.read)
            self.wfile.write(frame(opcode, payload.upper()))
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def serving(certificate: Path | None = None) -> Iterator[int]:
    """Such a server, by TLS where there is a certificate with its key; its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.released = threading.Event()  # type: ignore[attr-defined]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()


# Frames, of fewer than 126 bytes


def frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """A whole message; a client's is masked."""
    assert len(payload) < 126
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload
    return bytes([0x80 | opcode, (0x80 if mask else 0) | len(payload)]) + mask + masked


def read_frame(read: Callable[[int], bytes]) -> tuple[int, bytes]:
    """Opcode and payload; CLOSE at the end of the connection."""
    head = read(2)
    if len(head) < 2:
        return CLOSE, b""
    size, is_masked = head[1] & 0x7F, head[1] & 0x80
    assert size < 126
    mask = read(4) if is_masked else b""
    payload = read(size)
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head[0] & 0x0F, payload


class WebSocket:
    """A client; it is connected when it is there."""

    def __init__(self, port: int, target: str, host: str = "127.0.0.1") -> None:
        self.connection = raw.Connection("127.0.0.1", port)
        key = base64.b64encode(b"0123456789abcdef")
        self.connection.send(
            b"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
            % (target.encode(), host.encode(), key)
        )
        self.head = self.connection.read_head()
        if self.head.status == 101:
            accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
            assert self.head.header("Sec-WebSocket-Accept") == accept

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def say(self, text: str, opcode: int = TEXT) -> str:
        """Send a message; the one that comes back."""
        self.connection.send(frame(opcode, text.encode(), b"\x01\x02\x03\x04"))
        came, payload = read_frame(lambda size: self.connection.read_exactly(size)[0])
        assert came == opcode
        return payload.decode()
