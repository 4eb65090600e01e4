"""One request over frames: bodies, both ways at once, interim answers, aborts, files, log, END."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from support import wait, wire
from support.daemon import Daemon

from .conftest import logged

Start = Callable[..., Daemon]

ECHO = """
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    while True:
        piece = environ['wsgi.input'].read(65536)
        if not piece:
            return
        yield piece
"""
IGNORE = """
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'not read']
"""
READ = """
import hashlib
def application(environ, start_response):
    try:
        data = environ['wsgi.input'].read()
        words = f'{len(data)} {hashlib.sha256(data).hexdigest()}'
    except OSError as error:
        words = f'{type(error).__name__}: {error}'
    start_response('200 OK', [])
    return [words.encode()]
"""


def test_head_body_and_end_come_at_once(daemon: Start) -> None:
    one = daemon()
    answer = one.channel().request(one.script(IGNORE))
    assert answer.types == ["LOG", "HEAD", "DATA", "END"]  # LOG: the script was loaded
    end = answer.one("END")
    assert (end.outcome, end.written) == (wire.OK, 8)
    assert 0 < end.wall_us < 10_000_000
    assert 0 < end.cpu_us <= 10_000_000


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 1_000_000, 5_000_000])
def test_bodies(daemon: Start, size: int) -> None:
    import hashlib

    one = daemon()
    script = one.script(READ)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = [body[at : at + wire.CHUNK] for at in range(0, size, wire.CHUNK)]
    answer = one.channel().request(script, body=pieces)
    assert answer.body.decode() == f"{size} {hashlib.sha256(body).hexdigest()}"
    assert answer.outcome == wire.OK


def test_body_frames_of_every_size(daemon: Start) -> None:
    one = daemon()
    pieces = [b"x" * size for size in [0, 1, 7, 0, 4096, 16384, 16385, 100_000, 1 << 20, 3]]
    answer = one.channel().request(one.script(READ), body=pieces)
    assert answer.body.split()[0] == str(sum(map(len, pieces))).encode()


def test_echo_moves_both_ways_at_once(daemon: Start) -> None:
    one = daemon()
    channel = one.channel(timeout=30)
    total = 64 * 1024 * 1024
    chunk = bytes(range(256)) * 256
    channel.start(one.script(ECHO), wire.HAS_BODY, content_length=total)

    def send() -> None:
        for _ in range(total // len(chunk)):
            channel.send("BODY", data=chunk)
        channel.send("BODY_END")

    sender = threading.Thread(target=send)
    sender.start()
    answer = channel.collect()
    sender.join()
    assert answer.types[0] == "ADMIT"
    assert len(answer.body) == total
    assert answer.outcome == wire.OK


@pytest.mark.parametrize("size", [10, 60_000, 400_000])
def test_a_body_that_is_not_read_is_thrown_away(daemon: Start, size: int) -> None:
    one = daemon(threads=1)
    script = one.script(IGNORE)
    channel = one.channel()
    for _ in range(3):
        answer = channel.request(script, body=[b"y" * 10_000] * (size // 10_000) or b"y" * size)
        assert answer.body == b"not read"
    assert channel.request(script).outcome == wire.OK


def test_body_frames_that_come_after_end(daemon: Start) -> None:
    one = daemon(threads=1)
    script = one.script(IGNORE)
    channel = one.channel()
    channel.start(script, wire.HAS_BODY, content_length=20)
    assert channel.collect().body == b"not read"
    channel.send("BODY", data=b"z" * 10)
    channel.send("BODY", data=b"z" * 10)
    channel.send("BODY_END")
    assert channel.request(script).body == b"not read"


def test_admit_comes_when_the_body_is_not_there_yet(daemon: Start) -> None:
    one = daemon()
    channel = one.channel()
    channel.start(one.script(READ), wire.HAS_BODY, content_length=5)
    assert channel.receive().type == "HELLO"
    assert channel.receive().type == "ADMIT"
    channel.send("BODY", data=b"12345")
    channel.send("BODY_END")
    assert channel.collect().body.startswith(b"5 ")


def test_continue_is_asked_for_by_the_first_read(daemon: Start) -> None:
    one = daemon()
    channel = one.channel()
    channel.start(one.script(READ), wire.HAS_BODY | wire.EXPECT, content_length=5)
    seen = [channel.receive() for _ in range(4)]
    assert [frame.type for frame in seen] == ["HELLO", "ADMIT", "LOG", "INFORM"]
    assert seen[3].status == 100
    channel.send("BODY", data=b"12345")
    channel.send("BODY_END")
    answer = channel.collect()
    assert answer.types == ["HEAD", "DATA", "END"]


def test_continue_is_not_asked_for_without_a_read(daemon: Start) -> None:
    one = daemon()
    channel = one.channel()
    channel.start(one.script(IGNORE), wire.HAS_BODY | wire.EXPECT, content_length=5)
    assert "INFORM" not in channel.collect().types


@pytest.mark.parametrize("reason", [wire.CLIENT_GONE, wire.TOO_SLOW, wire.TOO_LARGE, wire.BAD_BODY])
def test_abort_while_the_body_is_read(daemon: Start, reason: int) -> None:
    one = daemon()
    channel = one.channel()
    channel.start(one.script(READ), wire.HAS_BODY, content_length=50)
    channel.send("BODY", data=b"12345")
    channel.send("ABORT", reason=reason)
    answer = channel.collect()
    if reason == wire.CLIENT_GONE:
        assert "DATA" not in answer.types
        assert answer.outcome != wire.OK
    else:
        assert answer.status == 200
        assert answer.body.split(b":")[0].endswith((b"Error", b"error"))
        assert answer.outcome == wire.OK
    assert channel.is_closed()
    assert one.table.active == 0


def test_an_application_that_streams_notices_the_client_leaving(daemon: Start) -> None:
    one = daemon(threads=1)
    script = one.script(
        """
        import time
        from pathlib import Path
        class Stream:
            def __iter__(self):
                return self
            def __next__(self):
                time.sleep(0.01)
                return b'x' * 100
            def close(self):
                Path(__file__).with_name('closed').touch()
        def application(environ, start_response):
            start_response('200 OK', [])
            return Stream()
        """.replace("\n        ", "\n")
    )
    channel = one.channel()
    channel.start(script)
    while channel.receive().type != "DATA":
        pass
    channel.send("ABORT", reason=wire.CLIENT_GONE)
    answer = channel.collect()
    assert answer.outcome == wire.GONE
    assert (one.root / "closed").exists()
    # The request had no body: the channel may serve the next one.
    assert channel.request(one.script(IGNORE, "other.wsgi")).body == b"not read"


def test_a_late_abort_is_no_news(daemon: Start) -> None:
    one = daemon()
    script = one.script(IGNORE)
    channel = one.channel()
    assert channel.request(script).outcome == wire.OK
    channel.send("ABORT", reason=wire.CLIENT_GONE)
    assert channel.request(script).body == b"not read"


def test_a_child_that_dies_is_noticed(daemon: Start) -> None:
    one = daemon(threads=1)
    channel = one.channel()
    channel.start(one.script(ECHO), wire.HAS_BODY, content_length=50)
    channel.receive()
    channel.close()
    wait.until(lambda: one.table.active == 0, "the request to end")
    assert one.channel().request(one.script(IGNORE, "other.wsgi")).status == 200


def test_large_pieces_arrive_whole(daemon: Start) -> None:
    one = daemon()
    script = one.script(
        """
def application(environ, start_response):
    start_response('200 OK', [('Content-Length', str(3 * 1024 * 1024 + 6))])
    yield b'begin'
    yield bytes(range(256)) * 4096 * 3
    yield b'.'
"""
    )
    answer = one.channel().request(script)
    assert answer.body == b"begin" + bytes(range(256)) * 4096 * 3 + b"."
    assert max(len(frame.data) for frame in answer.all("DATA")) <= wire.CHUNK
    assert answer.one("END").written == 3 * 1024 * 1024 + 6


def test_a_large_single_piece_arrives_whole(daemon: Start) -> None:
    one = daemon()
    script = one.script(
        """
def application(environ, start_response):
    start_response('200 OK', [])
    return [bytes(range(256)) * 4096]
"""
    )
    channel = one.channel()
    for _ in range(5):
        answer = channel.request(script)
        assert answer.body == bytes(range(256)) * 4096
        assert answer.outcome == wire.OK


def test_a_file_comes_as_a_descriptor(daemon: Start) -> None:
    one = daemon()
    (one.root / "file").write_bytes(b"0123456789" * 1000)
    script = one.script(
        """
from pathlib import Path
def application(environ, start_response):
    start_response('200 OK', [])
    file = Path(__file__).with_name('file').open('rb')
    file.seek(5)
    return environ['wsgi.file_wrapper'](file)
"""
    )
    before = one.descriptors()
    channel = one.channel()
    for _ in range(20):
        answer = channel.request(script)
        assert answer.one("FILE").offset == 5
        assert answer.body == (b"0123456789" * 1000)[5:]
        answer.close()
    assert one.descriptors() <= before + 1


def test_log_lines_come_on_the_request(daemon: Start) -> None:
    one = daemon()
    script = one.script(
        """
def application(environ, start_response):
    print('on errors', file=environ['wsgi.errors'])
    1 / 0
"""
    )
    answer = one.channel().request(script)
    assert answer.types[-1] == "END"
    assert "HEAD" not in answer.types
    assert answer.outcome == wire.ERROR
    assert "on errors" in answer.log
    assert "ZeroDivisionError" in answer.log


def test_log_without_request_goes_to_the_process_log(daemon: Start) -> None:
    one = daemon()
    script = one.script(
        """
import sys, threading
def application(environ, start_response):
    thread = threading.Thread(target=lambda: print('from a thread', file=sys.stderr))
    thread.start()
    thread.join()
    start_response('200 OK', [])
    return [b'']
"""
    )
    assert "from a thread" not in one.channel().request(script).log
    logged(one, "from a thread")


def test_an_application_that_forks_keeps_no_channel_open(daemon: Start) -> None:
    """A process left behind by the application must not hold Apache's connections."""
    one = daemon(threads=1)
    script = one.script(
        """
import os, time
def application(environ, start_response):
    pid = os.fork()
    if pid == 0:
        time.sleep(3)
        os._exit(0)
    start_response('200 OK', [])
    return [str(pid).encode()]
"""
    )
    channel = one.channel()
    assert channel.request(script).status == 200
    one.process.kill()
    channel.sock.settimeout(2)
    assert channel.is_closed()


def test_a_process_that_the_application_forked_can_be_ended(daemon: Start) -> None:
    one = daemon(threads=1)
    script = one.script(
        """
import multiprocessing, time
def application(environ, start_response):
    child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(30,))
    child.start()
    child.terminate()
    child.join(10)
    start_response('200 OK', [])
    return [str(child.exitcode).encode()]
"""
    )
    channel = one.channel(timeout=20)
    assert channel.request(script).body == b"-15"
    assert channel.request(script).body == b"-15"
