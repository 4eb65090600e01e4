"""What the datagrams of processes add up to."""

from __future__ import annotations

import os
import struct

from mod_pywsgi.runtime import telemetry
from mod_pywsgi.runtime.telemetry import (
    PROCESS,
    REQUEST,
    SLOW_REQUEST,
    STARTED,
    STOPPED,
    Server,
    parse,
)

Value = int | float | str


def datagram(kind: int, pid: int, fields: dict[int, Value]) -> bytes:
    data = struct.pack("<4sBBHIId", b"WSGI", 1, kind, 0, pid, 1, 0.0)
    for name, value in fields.items():
        if isinstance(value, int):
            data += struct.pack("<HBQ", name, 1, value)
        elif isinstance(value, float):
            data += struct.pack("<HBd", name, 2, value)
        else:
            text = value.encode()
            data += struct.pack("<HBH", name, 4, len(text)) + text
    return data


def told(server: Server, kind: int, pid: int, fields: dict[int, Value], now: float = 0.0) -> None:
    found = parse(datagram(kind, pid, fields))
    assert found is not None
    server.take(found, now)


def test_a_life() -> None:
    server = Server(1.0)
    told(server, STARTED, 7, {1: "web", 4: "3.13"})
    told(server, PROCESS, 7, {1: "web", 32: 0.5, 40: 1000, 50: 5})
    told(server, REQUEST, 7, {13: 4, 64: 0.25, 121: 3, 124: 1, 102: 10})
    told(server, REQUEST, 7, {13: 1, 64: 1.0, 121: 1})
    document = server.document()
    [group] = document["groups"]
    assert (group["name"], group["requests"], group["seconds"]) == ("web", 5, 2.0)
    assert group["statuses"] == {"2xx": 4, "5xx": 1}
    [process] = document["processes"]
    assert (process["cpu"], process["memory"], process["python"]) == (0.5, 1000, "3.13")
    text = server.prometheus()
    assert 'pywsgi_requests_total{group="web"} 5\n' in text
    assert 'pywsgi_process_cpu_cores{group="web",pid="7"} 0.5\n' in text
    told(server, STOPPED, 7, {})
    assert server.document()["processes"] == []
    assert server.document()["groups"]


def test_one_that_was_killed_is_forgotten() -> None:
    server = Server(1.0)
    told(server, PROCESS, 7, {1: "web"}, 0.0)
    told(server, PROCESS, 8, {1: "web"}, 9.0)
    server.forget(11.0)
    assert [each["pid"] for each in server.document()["processes"]] == [8]


def test_slow_requests_are_followed_and_not_kept_for_ever() -> None:
    server = Server(1.0)
    for seconds, ended in ((1.0, 0), (2.0, 0), (2.5, 1)):
        told(server, SLOW_REQUEST, 7, {1: "web", 201: 3, 200: "id", 203: seconds, 204: ended})
    [slow] = server.document()["slow_requests"]
    assert (slow["seconds"], slow["ended"], slow["group"]) == (2.5, 1, "web")
    for number in range(300):
        told(server, SLOW_REQUEST, 7, {201: 3, 200: f"id{number}"})
    assert len(server.document()["slow_requests"]) == telemetry._MOST_SLOW


def test_what_is_no_datagram_of_ours() -> None:
    good = datagram(PROCESS, 7, {1: "web", 40: 5})
    for bad in (b"", b"x" * 100, good[:-1], good[:30], b"WSGJ" + good[4:], good + b"\1\0\x63"):
        assert parse(bad) is None
    for _ in range(2000):
        parse(good[:24] + os.urandom(64))


def test_names_cannot_break_out() -> None:
    server = Server(1.0)
    told(server, REQUEST, 7, {1: 'a"b\\c\nd', 13: 1})
    assert 'pywsgi_requests_total{group="a\\"b\\\\c\\nd"} 1\n' in server.prometheus()
    for number in range(3000):
        told(server, REQUEST, number, {1: f"group{number}"})
    assert len(server.groups) <= telemetry._MOST_GROUPS
