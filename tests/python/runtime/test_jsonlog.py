"""Lines of Apache's logs as JSON, whatever is in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.runtime import jsonlog

PROGRAM = [sys.executable, "-IS", jsonlog.__file__]


def error_line(message: str, **changed: str) -> bytes:
    fields = {
        "time": "2026-11-26 18:06:47.123456",
        "module": "wsgi",
        "level": "warn",
        "pid": "7",
        "tid": "8",
        "client": "-",
        "log_id": "-",
        "error": "-",
        "message": message,
        **changed,
    }
    return "\t".join(fields.values()).encode(errors="surrogateescape")


def converted(data: bytes, kind: str = "error", *words: str) -> list[dict[str, Any]]:
    done = subprocess.run([*PROGRAM, kind, *words], input=data, capture_output=True, check=True)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_of_the_error_log() -> None:
    record = jsonlog.error_record(error_line("PYW0103: Loading '/a'.", client="1.2.3.4:5"))
    assert record.pop("time").startswith("2026-11-26T18:06:47.123456")
    assert record == {
        "log": "error",
        "module": "wsgi",
        "level": "warn",
        "pid": 7,
        "tid": 8,
        "client": "1.2.3.4:5",
        "code": "PYW0103",
        "message": "Loading '/a'.",
    }


def test_a_line_for_a_process_of_the_application() -> None:
    record = jsonlog.error_record(error_line("[pid 9] AH01234: x"))
    assert (record["daemon_pid"], record["code"], record["message"]) == (9, "AH01234", "x")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\tb\nc\\d\"e", 'a\tb\nc\\d"e'),
        (r"\xc3\xbc \x1b[31m", "\xfc \x1b[31m"),
        (r"\xff", r"\xff"),
        ("\udcff raw", r"\xff raw"),
        (r"\q \x4 \\x41", r"\q \x4 \x41"),
        ("", ""),
        ("\u2028", "\u2028"),
    ],
)
def test_what_apache_escapes(written: str, meant: str) -> None:
    assert jsonlog.error_record(error_line(written))["message"] == meant


def test_what_something_else_wrote() -> None:
    record = jsonlog.error_record(b"Segmentation fault \xff")
    assert (record["log"], record["message"]) == ("error", r"Segmentation fault \xff")
    assert set(record) == {"time", "log", "message"}
    assert jsonlog.access_record(b"x")["message"] == "x"


def test_a_line_of_the_access_log() -> None:
    fields = "2026-11-26T18:06:47.123456+0100 1.2.3.4 - GET /a?b HTTP/1.1 200 12 1500 id 7 a.example - me"
    record = jsonlog.access_record("\t".join(fields.split()).encode())
    assert record == {
        "time": "2026-11-26T18:06:47.123456+01:00",
        "log": "access",
        "client": "1.2.3.4",
        "method": "GET",
        "url": "/a?b",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 12,
        "duration": 0.0015,
        "log_id": "id",
        "pid": 7,
        "host": "a.example",
        "user_agent": "me",
    }


def test_any_bytes_become_json() -> None:
    """Nothing that comes makes it fail, and no line is lost, the last one without an end neither."""
    data = os.urandom(200000).replace(b"\n", b".") + b"\n" + error_line("x") + b"\n\nlast"
    found = converted(data)
    assert len(found) == 3
    assert found[2]["message"] == "last"
    assert len(converted(data, "access")) == 3


def test_a_line_without_an_end_comes_in_pieces() -> None:
    found = converted(b"x" * (3 * jsonlog._LONGEST + 5))
    assert sum(len(each["message"]) for each in found) == 3 * jsonlog._LONGEST + 5


def test_where_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "a log"
    file.write_text("before\n")
    assert converted(b"one\n", "error", "--file", str(file)) == []
    assert converted(b"two\n", "error", "--", "tee", "-a", str(file))[0]["message"] == "two"
    assert [line[:1] for line in file.read_text().splitlines()] == ["b", "{", "{"]


def test_it_ends_with_its_writers_and_not_before() -> None:
    with subprocess.Popen(
        [*PROGRAM, "error"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdin is not None and run.stdout is not None
        run.stdin.write(b"one\n")
        run.stdin.flush()
        assert json.loads(run.stdout.readline())["message"] == "one"
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            run.send_signal(number)
        run.stdin.write(b"two\n")
        run.stdin.close()
        assert json.loads(run.stdout.readline())["message"] == "two"
        assert run.wait(10) == 0


def test_what_cannot_be_written_is_lost_and_no_more() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*PROGRAM, "error"], input=b"a\nb\n", stdout=full, check=False)
    assert done.returncode == 0
