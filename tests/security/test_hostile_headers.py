"""An application that has been tricked: nothing it returns becomes a second header or response."""

from __future__ import annotations

import base64

import pytest

from support import inline, raw

INJECTIONS = [
    "a\r\nX-Injected: 1",
    "a\nX-Injected: 1",
    "a\rX-Injected: 1",
    "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1",
    "a\x00b",
    "a\x0bX-Injected: 1",
    "a\x85X-Injected: 1",
    "a\r",
    "\na",
]
NAMES = [
    "X-A\r\nX-Injected",
    "X-A: b\r\nX-Injected",
    "X A",
    "X-A:",
    "X\x00",
    "",
    "\t",
    "X-\x7f",
    "(X)",
]


def ask(server, code):
    with server.connect() as connection:
        connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
        response = connection.read_response()
        quiet = connection.quiet(0.05) or connection.at_eof(0.1)
    server.log.allow("ValueError|Traceback|^ {2,}|PYW|TypeError|UnicodeEncodeError|header")
    return response, quiet


def check(response, quiet):
    """One response, with no header that was smuggled into another."""
    assert response.all("X-Injected") == []
    assert b"X-Injected" not in response.head or b"\r\nX-Injected" not in response.head
    assert b"\x00" not in response.head
    assert quiet, "something came after the response"


@pytest.mark.parametrize("value", INJECTIONS)
def test_value(server, value):
    response, quiet = ask(server, f"start_response('200 OK', [('X-A', {value!r})])\nreturn [b'x']")
    check(response, quiet)
    if "\r" in value or "\n" in value or "\x00" in value:
        assert response.status == 500


@pytest.mark.parametrize("name", NAMES)
def test_name(server, name):
    response, quiet = ask(server, f"start_response('200 OK', [({name!r}, '1')])\nreturn [b'x']")
    check(response, quiet)
    assert response.status == 500


@pytest.mark.parametrize("value", INJECTIONS)
def test_reason(server, value):
    response, quiet = ask(server, f"start_response('200 ' + {value!r}, [])\nreturn [b'x']")
    check(response, quiet)
    if any(ord(char) < 32 for char in value):
        assert response.status == 500


@pytest.mark.parametrize("name", ["Content-Type", "Content-Length", "Location", "Set-Cookie"])
@pytest.mark.parametrize("value", INJECTIONS[:4])
def test_headers_that_apache_treats_specially(server, name, value):
    code = f"start_response('200 OK', [({name!r}, {value!r})])\nreturn [b'x']"
    response, quiet = ask(server, code)
    check(response, quiet)
    assert response.status == 500


class Sly:
    """The kinds of objects with which a check can be fooled."""

    STR = """
        class Str(str):
            def __str__(self): return "a\\r\\nX-Injected: 1"
            def encode(self, *a): return b"a\\r\\nX-Injected: 1"
            def __len__(self): return 1
        start_response("200 OK", [(Str("X-A"), Str("plain"))])
        return [b"x"]
    """
    LIST = """
        class List(list):
            def __iter__(self): return iter([("X-Injected", "1")] * 100)
            def __len__(self): return 1000
            def __getitem__(self, i): return ("X-Injected", "1")
        start_response("200 OK", List([("X-A", "plain")]))
        return [b"x"]
    """
    TUPLE = """
        class Pair(tuple):
            def __getitem__(self, i): return "X-Injected: 1\\r\\n"
            def __len__(self): return 2
        start_response("200 OK", [Pair(("X-A",))])
        return [b"x"]
    """
    CHANGES = """
        headers = [("X-A", "1")] * 10
        class Str(str):
            def encode(self, *a):
                headers.clear()
                return b"x"
        headers.append((Str("X-B"), Str("2")))
        start_response("200 OK", headers)
        return [b"x"]
    """


@pytest.mark.parametrize("name", ["STR", "LIST", "TUPLE", "CHANGES"])
def test_objects_that_lie(server, name):
    import textwrap

    response, quiet = ask(server, textwrap.dedent(getattr(Sly, name)))
    check(response, quiet)
    assert server.get("/hello").status == 200


def test_bytes_that_lie(server):
    code = """
        class Bytes(bytes):
            def __len__(self): return 1000000
        start_response("200 OK", [])
        return [Bytes(b"abc")]
    """
    with server.connect() as connection:
        response = connection.request("GET", "/inline", [inline.header(code)])
    assert response.status in (200, 500)
    assert response.status == 500 or response.body == b"abc"
    server.log.allow("TypeError|Traceback|^ {2,}|PYW")


def test_a_body_that_looks_like_a_response(server):
    """Framing is ours: what the body holds is nobody's business."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"
    packed = base64.b64encode(body).decode()
    code = f"""
        import base64
        start_response("200 OK", [])
        yield base64.b64decode("{packed}")
        yield b"0\\r\\n\\r\\n"
    """
    with server.connect() as connection:
        response = connection.request("GET", "/inline", [inline.header(code)])
        assert response.body == body + b"0\r\n\r\n"
        assert response.complete
        assert connection.request("GET", "/hello").status == 200


def test_thousands_of_headers(server):
    """Refused or sent; never a crash, never half of them in silence."""
    code = """
        start_response("200 OK", [(f"X-{index}", "v") for index in range(20000)])
        return [b"x"]
    """
    response = inline.run(server, code)
    assert response.status == 500 or len(response.headers) >= 20000
    server.log.allow(".")
    assert server.get("/hello").status == 200


def test_a_header_of_ten_megabytes(server):
    code = """
        start_response("200 OK", [("X-Big", "v" * 10_000_000)])
        return [b"x"]
    """
    response = inline.run(server, code)
    assert response.status == 500 or len(response.header("X-Big")) == 10_000_000
    server.log.allow(".")
    assert server.get("/hello").status == 200
