"""Both directions at once: an application that answers while it reads, in constant memory."""

from __future__ import annotations

import hashlib
import threading

import pytest

from support import inline, procs, raw, wait

MEGABYTE = 1 << 20
BLOCK = bytes(range(256)) * 4096


class Watch(threading.Thread):
    """The largest resident size of some processes while a block runs."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.before = {pid: procs.rss(pid) for pid in pids}
        self.peak = dict(self.before)
        self._end = threading.Event()

    def run(self):
        while not self._end.wait(0.01):
            for pid in self.peak:
                self.peak[pid] = max(self.peak[pid], procs.rss(pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    @property
    def growth(self):
        return max(self.peak[pid] - self.before[pid] for pid in self.peak)


def echo(server, path, size, *, chunked):
    """Upload `size` bytes while reading the answer; returns digests of both."""
    sent, got = hashlib.sha256(), hashlib.sha256()
    length = () if chunked else [("Content-Length", str(size))]
    body = [b""] if chunked else None
    with server.connect(timeout=60) as connection:
        connection.send(raw.encode("POST", path, length, body))

        def upload():
            left = size
            while left:
                part = BLOCK[:left]
                sent.update(part)
                connection.send(raw.chunk(part) if chunked else part)
                left -= len(part)
            if chunked:
                connection.send(b"0\r\n\r\n")

        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        response = connection.read_head()
        assert response.status == 200
        total = 0
        while (line := connection.read_until(b"\r\n")) and (chunk := int(line, 16)):
            data, whole = connection.read_exactly(chunk)
            assert whole
            got.update(data)
            total += chunk
            connection.read_until(b"\r\n")
        complete = line == b"0\r\n"
        sender.join(20)
    return sent.hexdigest(), got.hexdigest(), total, complete


@pytest.mark.no_asan
@pytest.mark.parametrize("chunked", [False, True])
def test_echo_100_megabytes(server, chunked):
    size = 100 * MEGABYTE
    watched = server.daemons() + server.children()
    with Watch(watched) as watch:
        sent, got, total, complete = echo(server, "/stream/echo", size, chunked=chunked)
    assert (total, complete) == (size, True)
    assert sent == got
    assert watch.growth < 24 * MEGABYTE


def test_echo_in_small_steps(server):
    """The case that deadlocks where the request is pushed before the answer is read."""
    size = 30 * MEGABYTE
    sent, got, total, complete = echo(server, "/stream/echo8k", size, chunked=False)
    assert (total, complete, sent == got) == (size, True, True)


def test_ping_pong(server):
    """Each side waits for the other: nothing may be held back in between."""
    code = """
        start_response("200 OK", [])
        while data := environ["wsgi.input"].read(7):
            yield data
    """
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(code)], [b""]))
        connection.send(raw.chunk(b"ping 00"))
        assert connection.read_head().status == 200
        for index in range(20):
            assert connection.read_until(b"ping %02d\r\n" % index)
            connection.send(raw.chunk(b"ping %02d" % (index + 1)))
        connection.send(b"0\r\n\r\n")
        assert connection.read_until(b"0\r\n\r\n")


def test_answer_before_the_body_is_read(server):
    """All of a large answer goes out although the client is still sending."""
    code = """
        start_response("200 OK", [])
        for _ in range(200):
            yield b"x" * 65536
        yield str(len(environ["wsgi.input"].read())).encode()
    """
    size = 8 * MEGABYTE
    with server.connect() as connection:
        headers = [inline.header(code), ("Content-Length", str(size))]
        connection.send(raw.encode("POST", "/inline", headers))
        sender = threading.Thread(target=lambda: connection.send([BLOCK] * 8), daemon=True)
        sender.start()
        response = connection.read_response()
        sender.join(20)
    assert response.complete
    assert response.body.endswith(b"x" + str(size).encode())


@pytest.mark.no_asan
def test_upload_to_an_application_that_only_counts(server):
    with server.connect(60) as connection:
        headers = [("Content-Length", str(100 * MEGABYTE))]
        connection.send(raw.encode("POST", "/stream/count", headers))
        with Watch(server.daemons() + server.children()) as watch:
            connection.send([BLOCK] * 100)
            assert connection.read_response().body == str(100 * MEGABYTE).encode()
        assert watch.growth < 24 * MEGABYTE


@pytest.mark.no_asan
def test_slow_reader_costs_no_memory(server):
    """A client that does not read stops the application; it does not fill memory."""
    watched = server.daemons() + server.children()
    with server.connect() as connection:
        with Watch(watched) as watch:
            connection.send(raw.encode("GET", f"/stream/pattern?{300 * MEGABYTE}"))
            assert connection.read_head().status == 200
            wait.holds(lambda: watch.growth < 24 * MEGABYTE, "memory is bounded", 0.5)
        connection.reset()
    server.log.allow("client|abort|reset|pipe")
