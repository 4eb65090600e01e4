"""A process group that has been taken over speaks to Apache: nothing that it says harms another.

Each case is what the daemon does on a channel. Whatever it is, the client gets an error or a response
that is seen to be cut, once, and the Apache child is the same afterwards: alive, with as many
descriptors, serving others. tests/support/hostile_daemon.py says what a step does.
"""

from __future__ import annotations

import contextlib
import json
import struct
import time
from pathlib import Path

import pytest

from support import curl, procs, raw, wait, wire
from support.httpd import Settings

PROGRAM = Path(__file__).parent.parent / "support" / "hostile_daemon.py"
CONF = """
WSGIDaemonProcess hostile daemon-program=@ROOT@/hostile.py home=@ROOT@ connect-timeout=2 socket-timeout=3 \\
    request-buffer-size=0
WSGIScriptAlias /hostile @ROOT@/app.wsgi process-group=hostile application-group=%{GLOBAL}
<Location /hostile/deflated>
    SetOutputFilter DEFLATE
</Location>
Protocols h2c http/1.1
"""
MIB = 1 << 20


@pytest.fixture
def hostile(servers):
    """A server whose one group is the hostile program."""
    settings = Settings(
        mpm=servers.mpm,
        children=1,
        threads=16,
        modules=("http2",) if servers.mpm != "prefork" else (),
        extra=CONF if servers.mpm != "prefork" else CONF.replace("Protocols h2c http/1.1", ""),
        files={"app.wsgi": "", "plan.json": json.dumps([*START, *WHOLE])},
        prepare=lambda server: server.write("hostile.py", PROGRAM.read_text("utf-8"), 0o755),
    )
    server = servers.kept(f"hostile/{servers.mpm}", settings, "/hostile")
    # Else nothing would reach it, and every refusal look right.
    arm(server, [*START, *WHOLE])
    wait.until(lambda: server.get("/hostile").status == 200, "the program to be heard", 20)
    attempts(server).unlink(missing_ok=True)
    return server


def attempts(server):
    return server.scratch / "attempts"


# --- words of the plans -----------------------------------------------------------------------


def send(*parts):
    return ["send", b"".join(parts).hex()]


def head(status=200, headers=(), length=-1, reason="OK"):
    fields = {"status": status, "reason": reason, "content_length": length, "headers": headers}
    return wire.encode("HEAD", **fields)


def inform(status=100, headers=()):
    return wire.encode("INFORM", status=status, reason="", content_length=-1, headers=headers)


def data(text):
    return wire.encode("DATA", data=text)


def file(offset=0, length=10):
    return wire.encode("FILE", offset=offset, length=length)


def log(text, level=6):
    return wire.encode("LOG", level=level, text=text)


def end(outcome=wire.OK):
    return wire.encode("END", outcome=outcome, wall_us=0, cpu_us=0, written=0)


def refuse(reason):
    return wire.encode("REFUSE", reason=reason)


def bare(kind, payload=b"", **more):
    """A frame whose payload the protocol does not know."""
    return wire.header(kind, len(payload), **more) + payload


BODY, BODY_END = 3, 4
START = [["read"], ["read"], ["hello"]]
ADMIT = wire.encode("ADMIT")
WHOLE = [send(head(length=2), data("ok"), end())]
ALL_ONES = b"\xff" * 8

# --- what the client must see -----------------------------------------------------------------

# An error page, and no byte of what the daemon said.
REFUSED = {
    "first frame no hello": [["read"], ["read"], *WHOLE],
    "hello with another secret": [
        ["read"],
        ["read"],
        send(wire.encode("HELLO", low=1, high=1, secret="00" * 32)),
        *WHOLE,
    ],
    "hello that is short": [["read"], ["read"], send(bare("HELLO", b"\1\1")), *WHOLE],
    "hello twice": [*START, ["hello"], *WHOLE],
    "unknown type": [*START, send(bare(14))],
    "type 0": [*START, send(bare(0))],
    "type 255": [*START, send(bare(255))],
    "other version": [*START, send(bare("HEAD", version=2))],
    "frame of a child": [*START, send(bare("REQUEST"))],
    "body from a daemon": [*START, send(bare("BODY", b"x"))],
    "abort from a daemon": [*START, send(bare("ABORT", b"\1"))],
    "length over the cap": [*START, send(wire.header("HEAD", MIB + 1))],
    "length of 4 GiB": [*START, send(wire.header("DATA", 0xFFFFFFFF))],
    "garbage": [*START, send(b"HTTP/1.1 200 OK\r\n\r\nhello")],
    "admit with a payload": [*START, send(bare("ADMIT", b"x"))],
    "empty head": [*START, send(bare("HEAD"))],
    "head that is short": [*START, send(bare("HEAD", head()[8:-1]))],
    "head that is long": [*START, send(bare("HEAD", head()[8:] + b"x"))],
    "head counts more headers": [
        *START,
        send(bare("HEAD", struct.pack("<HHqH", 200, 0, -1, 65535))),
    ],
    "header length past the end": [
        *START,
        send(bare("HEAD", struct.pack("<HHqHHI", 200, 0, -1, 1, 0, 0xFFFFFFFF))),
    ],
    "reason past the end": [*START, send(bare("HEAD", struct.pack("<HH", 200, 65535)))],
    "negative length": [*START, send(head(length=-2), end())],
    "least length": [*START, send(head(length=-(1 << 63)), end())],
    "status 0": [*START, send(head(0), end())],
    "status 100": [*START, send(head(100), end())],
    "status 101": [*START, send(head(101), end())],
    "status 199": [*START, send(head(199), end())],
    "status 1000": [*START, send(head(1000), end())],
    "status 65535": [*START, send(head(65535), end())],
    "line break in the reason": [*START, send(head(reason="OK\r\nX-Injected: 1"), end())],
    "control in the reason": [*START, send(head(reason="O\x08K"), end())],
    "NUL in the reason": [*START, send(head(reason="O\0K"), end())],
    "body before a head": [*START, send(data("x"))],
    "end before a head": [*START, send(end())],
    "end of an unknown outcome": [*START, send(end(5))],
    "end that is short": [*START, send(bare("END", b"\0"))],
    "end that failed": [*START, send(end(wire.ERROR))],
    "refuse after admit": [*START, send(ADMIT, refuse(wire.BUSY))],
    "refuse without a reason": [*START, send(bare("REFUSE"))],
    "refuse of the version": [*START, send(refuse(wire.PROTOCOL))],
    "inform that is final": [*START, send(inform(200))],
    "inform that switches": [*START, send(inform(101))],
    "inform of another kind": [*START, send(inform(102))],
    "inform with too many hints": [*START, send(inform(103)), *[send(inform(103))] * 16],
    "inform with too many headers": [*START, send(inform(103, [("X-A", "b")] * 65))],
    "log of level 255": [*START, send(log("x", 255))],
    "log without a level": [*START, send(bare("LOG"))],
    "file before a head": [*START, ["fds", file().hex(), "file", 1]],
    "nothing": START,
    "hello alone, drop by drop": [["read"], ["read"], ["hello"], ["drip", ADMIT.hex()]],
    "half a frame": [*START, send(wire.header("HEAD", 100), b"x" * 50)],
    "death": [*START, ["die"]],
    "mute": [*START, ["mute"], ["sleep", 0.2]],
    "silence": [*START, ["sleep", 5]],
}

# A header that must not reach the client, each alone.
HEADERS = {
    "line break": ("X-A", "a\r\nX-Injected: 1"),
    "line feed": ("X-A", "a\nX-Injected: 1"),
    "carriage return": ("X-A", "a\rX-Injected: 1"),
    "NUL": ("X-A", "a\0b"),
    "control": ("X-A", "a\x08b"),
    "delete": ("X-A", "a\x7fb"),
    "empty name": ("", "x"),
    "name with a colon": ("X-A: b\r\nX-Injected", "1"),
    "name with a space": ("X A", "1"),
    "name with a NUL": ("X\0A", "1"),
    "name with a control": ("X\x01", "1"),
    "name that is not ASCII": ("X-\xe9", "1"),
    "type with a line break": ("Content-Type", "text/html\r\nX-Injected: 1"),
}
REFUSED |= {
    f"header: {name}": [*START, send(head(200, [row]), data("x"), end())]
    for name, row in HEADERS.items()
}
REFUSED |= {
    f"inform, header: {name}": [*START, send(inform(103, [row]), head(200), data("x"), end())]
    for name, row in HEADERS.items()
}
REFUSED |= {
    f"header, no end: {name}": [*START, send(head(200, [HEADERS[name]]), data("x")), ["sleep", 0.3]]
    for name in ("control", "delete")
}

# A status line has gone out by then: the client must see that what it got is not all.
CUT = {
    "second head": [send(head(500), data("y"), end())],
    "more than declared": [send(data("z" * 100000))],
    "refuse": [send(refuse(wire.BUSY))],
    "hello": [["hello"]],
    "garbage": [send(b"\0" * 100)],
    "length over the cap": [send(wire.header("DATA", 0x7FFFFFFF))],
    "failure": [send(end(wire.ERROR))],
    "timeout": [send(end(wire.TIMEOUT))],
    "client gone": [send(end(wire.GONE))],
    "too little": [send(end())],
    "close": [],
    "death": [["die"]],
    "silence": [["sleep", 5]],
    "file without a descriptor": [send(file())],
    "write-only file": [["fds", file(0, 90000).hex(), "write-only", 1], send(end())],
    "path-only file": [["fds", file(0, 90000).hex(), "path-only", 1], send(end())],
}

# The head is good and what follows is not: an error, or a response without an end.
FILES = {
    "file without a descriptor": [*START, send(head(), file())],
    "file that is short": [*START, ["fds", (head() + bare("FILE", b"x")).hex(), "file", 1]],
    "file past its end": [*START, ["fds", (head() + file(0, MIB + 1)).hex(), "file", 1]],
    "file from past its end": [*START, ["fds", (head() + file(MIB + 1, 0)).hex(), "file", 1]],
    "file of all ones": [*START, ["fds", (head() + bare("FILE", ALL_ONES * 2)).hex(), "file", 1]],
    "file longer than declared": [
        *START,
        ["fds", (head(length=5) + file(0, 10)).hex(), "file", 1],
    ],
    "pipe for a file": [*START, ["fds", (head() + file()).hex(), "pipe", 1]],
    "socket for a file": [*START, ["fds", (head() + file()).hex(), "socket", 1]],
    "directory for a file": [*START, ["fds", (head() + file()).hex(), "directory", 1]],
    "device for a file": [*START, ["fds", (head() + file()).hex(), "device", 1]],
}

LEAVES = r"PYW01[0-9]{2}|PYW000[2-5]|PYW000[1-9]|AH0\d+|AH1\d+|h2_|http2|^x*$"


def arm(server, plan):
    server.write("plan.json.new", json.dumps(plan)).rename(server.root / "plan.json")
    server.log.allow(LEAVES)
    if ["die"] in plan:
        server.expect_new_processes()
    wait.until(lambda: server.get("/alive").status == 200, "Apache to answer")


def the_child(server):
    """The one process that serves requests."""
    pids = [pid for pid in server.children() if procs.parent(pid) == server.pid]
    (child,) = [pid for pid in pids if procs.status(pid).get("Name") != "pywsgi-superv"]
    return child


@pytest.fixture
def survives(hostile, request):
    """The child that is there before is there after, with as many descriptors."""
    if hostile.settings.mpm == "prefork":
        yield 0  # which child serves is not known
        return
    child = the_child(hostile)
    others = procs.fd_counts(child)[1]
    yield child
    assert the_child(hostile) == child, "the child did not survive"
    wait.until(
        lambda: procs.fd_counts(child)[1] <= others + 4, f"descriptors to return to {others}", 5
    )


def ask(server, method="GET", path="/hostile", headers=(), body=None):
    """The response, and whether nothing came behind it."""
    with server.connect() as connection:
        connection.send(raw.encode(method, path, headers, body))
        response = connection.read_response(method)
        is_alone = connection.at_eof(0.1) or connection.quiet(0.05)
    return response, is_alone


@pytest.mark.parametrize("name", REFUSED)
def test_refused(hostile, survives, name):
    arm(hostile, REFUSED[name])
    response, is_alone = ask(hostile)
    assert response.status in (500, 502, 503, 504)
    assert response.complete
    assert is_alone, "something came behind the response"
    assert b"X-Injected" not in response.head
    assert "X-A" not in dict(response.headers)


@pytest.mark.parametrize("name", FILES)
def test_file(hostile, survives, name):
    arm(hostile, FILES[name])
    response, is_alone = ask(hostile)
    assert response.status >= 500 or not response.complete
    assert response.status >= 500 or response.body == b""
    assert is_alone


@pytest.mark.parametrize("framing", ["chunked", "length", "deflated"])
@pytest.mark.parametrize("name", CUT)
def test_cut(hostile, survives, name, framing):
    if framing != "length" and name in ("too little", "more than declared"):
        pytest.skip("nothing was declared")
    length = 100000 if framing == "length" else -1
    plan = [*START, send(head(length=length), data("x" * 1000)), ["sleep", 0.05], *CUT[name]]
    arm(hostile, plan)
    path = "/hostile/deflated" if framing == "deflated" else "/hostile"
    response, is_alone = ask(hostile, path=path, headers=[("Accept-Encoding", "gzip")])
    assert response.status == 200
    assert not response.complete, "a part passed for the whole"
    assert is_alone
    assert b"HTTP/1.1" not in response.body


@pytest.mark.parametrize("name", ["client gone", "failure", "garbage"])
def test_http10_cut_behind_a_filter(hostile, survives, name):
    """The filter takes the declared length away: only a reset is left to say that it is a part."""
    plan = [*START, send(head(length=100000), data("x" * 1000)), ["sleep", 0.05], *CUT[name]]
    arm(hostile, plan)
    with hostile.connect() as connection:
        connection.send(b"GET /hostile/deflated HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        response = connection.read_head()
        assert response.header("Content-Length") is None
        with pytest.raises(ConnectionResetError):
            while connection.sock.recv(65536):
                pass


@pytest.mark.http2
@pytest.mark.parametrize("outcome", [wire.ERROR, wire.SHORT, wire.TIMEOUT, wire.GONE])
def test_http2_end_without_a_head(hostile, survives, outcome):
    if hostile.settings.mpm == "prefork" or not curl.has_http2():
        pytest.skip("needs HTTP/2")
    arm(hostile, [*START, send(end(outcome))])
    result = curl.get(hostile.url("/hostile"), "http2")
    assert result.exit != 0 or result.status >= 500


def test_a_good_answer_passes(hostile, survives):
    """The program can do good: what is refused above is refused for what it says."""
    arm(hostile, [*START, *WHOLE])
    response, is_alone = ask(hostile)
    assert (response.status, response.body, is_alone) == (200, b"ok", True)


def test_a_frame_a_byte_at_a_time(hostile, survives):
    text = head(length=2) + data("ok") + end()
    arm(hostile, [*START, ["drip", text.hex()]])
    assert ask(hostile)[0].body == b"ok"


def test_what_follows_the_end_is_thrown_away(hostile, survives):
    arm(hostile, [*START, send(head(length=2), data("ok"), end(), head(), data("more"), end())])
    for _ in range(3):
        response, is_alone = ask(hostile)
        assert (response.body, is_alone) == (b"ok", True)


def test_many_headers_pass(hostile, survives):
    """As many as the protocol allows."""
    rows = [("X-Many", str(number)) for number in range(4096)]
    arm(hostile, [*START, send(head(200, rows, 2), data("ok"), end())])
    response, _ = ask(hostile)
    assert response.status == 200
    assert response.all("X-Many") == [value for _, value in rows]


def test_interim_responses_do_not_follow_the_head(hostile, survives):
    """A 100 behind a response's head would be taken for its body, or for the next response."""
    late = [send(inform())] * 3
    arm(hostile, [*START, send(head(length=2)), ["sleep", 0.05], *late, send(data("ok"), end())])
    headers = [("Expect", "100-continue"), ("Content-Length", "5")]
    response, is_alone = ask(hostile, "POST", headers=headers)
    assert (response.status, response.body) == (200, b"ok")
    assert response.interim == []
    assert is_alone


def test_hints_are_not_sent_where_they_are_not_wanted(hostile, survives):
    """This server has no WSGIEarlyHints; and never are they sent behind a head."""
    hints = send(inform(103, [("Link", "</x>"), ("Connection", "close")]))
    arm(hostile, [*START, hints, send(head(length=2)), hints, send(data("ok"), end())])
    response, is_alone = ask(hostile)
    assert (response.status, response.body, response.interim) == (200, b"ok", [])
    assert response.header("Link") is None
    assert is_alone


def test_interim_responses_come_once(hostile, survives):
    arm(hostile, [*START, *[send(inform())] * 5, ["sleep", 0.05], *WHOLE])
    headers = [("Expect", "100-continue"), ("Content-Length", "5")]
    response, _ = ask(hostile, "POST", headers=headers)
    assert len(response.interim) == 1
    assert response.body == b"ok"


# --- resources ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 8, 200])
def test_descriptors_that_nobody_asked_for(hostile, survives, count):
    plan = [*START, ["fds", head(length=2).hex(), "file", count], send(data("ok"), end())]
    arm(hostile, plan)
    assert ask(hostile)[0].body == b"ok"


def test_files_without_end(hostile, survives):
    """Descriptors are short in the child, and others need them too."""
    before = procs.fd_counts(survives)[1] if survives else 0
    plan = [*START, send(head()), ["repeat-fds", file(0, 0).hex(), "file", 2000], ["sleep", 1]]
    arm(hostile, plan)
    with hostile.connect() as connection:
        connection.send(raw.encode("GET", "/hostile"))
        connection.read_head()
        most = 0
        until = time.monotonic() + 1
        while survives and time.monotonic() < until:
            most = max(most, procs.fd_counts(survives)[1])
    assert most < before + 100


@pytest.mark.parametrize("path", ["/hostile", "/hostile/deflated"])
def test_a_file_that_shrinks_while_it_is_sent(hostile, survives, path):
    """Mapped into the child's memory, it would be the end of the child (SIGBUS)."""
    send_file = ["fds", (head() + file(0, MIB)).hex(), "file", 1]
    arm(hostile, [*START, send_file, ["truncate", 0], send(end())])
    for _ in range(20):
        with hostile.connect() as connection:
            connection.send(raw.encode("GET", path, [("Accept-Encoding", "gzip")]))
            with contextlib.suppress(EOFError):  # of a filter that could not read it
                connection.read_response()


def test_a_daemon_that_does_not_listen(hostile, survives):
    """It closes its receiving side under a body and says nothing: the wait ends, and costs no CPU."""
    if not survives:
        pytest.skip("prefork: which child serves is not known")
    arm(hostile, [*START, send(ADMIT), ["sleep", 0.3], ["deaf"], ["sleep", 8]])
    cpu = used(survives)
    began = time.monotonic()
    response, _ = ask(hostile, "POST", body=b"b" * (8 * MIB))
    assert response.status in (502, 504)
    assert time.monotonic() - began < 7
    assert used(survives) - cpu < 1.0


def used(pid):
    """Seconds of CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_daemon_that_closes_at_once(hostile, survives):
    """It has answered nothing, not even HELLO: tried again, not too often, then 503."""
    arm(hostile, [])
    for method, body in (("GET", None), ("POST", b"x" * 1000)):
        attempts(hostile).unlink(missing_ok=True)
        assert ask(hostile, method, body=body)[0].status == 503
        assert 2 <= attempts(hostile).stat().st_size < 200


def test_the_rest_of_a_body_goes_to_the_next_process(hostile, survives):
    """One that stops to listen and leaves before it took the request takes no body with it."""
    passed, body = hostile.scratch / "body", b"a" * 10000 + b"b" * 10000
    passed.unlink(missing_ok=True)
    arm(hostile, [["read"], ["read"], ["body", BODY], ["deaf"], ["sleep", 1]])
    with hostile.connect() as connection:
        connection.send(raw.encode("POST", "/hostile", [("Content-Length", "20000")]))
        connection.send(body[:1])
        wait.until(lambda: passed.exists() and passed.stat().st_size == 1, "the first byte")
        arm(hostile, [*START, ["body", BODY_END], *WHOLE])
        connection.send(body[1:15000])
        wait.until(lambda: attempts(hostile).stat().st_size == 2, "another process to be asked")
        connection.send(body[15000:])
        assert connection.read_response().body == b"ok"
    assert passed.read_bytes() == body


def test_a_daemon_that_refuses_for_ever(hostile, survives):
    arm(hostile, [*START, send(refuse(wire.BUSY)), ["sleep", 0.1]])
    assert ask(hostile)[0].status == 503
    assert 2 <= attempts(hostile).stat().st_size < 200


@pytest.mark.parametrize(
    "piece",
    [ADMIT, data(""), data("x"), log("x", 7), data("y" * 65536)],
    ids=["admit", "empty", "one byte", "log", "chunk"],
)
def test_memory_does_not_grow_with_frames(hostile, survives, piece):
    if not survives:
        pytest.skip("prefork: which child serves is not known")
    count = 200_000 if len(piece) < 100 else 500
    plan = [*START, send(head()), ["repeat", (piece * 100).hex(), count // 100], send(end())]
    arm(hostile, plan)
    ask(hostile)
    before = procs.rss(survives)
    for _ in range(2):
        response, _ = ask(hostile)
        assert response.complete
    assert procs.rss(survives) - before < 8 * MIB


def test_a_plan_does_not_touch_the_others(hostile, survives):
    """While one client waits for a silent process, others are served."""
    arm(hostile, [*START, ["sleep", 2], *WHOLE])
    with hostile.connect() as waiting:
        waiting.send(raw.encode("GET", "/hostile"))
        began = time.monotonic()
        assert hostile.get("/alive").status == 200
        assert time.monotonic() - began < 1
        assert waiting.read_response().body == b"ok"
