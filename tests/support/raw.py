"""An HTTP client that sends exactly the bytes it is given and reports exactly what came back.

In particular it tells a complete response from one that was cut, which http.client and
most libraries only do by accident.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Headers = Sequence[tuple[str, str]]
CRLF = b"\r\n"


class Malformed(AssertionError):
    """The server sent something that is not HTTP."""


@dataclass
class Response:
    """`complete` is False when the connection ended before the body did."""

    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]]
    head: bytes
    body: bytes = b""
    chunks: list[bytes] | None = None
    complete: bool = True
    interim: list[Response] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The one value of `name`; None without it; an error if it is there twice."""
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name} is there {len(values)} times: {values}")
        return values[0] if values else None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One TCP connection. Every read has a time limit."""

    def __init__(
        self, host: str, port: int, timeout: float = 20.0, source: str | None = None
    ) -> None:
        self.host, self.port = host, port
        self.sock = socket.create_connection(
            (host, port), timeout, source_address=(source, 0) if source else None
        )
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Leave rudely: the server's side sees ECONNRESET."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data: bytes | Iterable[bytes]) -> None:
        for part in [data] if isinstance(data, bytes) else data:
            self.sock.sendall(part)

    def finish_sending(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    # Reading

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        self._buffer += data
        return bool(data)

    def read_some(self, limit: int = 65536) -> bytes:
        """What is there next; b"" at the end."""
        if not self._buffer:
            self._fill()
        data, self._buffer = self._buffer[:limit], self._buffer[limit:]
        return data

    def read_until(self, end: bytes) -> bytes | None:
        """Bytes up to and with `end`; None if the connection ended first."""
        while end not in self._buffer:
            if not self._fill():
                return None
        cut = self._buffer.index(end) + len(end)
        data, self._buffer = self._buffer[:cut], self._buffer[cut:]
        return data

    def read_exactly(self, size: int) -> tuple[bytes, bool]:
        """Up to `size` bytes, and whether that was all of them."""
        parts: list[bytes] = []
        missing = size
        while missing:
            data = self.read_some(missing)
            if not data:
                return b"".join(parts), False
            parts.append(data)
            missing -= len(data)
        return b"".join(parts), True

    def read_rest(self) -> bytes:
        parts = []
        while data := self.read_some():
            parts.append(data)
        return b"".join(parts)

    def at_eof(self, timeout: float = 5.0) -> bool:
        """Whether the server closes (or resets) within `timeout`, with nothing more to read."""
        if self._buffer:
            return False
        before = self.sock.gettimeout()
        self.sock.settimeout(timeout)
        try:
            return not self._fill()
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(before)

    def quiet(self, seconds: float) -> bool:
        """Whether nothing, not even an end, arrives for `seconds`."""
        if self._buffer:
            return False
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self._fill()
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(before)
        return False

    def got_nothing(self) -> bool:
        """Whether all that has come so far has been read."""
        return not self._buffer

    # Responses

    def read_head(self) -> Response:
        """The next head, interim or final; raises EOFError if the connection ends first."""
        head = self.read_until(CRLF + CRLF)
        if head is None:
            raise EOFError(f"connection ended before a response head; got {self._buffer[:200]!r}")
        status_line, *lines = head[:-4].split(CRLF)
        version, _, rest = status_line.decode("latin-1").partition(" ")
        code, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/") or not code.isdigit():
            raise Malformed(f"not a status line: {status_line!r}")
        headers = []
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or "\n" in name or "\r" in name or "\n" in value:
                raise Malformed(f"not a header line: {line!r}")
            headers.append((name, value.strip()))
        return Response(version, int(code), reason, headers, head)

    def read_response(self, method: str = "GET") -> Response:
        """The next final response with its body; interim ones are kept in `interim`."""
        interim = []
        while (response := self.read_head()).status < 200:
            interim.append(response)
        response.interim = interim
        self.read_body(response, method)
        return response

    def read_body(self, response: Response, method: str = "GET") -> None:
        if method == "HEAD" or response.status in (204, 304):
            return
        if (response.header("Transfer-Encoding") or "").lower() == "chunked":
            self._read_chunked(response)
        elif (length := response.header("Content-Length")) is not None:
            response.body, response.complete = self.read_exactly(int(length))
        else:
            response.body = self.read_rest()

    def _read_chunked(self, response: Response) -> None:
        response.chunks = []
        response.complete = False
        while True:
            line = self.read_until(CRLF)
            if line is None:
                return
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            data, whole = self.read_exactly(size)
            response.chunks.append(data)
            response.body += data
            if not whole or self.read_until(CRLF) is None:
                return
        response.complete = self.read_until(CRLF) == CRLF

    def request(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | Iterable[bytes] | None = None,
    ) -> Response:
        """Send one request and read its response; an iterable body is sent chunked."""
        self.send(encode(method, target, headers, body, self.host, self.port))
        if body is not None and not isinstance(body, bytes):
            for part in body:
                self.send(chunk(part))
            self.send(b"0\r\n\r\n")
        return self.read_response(method)


def encode(
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes | Iterable[bytes] | None = None,
    host: str = "localhost",
    port: int = 80,
) -> bytes:
    """The head of a request, and its body if that is bytes."""
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {host}:{port}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    if isinstance(body, bytes):
        if not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
    elif body is not None:
        lines.append("Transfer-Encoding: chunked")
    head = "\r\n".join(lines).encode("latin-1") + CRLF + CRLF
    return head + body if isinstance(body, bytes) else head


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
