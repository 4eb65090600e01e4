"""Slow clients: their bodies are kept by Apache, and no thread of the application waits for them."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import signal
import socket

import pytest

from support import inline, procs, raw, tls, wait

MANY = 50
THREADS = 2
ANSWER = 'start_response("200 OK", [])\nreturn [b"done"]'
ECHO = """
import hashlib
data = environ["wsgi.input"].read()
start_response("200 OK", [])
return [hashlib.sha256(data).hexdigest().encode()]
"""
MARKED = """
import hashlib
open(environ["test.scratch"] + "/run-" + str(time.monotonic_ns()), "w").close()
data = environ["wsgi.input"].read()
start_response("200 OK", [])
return [hashlib.sha256(data).hexdigest().encode()]
"""
SIZE = 700_000
BODY = bytes(range(251)) * (SIZE // 251)
DIGEST = hashlib.sha256(BODY).hexdigest()
# 16 MB are more than the sockets between hold; `run-` is there when the application has ended.
PIECE = 65_536
LARGE = f"""
start_response("200 OK", [])
try:
    for number in range(COUNT):
        yield bytes([number % 251]) * {PIECE}
finally:
    open(environ["test.scratch"] + "/run-" + str(time.monotonic_ns()), "w").close()
"""


def much(count):
    return LARGE.replace("COUNT", str(count))


def large(count):
    return b"".join(bytes([number % 251]) * PIECE for number in range(count))


def begin(start, options="", extra="", **settings):
    server = start(
        extra, mode="daemon", options=f"threads={THREADS} {options}", threads=64, **settings
    )
    assert inline.run(server, ANSWER).status == 200
    return server


def child_of(server):
    """Apache's only worker process."""
    [child] = [
        pid
        for pid in procs.children(server.pid)
        if "apache2" in procs.program(pid) and int(procs.status(pid)["Threads"]) > THREADS
    ]
    return child


def runs(server):
    return len(list(server.scratch.glob("run-*")))


def begin_upload(server, code=MARKED, sent=BODY[:1000]):
    connection = server.connect()
    head = [inline.header(code), ("Content-Length", str(len(BODY)))]
    connection.send(raw.encode("POST", "/inline", head, host=server.host) + sent)
    return connection


def begin_download(server, code="", head=(), version=b"HTTP/1.1"):
    """A client with little room, which has not read anything yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((server.host, server.port))
    sock.settimeout(20)
    connection = server.connect()
    connection.sock.close()
    connection.sock = sock
    head = head or [inline.header(code)]
    asked = raw.encode("GET", "/inline", head, host=server.host)
    connection.send(asked.replace(b"HTTP/1.1", version, 1))
    return connection


def leave_all(connections):
    for connection in connections:
        connection.close()


# --- requests ---


def test_slow_writers_hold_no_thread(start):
    server = begin(start)
    slow = [begin_upload(server) for _ in range(MANY)]
    assert [inline.run(server, ANSWER).text for _ in range(5)] == ["done"] * 5
    assert runs(server) == 0
    for connection in slow:
        connection.send(BODY[1000:])
        assert connection.read_response().text == DIGEST
    assert runs(server) == MANY
    leave_all(slow)


def temporary_files(server):
    return sum("(deleted)" in target for target in procs.fds(child_of(server)).values())


# Few bodies are in memory; one of more than all of them may take there is not.
@pytest.mark.parametrize(("size", "files"), [(SIZE, 0), (20 << 20, 1)])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_a_body_is_whole_in_memory_and_in_a_file(start, form, size, files):
    server = begin(start, "request-buffer-size=33554432", children=1)
    before = temporary_files(server)
    body = BODY * (size // len(BODY))
    with server.connect() as connection:
        if form == "length":
            head = [inline.header(ECHO), ("Content-Length", str(len(body)))]
            connection.send(raw.encode("POST", "/inline", head))
        else:
            connection.send(raw.encode("POST", "/inline", [inline.header(ECHO)], [b""]))
        *pieces, last = [body[at : at + 9973] for at in range(0, len(body), 9973)]
        for piece in pieces:
            connection.send(piece if form == "length" else raw.chunk(piece))
        wait.until(lambda: temporary_files(server) == before + files, "a file, or none")
        connection.send(last if form == "length" else raw.chunk(last) + b"0\r\n\r\n")
        assert connection.read_response().text == hashlib.sha256(body).hexdigest()


def test_more_than_is_kept_streams(start):
    server = begin(start, "request-buffer-size=100000")
    with begin_upload(server, sent=BODY[:200_000]) as connection:
        wait.until(lambda: runs(server) == 1, "the application to get the request")
        connection.send(BODY[200_000:])
        assert connection.read_response().text == DIGEST


def test_off_the_application_gets_it_at_once(start):
    server = begin(start, "request-buffer-size=0")
    with begin_upload(server) as connection:
        wait.until(lambda: runs(server) == 1, "the application to get the request")
        connection.send(BODY[1000:])
        assert connection.read_response().text == DIGEST


def test_a_pause_in_a_body_of_unknown_length_may_ask_for_an_answer(start):
    server = begin(start)
    code = """
        start_response("200 OK", [])
        source = environ["wsgi.input"]
        while line := source.readline():
            yield b"heard " + line
    """
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(code)], [b""]))
        connection.send(raw.chunk(b"one\n"))
        assert connection.read_until(b"heard one\n") is not None
        connection.send(raw.chunk(b"two\n"))
        assert connection.read_until(b"heard two\n") is not None
        connection.send(b"0\r\n\r\n")


def test_without_a_temporary_file_the_body_streams(start):
    server = begin(start, "request-buffer-size=33554432", env=(("TMPDIR", "/nonexistent"),))
    body = BODY * 30
    head = [inline.header(MARKED), ("Content-Length", str(len(body)))]
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", head) + body[: 18 << 20])
        wait.until(lambda: runs(server) == 1, "the application to get the request")
        connection.send(body[18 << 20 :])
        assert connection.read_response().text == hashlib.sha256(body).hexdigest()
    server.log.claim("PYW0167")


def test_a_client_that_leaves_is_not_served(start):
    server = begin(start)
    begin_upload(server).close()
    wait.until(lambda: server.log.find("PYW0165"), "the line")
    assert inline.run(server, ANSWER).status == 200
    assert runs(server) == 0


def test_a_malformed_body_is_not_served(start):
    server = begin(start)
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(MARKED)], [b""]))
        connection.send(b"3\r\nabc\r\nzz\r\nnonsense\r\n0\r\n\r\n")
        assert connection.read_response().status == 400
    [line] = server.log.claim("PYW0166")
    assert "gets 400" in line.text
    server.log.allow("AH0158[89]|AH02896")
    assert runs(server) == 0


def test_a_client_too_slow_is_told_so(start):
    server = begin(start, extra="Timeout 1")
    with begin_upload(server) as connection:
        assert connection.read_response().status == 408
    server.log.claim("PYW0166")
    assert runs(server) == 0


def test_a_process_that_ends_meanwhile_is_not_missed(start):
    server = begin(start)
    slow = [begin_upload(server) for _ in range(3)]
    server.expect_new_processes()
    pid = inline.value(server, "os.getpid()")
    os.kill(pid, signal.SIGKILL)
    server.log.claim("PYW0002")
    for connection in slow:
        connection.send(BODY[1000:])
        assert connection.read_response().text == DIGEST
    leave_all(slow)


def test_waiting_for_a_body_is_not_waiting_for_a_thread(start):
    server = begin(start, "queue-timeout=1 queue-size=1")
    slow = [begin_upload(server) for _ in range(4)]
    with slow[0] as first:
        assert first.quiet(2)
        first.send(BODY[1000:])
        assert first.read_response().text == DIGEST
    leave_all(slow)


# --- responses ---


def test_slow_readers_hold_no_thread(start):
    """Nor memory: what does not fit into the sockets lies in files."""
    server = begin(start)
    child = child_of(server)
    before = procs.rss(child)
    slow = [begin_download(server, much(64)) for _ in range(MANY)]
    wait.until(lambda: runs(server) == MANY, "the application to be done with all", 60)
    assert inline.run(server, ANSWER).text == "done"
    assert procs.rss(child) - before < MANY * 2**20 / 2
    want = large(64)
    for connection in slow:
        response = connection.read_response()
        assert response.complete
        assert response.body == want
    leave_all(slow)


def test_a_response_that_is_larger_than_the_buffer(start):
    server = begin(start, "response-buffer-size=65536")
    with begin_download(server, much(300)) as connection:
        assert inline.run(server, ANSWER).text == "done"
        response = connection.read_response()
    assert response.complete
    assert response.body == large(300)


def test_a_process_that_ends_leaves_what_it_answered(start):
    server = begin(start)
    with begin_download(server, much(64)) as connection:
        wait.until(lambda: runs(server) == 1, "the application to be done")
        pid = inline.value(server, "os.getpid()")
        server.expect_new_processes()
        os.kill(pid, signal.SIGKILL)
        server.log.claim("PYW0002")
        response = connection.read_response()
    assert response.complete
    assert response.body == large(64)


def test_a_cut_response_has_all_that_was_produced(start):
    server = begin(start)
    with begin_download(server, much(64) + "raise ValueError('cut')") as slow:
        wait.until(lambda: server.log.find("ValueError"), "the application to fail")
        response = slow.read_response()
    assert not response.complete
    assert response.body == large(64)
    server.log.claim_traceback("ValueError: cut")


def test_without_a_temporary_file_the_application_waits(start):
    server = begin(start, env=(("TMPDIR", "/nonexistent"),))
    with begin_download(server, much(200)) as connection:
        wait.until(lambda: server.log.find("PYW0168"), "the line")
        assert inline.run(server, ANSWER).text == "done"
        response = connection.read_response()
    assert response.complete
    assert response.body == large(200)
    server.log.claim("PYW0168")


def test_a_file_behind_what_is_held(start):
    server = begin(start)
    (server.scratch / "file").write_bytes(BODY)
    code = f"""
        write = start_response("200 OK", [])
        for number in range(64):
            write(bytes([number % 251]) * {PIECE})
        return environ["wsgi.file_wrapper"](open(environ["test.scratch"] + "/file", "rb"))
    """
    with begin_download(server, code) as connection:
        response = connection.read_response()
    assert response.complete
    assert response.body == large(64) + BODY


def test_a_client_that_leaves_is_told_of(start):
    server = begin(start, "response-buffer-size=65536")
    with begin_download(server, much(10_000)) as connection:
        connection.read_head()
        connection.reset()
    wait.until(lambda: runs(server) == 1, "the application to be told")
    server.log.allow("PYW")


def test_a_client_that_takes_nothing_is_given_up(start):
    server = begin(start, "response-buffer-size=65536 response-socket-timeout=1")
    with begin_download(server, much(10_000)):
        wait.until(lambda: runs(server) == 1, "the application to be told")
    server.log.allow("PYW")


def test_compressed(start):
    """What is held has gone through all filters."""
    server = begin(start, extra="SetOutputFilter DEFLATE")
    code = """
        import random
        start_response("200 OK", [("Content-Type", "text/plain")])
        for number in range(64):
            yield random.Random(number).randbytes(65536)
        open(environ["test.scratch"] + "/run-1", "w").close()
    """
    head = [inline.header(code), ("Accept-Encoding", "gzip")]
    with begin_download(server, head=head) as connection:
        wait.until(lambda: runs(server) == 1, "the application to be done")
        response = connection.read_response()
    assert response.header("Content-Encoding") == "gzip"
    want = b"".join(random.Random(number).randbytes(65536) for number in range(64))
    assert gzip.decompress(response.body) == want


def test_a_response_within_a_response(start):
    """A page that includes another application's: what is held of the outer one stays where it is."""
    server = begin(
        start,
        "response-buffer-size=67108864",
        extra="<Location /inline>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>\n",
        modules=("include",),
    )
    code = f"""
        start_response("200 OK", [("Content-Type", "text/html")])
        for _ in range(100):
            yield b"o" * {PIECE}
        yield b'<!--#include virtual="/stream/pattern?3000000" -->'
        for _ in range(2):
            yield b"O" * {PIECE}
        open(environ["test.scratch"] + "/run-1", "w").close()
    """
    with begin_download(server, code) as connection:
        wait.until(lambda: runs(server) == 1, "the application to be done", 60)
        response = connection.read_response()
    assert response.complete
    inner = (bytes(range(256)) * (3_000_000 // 256 + 1))[:3_000_000]
    assert response.body == b"o" * 100 * PIECE + inner + b"O" * 2 * PIECE


@pytest.mark.parametrize("count", [2, 64])
def test_another_request_on_the_connection(start, count):
    server = begin(start)
    with begin_download(server, much(count)) as connection:
        for number in range(3):
            wait.until(lambda n=number: runs(server) == n + 1, "the application to be done")
            assert connection.read_response().body == large(count)
            connection.send(
                raw.encode("GET", "/inline", [inline.header(much(count))], host=server.host)
            )
        assert connection.read_response().complete


# --- other MPMs, other protocols ---

FEW = 6


def check_slow_ones(server, writers, readers, count):
    """Of uploads that have begun, and downloads of so many pieces that nobody reads yet."""
    wait.until(lambda: runs(server) == len(readers), "the application to be done with the readers")
    assert inline.run(server, ANSWER).text == "done"
    for connection in writers:
        connection.send(BODY[1000:])
        assert connection.read_response().text == DIGEST
    for connection in readers:
        assert connection.read_response().body == large(count)
    leave_all(writers + readers)


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_other_mpms(start, mpm):
    """A slow client holds one of Apache's threads there, or a process, and none of Python's."""
    server = start(mode="daemon", options=f"threads={THREADS}", mpm=mpm, children=3 * FEW)
    writers = [begin_upload(server) for _ in range(FEW)]
    readers = [begin_download(server, much(64)) for _ in range(FEW)]
    check_slow_ones(server, writers, readers, 64)


def test_http_1_0(start):
    """What has no length ends with the connection, once all of it has gone out."""
    server = begin(start)
    with begin_download(server, much(64), version=b"HTTP/1.0") as connection:
        wait.until(lambda: runs(server) == 1, "the application to be done")
        assert inline.run(server, ANSWER).text == "done"
        response = connection.read_response()
    assert "Content-Length" not in response.headers
    assert response.body == large(64)


def test_tls(start, tmp_path):
    pair = tls.Authority(tmp_path / "authority").sign("server")
    server = begin(
        start,
        extra=f"""
            Listen 127.0.0.1:@PORT2@
            <VirtualHost 127.0.0.1:@PORT2@>
                SSLEngine On
                SSLCertificateFile {pair.file}
                SSLCertificateKeyFile {pair.key}
            </VirtualHost>
        """,
        modules=("ssl",),
    )
    server.log.allow("AH01873")  # no cache of sessions

    def connect():
        return tls.Connection(server.port2, None, tls.context(None))

    writers = [connect() for _ in range(FEW)]
    for connection in writers:
        head = [inline.header(MARKED), ("Content-Length", str(len(BODY)))]
        connection.send(raw.encode("POST", "/inline", head, host=server.host) + BODY[:1000])
    readers = [connect() for _ in range(FEW)]
    for connection in readers:
        head = [inline.header(much(128))]
        connection.send(raw.encode("GET", "/inline", head, host=server.host))
    check_slow_ones(server, writers, readers, 128)
