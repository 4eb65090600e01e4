"""Conditional requests: what the client has already is not sent again, whatever the body is."""

from __future__ import annotations

import gzip

import pytest

from support import curl, inline

TAG = '"v1"'
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
BOTH = (("ETag", TAG), ("Last-Modified", DATE))

# What an application may return, and whether it has a close().
BODIES = {
    "list": ("return [b'content']", False),
    "long list": ("return [b'content' * 20000] * 3", False),
    "generator": ("return Body(iter([b'con', b'tent']))", True),
    "endless": ("import itertools\n    return Body(itertools.repeat(b'content'))", True),
    "empty": ("return Body(iter([]))", True),
    "file": (
        "return environ['wsgi.file_wrapper'](Body(open(__import__('os').__file__, 'rb')))",
        True,
    ),
    "write": ("write(b'content')\n    write(b'more')\n    return Body(iter([b'content']))", True),
}
CODE = """
    class Body:
        def __init__(self, inner): self.inner = inner
        def __iter__(self): return self
        def __next__(self): return next(self.inner)
        def __getattr__(self, name): return getattr(self.inner, name)
        def close(self): write_result(environ, "closed", True)
    write = start_response({status!r}, {headers!r})
    {body}
"""


def code_of(*headers, status="200 OK", body="return [b'content']"):
    return CODE.format(status=status, headers=[("Content-Type", "text/plain"), *headers], body=body)


def ask(server, code, *headers, **more):
    return inline.run(server, code, headers=headers, **more)


def is_not_modified(response):
    return (response.status, response.body, response.complete) == (304, b"", True)


@pytest.mark.parametrize("body", BODIES)
def test_every_body(server, body):
    """Nothing of it is sent, nothing is logged, and close() is called."""
    statement, has_close = BODIES[body]
    code = code_of(*BOTH, body=statement)
    with server.connect() as connection:
        for method in ("GET", "HEAD", "GET"):
            headers = [inline.header(code), ("If-None-Match", TAG)]
            response = connection.request(method, "/inline", headers)
            assert is_not_modified(response)
            assert response.header("ETag") == TAG
            for name in ("Content-Length", "Content-Type", "Transfer-Encoding"):
                assert response.header(name) is None
            if has_close:
                assert inline.result(server, "closed") is True


# What is asked of a response with both validators, and the status that it gets.
CONDITIONS = [
    (("If-None-Match", TAG), 304),
    (("If-None-Match", f'"v0", {TAG}'), 304),
    (("If-None-Match", f"W/{TAG}"), 304),
    (("If-None-Match", "*"), 304),
    (("If-None-Match", '"v0"'), 200),
    (("If-Modified-Since", DATE), 304),
    (("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT"), 304),
    (("If-Modified-Since", EARLIER), 200),
    (("If-Modified-Since", "nonsense"), 200),
    (("If-Match", TAG), 200),
    (("If-Match", "*"), 200),
    (("If-Match", '"v0"'), 412),
    (("If-Unmodified-Since", DATE), 200),
    (("If-Unmodified-Since", EARLIER), 412),
]


def test_each_condition(server):
    for condition, status in CONDITIONS:
        response = ask(server, code_of(*BOTH), condition)
        assert response.status == status, condition
        assert response.body == (b"content" if status == 200 else b"")
        assert response.complete


def test_a_tag_counts_more_than_a_date(server):
    code = code_of(*BOTH)
    assert ask(server, code, ("If-None-Match", '"v0"'), ("If-Modified-Since", DATE)).status == 200
    assert ask(server, code, ("If-None-Match", TAG), ("If-Modified-Since", EARLIER)).status == 304


def test_what_a_304_says(server):
    code = code_of(
        *BOTH,
        ("Cache-Control", "max-age=60"),
        ("Vary", "Cookie"),
        ("Set-Cookie", "a=b"),
        ("Content-Location", "/here"),
        ("Content-Length", "7"),
        ("Content-Language", "en"),
    )
    response = ask(server, code, ("If-None-Match", TAG))
    assert is_not_modified(response)
    assert {name: response.header(name) for name in ("Cache-Control", "Vary", "Set-Cookie")} == {
        "Cache-Control": "max-age=60",
        "Vary": "Cookie",
        "Set-Cookie": "a=b",
    }
    assert response.header("Content-Location") == "/here"
    assert response.header("Date")
    assert response.header("Content-Language") is None


def test_what_a_412_says(server):
    code = code_of(*BOTH, ("Cache-Control", "max-age=60"), ("X-Own", "kept"))
    response = ask(server, code, ("If-Match", '"v0"'))
    assert (response.status, response.body) == (412, b"")
    assert response.header("Content-Length") == "0"
    assert response.header("Cache-Control") is None
    assert response.header("X-Own") == "kept"


def test_what_is_left_alone(server):
    """No validators, or not what conditions are about."""
    part = ("Content-Range", "bytes 0-6/7")
    for headers, status in (
        ([], "200 OK"),
        (BOTH, "404 Not Found"),
        (BOTH, "203 Non-Authoritative Information"),
        ([*BOTH, part], "206 Partial Content"),
    ):
        code = code_of(*headers, status=status)
        for condition in (
            ("If-None-Match", TAG),
            ("If-Modified-Since", DATE),
            ("If-Match", '"v0"'),
        ):
            response = ask(server, code, condition)
            assert (response.status, response.body) == (int(status[:3]), b"content")


def test_other_methods(server):
    for condition in (("If-None-Match", TAG), ("If-Match", '"v0"')):
        response = ask(server, code_of(*BOTH), condition, method="POST", body=b"")
        assert (response.status, response.body) == (200, b"content")


def test_an_application_that_answers_itself(server):
    code = code_of(
        ("ETag", '"mine"'), ("X-Own", "yes"), status="304 Not Modified", body="return []"
    )
    response = ask(server, code, ("If-None-Match", TAG))
    assert is_not_modified(response)
    assert (response.header("ETag"), response.header("X-Own")) == ('"mine"', "yes")


def test_before_a_range(server):
    body = BODIES["file"][0].replace("Body(", "(")
    code = code_of(*BOTH, body=body)
    part = ("Range", "bytes=0-7")
    assert is_not_modified(ask(server, code, part, ("If-None-Match", TAG)))
    assert ask(server, code, part, ("If-None-Match", '"v0"')).status == 206
    assert ask(server, code, part, ("If-Match", '"v0"')).status == 412


def test_what_the_application_sees_stays(server):
    code = """
        start_response("200 OK", [("ETag", '"v2"')])
        return [environ["HTTP_IF_NONE_MATCH"].encode()]
    """
    assert ask(server, code, ("If-None-Match", TAG)).text == TAG


@pytest.mark.http2
def test_http2(server):
    name, value = inline.header(code_of(*BOTH, body=BODIES["endless"][0]))
    arguments = ["-H", f"{name}: {value}", "-H", f"If-None-Match: {TAG}"]
    result = curl.get(server.url("/inline"), "http2", *arguments)
    assert (result.exit, result.status, result.body) == (0, 304, b"")
    assert inline.result(server, "closed") is True


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_compressed(start, mode):
    """mod_deflate lengthens the tag; the client comes back with what it was given."""
    server = start(mode=mode, extra='<Location "/inline">\nSetOutputFilter DEFLATE\n</Location>')
    encoding = ("Accept-Encoding", "gzip, deflate, br")
    code = code_of(*BOTH, body="return [b'content' * 100]")
    first = ask(server, code, encoding)
    assert gzip.decompress(first.body) == b"content" * 100
    tag = first.header("ETag")
    assert tag != TAG
    again = ask(server, code, encoding, ("If-None-Match", tag))
    assert is_not_modified(again)
    assert again.header("ETag") == tag
    # Another client's tag is not this one's.
    assert ask(server, code, ("If-None-Match", tag)).status == 200
    assert is_not_modified(ask(server, code, ("If-None-Match", TAG)))


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_page_of_an_error(start, mode):
    """It is not what the client has, though the application thinks so."""
    server = start(mode=mode, extra="ErrorDocument 404 /inline\nAlias /missing @ROOT@/none")
    response = ask(server, code_of(*BOTH), ("If-None-Match", TAG), path="/missing")
    assert response.body == b"content"


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_switched_off_by_apache(start, mode):
    """Without the headers there is no condition."""
    lines = "RequestHeader unset If-None-Match\nRequestHeader unset If-Modified-Since"
    server = start(mode=mode, extra=f'<Location "/inline">\n{lines}\n</Location>')
    response = ask(server, code_of(*BOTH), ("If-None-Match", TAG), ("If-Modified-Since", DATE))
    assert (response.status, response.body) == (200, b"content")
