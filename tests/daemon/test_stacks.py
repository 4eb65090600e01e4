"""What all threads do: asked for by the supervisor, and in the log when a request takes too long."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from support import wait, wire
from support.daemon import Daemon

from .conftest import HELLO, logged

Start = Callable[..., Daemon]

# Two requests in functions of different names, until they may end.
BUSY = """
import threading, time
from pathlib import Path
here = Path(__file__).parent
def rest():
    while not (here / 'may_end').exists():
        time.sleep(0.01)
def first():
    (here / 'in_first').touch()
    rest()
def second():
    (here / 'in_second').touch()
    rest()
def application(environ, start_response):
    globals()[environ['QUERY_STRING']]()
    start_response('200 OK', [])
    return [b'done']
"""


def begin(one: Daemon, name: str, group: str = "") -> wire.Channel:
    channel = one.channel(timeout=30)
    id_ = [("mod_wsgi.request_id", f"id-of-{name}")]
    channel.start(one.root / "app.wsgi", uri=f"/{name}?{name}", extra=id_, group=group)
    wait.until((one.root / f"in_{name}").exists, "the application to run")
    return channel


def let_end(one: Daemon) -> None:
    (one.root / "may_end").touch()


def stack_of(text: str, name: str) -> str:
    """The stack whose thread runs that request; the first, where several entries have it."""
    line = re.search(
        rf"(Thread 0x[0-9a-f]{{16}}): GET /{name}\?{name}, [\d.]+ s, log id id-of-{name}\b", text
    )
    assert line, text
    blocks = re.split(r"^(?=Thread 0x)", text, flags=re.MULTILINE)
    # Python 3.14 has the thread's name there.
    head = re.compile(rf"{line[1]} (\[[^]]*\] )?\(most recent call")
    return next(block for block in blocks if head.match(block))


@pytest.mark.parametrize("group", ["", "other"])
def test_requests_and_stacks_have_the_same_thread(daemon: Start, group: str) -> None:
    one = daemon(threads=5)
    one.script(BUSY)
    channels = [begin(one, name, group) for name in ("first", "second")]
    text = one.stacks()
    assert text.startswith(f"Process {one.pid} of group 'test', serving, ")
    assert "in first" in stack_of(text, "first")
    assert "in second" in stack_of(text, "second")
    assert "3 of 5 threads wait for requests." in text
    let_end(one)
    assert [channel.collect().body for channel in channels] == [b"done", b"done"]
    wait.until(lambda: "5 of 5 threads wait for requests." in one.stacks(), "both to be free")


def test_while_the_gil_is_taken(daemon: Start) -> None:
    one = daemon()
    script = one.script(
        """
import ctypes
from pathlib import Path
def hog():
    Path(__file__).with_name('in_hog').touch()
    ctypes.PyDLL(None).sleep(3)
def application(environ, start_response):
    hog()
    start_response('200 OK', [])
    return [b'done']
"""
    )
    assert script
    channel = begin(one, "hog")
    assert "in hog" in stack_of(one.stacks(), "hog")
    assert channel.collect().body == b"done"


def test_nobody_reads_them(daemon: Start) -> None:
    """Neither requests nor the next one who asks wait for it."""
    one = daemon(threads=2)
    script = one.script(HELLO)
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    while True:
        try:
            os.write(theirs, b"x" * 4096)
        except BlockingIOError:
            break
    socket.send_fds(one.lifeline, [b"S"], [theirs])
    os.close(theirs)
    assert "2 of 2 threads" in one.stacks()
    assert one.channel().request(script).status == 200
    os.close(ours)


def test_a_word_without_a_descriptor(hello: tuple[Daemon, Path]) -> None:
    one, script = hello
    one.tell(b"S?")
    assert one.channel().request(script).status == 200


def test_while_it_starts(daemon: Start, tmp_path: Path) -> None:
    script = tmp_path / "slow.wsgi"
    script.write_text(
        f"import pathlib, time\npathlib.Path({str(tmp_path)!r}, 'on').touch()\n"
        "def never():\n    time.sleep(60)\nnever()\n"
    )
    one = daemon(preloads=[(str(script), "")], ready=False)
    wait.until((tmp_path / "on").exists, "the import to run")
    text = one.stacks()
    assert ", starting, " in text
    assert "in never" in text


def test_a_request_that_takes_too_long(daemon: Start) -> None:
    """Which thread runs what, and behind it all stacks, in one entry of the process log."""
    one = daemon(request_timeout=1, threads=3)
    one.script(BUSY)
    channels = [begin(one, name) for name in ("first", "second")]
    assert channels[0].collect().outcome == wire.TIMEOUT
    logged(one, "in second")
    text = re.sub(r"^<\d\+?>", "", one.log, flags=re.MULTILINE)
    assert "in first" in stack_of(text, "first")
    assert "in second" in stack_of(text, "second")
    assert re.search(r"^Thread .* GET /first.*, ended but not back$", text, re.MULTILINE)
    let_end(one)
    channels[1].collect()
