"""The clients in Python, against a server that answers as each test wants."""

import contextlib
import socket
import threading

import pytest

from bench import clients
from bench.campaigns import life
from support import wait

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n%02d"


@contextlib.contextmanager
def serving(*connections):
    """Each connection answers with these, then closes; those after the last are answered well for ever."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection, answers):
        with connection, contextlib.suppress(OSError):
            for each in answers:
                if not connection.recv(65536):
                    return
                connection.sendall(each)

    def forever():
        while True:
            yield GOOD % 99

    def serve():
        waiting = list(connections)
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                answer(connection, waiting.pop(0) if waiting else forever())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def tallied(*connections) -> clients.Tally:
    """What one caller has seen by the time that these connections are over."""
    tally = clients.Tally()
    with serving(*connections) as port, clients.working([clients.Caller(port, "/", tally).call]):
        wait.until(lambda: b"99" in tally.seen, "the last answer")
    return tally


def test_answers_are_counted():
    tally = tallied([GOOD % 1, GOOD % 2])
    assert {b"01", b"02"} < set(tally.seen)
    assert tally.requests >= 2
    assert tally.failures == []


def test_a_kept_connection_that_was_closed_is_no_failure():
    tally = tallied([GOOD % 1])
    assert (tally.retried, tally.failures) == (1, [])


def test_a_server_that_says_that_it_closes_is_asked_on_a_new_connection():
    tally = tallied([CLOSE % 1])
    assert (tally.retried, tally.failures) == (0, [])


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ([b""], "cut after 0 bytes"),
        ([b"HTTP/1.1 200"], "cut after 12 bytes"),
        ([GOOD % 1, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"], "cut after 5 bytes"),
        ([BUSY], "status 503"),
    ],
)
def test_failures(answers, what):
    tally = tallied(answers)
    assert [failure.what for failure in tally.failures] == [what]


def test_requests_that_had_begun_when_a_process_was_killed_are_told_apart():
    kills = [100.0, 200.0]
    assert life.is_lost(clients.Failure(99.9, "cut"), kills)
    assert life.is_lost(clients.Failure(200.0, "cut"), kills)
    assert not life.is_lost(clients.Failure(100.1, "cut"), kills)
    assert not life.is_lost(clients.Failure(90.0, "cut"), kills)
