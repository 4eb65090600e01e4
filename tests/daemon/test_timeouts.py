"""request-timeout: an answer for the client, stacks for the log; the process goes on, or is replaced."""

from __future__ import annotations

import time
from collections.abc import Callable

from support import wait, wire
from support.daemon import DRAINING, READY, Daemon

from .conftest import HELLO, logged

Start = Callable[..., Daemon]

STUCK = """
import time
from pathlib import Path
def linger_here():
    for _ in range(3000):
        if Path(__file__).with_name('may_end').exists():
            break
        time.sleep(0.01)
def application(environ, start_response):
    if environ['QUERY_STRING'] == 'head':
        write = start_response('200 OK', [])
        write(b'begun')
    elif environ['QUERY_STRING'] == 'read':
        environ['wsgi.input'].read()
    linger_here()
    start_response('200 OK', [])
    return [b'too late']
"""


def test_before_the_head(daemon: Start) -> None:
    one = daemon(request_timeout=1)
    script = one.script(STUCK)
    channel = one.channel()
    began = time.monotonic()
    answer = channel.request(script, uri="/slow/page")
    assert 0.9 < time.monotonic() - began < 3
    assert answer.outcome == wire.TIMEOUT
    assert "HEAD" not in answer.types
    assert "PYW0058" in answer.log
    assert "GET /slow/page" in answer.log
    assert channel.is_closed()
    logged(one, "linger_here")
    # Another thread serves on, and the stuck one comes back.
    assert one.channel().request(one.script(HELLO, "hello.wsgi")).status == 200
    (one.root / "may_end").touch()
    wait.until(lambda: one.table.active == 0, "the thread to come back")
    assert one.channel().request(one.script(HELLO, "hello.wsgi")).status == 200
    wait.until(lambda: one.table.capacity == 2, "its capacity to be whole")
    assert one.process.poll() is None


def test_after_the_head(daemon: Start) -> None:
    one = daemon(request_timeout=1)
    answer = one.channel().request(one.script(STUCK), uri="/?head")
    assert answer.status == 200
    assert answer.body == b"begun"
    assert answer.outcome == wire.TIMEOUT
    (one.root / "may_end").touch()


def test_while_the_body_is_read(daemon: Start) -> None:
    one = daemon(request_timeout=1, threads=1)
    channel = one.channel()
    channel.start(one.script(STUCK), wire.HAS_BODY, uri="/?read", content_length=10)
    answer = channel.collect()
    assert answer.outcome == wire.TIMEOUT
    # The cut wakes the reader, so this thread comes back by itself: no reason to replace the process.
    assert one.channel().request(one.script(HELLO, "hello.wsgi")).status == 200
    time.sleep(1.5)
    assert one.table.report == READY


def test_while_a_slow_client_takes_nothing(daemon: Start) -> None:
    one = daemon(request_timeout=1)
    script = one.script(
        """
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'x' * 10_000_000]
"""
    )
    channel = one.channel()
    channel.start(script)
    wait.until(lambda: one.table.active == 1, "the request to run")
    wait.until(lambda: one.table.active == 0, "the request to end")
    answer = channel.collect()
    assert answer.closed or answer.outcome == wire.TIMEOUT
    assert len(answer.body) < 10_000_000
    logged(one, "PYW0058")
    assert one.channel().request(one.script(HELLO, "hello.wsgi")).status == 200


def test_when_all_threads_are_stuck_the_process_is_replaced(daemon: Start) -> None:
    one = daemon(request_timeout=1, threads=2)
    script = one.script(STUCK)
    first, second, third = (one.channel() for _ in range(3))
    first.start(script)
    second.start(script)
    time.sleep(0.3)
    third.start(script)
    assert first.collect().outcome == wire.TIMEOUT
    assert second.collect().outcome == wire.TIMEOUT
    # It waited for a thread, and nothing of it has run: another process may serve it.
    assert third.collect().types in (["REFUSE"], [])
    assert one.wait_end() == 0
    assert "PYW0060" in one.log
    assert one.table.report == DRAINING


def test_requests_that_are_in_time_are_left_alone(daemon: Start) -> None:
    one = daemon(request_timeout=1)
    script = one.script(HELLO)
    channel = one.channel()
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        assert channel.request(script).status == 200
    assert "PYW0058" not in one.log
