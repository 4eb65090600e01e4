"""Filters and connections around an application: what Apache's modules do to its bodies."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import curl, inline, raw, wait

ECHO = """
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
UNREAD = """
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.fixture(params=("daemon", "embedded"))
def mode(request):
    return request.param


def allow_errors(server):
    server.log.allow(r"PYW\d{4}|Traceback|^ {2,}|Error|AH\d{5}")


def environ_of(response):
    assert response.status == 200, response.head
    return response.json()


# --- what modules do to a response -------------------------------------------------------------


@pytest.fixture
def filtered(start, mode):
    return start(
        mode=mode,
        extra="""
            <LocationMatch "^/(hello|inline|stream)">
                SetOutputFilter DEFLATE
                Header always set X-Added yes
                Header edit X-Edit old new
            </LocationMatch>
        """,
    )


GZIP = ("Accept-Encoding", "gzip")
FILE = """
    path = os.path.join(environ["test.scratch"], "shared.bin")
    class Shared:  # stays open: it has no close()
        file = KEPT.setdefault("file", open(path, "rb"))
        fileno, tell, read = file.fileno, file.tell, file.read
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ["wsgi.file_wrapper"](Shared())
"""


def test_deflate(filtered):
    code = """
        start_response("200 OK", [("Content-Length", "100000"), ("X-Edit", "old"), ("ETag", '"a"')])
        return [b"x" * 50000, b"x" * 50000]
    """
    response = inline.run(filtered, code, headers=[GZIP])
    assert response.complete
    assert gzip.decompress(response.body) == b"x" * 100_000
    assert response.header("Content-Encoding") == "gzip"
    assert response.header("X-Added") == "yes"
    assert response.header("X-Edit") == "new"


def test_deflate_flushes(filtered):
    code = """
        start_response("200 OK", [])
        yield b"x" * 100
        time.sleep(0.5)
        yield b"y" * 100
    """
    with filtered.connect() as connection:
        connection.send(raw.encode("GET", "/inline", [inline.header(code), GZIP]))
        began = time.monotonic()
        head = connection.read_head()
        assert time.monotonic() - began < 0.45, "the first chunk waited for the second"
        connection.read_body(head)
    assert gzip.decompress(head.body) == b"x" * 100 + b"y" * 100


def test_deflate_and_head(filtered):
    response = filtered.request("HEAD", "/hello", [GZIP])
    assert response.status == 200
    assert response.body == b""


def test_one_open_file_in_many_responses(filtered):
    """A filter has Apache read the file, by seek and read: each response has its own position."""
    content = b"".join(hashlib.sha256(b"%d" % each).digest() for each in range(1 << 15))
    (filtered.scratch / "shared.bin").write_bytes(content)
    (filtered.scratch / "shared.bin").chmod(0o644)

    def fetch(_):
        response = inline.run(filtered, FILE, headers=[GZIP])
        return gzip.decompress(response.body) == content if response.complete else None

    assert inline.run(filtered, FILE).body == content
    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(fetch, range(48))) == [True] * 48


def test_not_modified(server):
    """With a length, a type and an entity that a 304 does not have."""
    code = """
        start_response("304 Not Modified", [("ETag", '"a"'), ("Content-Length", "10")])
        return [b"0123456789"]
    """
    with server.connect() as connection:
        for _ in range(2):
            connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
            response = connection.read_response()
            assert response.status == 304
            assert connection.quiet(0.05), "a 304 has no body"


# --- connections -------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_nobody_read_is_no_request(server, chunked):
    inner = raw.encode("GET", "/hello/smuggled")
    body = inner * 2000
    with server.connect() as connection:
        for _ in range(3):
            parts = [body[:50_000], body[50_000:]] if chunked else body
            response = connection.request("POST", "/inline", [inline.header(UNREAD)], parts)
            assert response.body == b"ok"
        assert connection.request("GET", "/alive").text == "alive\n"
        assert connection.quiet(0.05)


def test_a_part_of_the_body_that_nobody_read(server):
    code = "got = environ['wsgi.input'].read(10)\nstart_response('200 OK', [])\nreturn [got]"
    with server.connect() as connection:
        for _ in range(3):
            body = b"0123456789" * 40_000
            response = connection.request("POST", "/inline", [inline.header(code)], body)
            assert response.body == b"0123456789"


def test_an_early_answer_does_not_wait_for_the_body(unbuffered):
    with unbuffered.connect() as connection:
        head = raw.encode("POST", "/inline", [inline.header(UNREAD), ("Content-Length", "1000")])
        connection.send(head)
        assert connection.read_response().body == b"ok"
        connection.send(b"b" * 1000)
        assert connection.request("GET", "/alive").text == "alive\n"


def test_pipelined(server):
    with server.connect() as connection:
        requests = []
        for number in range(20):
            body = b"%d" % number * 100
            requests.append(raw.encode("POST", "/inline", [inline.header(ECHO)], body))
            requests.append(raw.encode("GET", "/alive"))
        connection.send(b"".join(requests))
        for number in range(20):
            assert connection.read_response().body == b"%d" % number * 100
            assert connection.read_response().text == "alive\n"


def test_limit_request_body(start, mode):
    server = start(mode=mode, extra="<Location /inline>\nLimitRequestBody 1000\n</Location>\n")
    allow_errors(server)
    for body in (b"x" * 1001, [b"x" * 600, b"x" * 600]):
        response = server.post("/inline", body, [inline.header(ECHO)])
        assert response.status == 413
    assert server.post("/inline", b"x" * 1000, [inline.header(ECHO)]).body == b"x" * 1000


def test_request_timeout_of_the_body(start, mode):
    server = start(mode=mode, modules=("reqtimeout",), extra="RequestReadTimeout body=1\n")
    allow_errors(server)
    with server.connect() as connection:
        headers = [inline.header(ECHO), ("Content-Length", "100")]
        connection.send(raw.encode("POST", "/inline", headers) + b"x" * 10)
        began = time.monotonic()
        with contextlib.suppress(EOFError):  # mod_reqtimeout aborts the connection
            assert connection.read_response().status in (400, 408)
        assert 0.5 < time.monotonic() - began < 5
    assert server.post("/inline", b"abc", [inline.header(ECHO)]).body == b"abc"


def test_remoteip(start, mode):
    server = start(
        mode=mode,
        modules=("remoteip",),
        extra="RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n",
    )
    shown = environ_of(server.get("/environ", [("X-Forwarded-For", "198.51.100.7")]))
    assert shown["REMOTE_ADDR"][1] == "198.51.100.7"
    assert "HTTP_X_FORWARDED_FOR" not in shown


def test_behind_mod_proxy(start, mode):
    server = start(
        mode=mode,
        modules=("proxy", "proxy_http"),
        extra="""
            Listen 127.0.0.1:@PORT2@
            ProxyPass /through http://127.0.0.1:@PORT2@
        """,
    )
    allow_errors(server)
    response = server.post("/through/inline", b"x" * 100_000, [inline.header(ECHO)])
    assert response.body == b"x" * 100_000
    cut = "start_response('200 OK', [('Content-Length', '9999')])\nyield b'x' * 99\nraise KeyError"
    assert not inline.run(server, cut, path="/through/inline").complete


@pytest.mark.http2
@pytest.mark.skipif(not curl.has_http2(), reason="needs a curl that speaks HTTP/2")
def test_http2(start, mode):
    server = start(
        mode=mode,
        modules=("http2",),
        extra="Protocols h2c http/1.1\n<Location /inline>\nSetOutputFilter DEFLATE\n</Location>\n",
    )
    name, value = inline.header(ECHO)
    arguments = ["-H", f"{name}: {value}", "--data-binary", "b" * 100_000, "--compressed"]
    result = curl.get(server.url("/inline"), "http2", *arguments)
    assert (result.exit, result.status, result.body) == (0, 200, b"b" * 100_000)
    result = curl.get(server.url("/hello"), "http2", "--head")
    assert (result.exit, result.status) == (0, 200)


@pytest.mark.http2
@pytest.mark.skipif(not curl.has_http2(), reason="needs a curl that speaks HTTP/2")
def test_http2_client_that_leaves(start):
    """The stream is let go while the application still runs."""
    server = start(mode="daemon", modules=("http2",), extra="Protocols h2c http/1.1\n")
    allow_errors(server)
    name, value = inline.header("time.sleep(6)\nstart_response('200 OK', [])\nreturn []")
    arguments = ["-H", f"{name}: {value}"]
    began = time.monotonic()
    curl.get(server.url("/inline"), "http2", *arguments, timeout=0.5)
    access = server.root / "access_log"
    wait.until(lambda: "GET /inline" in access.read_text(), "the request to be over", 4)
    assert time.monotonic() - began < 4.5
