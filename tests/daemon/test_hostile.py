"""What a child that has gone mad may send: the channel ends, the process goes on."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from support import wait, wire
from support.daemon import Daemon

from .conftest import logged

Started = tuple[Daemon, Path]


def request(script: Path, **changes: object) -> bytes:
    return wire.encode("REQUEST", **(wire.request_fields(script) | changes))


# Sent right after HELLO. `{}` stands for a good REQUEST.
FRAMES: dict[str, bytes] = {
    "not a frame at all": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "another version": wire.header("REQUEST", 0, version=2),
    "type 0": wire.header(0, 0),
    "an unknown type": wire.header(14, 0),
    "a type of the daemon": wire.encode("DATA", data="x"),
    "HELLO again": wire.encode("HELLO", low=1, high=1, secret="00" * 32),
    "BODY without a request": wire.encode("BODY", data="x"),
    "BODY_END without a request": wire.encode("BODY_END"),
    "a length over its cap": wire.header("BODY", (1 << 20) + 1),
    "the largest length there is": wire.header("REQUEST", 0xFFFFFFFF),
    "BODY_END with a payload": wire.header("BODY_END", 1) + b"x",
    "an empty REQUEST": wire.header("REQUEST", 0),
    "a REQUEST cut short": wire.header("REQUEST", 20) + bytes(20),
    "a REQUEST with 4097 pairs": wire.header("REQUEST", 40)
    + bytes(8 * 4)
    + bytes(6)
    + (4097).to_bytes(2, "little"),
    "a REQUEST with a pair beyond its end": wire.header("REQUEST", 45)
    + bytes(8 * 4)
    + bytes(6)
    + b"\x01\x00\x01\xff\xff\xff\xff",
    "a content length below -1": wire.header("REQUEST", 40)
    + bytes(16)
    + (-2).to_bytes(8, "little", signed=True)
    + bytes(16),
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_channel_is_closed(hello: Started, name: str) -> None:
    daemon, script = hello
    channel = daemon.channel()
    channel.receive()
    channel.sock.sendall(FRAMES[name])
    assert channel.is_closed()
    logged(daemon, "PYW0056")
    assert daemon.channel().request(script).status == 200


DURING = {
    "a second REQUEST": lambda script: request(script),
    "HELLO": lambda script: wire.encode("HELLO", low=1, high=1, secret="00" * 32),
    "an unknown type": lambda script: wire.header(200, 0),
    "a BODY over its cap": lambda script: wire.header("BODY", 1 << 30),
    "an ABORT without reason": lambda script: wire.header("ABORT", 0),
    "an ABORT of reason 0": lambda script: wire.encode("ABORT", reason=0),
    "an ABORT of reason 200": lambda script: wire.encode("ABORT", reason=200),
}


@pytest.mark.parametrize("name", DURING)
def test_nonsense_in_a_body(hello: Started, name: str) -> None:
    daemon, script = hello
    reader = daemon.script(
        """
def application(environ, start_response):
    environ['wsgi.input'].read()
    start_response('200 OK', [])
    return [b'read']
""",
        "read.wsgi",
    )
    channel = daemon.channel()
    channel.start(reader, wire.HAS_BODY, content_length=100)
    channel.send("BODY", data=b"x")
    channel.sock.sendall(DURING[name](script))
    answer = channel.collect()
    assert "HEAD" not in answer.types
    assert answer.closed or channel.is_closed()
    wait.until(lambda: daemon.table.active == 0, "the request to end")
    assert daemon.channel().request(script).status == 200


def test_a_descriptor_that_is_sent_along_is_not_kept(hello: Started) -> None:
    daemon, script = hello
    channel = daemon.channel()
    channel.request(script)
    before = daemon.descriptors()
    with open("/dev/null", "rb") as file:
        for _ in range(10):
            socket.send_fds(channel.sock, [request(script)], [file.fileno()] * 3)
            channel.collect()
    assert daemon.descriptors() == before


def test_frames_cut_anywhere(hello: Started) -> None:
    """A request in two parts, at every byte: served, and never served twice."""
    daemon, script = hello
    whole = request(script)
    channel = daemon.channel()
    for at in range(1, len(whole), 7):
        channel.sock.sendall(whole[:at])
        channel.sock.sendall(whole[at:])
        assert channel.collect().status == 200
    assert daemon.table.served == len(range(1, len(whole), 7))


def test_random_bytes(hello: Started) -> None:
    daemon, script = hello
    dice = random.Random(7)
    good = request(script)
    for _ in range(150):
        channel = daemon.channel()
        data = bytearray(good)
        for _ in range(dice.choice([1, 1, 2, 5, 20])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        channel.sock.sendall(bytes(data))
        channel.sock.shutdown(socket.SHUT_WR)
        channel.collect()
        channel.close()
    assert daemon.process.poll() is None
    assert daemon.channel().request(script).status == 200
    wait.until(lambda: daemon.table.active == 0, "all requests to end")


def test_many_pairs_and_long_values(daemon: Callable[..., Daemon]) -> None:
    one = daemon()
    script = one.script(
        """
def application(environ, start_response):
    start_response('200 OK', [])
    total = sum(len(value) for name, value in environ.items() if name.startswith('X'))
    return [str(total).encode()]
"""
    )
    extra = [(f"X{number}", "v" * 500) for number in range(4000)]
    assert one.channel().request(script, extra=extra).body == b"2000000"
