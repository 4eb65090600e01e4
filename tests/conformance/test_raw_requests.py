"""Requests byte for byte: what an attacker or a broken client sends, and what must come of it.

The cases are those in which servers of this kind were found to differ. `statuses` is what the
first answer may be; `answers` is how many the connection may see at most.
"""

from __future__ import annotations

import pytest

from support import inline, raw

ECHO = b"POST /stream/echo HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

CASES = [
    (
        "length and chunked",
        ECHO + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        {200, 400},
    ),
    (
        "length and chunked, then a smuggled request",
        ECHO + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        {200, 400},
    ),
    ("two lengths", ECHO + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", {400}),
    (
        "two equal lengths",
        ECHO + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        {200, 400},
    ),
    ("a list of lengths", ECHO + b"Content-Length: 5, 6\r\n\r\nhello!", {400}),
    ("length with a sign", ECHO + b"Content-Length: +5\r\n\r\nhello", {400}),
    ("length with an underscore", ECHO + b"Content-Length: 1_0\r\n\r\nhellohello", {400}),
    ("negative length", ECHO + b"Content-Length: -5\r\n\r\nhello", {400}),
    ("hexadecimal length", ECHO + b"Content-Length: 0x5\r\n\r\nhello", {400}),
    (
        "length beyond 64 bits",
        ECHO + b"Content-Length: 99999999999999999999\r\n\r\nhello",
        {400, 413},
    ),
    (
        "unknown transfer coding",
        ECHO + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello",
        {400, 501},
    ),
    (
        "chunked twice",
        ECHO + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        {400, 501},
    ),
    ("chunked not last", ECHO + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", {400, 501}),
    (
        "chunk size with a sign",
        ECHO + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        {200, 400},
    ),
    (
        "chunk size that overflows",
        ECHO + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        {200, 400, 413},
    ),
    ("space before the colon", b"GET /hello HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", {400}),
    ("folded header", b"GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", {200, 400}),
    ("bare line feeds", b"GET /hello HTTP/1.1\nHost: a\n\n", {400}),
    ("NUL in a value", b"GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n", {400}),
    ("control byte in a name", b"GET /hello HTTP/1.1\r\nHost: a\r\nX\x01A: b\r\n\r\n", {400}),
    ("no host", b"GET /hello HTTP/1.1\r\n\r\n", {400}),
    ("two hosts", b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    ("host with a space", b"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    ("a target of 70 KB", b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {414}),
    (
        "a header of 70 KB",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 70_000 + b"\r\n\r\n",
        {400, 431},
    ),
    (
        "150 headers",
        b"GET /hello HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 150 + b"\r\n",
        {400, 431},
    ),
    ("a version of the future", b"GET /hello HTTP/1.2\r\nHost: a\r\n\r\n", {200, 400, 505}),
    ("no such version", b"GET /hello HTTP/3.0\r\nHost: a\r\n\r\n", {200, 400, 505}),
    ("lower-case method", b"get /hello HTTP/1.1\r\nHost: a\r\n\r\n", {200, 400, 405, 501}),
    ("method with odd bytes", b"G\x80T /hello HTTP/1.1\r\nHost: a\r\n\r\n", {400, 501}),
    ("dots in the path", b"GET /hello/../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404}),
    (
        "encoded dots in the path",
        b"GET /hello/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        {400, 404},
    ),
    ("encoded slash", b"GET /hello%2Fx HTTP/1.1\r\nHost: a\r\n\r\n", {404}),
    ("NUL in the path", b"GET /hello/%00 HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404}),
    ("absolute target", b"GET http://b/hello HTTP/1.1\r\nHost: a\r\n\r\n", {200}),
    ("asterisk target", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {200}),
    ("authority target", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", {400, 405}),
    ("trace", b"TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n", {405}),
    ("unknown expectation", b"GET /hello HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", {417}),
]


@pytest.mark.parametrize(("name", "data", "statuses"), CASES, ids=[case[0] for case in CASES])
def test_case(server, name, data, statuses):
    server.log.allow(r"AH0\d{4}|AH1\d{4}|PYW\d{4}|Traceback|^ {2,}|OSError|error")
    with server.connect() as connection:
        connection.send(data)
        connection.finish_sending()
        response = connection.read_response()
        rest = connection.read_rest()
    assert response.status in statuses
    assert b"/smuggled" not in response.body
    if response.status >= 400 and response.status not in (404, 405):
        assert not rest, "the connection goes on after bytes that were not understood"


def test_smuggled_request_is_not_served_after_a_doubtful_one(server):
    """Length and chunked together: the connection ends, whatever else is decided."""
    data = CASES[1][1]
    with server.connect() as connection:
        connection.send(data)
        connection.read_response()
        rest = connection.read_rest()
    assert b"HTTP/1.1 200" not in rest
    assert b"smuggled" not in rest
    server.log.allow("AH|PYW")


def test_length_with_chunked_is_not_in_the_environ(server):
    code = """
        start_response("200 OK", [])
        return [repr((environ.get("CONTENT_LENGTH"), environ["wsgi.input"].read())).encode()]
    """
    with server.connect() as connection:
        name, value = inline.header(code)
        connection.send(
            f"POST /inline HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".encode()
        )
        response = connection.read_response()
    assert (response.status, response.text) == (200, "(None, b'abc')")


def test_truncated_body_is_an_error_of_the_application_not_a_short_body(unbuffered):
    code = """
        try:
            outcome = repr(environ["wsgi.input"].read())
        except OSError:
            outcome = "OSError"
        write_result(environ, "truncated", outcome)
        start_response("200 OK", [])
        return [b""]
    """
    with unbuffered.connect() as connection:
        headers = [inline.header(code), ("Content-Length", "100")]
        connection.send(raw.encode("POST", "/inline", headers) + b"short")
        connection.finish_sending()
        assert inline.result(unbuffered, "truncated") == "OSError"
    unbuffered.log.allow("AH|PYW|body|read")


def test_httpoxy(server):
    shown = server.get("/environ", [("Proxy", "http://evil/")]).json()
    assert "HTTP_PROXY" not in shown


def test_forwarded_headers_change_nothing_by_themselves(server):
    headers = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.9"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "443"),
        ("X-Script-Name", "/evil"),
        ("X-Real-Ip", "192.0.2.9"),
        ("Forwarded", "for=192.0.2.9;proto=https"),
    ]
    shown = {key: value for key, (_, value) in server.get("/environ", headers).json().items()}
    assert shown["wsgi.url_scheme"] == "http"
    assert shown["REMOTE_ADDR"] == "127.0.0.1"
    assert shown["SCRIPT_NAME"] == "/environ"
    assert "evil" not in shown["HTTP_HOST"]
    assert shown["SERVER_PORT"] == str(server.port)
