"""Connections that wait for their next request: how long, and what comes of them if all threads are busy."""

from __future__ import annotations

import contextlib

import pytest

from support import inline, machine, raw, wait

THREADS = 2
# Apache's threads; as many of the application where it has its own. The factor lets one child have
# more connections than it has idle threads.
SIZE = "AsyncRequestWorkerFactor 32"
HELD = """
open(environ["test.scratch"] + "/run-" + str(time.monotonic_ns()), "w").close()
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.01)
start_response("200 OK", [])
return [b"done"]
"""

pytestmark = pytest.mark.skipif(
    tuple(map(int, machine.find_apache().version.split("."))) < (2, 4, 63),
    reason="event of this Apache closes connections while all threads are busy",
)


@pytest.fixture
def clients(request):
    """Makes connections, and closes them at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda server, count: [stack.enter_context(server.connect()) for _ in range(count)]


def send(connection, headers=(), target="/inline"):
    connection.send(raw.encode("GET", target, headers))


def serve(connection):
    assert connection.request("GET", "/hello").status == 200


def test_busy(start, mode, clients):
    server = start(SIZE, mode=mode, threads=THREADS)
    server.log.allow("AH00484")  # that all threads are busy
    busy, patient, idle = (clients(server, count) for count in (THREADS, 5, 3))
    for connection in (*busy, *patient, *idle):
        serve(connection)
    for connection in busy:
        send(connection, [inline.header(HELD)])
    wait.until(lambda: len(list(server.scratch.glob("run-*"))) == THREADS, "all threads to be busy")
    for connection in patient:
        send(connection, target="/hello")
    for connection in (*patient, *idle):
        assert connection.quiet(0.2)
    (server.scratch / "go").touch()
    for connection in (*busy, *patient):
        assert connection.read_response().status == 200
    for connection in (*patient, *idle):
        serve(connection)


@pytest.mark.parametrize("timeout", [60, 2])
def test_keep_alive_timeout(start, mode, clients, timeout):
    """By our own clock, or by Apache's where its Timeout is not much longer."""
    server = start(f"Timeout {timeout}\nKeepAliveTimeout 1", mode=mode)
    first, second = clients(server, 2)
    for connection in (first, second):
        serve(connection)
    assert first.quiet(0.3)
    serve(first)
    for connection in (first, second):
        assert connection.at_eof(15)


def test_keep_alive_timeout_of_a_virtual_host(start, mode, clients):
    """That of the host that has answered, not of the first one of the address."""
    hosts = "".join(
        f"<VirtualHost *:@PORT@>\nServerName {name}\nKeepAliveTimeout {seconds}\n"
        "WSGIScriptAlias /hello @APPS@/hello/wsgi.py\n</VirtualHost>\n"
        for name, seconds in (("first", 50), ("second", 1))
    )
    server = start("KeepAliveTimeout 50\nTimeout 300\n" + hosts, mode=mode)
    with server.connect() as connection:
        connection.send(b"GET /hello HTTP/1.1\r\nHost: second\r\n\r\n")
        assert connection.read_response().status == 200
        assert connection.at_eof(20)


def test_next_request_in_time(start, mode, clients):
    """Each request begins the time anew; what is sent ahead is answered in order."""
    server = start("KeepAliveTimeout 2", mode=mode)
    (connection,) = clients(server, 1)
    for _ in range(6):
        serve(connection)
        assert connection.quiet(0.5)
    for _ in range(3):
        send(connection, target="/hello")
    for _ in range(3):
        assert connection.read_response().status == 200
    serve(connection)


def test_client_leaves(start, mode, clients):
    server = start("", mode=mode)
    for connection in clients(server, 8):
        serve(connection)
        connection.close()
    assert server.get("/hello").status == 200


def test_graceful(start, mode, clients):
    """A request on an idle connection is answered by the old configuration, and is the last one there."""
    server = start("KeepAliveTimeout 5", mode=mode)
    asking, silent = clients(server, 2)
    for connection in (asking, silent):
        serve(connection)
    server.graceful()
    assert server.get("/hello").status == 200
    response = asking.request("GET", "/hello")
    assert (response.status, response.header("Connection")) == (200, "close")
    assert silent.at_eof(15)
