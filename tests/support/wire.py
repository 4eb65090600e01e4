"""The channel protocol, written down a second time: docs/protocol.md in Python.

Shares no code with src/server: the two meet in tests/unit/vectors. `encode` and `decode` turn frames
into bytes and back; `Channel` is an Apache child's side of one connection.
"""

from __future__ import annotations

import array
import json
import os
import re
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "unit" / "vectors"
ENV_KEYS = ROOT / "src" / "server" / "base" / "env_keys.def"

VERSION = 1
HEADER = struct.Struct("<BBHI")

TYPES = {
    "HELLO": 1,
    "REQUEST": 2,
    "BODY": 3,
    "BODY_END": 4,
    "ABORT": 5,
    "ADMIT": 6,
    "REFUSE": 7,
    "INFORM": 8,
    "HEAD": 9,
    "DATA": 10,
    "FILE": 11,
    "LOG": 12,
    "END": 13,
}
NAMES = {number: name for name, number in TYPES.items()}

HAS_BODY, EXPECT, RELOAD, HEAD_METHOD = 1, 2, 4, 8
CLIENT_GONE, TOO_SLOW, TOO_LARGE, BAD_BODY = 1, 2, 3, 4
DRAINING, BUSY, PROTOCOL = 1, 2, 3
OK, ERROR, SHORT, TIMEOUT, GONE = 0, 1, 2, 3, 4
CHUNK = 65536

KEYS = {
    name: int(number)
    for number, name in re.findall(
        r'^X\((\d+), \w+, "([^"]+)"\)', ENV_KEYS.read_text("ascii"), re.M
    )
}
KEY_NAMES = {number: name for name, number in KEYS.items()}


class Malformed(AssertionError):
    """The other side sent something that the protocol does not know."""


class Closed(AssertionError):
    """The other side closed the channel where a frame was due."""


# --- bytes ------------------------------------------------------------------------------------


def _latin(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def str16(text: str | bytes) -> bytes:
    data = _latin(text)
    return struct.pack("<H", len(data)) + data


def str32(text: str | bytes) -> bytes:
    data = _latin(text)
    return struct.pack("<I", len(data)) + data


class Reader:
    """A cursor over a payload."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Malformed(f"{count} bytes wanted at {self.at} of {len(self.data)}")
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def number(self, code: str) -> int:
        value: int = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def str16(self) -> str:
        return self.take(self.number("H")).decode("latin-1")

    def str32(self) -> str:
        return self.take(self.number("I")).decode("latin-1")

    def rest(self) -> str:
        return self.take(len(self.data) - self.at).decode("latin-1")

    def done(self) -> None:
        if self.at != len(self.data):
            raise Malformed(f"{len(self.data) - self.at} bytes too many")


# --- payloads: one row per type gives both ways -----------------------------------------------


def _put_hello(fields: Mapping[str, Any]) -> bytes:
    return bytes([fields["low"], fields["high"]]) + bytes.fromhex(fields["secret"])


def _get_hello(reader: Reader) -> dict[str, Any]:
    return {
        "low": reader.number("B"),
        "high": reader.number("B"),
        "secret": reader.take(32).hex(),
    }


def _put_request(fields: Mapping[str, Any]) -> bytes:
    pairs = b"".join(_put_pair(name, value) for name, value in fields["pairs"])
    return (
        struct.pack(
            "<qqqqq",
            fields["arrival"],
            fields["queued"],
            fields["arrival_clock"],
            fields["content_length"],
            fields["mtime"],
        )
        + str16(fields["script"])
        + str16(fields["callable"])
        + str16(fields["group"])
        + struct.pack("<BHB", fields["role"], fields["connects"], len(fields["arguments"]))
        + b"".join(map(str16, fields["arguments"]))
        + struct.pack("<H", len(fields["pairs"]))
        + pairs
    )


def _put_pair(name: str, value: str) -> bytes:
    key = KEYS.get(name, 0)
    return bytes([key]) + (str16(name) if key == 0 else b"") + str32(value)


def _get_pair(reader: Reader) -> list[str]:
    key = reader.number("B")
    name = reader.str16() if key == 0 else KEY_NAMES[key]
    return [name, reader.str32()]


def _get_request(reader: Reader) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: reader.number("q")
        for name in ("arrival", "queued", "arrival_clock", "content_length", "mtime")
    }
    fields |= {name: reader.str16() for name in ("script", "callable", "group")}
    fields |= {"role": reader.number("B")}
    fields |= {"connects": reader.number("H")}
    fields["arguments"] = [reader.str16() for _ in range(reader.number("B"))]
    fields["pairs"] = [_get_pair(reader) for _ in range(reader.number("H"))]
    return fields


def _put_head(fields: Mapping[str, Any]) -> bytes:
    headers = b"".join(str16(name) + str32(value) for name, value in fields["headers"])
    return (
        struct.pack("<H", fields["status"])
        + str16(fields["reason"])
        + struct.pack("<qH", fields["content_length"], len(fields["headers"]))
        + headers
    )


def _get_head(reader: Reader) -> dict[str, Any]:
    return {
        "status": reader.number("H"),
        "reason": reader.str16(),
        "content_length": reader.number("q"),
        "headers": [[reader.str16(), reader.str32()] for _ in range(reader.number("H"))],
    }


def _put_data(fields: Mapping[str, Any]) -> bytes:
    return _latin(fields["data"])


def _get_data(reader: Reader) -> dict[str, Any]:
    return {"data": reader.rest()}


def _put_reason(fields: Mapping[str, Any]) -> bytes:
    return bytes([fields["reason"]])


def _get_reason(reader: Reader) -> dict[str, Any]:
    return {"reason": reader.number("B")}


def _put_nothing(fields: Mapping[str, Any]) -> bytes:
    return b""


def _get_nothing(reader: Reader) -> dict[str, Any]:
    return {}


def _put_log(fields: Mapping[str, Any]) -> bytes:
    return bytes([fields["level"]]) + _latin(fields["text"])


def _get_log(reader: Reader) -> dict[str, Any]:
    return {"level": reader.number("B"), "text": reader.rest()}


def _put_file(fields: Mapping[str, Any]) -> bytes:
    return struct.pack("<QQ", fields["offset"], fields["length"])


def _get_file(reader: Reader) -> dict[str, Any]:
    return {"offset": reader.number("Q"), "length": reader.number("Q")}


def _put_end(fields: Mapping[str, Any]) -> bytes:
    return struct.pack(
        "<BQQQ", fields["outcome"], fields["wall_us"], fields["cpu_us"], fields["written"]
    )


def _get_end(reader: Reader) -> dict[str, Any]:
    return {
        "outcome": reader.number("B"),
        "wall_us": reader.number("Q"),
        "cpu_us": reader.number("Q"),
        "written": reader.number("Q"),
    }


_PAYLOADS = {
    "HELLO": (_put_hello, _get_hello),
    "REQUEST": (_put_request, _get_request),
    "BODY": (_put_data, _get_data),
    "BODY_END": (_put_nothing, _get_nothing),
    "ABORT": (_put_reason, _get_reason),
    "ADMIT": (_put_nothing, _get_nothing),
    "REFUSE": (_put_reason, _get_reason),
    "INFORM": (_put_head, _get_head),
    "HEAD": (_put_head, _get_head),
    "DATA": (_put_data, _get_data),
    "FILE": (_put_file, _get_file),
    "LOG": (_put_log, _get_log),
    "END": (_put_end, _get_end),
}


@dataclass
class Frame:
    """One frame; `fields` are its payload by name, `fd` is the descriptor that came with a FILE."""

    type: str
    fields: dict[str, Any]
    flags: int = 0
    fd: int = -1

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{self.type} has no {name!r}") from None


def header(kind: int | str, length: int, flags: int = 0, version: int = VERSION) -> bytes:
    return HEADER.pack(version, TYPES[kind] if isinstance(kind, str) else kind, flags, length)


def encode(kind: str, flags: int = 0, **fields: Any) -> bytes:
    payload = _PAYLOADS[kind][0](fields)
    return header(kind, len(payload), flags) + payload


def decode(data: bytes) -> Frame:
    """Exactly one frame."""
    version, number, flags, length = HEADER.unpack(data[: HEADER.size])
    if version != VERSION or number not in NAMES or length != len(data) - HEADER.size:
        raise Malformed(f"not a frame: {data[:16].hex()}")
    reader = Reader(data[HEADER.size :])
    frame = Frame(NAMES[number], _PAYLOADS[NAMES[number]][1](reader), flags)
    reader.done()
    return frame


# --- vectors ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vector:
    name: str
    way: str
    data: bytes
    fields: dict[str, Any]


def vectors(path: Path = VECTORS / "frames.txt") -> Iterator[Vector]:
    """Blocks of `key: value` lines, an empty line between them; '#' starts a comment line."""
    for block in path.read_text("ascii").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            rows = dict(line.split(": ", 1) for line in lines)
            yield Vector(
                rows["name"], rows["way"], bytes.fromhex(rows["hex"]), json.loads(rows["json"])
            )


# --- a child's side of a channel --------------------------------------------------------------


@dataclass
class Answer:
    """What came back for a request, up to END, REFUSE or the end of the channel."""

    frames: list[Frame] = field(default_factory=list)
    closed: bool = False

    def all(self, kind: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.type == kind]

    def one(self, kind: str) -> Frame:
        found = self.all(kind)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} {kind} among {self.types}")
        return found[0]

    @property
    def types(self) -> list[str]:
        return [frame.type for frame in self.frames]

    @property
    def status(self) -> int:
        return int(self.one("HEAD").status)

    @property
    def outcome(self) -> int:
        return int(self.one("END").outcome)

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.one("HEAD").headers}

    @property
    def body(self) -> bytes:
        parts = []
        for frame in self.frames:
            if frame.type == "DATA":
                parts.append(_latin(frame.data))
            elif frame.type == "FILE":
                parts.append(os.pread(frame.fd, frame.length, frame.offset))
        return b"".join(parts)

    @property
    def log(self) -> str:
        return "\n".join(frame.text for frame in self.all("LOG"))

    def close(self) -> None:
        for frame in self.all("FILE"):
            os.close(frame.fd)


def request_fields(
    script: str | Path,
    method: str = "GET",
    uri: str = "/",
    extra: Sequence[tuple[str, str]] = (),
    group: str = "",
    content_length: int = 0,
    mtime: int | None = None,
) -> dict[str, Any]:
    """The head of a plain request, as an Apache child would send it."""
    path, _, query = uri.partition("?")
    pairs = [
        ("REQUEST_METHOD", method),
        ("REQUEST_URI", uri),
        ("QUERY_STRING", query),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", path),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("wsgi.url_scheme", "http"),
        *extra,
    ]
    if mtime is None:
        mtime = os.stat(script).st_mtime_ns
    now = time.time_ns() // 1000
    return {
        "arrival": now,
        "queued": now,
        "arrival_clock": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000,
        "content_length": content_length,
        "mtime": mtime,
        "script": str(script),
        "callable": "application",
        "group": group,
        "role": 0,
        "connects": 0,
        "arguments": [],
        "pairs": pairs,
    }


class Channel:
    """One connection to a daemon process."""

    def __init__(
        self, path: str | Path, secret: bytes, timeout: float = 10.0, greet: bool = True
    ) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.secret = secret
        self._buffer = b""
        self._fds: list[int] = []
        if greet:
            self.send("HELLO", low=VERSION, high=VERSION, secret=secret.hex())

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def send(self, kind: str, flags: int = 0, **fields: Any) -> None:
        self.sock.sendall(encode(kind, flags, **fields))

    def _fill(self) -> bool:
        space = socket.CMSG_SPACE(struct.calcsize("i"))
        try:
            data, items, _flags, _address = self.sock.recvmsg(1 << 18, space)
        except ConnectionResetError:
            return False
        for level, kind, raw in items:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(raw[: len(raw) - len(raw) % fds.itemsize])
                self._fds.extend(fds)
        self._buffer += data
        return bool(data)

    def receive(self) -> Frame:
        """The next frame; raises Closed at the end of the channel."""
        while True:
            if len(self._buffer) >= HEADER.size:
                total = HEADER.size + HEADER.unpack(self._buffer[: HEADER.size])[3]
                if len(self._buffer) >= total:
                    frame = decode(self._buffer[:total])
                    self._buffer = self._buffer[total:]
                    if frame.type == "FILE":
                        frame.fd = self._fds.pop(0)
                    return frame
            if not self._fill():
                raise Closed(f"closed with {len(self._buffer)} bytes of a frame")

    def collect(self) -> Answer:
        """Frames to the end of the answer. HELLO is checked and left out."""
        answer = Answer()
        while True:
            try:
                frame = self.receive()
            except Closed:
                answer.closed = True
                return answer
            if frame.type == "HELLO":
                if frame.secret != self.secret.hex():
                    raise Malformed("a HELLO with another secret")
                continue
            answer.frames.append(frame)
            if frame.type in ("END", "REFUSE"):
                return answer

    def start(self, script: str | Path, flags: int = 0, **fields: Any) -> None:
        """Send a REQUEST and nothing behind it."""
        self.send("REQUEST", flags, **request_fields(script, **fields))

    def request(
        self,
        script: str | Path,
        body: bytes | Iterable[bytes] | None = None,
        flags: int = 0,
        **fields: Any,
    ) -> Answer:
        """A whole request, body and all, and its answer."""
        if body is None:
            self.start(script, flags, **fields)
            return self.collect()
        pieces = [body] if isinstance(body, bytes) else list(body)
        length = sum(map(len, pieces))
        self.start(script, flags | HAS_BODY, content_length=length, **fields)
        for piece in pieces:
            self.send("BODY", data=piece)
        self.send("BODY_END")
        return self.collect()

    def is_closed(self) -> bool:
        """Whether the other side closes now, rather than send anything."""
        try:
            self.receive()
        except Closed:
            return True
        return False
