"""Section 2.9: how requests get to a daemon process and responses back, as seen from outside.

What mod_wsgi does to responses in daemon mode alone is not done here: both modes are the same.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket

import pytest

from support import inline, procs, raw, wait

GROUP = (
    "WSGIApplicationGroup %{{GLOBAL}}\nWSGIDaemonProcess web {}\nWSGIProcessGroup web\n"
    "WSGIScriptAlias /inline @APPS@/inline/wsgi.py\nSetEnv test.scratch @SCRATCH@\n"
)


def answer(server, status, headers, asked=()):
    code = f'start_response({status!r}, {headers!r})\nreturn [b"the body"]'
    return inline.run(server, code, headers=asked)


# Response headers: the same in all modes


def test_repeated_headers_stay_apart(server):
    headers = [
        ("X-Many", "one"),
        ("Set-Cookie", "a=1"),
        ("X-Many", "two, three"),
        ("Set-Cookie", "b=2"),
        ("WWW-Authenticate", "Basic realm=x"),
        ("WWW-Authenticate", "Bearer"),
    ]
    response = answer(server, "200 OK", headers)
    assert response.all("X-Many") == ["one", "two, three"]
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert response.all("WWW-Authenticate") == ["Basic realm=x", "Bearer"]


def test_media_type_keeps_its_case(server):
    response = answer(server, "200 OK", [("Content-Type", "Text/X-Plain; Charset=UTF-8")])
    assert response.header("Content-Type") == "Text/X-Plain; Charset=UTF-8"


def test_a_date_in_the_future_is_the_applications_business(server):
    later = "Fri, 01 Jan 2100 00:00:00 GMT"
    assert answer(server, "200 OK", [("Last-Modified", later)]).header("Last-Modified") == later


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "201 Created"])
def test_location_goes_to_the_client(server, status):
    """No internal redirect for the ones that mod_wsgi redirects in daemon mode."""
    response = answer(server, status, [("Location", "/alive")])
    assert response.status == int(status[:3])
    assert response.header("Location") == "/alive"
    assert response.body == b"the body"


def test_conditions_are_evaluated_where_the_application_has_not(server):
    """mod_wsgi leaves all to the application: docs/migrating.md, and integration/test_conditional.py."""
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    for asked, given, status in (
        (("If-None-Match", '"tag"'), ("ETag", '"tag"'), 304),
        (("If-Modified-Since", date), ("Last-Modified", date), 304),
        (("If-Match", '"other"'), ("ETag", '"tag"'), 412),
        (("Range", "bytes=0-1"), ("ETag", '"tag"'), 200),
    ):
        response = answer(server, "200 OK", [given], [asked])
        assert response.status == status
        assert response.body == (b"the body" if status == 200 else b"")


# Clients that leave

STREAM = """
    class Body:
        def __iter__(self):
            return self
        def __next__(self):
            self.count = getattr(self, "count", 0) + 1
            if self.count > 100000:
                raise StopIteration
            return b"x" * 65536
        def close(self):
            write_result(environ, {name!r}, self.count)
    start_response("201 Created", [])
    return Body()
"""


def test_a_client_that_leaves(server, mode):
    """The application is stopped at one of its next writes; the access log keeps its status."""
    name = f"closed-{mode}"
    with server.connect() as connection:
        connection.send(
            raw.encode("GET", f"/inline?{name}", [inline.header(STREAM.format(name=name))])
        )
        assert connection.read_head().status == 201
        connection.reset()
    assert inline.result(server, name) < 100000
    log = server.root / "access_log"
    wait.until(lambda: f'/inline?{name} HTTP/1.1" 201' in log.read_text(), "the access log")


@pytest.mark.parametrize("size", [100_000, 1_000_000, 2_500_000])
def test_a_client_that_does_not_read_yet_keeps_no_thread(start, size):
    """A response of this size is in the buffers of the sockets; the only thread serves others."""
    server = start(GROUP.format("threads=1"))
    code = f'start_response("200 OK", [])\nreturn [b"x" * {size}]'
    with server.connect() as connection:
        connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
        wait.until(lambda: server.log.find("PYW0103"), "the request to run")
        assert answer(server, "200 OK", []).body == b"the body"
        assert len(connection.read_response().body) == size


# Sockets


def sockets(server):
    """Those of the processes of groups, also such as may yet start."""
    found = [path for path in (server.root / "run").rglob("*") if path.is_socket()]
    return [path for path in found if path.suffix != ".control"]


def open_socket(server):
    wait.until(lambda: server.get("/inline").status == 500, "the group to serve")
    server.log.claim("KeyError")
    server.log.allow(".")
    [path, *_] = sockets(server)
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(str(path))
    return peer


def test_who_does_not_know_the_secret_is_not_heard(start):
    server = start(GROUP.format(""))
    with open_socket(server) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(4096))
        assert peer.recv(4096) == b"", "closed without an answer"
    server.log.claim("PYW005[56]")


# Waiting for a process


def test_connect_timeout_is_503(start):
    """None is ready: the group's processes take longer to start than the request waits."""
    slow = "import time\ntime.sleep(5)\n"
    server = start(
        "WSGIApplicationGroup %{GLOBAL}\n"
        "WSGIDaemonProcess web connect-timeout=1 socket-timeout=1\n"
        "WSGIScriptAlias /slow @ROOT@/slow.py process-group=web application-group=%{GLOBAL}\n",
        files={"slow.py": slow},
    )
    response = server.get("/slow")
    assert (response.status, response.header("Retry-After")) == (503, "1")
    server.log.claim("PYW0155")
    server.log.allow("PYW")


PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'
UNTIL_TOLD = """
    write_result(environ, "pid", os.getpid())
    while not os.path.exists(environ["test.scratch"] + "/go"):
        time.sleep(0.01)
    start_response("200 OK", [])
    return []
"""


@contextlib.contextmanager
def full_backlog(server):
    """The group's process is stopped, and as many have knocked as it has place for.

    The request that it is busy with holds the one connection that is already there.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as peers:
        busy = pool.submit(inline.run, server, UNTIL_TOLD)
        peers.callback((server.scratch / "go").touch)
        pid = inline.result(server, "pid")
        os.kill(pid, signal.SIGSTOP)
        peers.callback(os.kill, pid, signal.SIGCONT)
        wait.until(lambda: "T" in procs.status(pid)["State"], "the process to stand still")
        for path in sockets(server):
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer = peers.enter_context(socket.socket(socket.AF_UNIX))
                    peer.setblocking(False)
                    peer.connect(str(path))
        yield pid
    assert busy.result().status == 200


def test_a_full_backlog_is_503_after_connect_timeout(start):
    server = start(GROUP.format("listen-backlog=1 connect-timeout=1"))
    with full_backlog(server):
        assert inline.run(server, PID).status == 503
    server.log.claim("PYW0155")
    server.log.allow("PYW005[56]")


def test_a_full_backlog_is_tried_again_until_there_is_place(start):
    server = start(GROUP.format("listen-backlog=1 connect-timeout=60"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with full_backlog(server) as pid:
            answer = pool.submit(inline.run, server, PID)
            wait.holds(lambda: not answer.done(), "the request to wait", 0.5)
        assert (answer.result().status, answer.result().text) == (200, str(pid))
    server.log.allow("PYW005[56]")


def test_a_socket_that_is_gone_is_503_at_once(start):
    server = start(GROUP.format("connect-timeout=60"))
    for path in wait.until(lambda: sockets(server), "the sockets"):
        path.unlink()
    response = inline.run(server, PID)
    assert (response.status, response.header("Retry-After")) == (503, "1")
    server.log.claim("PYW0156: No connection to process group 'web': No such file")
    server.log.allow("PYW0021")  # of one of Apache's processes that starts just then


def test_socket_timeout_before_a_header_is_504(start):
    server = start(GROUP.format("socket-timeout=1"))
    assert inline.run(server, "time.sleep(4)").status == 504
    server.log.claim("PYW0153")
    server.log.allow("PYW")


def test_socket_timeout_after_a_header_is_a_cut_response(start):
    server = start(GROUP.format("socket-timeout=1"))
    code = """
        start_response("200 OK", [])
        yield b"first"
        time.sleep(4)
        yield b"second"
    """
    response = inline.run(server, code)
    assert response.status == 200
    assert not response.complete
    assert response.body == b"first"
    server.log.claim("PYW0153")
    server.log.allow("PYW")
