"""WSGIKeepAliveLinger: a connection that is kept alive is served on by the thread that has it.

It is seen in the log, at level debug: one line a row of requests that one thread has served. Where the thread
is to wait, it would wait for a second: longer than any client here takes for its next request.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess

import pytest

from support import inline, procs, raw, wait

LOG = "LogLevel wsgi:debug\n"
LONG = LOG + "WSGIKeepAliveLinger 1000\n"
HELLO = 'start_response("200 OK", [("Content-Length", "5")])\nreturn [b"hello"]'
ROW = re.compile(r"(\d+) requests in a row on one thread")
MODES = ["embedded", "daemon"]


def rows(server):
    """How many requests were served in each row, shortest first."""
    return sorted(int(found[1]) for line in server.log.read() if (found := ROW.search(line.text)))


def ask(connection, code=HELLO):
    return connection.request("GET", "/inline", [inline.header(code)])


def ask_times(server, times):
    """On one connection, which is closed then."""
    with server.connect() as connection:
        for _ in range(times):
            response = ask(connection)
            assert (response.status, response.body) == (200, b"hello")


@pytest.mark.parametrize("mode", MODES)
def test_one_thread_serves_on(start, mode):
    server = start(LONG, mode=mode)
    ask_times(server, 5)
    wait.until(lambda: rows(server) == [5], "the row to be logged")


def test_it_is_the_default(start):
    """By so little that a slow machine may see none of it: a pipelined request is there in any case."""
    server = start(LOG, mode="embedded")
    request = raw.encode("GET", "/inline", [inline.header(HELLO)], None, server.host, server.port)
    with server.connect() as connection:
        connection.send(request * 2)
        assert [connection.read_response().status for _ in range(2)] == [200, 200]
    wait.until(lambda: rows(server) == [2], "the row to be logged")


@pytest.mark.parametrize(
    "conf",
    [
        LOG + "WSGIKeepAliveLinger 0\n",
        # The virtual host's own holds.
        LONG + "<VirtualHost *:@PORT@>\nWSGIKeepAliveLinger 0\n</VirtualHost>\n",
    ],
)
def test_off(start, conf):
    server = start(conf, mode="embedded")
    ask_times(server, 5)
    ask_times(server, 5)
    assert rows(server) == []


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_mpms_that_keep_the_connection_anyway(start, mpm):
    server = start(LONG, mode="embedded", mpm=mpm)
    ask_times(server, 5)
    assert rows(server) == []


def test_a_row_has_an_end(start):
    server = start(LONG + "MaxKeepAliveRequests 0\n", mode="embedded")
    ask_times(server, 250)
    wait.until(lambda: rows(server) == [50, 100, 100], "the rows to be logged")


def test_max_keep_alive_requests(start):
    """The row ends where the connection would."""

    def answered(linger):
        server = start(
            LOG + f"MaxKeepAliveRequests 3\nWSGIKeepAliveLinger {linger}\n", mode="embedded"
        )
        answers = 0
        with server.connect() as connection:
            with contextlib.suppress(EOFError, ConnectionError):
                while ask(connection).status == 200:
                    answers += 1
        return answers, server

    (without, _), (answers, server) = answered(0), answered(1000)
    assert answers == without
    wait.until(lambda: rows(server) == [answers], "the row to be logged")


def test_keep_alive_timeout(start):
    """The thread waits no longer than the client may, and the MPM closes the connection as always."""
    server = start(LONG + "KeepAliveTimeout 50ms\n", mode="embedded")
    with server.connect() as connection:
        assert ask(connection).status == 200
        assert connection.at_eof()


def test_a_stop_while_a_thread_waits(start):
    """The thread holds nothing up, and what Apache has closed meanwhile it leaves alone."""
    server = start(LONG, mode="embedded")
    with server.connect() as connection:
        assert ask(connection).status == 200
        server.stop()
        assert connection.at_eof()


def test_keep_alive_off(start):
    server = start(LONG + "KeepAlive Off\n", mode="embedded")
    with server.connect() as connection:
        assert ask(connection).status == 200
        assert connection.at_eof()
    assert rows(server) == []


def test_others_come_first(start):
    """With two threads one may wait for its client; the other is there for everybody."""
    server = start(LONG, mode="embedded", threads=2)
    with server.connect() as waits:
        assert ask(waits).status == 200
        ask_times(server, 3)
        assert rows(server) == []
        assert ask(waits).status == 200
    wait.until(lambda: len(rows(server)) == 1, "the one row to be logged")


def test_few_for_each_processor(start):
    """However many threads there are: many that stay with their connections are no faster than few."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})  # the server's, too
    try:
        server = start(LONG, mode="embedded", threads=64)
    finally:
        os.sched_setaffinity(0, ours)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(16)]
        for _ in range(2):
            assert {ask(connection).status for connection in connections} == {200}
    assert server.stop() == []  # then all of them have said what they served
    assert 0 < len(rows(server)) <= 8


def test_all_kinds_of_responses(start, mode):
    """What ends a response, and what a request carries, is told apart from the next one as ever."""
    server = start(LONG, mode=mode)
    kinds = {
        HELLO: (200, b"hello"),
        'start_response("200 OK", [])\nyield b"a"\nyield b"b"': (200, b"ab"),
        'start_response("204 No Content", [])\nreturn []': (204, b""),
        'start_response("304 Not Modified", [])\nreturn []': (304, b""),
        'start_response("404 Not Found", [])\nreturn [b"none"]': (404, b"none"),
        'start_response("200 OK", [])\nreturn [environ["wsgi.input"].read()]': (200, b"body"),
        'start_response("200 OK", [])\nreturn [b"unread"]': (200, b"unread"),
    }
    with server.connect() as connection:
        for _ in range(2):
            for code, (status, body) in kinds.items():
                sent = b"body" if "read" in code else None
                response = connection.request("GET", "/inline", [inline.header(code)], sent)
                assert (response.status, response.body) == (status, body), code
    wait.until(lambda: rows(server) == [2 * len(kinds)], "the row to be logged")


def test_a_cut_response_ends_the_connection(start):
    server = start(LONG, mode="daemon")
    with server.connect() as connection:
        assert ask(connection).status == 200
        response = ask(
            connection, 'start_response("200 OK", [])\nyield b"a"\nraise KeyError("cut")'
        )
        assert not response.complete
        assert connection.at_eof()
    server.log.claim_traceback("KeyError: 'cut'")


def test_what_is_not_an_application_is_left_alone(start):
    server = start(
        LONG
        + 'Alias /file "@ROOT@/file.txt"\n<Location /file>\nRequire all granted\n</Location>\n',
        mode="embedded",
        files={"file.txt": "text"},
    )
    with server.connect() as connection:
        for _ in range(3):
            assert connection.request("GET", "/file").status == 200
        # The requests before it are no reason to wait, this one is.
        assert ask(connection).status == 200
        assert ask(connection).status == 200
    wait.until(lambda: rows(server) == [2], "the row to be logged")


@pytest.mark.http2
@pytest.mark.skipif(not shutil.which("h2load"), reason="there is no h2load")
def test_http2_is_left_alone(start):
    server = start(LONG + "Protocols h2c http/1.1\n", mode="embedded", modules=("http2",))
    name, value = inline.header(HELLO)
    words = ["h2load", "-n", "20", "-c", "1", "-m", "1", "-H", f"{name}: {value}"]
    done = subprocess.run(
        [*words, server.url("/inline")], capture_output=True, text=True, timeout=60, check=True
    )
    assert "20 succeeded" in done.stdout
    assert rows(server) == []


def test_graceful_restart(start):
    """A connection that is kept does not hold up the end of its process, however long it may be idle."""
    server = start(LONG + "Timeout 300\nKeepAliveTimeout 60\n", mode="embedded")
    server.expect_new_processes()
    with server.connect(30) as connection:
        old = int(
            ask(connection, 'start_response("200 OK", [])\nreturn [b"%d" % os.getpid()]').text
        )
        server.graceful()
        wait.until(lambda: not procs.alive(old), "the old process to end", 30)
        assert connection.at_eof()
    assert inline.run(server, HELLO).status == 200


@pytest.mark.parametrize("value", ["soon", "-1", "1001", "1.5", "99999999999999999999"])
def test_values_that_are_refused(configtest, value):
    status, words = configtest(f"WSGIKeepAliveLinger {value}\n")
    assert status != 0
    assert "give milliseconds from 0 (off) to 1000" in words
