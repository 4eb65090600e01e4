"""Opening a channel: who may, with what words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support import wait, wire
from support.daemon import Daemon

from .conftest import logged

Started = tuple[Daemon, Path]


def test_hello_is_answered_before_anything_else(hello: Started) -> None:
    daemon, script = hello
    channel = daemon.channel()
    channel.start(script)
    first = channel.receive()
    assert first.type == "HELLO"
    assert (first.low, first.high) == (1, 1)
    assert first.secret == daemon.secret.hex()
    assert channel.collect().body == b"Hello World!"


def test_a_child_without_the_secret_learns_nothing(hello: Started) -> None:
    daemon, script = hello
    channel = daemon.channel(secret=bytes(32))
    with contextlib.suppress(BrokenPipeError):  # it may be closed before all is sent
        channel.start(script)
    assert channel.collect().frames == []
    logged(daemon, "PYW0055")
    assert daemon.table.served == 0


@pytest.mark.parametrize(
    ("low", "high", "spoken"), [(1, 1, True), (0, 9, True), (2, 9, False), (0, 0, False)]
)
def test_versions(hello: Started, low: int, high: int, spoken: bool) -> None:
    daemon, script = hello
    channel = daemon.channel(greet=False)
    channel.send("HELLO", low=low, high=high, secret=daemon.secret.hex())
    with contextlib.suppress(BrokenPipeError):  # as above
        channel.start(script)
    answer = channel.collect()
    if spoken:
        assert answer.status == 200
    else:
        assert answer.types == ["REFUSE"]
        assert answer.one("REFUSE").reason == wire.PROTOCOL
        logged(daemon, "PYW0057")


@pytest.mark.root
def test_another_user_may_not_connect(daemon: Callable[..., Daemon]) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to be somebody else")
    one = daemon()
    os.chmod(one.path, 0o777)
    os.chmod(one.root, 0o755)
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        try:
            channel = wire.Channel(one.path, one.secret)
            os._exit(0 if channel.is_closed() else 1)
        except OSError:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    logged(one, "PYW0054")


def test_many_requests_on_many_channels(hello: Started) -> None:
    daemon, script = hello
    channels = [daemon.channel() for _ in range(50)]
    for _ in range(5):
        for channel in channels:
            channel.start(script)
        for channel in channels:
            assert channel.collect().body == b"Hello World!"
    assert daemon.table.served == 250
    assert daemon.table.active == 0


def test_descriptors_return_to_where_they_were(hello: Started) -> None:
    daemon, script = hello
    daemon.channel().request(script)
    before = daemon.descriptors()
    for _ in range(20):
        with daemon.channel() as channel:
            channel.request(script)
    wait.until(lambda: daemon.descriptors() == before, "the channels to be closed")


def test_a_channel_that_says_nothing_holds_nobody_up(hello: Started) -> None:
    daemon, script = hello
    silent = [daemon.channel(greet=False) for _ in range(10)]
    for channel in silent[:5]:
        channel.sock.sendall(b"\x01")
    assert daemon.channel().request(script).status == 200
