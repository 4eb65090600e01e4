"""compat 1.10 and 3.6: processes report about themselves by datagrams, as docs/telemetry.md says."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support import inline, procs, wait
from support.httpd import HttpdInstance
from support.places import ask

PROCESS, REQUEST, SLOW, STARTED, STOPPING, STOPPED = 1, 2, 4, 5, 6, 7
MEANS, HISTOGRAMS = range(60, 68), range(90, 98)


class Listener:
    """A socket that keeps all datagrams that come: (kind, pid, sequence, epoch, fields)."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.came: list[tuple[int, int, int, float, dict[int, Any]]] = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while datagram := self.socket.recv(65536):
            self.came.append(parse(datagram))

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def of_kind(self, kind: int) -> list[dict[int, Any]]:
        return [fields for each, *_, fields in self.came if each == kind]


def parse(data: bytes) -> tuple[int, int, int, float, dict[int, Any]]:
    assert len(data) <= 8192
    magic, version, kind, flags, pid, sequence, epoch = struct.unpack_from("<4sBBHIId", data)
    assert (magic, version, flags) == (b"WSGI", 1, 0)
    fields: dict[int, Any] = {}
    at = 24
    while at < len(data):
        field, kind_of = struct.unpack_from("<HB", data, at)
        at += 3
        assert field not in fields
        if kind_of in (1, 2, 3):
            [fields[field]] = struct.unpack_from({1: "<Q", 2: "<d", 3: "<q"}[kind_of], data, at)
            at += 8
            continue
        [count] = struct.unpack_from("<H", data, at)
        letter, size = {4: ("s", 1), 5: ("i", 4), 6: ("d", 8)}[kind_of]
        value = struct.unpack_from(f"<{count}{letter}", data, at + 2)
        fields[field] = value[0].decode() if kind_of == 4 else list(value)
        at += 2 + count * size
    assert at == len(data)
    return kind, pid, sequence, epoch, fields


@pytest.fixture
def listened(start, mode) -> Iterator[Callable[..., tuple[HttpdInstance, Listener]]]:
    """Start a server that reports to a listener."""
    listeners = []

    def listened(extra: str = "") -> tuple[HttpdInstance, Listener]:
        server = start(
            "WSGITelemetryService unix:@SCRATCH@/socket interval=0.5\n" + extra,
            mode=mode,
            prepare=lambda server: listeners.append(Listener(str(server.scratch / "socket"))),
        )
        server.get("/hello")  # in embedded mode Python starts now
        return server, listeners[0]

    yield listened
    for listener in listeners:
        listener.close()


def test_reports(listened):
    server, listener = listened()
    wait.until(lambda: listener.of_kind(STARTED), "the first datagram")
    for _ in range(3):
        assert inline.run(
            server, "environ['wsgi.input'].read()\nstart_response('404 No', [])\nreturn [b'12345']",
            "POST", body=b"x" * 100,
        ).status == 404  # fmt: skip

    def total(field: int) -> int:
        return sum(fields.get(field, 0) for fields in listener.of_kind(REQUEST))

    wait.until(lambda: total(123) == 3, "the requests to be reported")
    assert total(13) == 4 and total(121) == 1
    assert total(100) == 300
    assert total(102) == 15 + len(server.get("/hello").body)
    processes = listener.of_kind(PROCESS)
    assert {fields[3] for fields in processes} == {".".join(map(str, (0, 1, 0)))}
    assert all(fields[5].startswith("Apache/2.4") for fields in processes)
    assert all(1 << 20 < fields[40] for fields in processes)
    assert {pid for _, pid, *_ in listener.came} <= set(server.descendants())
    for fields in listener.of_kind(REQUEST):
        assert 0.3 < fields[12] < 60
        assert fields[50] >= fields[51] >= fields[52]
        assert len(fields[110]) == len(fields[114]) == fields[51]
        for mean, histogram in zip(MEANS, HISTOGRAMS, strict=True):
            assert (mean in fields) == (histogram in fields)
            if mean in fields:
                assert len(fields[histogram]) == 65
                assert sum(fields[histogram]) == fields[13]


def test_sequence_per_process(listened):
    _, listener = listened()
    wait.until(lambda: len(listener.came) >= 5, "some datagrams")
    for pid in {pid for _, pid, *_ in listener.came}:
        numbers = [sequence for _, each, sequence, *_ in listener.came if each == pid]
        assert numbers == list(range(len(numbers)))


def test_metrics_are_recorded(listened):
    """The service implies start_recording_metrics()."""
    server, _ = listened()
    assert ask(server, "result = mod_wsgi.process_metrics() is not None") is True
    assert ask(server, "result = mod_wsgi.request_metrics() is not None") is True


def test_slow_requests(listened):
    server, listener = listened("WSGISlowRequests 0.3\n")
    code = """
for _ in range(1500):
    if os.path.exists(environ["test.scratch"] + "/go"):
        break
    time.sleep(0.01)
start_response("200 OK", [])
return [environ["mod_wsgi.request_id"].encode()]
"""
    answers: list[str] = []
    agent = ("User-Agent", "slow/1")
    thread = threading.Thread(
        target=lambda: answers.append(inline.run(server, code, headers=[agent]).text)
    )
    thread.start()
    wait.until(lambda: listener.of_kind(SLOW), "the request to be reported")
    (server.scratch / "go").touch()
    thread.join()
    wait.until(lambda: listener.of_kind(SLOW)[-1][204] == 1, "its end to be reported")
    for fields in listener.of_kind(SLOW):
        assert fields[200] == answers[0]
        assert fields[203] >= 0.3
        assert (fields[205], fields[206]) == ("GET", "/inline")
        assert fields[207].endswith("/inline/wsgi.py")
        assert fields[209] == "127.0.0.1"
        assert 210 not in fields
    assert [fields[204] for fields in listener.of_kind(SLOW)].count(1) == 1


def test_user_agent_of_slow_requests(listened):
    server, listener = listened("WSGISlowRequests 0\nWSGITelemetryOptions +CaptureUserAgent\n")
    server.request("GET", "/hello", [("User-Agent", "any/2")])
    wait.until(
        lambda: any(fields[210] == "any/2" for fields in listener.of_kind(SLOW)), "the request"
    )


def test_the_end(listened, mode):
    server, listener = listened()
    ready = set()

    def is_all_ready() -> bool:
        ready.add(server.get("/identity").json()["pid"])
        return len(ready) == (2 if mode == "daemon_multi" else 1)

    wait.until(is_all_ready, "all processes to be ready: others end without a word")
    wait.until(lambda: len(listener.of_kind(STARTED)) == len(ready), "their first datagrams")
    server.stop()
    wait.until(lambda: len(listener.of_kind(STOPPED)) == len(ready), "their last datagrams")
    reasons = {fields[132] for fields in listener.of_kind(STOPPING)}
    assert reasons == ({""} if mode == "embedded" else {"shutdown_signal"})
    assert len(listener.of_kind(STARTED)) == len(ready)
    assert listener.came[-1][0] == STOPPED


def test_nobody_listens(start, mode):
    """Nothing is said, and nothing is held up."""
    server = start("WSGITelemetryService unix:@SCRATCH@/nobody\n", mode=mode)
    for _ in range(20):
        assert server.get("/hello").status == 200
    assert not server.log.find("telemetry")


def test_a_listener_that_does_not_read(start, mode):
    """Its queue is full after a few datagrams: the others are lost, and no request waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:

        def bind(server: HttpdInstance) -> None:
            full.bind(str(server.scratch / "socket"))
            (server.scratch / "socket").chmod(0o666)

        server = start(
            "WSGITelemetryService unix:@SCRATCH@/socket interval=0.5\nWSGISlowRequests 0\n",
            mode=mode,
            prepare=bind,
        )
        for _ in range(200):
            assert server.get("/hello").status == 200


def test_slow_requests_without_a_service_are_warned_of(start):
    server = start("WSGISlowRequests 1\n", mode="daemon")
    [line] = server.log.claim("PYW0030")
    assert line.level == "warn"
    assert not procs.zombie(server.pid)
