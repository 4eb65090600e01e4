"""A program that Apache writes a log to: each line becomes a JSON object on a line of its own.

    jsonlog.py error|access [--file FILE | --descriptor N | -- PROGRAM WORD...]

It writes to its stdout, to a file, to what it was given open, or to another program such as
rotatelogs. It stands alone, so that it starts fast, and needs nothing of an environment. Apache's
fields come with tabs between; a line without them, which something else wrote to Apache's stderr,
is a message and no more. It ends when the last writer has gone, not at a signal: what is logged
last is not lost.
"""

import datetime
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

_ERROR = ("time", "module", "level", "pid", "tid", "client", "log_id", "error", "message")
_ACCESS = (
    *("time", "client", "user", "method", "url", "protocol", "status", "bytes", "duration"),
    *("log_id", "pid", "host", "referer", "user_agent"),
)
_NUMBERS = frozenset({"pid", "tid", "status", "bytes", "duration"})
_CHUNK = 65536  # bytes
_LONGEST = 1 << 20  # bytes; what is longer comes in pieces
_CODE = re.compile(r"((?:PYW|AH)\d{4,5}): ")
# What the server writes for a process of an application begins with its number.
_DAEMON = re.compile(r"\[pid (\d+)\] ")
# As Apache writes what is not printable.
_ESCAPE = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|([bnrtvf\\"]))')
_PLAIN = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}

Record = dict[str, Any]


def unescape(raw: bytes) -> str:
    """A field as it was before Apache wrote it; what is no UTF-8 stays visible, as \\xff."""

    def plain(found: "re.Match[bytes]") -> bytes:
        if found[1]:
            return bytes([int(found[1], 16)])
        return _PLAIN.get(found[2], found[2])

    return _ESCAPE.sub(plain, raw).decode(errors="backslashreplace")


def _value(name: str, raw: bytes) -> Any:
    if raw == b"-":
        return None
    text = unescape(raw)
    if name in _NUMBERS and text.isascii() and text.isdigit():
        return int(text)
    return text


def _local_time(text: str) -> str:
    """Apache's time of the error log with its distance from UTC."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        return text


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat()


def error_record(line: bytes) -> Record:
    """An object of a line of the error log."""
    fields = line.split(b"\t", len(_ERROR) - 1)
    if len(fields) < len(_ERROR):
        return {"time": _now(), "log": "error", "message": unescape(line)}
    found = {name: _value(name, raw) for name, raw in zip(_ERROR, fields, strict=True)}
    record: Record = {"time": _local_time(str(found.pop("time"))), "log": "error"}
    message = found.pop("message") or ""
    daemon = _DAEMON.match(message)
    if daemon:
        found["daemon_pid"] = int(daemon[1])
        message = message[daemon.end() :]
    code = _CODE.match(message)
    if code:
        found["code"] = code[1]
        message = message[code.end() :]
    record.update((name, value) for name, value in found.items() if value is not None)
    record["message"] = message
    return record


def access_record(line: bytes) -> Record:
    """An object of a line of the access log."""
    fields = line.split(b"\t")
    if len(fields) != len(_ACCESS):
        return {"time": _now(), "log": "access", "message": unescape(line)}
    found = {name: _value(name, raw) for name, raw in zip(_ACCESS, fields, strict=True)}
    record: Record = {"time": _with_colon(str(found.pop("time"))), "log": "access"}
    if isinstance(found["duration"], int):
        found["duration"] /= 1000000  # Apache counts microseconds
    record.update((name, value) for name, value in found.items() if value is not None)
    return record


def _with_colon(text: str) -> str:
    """The distance from UTC as in the other log: +01:00."""
    return re.sub(r"([+-]\d\d)(\d\d)\Z", r"\1:\2", text)


KINDS: dict[str, Callable[[bytes], Record]] = {"error": error_record, "access": access_record}


def lines(source: int) -> Iterator[list[bytes]]:
    """The lines that have come, without their ends, as they come; the last one may have none."""
    rest = b""
    while chunk := os.read(source, _CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        while len(rest) >= _LONGEST:
            whole.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        if whole:
            yield whole
    if rest:
        yield [rest]


def run(kind: str, source: int, target: int) -> None:
    """Convert all that comes, until no more can."""
    convert = KINDS[kind]
    for batch in lines(source):
        texts = [json.dumps(convert(line), ensure_ascii=False) for line in batch if line]
        write("".join(f"{text}\n" for text in texts).encode(), target)


def write(data: bytes, target: int) -> None:
    """Write, or lose it: a full disk or a terminal that is gone must not stop a server."""
    while data:
        try:
            data = data[os.write(target, data) :]
        except BlockingIOError:
            select.select([], [target], [])
        except OSError:
            return


def main(words: list[str]) -> None:
    """Do what the command line says."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kind, *rest = words
    if rest[:1] == ["--"]:
        # It inherits that signals are ignored.
        with subprocess.Popen(rest[1:], stdin=subprocess.PIPE) as rotator:  # noqa: S603
            assert rotator.stdin is not None  # noqa: S101 - a pipe was asked for
            run(kind, 0, rotator.stdin.fileno())
    elif rest[:1] == ["--file"]:
        with open(rest[1], "ab") as file:
            run(kind, 0, file.fileno())
    else:
        run(kind, 0, int(rest[1]) if rest[:1] == ["--descriptor"] else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
