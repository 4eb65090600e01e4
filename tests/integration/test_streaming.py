"""A piece of a response reaches the client before the application is asked for the next (PEP 3333)."""

from __future__ import annotations

import subprocess
import zlib

import pytest

from support import inline, raw

# The second piece is made when the client says that it has the first.
GENERATOR = """
    gate = os.path.join(environ["test.scratch"], "gate")
    start_response("200 OK", [("Content-Type", "text/plain"){length}])
    def body():
        yield b"first"
        while not os.path.exists(gate):
            time.sleep(0.01)
        yield b"second"
    return body()
"""
WRITE = """
    gate = os.path.join(environ["test.scratch"], "gate")
    start_response("200 OK", [("Content-Type", "text/plain")])(b"first")
    while not os.path.exists(gate):
        time.sleep(0.01)
    return [b"second"]
"""
CODES = {
    "generator": GENERATOR.replace("{length}", ""),
    "with its length": GENERATOR.replace("{length}", ', ("Content-Length", "11")'),
    "write": WRITE,
}


@pytest.fixture(params=["daemon", "embedded"])
def mode(request):
    return request.param


@pytest.fixture
def streaming(start, mode):
    compress = '<Location "/inline">\nSetOutputFilter DEFLATE\n</Location>\n'
    return start(mode=mode, modules=("http2",), extra="Protocols h2c http/1.1\n" + compress)


def open_gate(server):
    (server.scratch / "gate").touch()


def close_gate(server):
    (server.scratch / "gate").unlink()


def test_plain(streaming):
    for code in CODES.values():
        with streaming.connect() as connection:
            connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
            head = connection.read_head()
            assert connection.read_until(b"first")
            open_gate(streaming)
            assert connection.read_until(b"second")
            assert head.status == 200
        close_gate(streaming)


def test_compressed(streaming):
    """mod_deflate gives all that it has when it is told to."""
    with streaming.connect() as connection:
        headers = [inline.header(CODES["generator"]), ("Accept-Encoding", "gzip")]
        connection.send(raw.encode("GET", "/inline", headers))
        assert connection.read_head().header("Content-Encoding") == "gzip"
        unzip = zlib.decompressobj(wbits=31)
        text = b""
        for wanted, then in ((b"first", open_gate), (b"firstsecond", close_gate)):
            while text != wanted:
                size = connection.read_until(b"\r\n")
                assert size, "the response ended"
                data, is_whole = connection.read_exactly(int(size, 16))
                assert is_whole
                assert connection.read_until(b"\r\n")
                text += unzip.decompress(data)
            then(streaming)


@pytest.mark.http2
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_http2(streaming, encoding):
    name, value = inline.header(CODES["generator"])
    command = ["curl", "-sN", "--http2-prior-knowledge", "--max-time", "20", "--noproxy", "*"]
    command += ["-H", f"{name}: {value}", "-H", f"Accept-Encoding: {encoding}"]
    unzip = zlib.decompressobj(wbits=31)
    text = b""
    with subprocess.Popen([*command, streaming.url("/inline")], stdout=subprocess.PIPE) as client:
        for wanted, then in ((b"first", open_gate), (b"firstsecond", close_gate)):
            while text != wanted:
                data = client.stdout.read1(65536)
                assert data, "the response ended"
                text += unzip.decompress(data) if encoding == "gzip" else data
            then(streaming)
        client.stdout.read()
    assert client.returncode == 0
