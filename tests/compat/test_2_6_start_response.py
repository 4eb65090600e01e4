"""Section 2.6: start_response: what is accepted, what is refused, what a second call does."""

from __future__ import annotations

import re

import pytest

from support import inline

CALL = """
    try:
        {call}
    except Exception as error:
        text = f"{{type(error).__name__}}: {{error}}"
    else:
        text = "accepted"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode("utf-8")]
"""

# What start_response is called with, and what it says; the texts are those of mod_wsgi.
REFUSED = [
    ('"200 OK", ()', r"TypeError: start_response\(\) argument 2 must be list, not tuple"),
    ('"200 OK", None', r"TypeError: start_response\(\) argument 2 must be list, not None"),
    ('"200 OK", {}', r"TypeError: start_response\(\) argument 2 must be list, not dict"),
    ('"200 OK"', r"TypeError: "),
    ("", r"TypeError: "),
    ('"200 OK", [["A", "b"]]', r"TypeError: each header must be a 2-tuple, not list"),
    ('"200 OK", ["A: b"]', r"TypeError: each header must be a 2-tuple, not str"),
    ('"200 OK", [("A",)]', r"ValueError: each header must be a 2-tuple, got length 1"),
    ('"200 OK", [("A", "b", "c")]', r"ValueError: each header must be a 2-tuple, got length 3"),
    ('"200 OK", [("A", 1)]', r"TypeError: .*must be str, not int"),
    ('"200 OK", [("A", None)]', r"TypeError: .*must be str, not NoneType"),
    ('"200 OK", [(b"A", "b")]', r"TypeError: .*must be str, not bytes"),
    ('"200 OK", [("A", b"b")]', r"TypeError: .*must be str, not bytes"),
    ('b"200 OK", []', r"TypeError: .*must be str, not bytes"),
    ("200, []", r"TypeError: .*must be str, not int"),
    ('"200 \\u2603", []', r"UnicodeEncodeError: "),
    ('"200 OK", [("A", "\\u2603")]', r"UnicodeEncodeError: "),
    ('"200 OK", [("\\u2603", "a")]', r"UnicodeEncodeError: "),
    ('"", []', r"ValueError: status code must be a 3 digit integer: b''"),
    ('"20 OK", []', r"ValueError: status code must be a 3 digit integer: b'20 OK'"),
    ('"abc OK", []', r"ValueError: status code must be a 3 digit integer: b'abc OK'"),
    ('"OK", []', r"ValueError: status code must be a 3 digit integer: b'OK'"),
    ('" 200 OK", []', r"ValueError: status code must be a 3 digit integer: b' 200 OK'"),
    ('"200OK", []', r"ValueError: no space following status code: b'200OK'"),
    ('"2000 OK", []', r"ValueError: status code must be a 3 digit integer: b'2000 OK'"),
    ('"200 O\\nK", []', r"ValueError: control character in status reason phrase: b'"),
    ('"200 OK\\r\\nX: y", []', r"ValueError: control character in status reason phrase: b'"),
    ('"200 OK\\0", []', r"ValueError: control character in status reason phrase: b'"),
    ('"200 OK\\x7f", []', r"ValueError: control character in status reason phrase: b'"),
    ('"200 OK", [("", "x")]', r"ValueError: header name is empty"),
    ('"200 OK", [("A\\n", "x")]', r"ValueError: control character in header name: b'"),
    ('"200 OK", [("A\\r\\nB", "x")]', r"ValueError: control character in header name: b'"),
    ('"200 OK", [("A\\0", "x")]', r"ValueError: control character in header name: b'"),
    ('"200 OK", [("A B", "x")]', r"ValueError: space character in header name: b'A B'"),
    ('"200 OK", [(" A", "x")]', r"ValueError: space character in header name: b' A'"),
    ('"200 OK", [("A:", "x")]', r"ValueError: .*header name"),
    (
        '"200 OK", [("A", "x\\ny")]',
        r"ValueError: carriage return/line feed character in header value",
    ),
    (
        '"200 OK", [("A", "x\\r")]',
        r"ValueError: carriage return/line feed character in header value",
    ),
    ('"200 OK", [("A", "x\\0")]', r"ValueError: "),
    ('"200 OK", [("Transfer-Encoding", "chunked")]', r"ValueError: "),
    ('"200 OK", [("transfer-encoding", "gzip")]', r"ValueError: "),
    ('"200 OK", [("Connection", "close")]', r"ValueError: "),
    ('"200 OK", [("Keep-Alive", "timeout=5")]', r"ValueError: "),
    ('"200 OK", [("TE", "trailers")]', r"ValueError: "),
    ('"200 OK", [("Trailer", "X")]', r"ValueError: "),
    ('"200 OK", [("Upgrade", "websocket")]', r"ValueError: "),
    ('"200 OK", [("Proxy-Authenticate", "Basic")]', r"ValueError: "),
    ('"100 Continue", []', r"ValueError: "),
    ('"101 Switching", []', r"ValueError: "),
    ('"103 Early Hints", []', r"ValueError: "),
    (
        '"200 OK", [], 5',
        r"RuntimeError: start_response\(\) argument 'exc_info' must be a 3-tuple or None",
    ),
    (
        '"200 OK", [], (1, 2)',
        r"RuntimeError: start_response\(\) argument 'exc_info' must be a 3-tuple",
    ),
]

ACCEPTED = [
    '"200", []',
    '"200 ", []',
    '"299 Odd", []',
    '"599 Strange", []',
    '"200 OK", [], None',
    '"200 OK", [("A", "")]',
    '"200 OK", [("A", "caf\\u00e9")]',
    '"200 OK", [("A", "tab\\there")]',
    '"200 caf\\u00e9", []',
    '"404 Not Found", [("X-A", "1"), ("X-A", "2")]',
]


@pytest.mark.parametrize(("arguments", "answer"), REFUSED)
def test_refused(server, arguments, answer):
    response = inline.run(server, CALL.format(call=f"start_response({arguments})"))
    assert response.status == 200
    assert re.match(answer, response.text), response.text


@pytest.mark.parametrize("arguments", ACCEPTED)
def test_accepted(server, arguments):
    response = inline.run(server, CALL.format(call=f"start_response({arguments})"))
    assert response.text == "accepted"
    assert response.all("A") == [], "the second call replaces the first"


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        ("200 OK", 200, "OK"),
        ("200 Fine by me", 200, "Fine by me"),
        ("404 Not Found", 404, "Not Found"),
        ("418 I'm a teapot", 418, "I'm a teapot"),
        ("299 Odd", 299, "Odd"),
        ("599 Strange", 599, "Strange"),
        ("500 Mine", 500, "Mine"),
        ("301 Moved", 301, "Moved"),
    ],
)
def test_status_is_passed_on(server, status, code, reason):
    response = inline.run(server, f'start_response("{status}", [])\nreturn [b"x"]')
    assert (response.status, response.reason) == (code, reason)
    assert response.body == b"x", "not replaced by an error document"


def test_headers_are_passed_on_as_they_are(server):
    """Order, case and repetition are the application's; the same in both modes."""
    code = """
        start_response("200 OK", [
            ("Content-Type", "Text/HTML; Charset=X"), ("X-Two", "a"), ("Set-Cookie", "a=1"),
            ("X-Two", "b"), ("Set-Cookie", "b=2"), ("ETag", '"v"'),
            ("Last-Modified", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ])
        return [b"x"]
    """
    response = inline.run(server, code)
    assert response.all("X-Two") == ["a", "b"]
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert response.header("Content-Type") == "Text/HTML; Charset=X"
    assert response.header("ETag") == '"v"'
    assert response.header("Last-Modified") == "Fri, 01 Jan 2100 00:00:00 GMT"
    assert len(response.all("Date")) == len(response.all("Server")) == 1


def test_no_content_type_is_made_up(server):
    response = inline.run(server, 'start_response("200 OK", [])\nreturn [b"x"]')
    assert response.all("Content-Type") == []


def test_date_and_server_are_apaches(server):
    code = """
        start_response("200 OK", [("Date", "x"), ("Server", "mine")])
        return [b"x"]
    """
    response = inline.run(server, code)
    assert len(response.all("Date")) == len(response.all("Server")) == 1
    assert response.header("Date") != "x"


def test_location_with_200_is_just_a_header(server):
    code = """
        start_response("200 OK", [("Location", "/hello")])
        return [b"mine"]
    """
    response = inline.run(server, code)
    assert (response.header("Location"), response.body) == ("/hello", b"mine")


# exc_info and second calls


def test_second_call_before_the_headers_replaces(server):
    code = """
        start_response("200 OK", [("X-First", "1")])
        start_response("404 Not Found", [("X-Second", "2")])
        return [b"x"]
    """
    response = inline.run(server, code)
    assert response.status == 404
    assert (response.all("X-First"), response.all("X-Second")) == ([], ["2"])


def test_second_call_after_the_headers(server):
    code = """
        write = start_response("200 OK", [("Content-Length", "150")])
        write(b"x" * 50)
        try:
            start_response("500 Oops", [])
        except RuntimeError as error:
            return [str(error).encode().ljust(100)]
    """
    response = inline.run(server, code)
    text = "start_response() called more than once without exc_info"
    assert response.text == "x" * 50 + text.ljust(100)


def test_exc_info_before_the_headers_replaces(server):
    code = """
        start_response("200 OK", [("X-First", "1")])
        try:
            raise KeyError("k")
        except KeyError:
            start_response("503 Sorry", [("X-Second", "2")], sys.exc_info())
        return [b"error page"]
    """
    response = inline.run(server, code)
    assert (response.status, response.body) == (503, b"error page")
    assert response.all("X-First") == []


def test_exc_info_after_the_headers_raises_it(server):
    code = """
        write = start_response("200 OK", [])
        write(b"begun ")
        try:
            raise KeyError("the original")
        except KeyError:
            try:
                start_response("500 Oops", [], sys.exc_info())
            except KeyError as error:
                return [repr(error).encode(), str(error.__traceback__ is not None).encode()]
    """
    response = inline.run(server, code)
    assert response.body == b"begun KeyError('the original')True"
