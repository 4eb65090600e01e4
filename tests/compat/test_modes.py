"""What a client sees is the same in both modes: one server, every behaviour asked of both.

mod_wsgi's two modes differ in a dozen ways (section 6.4, 5 and 6). Here a difference is a failure, apart
from those named in `DIFFERENCES`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from support import inline, raw, wait
from support.httpd import Settings

EMBEDDED, DAEMON = "/embedded", "/daemonic"  # of one length: so are the pages that name them
PLACES = (EMBEDDED, DAEMON)

# Behaviour -> why the modes differ in it.
DIFFERENCES: dict[str, str] = {}
# A body without a length in several pieces. In daemon mode Apache may have all of it at once, and then says
# its length; in embedded mode it never has.
FRAMING = ("Content-Length", "Transfer-Encoding")

SCRIPTS = {
    "missing": "@APPS@/none.wsgi",
    "directory": "@APPS@",
    "syntax": "@APPS@/syntax_error/wsgi.py",
    "import": "@APPS@/broken_import/wsgi.py",
    "exits": "@ROOT@/exits.wsgi",
    "no-callable": "@APPS@/hello/wsgi.py callable-object=missing",
    "not-callable": "@ROOT@/number.wsgi callable-object=number",
    "hello": "@APPS@/hello/wsgi.py",
    "inline": "@APPS@/inline/wsgi.py",
    "deflate": "@APPS@/inline/wsgi.py",
    "pages": "@APPS@/inline/wsgi.py",
    "lengths": "@APPS@/inline/wsgi.py",
    "override": "@APPS@/inline/wsgi.py",
    "proxied": "@APPS@/inline/wsgi.py",
}


def configuration() -> str:
    lines = [
        # Embedded mode waits for no body either.
        "WSGIDaemonProcess modes threads=5 request-buffer-size=0",
        "SetEnv test.scratch @SCRATCH@",
        "Alias /alive-page @ROOT@/htdocs/alive",
    ]
    for place, group in zip(PLACES, ("%{GLOBAL}", "modes"), strict=True):
        lines += [f"WSGIScriptAlias {place}/{name} {script}" for name, script in SCRIPTS.items()]
        lines += [
            f"<Location {place}>\nWSGIProcessGroup {group}\nWSGIApplicationGroup %{{GLOBAL}}",
            "</Location>",
            f"<Location {place}/deflate>\nSetOutputFilter DEFLATE\n</Location>",
            f"<Location {place}/override>\nWSGIErrorOverride On\nErrorDocument 404 words\n</Location>",
            f"<Location {place}/proxied>\nWSGITrustedProxyHeaders X-Forwarded-For X-Script-Name",
            "</Location>",
            f"<Location {place}/pages>\nErrorDocument 500 /alive-page\n</Location>",
            f"<Location {place}/lengths>\nWSGIChunkedRequest Off\nLimitRequestBody 10\n</Location>",
        ]
    return "\n".join(lines)


@pytest.fixture
def both(servers):
    """A server with both modes. What it logs is compared, so nothing of it is a surprise."""
    settings = Settings(
        mpm=servers.mpm,
        extra=configuration(),
        files={
            "exits.wsgi": "raise SystemExit(3)\n",
            "number.wsgi": "number = 5\n",
            "ten": "0123456789",
        },
    )
    server = servers.kept("modes", settings, f"{EMBEDDED}/hello")
    server.log.allow("")
    return server


@dataclass(frozen=True)
class Seen:
    """All that a client can tell."""

    status: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    complete: bool = True
    interim: tuple[int, ...] = ()
    kept_alive: bool = False
    codes: frozenset[str] = field(default=frozenset())


def request_of(place: str, request: bytes) -> bytes:
    return request.replace(b"/MODE", place.encode())


def shown_body(body: bytes, place: str) -> bytes:
    """The page of a 504 names the request by its id in the error log."""
    body = body.replace(place.encode(), b"/MODE")
    return re.sub(rb"<code>[\w@+/-]+</code>", b"<code>ID</code>", body)


def ask(server, place: str, request: bytes, *, is_stream: bool = False) -> Seen:
    """One request, then another on the same connection if it lives."""
    server.log.mark()
    server.log.allow("")
    with server.connect() as connection:
        connection.send(request_of(place, request))
        response = connection.read_response(request.split(b" ", 1)[0].decode())
        return Seen(
            response.status,
            response.reason,
            shown_headers(response, place, is_stream=is_stream),
            shown_body(response.body, place),
            response.complete,
            tuple(each.status for each in response.interim),
            is_alive(connection),
        )


def shown_headers(
    response: raw.Response, place: str, *, is_stream: bool
) -> tuple[tuple[str, str], ...]:
    left_out = {"Date", *(FRAMING if is_stream else ())}
    return tuple(
        # Apache calls the tag of a file weak that is younger than a second.
        (name, value.replace(place, "/MODE").removeprefix("W/"))
        for name, value in response.headers
        if name not in left_out
    )


def is_alive(connection: raw.Connection) -> bool:
    try:
        return connection.request("GET", "/alive").body == b"alive\n"
    except (EOFError, OSError):
        return False


def codes(server) -> frozenset[str]:
    return frozenset(line.code for line in server.log.since_mark() if line.is_loud and line.code)


def head(target: str, method="GET", headers=(), version="1.1", body=b"") -> bytes:
    request = raw.encode(method, f"/MODE/{target}", headers, body or None)
    return request.replace(b"HTTP/1.1\r\n", b"HTTP/%s\r\n" % version.encode(), 1)


def code(source: str, method="GET", headers=(), body=b"", target="inline", **more) -> bytes:
    return head(target, method, [inline.header(source), *headers], body=body, **more)


OK = 'start_response("200 OK", [])\n'
LENGTH = 'start_response("200 OK", [("Content-Length", "{}")])\n'
ECHO = OK + 'return [environ["wsgi.input"].read()]'
RAISE = {
    "exception": "raise ValueError('here')",
    "system exit": "raise SystemExit(3)",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "timeout": "import mod_wsgi\nraise mod_wsgi.RequestTimeout('late')",
    "str": "yield 'text'",
    "none": "yield None",
}
FILE = 'f = open("{root}/ten", "rb")\nwrapper = environ["wsgi.file_wrapper"]\n'


def responses() -> dict[str, bytes]:
    """Bodies and lengths."""
    sources = {
        "one piece": OK + 'return [b"one"]',
        "pieces": OK + 'yield b"one"\nyield b""\nyield b"two"',
        "nothing": OK + "return []",
        "empty pieces": OK + 'yield b""\nyield b""',
        "write": 'w = start_response("200 OK", [])\nw(b"one")\nreturn [b"two"]',
        "large": OK + 'yield b"x" * 300000\nyield b"y" * 300000',
        "length": LENGTH.format(3) + 'return [b"one"]',
        "length short": LENGTH.format(100) + 'return [b"one"]',
        "length short in pieces": LENGTH.format(100) + 'yield b"one"\nyield b"two"',
        "length and no body": LENGTH.format(100) + "return []",
        "length long": LENGTH.format(4) + 'yield b"one"\nyield b"two"',
        "length zero": LENGTH.format(0) + 'return [b"one"]',
        "length wrong": LENGTH.format("abc") + 'return [b"one"]',
        "length negative": LENGTH.format("-1") + 'return [b"one"]',
        "no content": 'start_response("204 No Content", [])\nreturn [b"x"]',
        "no content in pieces": 'start_response("204 No Content", [])\nyield b"x"\nyield b"y"',
        "not modified": 'start_response("304 Not Modified", [("ETag", \'"a"\')])\nreturn [b"x"]',
        "reset content": 'start_response("205 Reset Content", [])\nreturn []',
        "interim status": 'start_response("100 Continue", [])\nreturn []',
        "early hints": 'start_response("103 Early Hints", [])\nreturn []',
        "status alone": 'start_response("200", [])\nreturn [b"x"]',
        "odd status": 'start_response("299 Odd Reason", [])\nreturn [b"x"]',
        "server error": 'start_response("503 Busy", [("Retry-After", "5")])\nreturn [b"later"]',
        "status wrong": 'start_response("20 OK", [])\nreturn [b"x"]',
        "second call": OK + 'start_response("201 Created", [])\nreturn [b"x"]',
        "second call late": OK + 'yield b"x"\n' + OK,
        "close fails": (
            OK + "class Body:\n def __iter__(self):\n  yield b'one'\n  yield b'two'\n"
            " def close(self): raise ValueError('close')\nreturn Body()"
        ),
    }
    return {name: code(source) for name, source in sources.items()}


def failures() -> dict[str, bytes]:
    """Exceptions of every kind at every moment."""
    found = {
        "no start_response": code('return [b"x"]'),
        "returns none": code(OK + "return None"),
    }
    for name, statement in RAISE.items():
        generator = "" if "yield" in statement else "\nif False: yield b''"
        found |= {
            f"{name} before start_response": code(statement + generator),
            f"{name} before the headers": code(OK + statement + generator),
            f"{name} after the headers": code(OK + 'yield b"x" * 1000\n' + statement),
            f"{name} after the headers, with a length": code(
                LENGTH.format(5000) + 'yield b"x" * 1000\n' + statement
            ),
            f"{name} after the headers, old client": code(
                OK + 'yield b"x" * 1000\n' + statement, version="1.0"
            ),
            f"{name} and an ErrorDocument": code(statement + generator, target="pages"),
        }
    return found


def headers() -> dict[str, bytes]:
    """What an application says about its response."""
    found = {
        "repeated": [("X-A", "1"), ("X-B", "2"), ("X-A", "3")],
        "cookies": [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
        "challenges": [("WWW-Authenticate", 'Basic realm="a"'), ("WWW-Authenticate", "Negotiate")],
        "vary": [("Vary", "Cookie"), ("Vary", "Accept")],
        "type case": [("Content-Type", "Text/HTML; Charset=UTF-8")],
        "type twice": [("Content-Type", "text/a"), ("Content-Type", "text/b")],
        "name case": [("x-lower", "1"), ("X-UPPER", "2")],
        "location": [("Location", "/alive")],
        "location absolute": [("Location", "http://localhost/alive")],
        "status header": [("Status", "404 Not Found")],
        "modified in the future": [("Last-Modified", "Fri, 01 Jan 2100 00:00:00 GMT")],
        "date and server": [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")],
        "empty value": [("X-Empty", "")],
        "spaces": [("X-A", "  a  b  ")],
        "latin": [("X-A", "caf\xe9")],
        "beyond latin": [("X-A", "\u20ac")],
        "folded": [("X-A", "one\n two")],
        "folded properly": [("X-A", "one\r\n two")],
        "control": [("X-A", "a\x01b")],
        "name with a space": [("X A", "b")],
        "name empty": [("", "b")],
        "transfer encoding": [("Transfer-Encoding", "chunked")],
        "connection": [("Connection", "close")],
        "keep alive": [("Keep-Alive", "timeout=5")],
        "upgrade": [("Upgrade", "websocket")],
        "trailer": [("Trailer", "X-A")],
        "long": [("X-A", "a" * 6000)],
        "many": [(f"X-{number}", "a") for number in range(150)],
        "ranges": [("Accept-Ranges", "bytes")],
    }
    made = {
        f"header {name}": code(f'start_response("200 OK", {pairs!r})\nreturn [b"body"]')
        for name, pairs in found.items()
    }
    redirect = '[("Location", "/alive")]'
    made["redirect"] = code(f'start_response("302 Found", {redirect})\nreturn [b"body"]')
    return made


def requests() -> dict[str, bytes]:
    """Ways to ask."""
    whole = OK + 'return [b"body"]'
    chunks = raw.chunk(b"hello ") + raw.chunk(b"world") + b"0\r\n\r\n"
    chunked = ("Transfer-Encoding", "chunked")
    expect = ("Expect", "100-continue")
    etag = 'start_response("200 OK", [("ETag", \'"a"\')])\nreturn [b"body"]'
    return {
        **{f"method {name}": code(whole, method=name) for name in ("OPTIONS", "PUT", "BREW")},
        "body": code(ECHO, "POST", body=b"hello"),
        "body that is not read": code(whole, "POST", body=b"hello" * 1000),
        "body after the response": code(
            OK + 'yield b"early"\nyield environ["wsgi.input"].read()', "POST", body=b"hello"
        ),
        "chunks": code(ECHO, "POST", [chunked]) + chunks,
        "chunks with trailers": code(ECHO, "POST", [chunked]) + chunks[:-2] + b"X-T: 1\r\n\r\n",
        "chunks that are none": code(ECHO, "POST", [chunked]) + b"zz\r\n\r\n",
        "chunks switched off": code(ECHO, "POST", [chunked], target="lengths") + chunks,
        "chunks and a length": code(ECHO, "POST", [chunked, ("Content-Length", "3")]) + chunks,
        "other encoding": code(ECHO, "POST", [("Transfer-Encoding", "gzip")]),
        "length that is none": code(ECHO, "POST", [("Content-Length", "abc")]),
        "length below zero": code(ECHO, "POST", [("Content-Length", "-5")]),
        "body over the limit": code(ECHO, "POST", body=b"x" * 11, target="lengths"),
        "expect and read": code(ECHO, "POST", [expect, ("Content-Length", "5")]) + b"hello",
        "expect and refuse": code(
            'start_response("413 Too Large", [("Content-Length", "0")])\nreturn []',
            "POST",
            [expect, ("Content-Length", "5000000")],
        ),
        "expect something else": code(whole, "GET", [("Expect", "coffee")]),
        "folded header": code(whole).replace(b"\r\n\r\n", b"\r\nX-A: one\r\n two\r\n\r\n"),
        "old client": code(OK + 'yield b"one"\nyield b"two"', version="1.0"),
        "old client, one piece": code(whole, version="1.0"),
        "conditional": code(etag, headers=[("If-None-Match", '"a"')]),
        "range": code(whole, headers=[("Range", "bytes=1-2")]),
        "compressed": code(
            OK + 'return [b"body" * 500]', headers=[("Accept-Encoding", "gzip")], target="deflate"
        ),
        "error override": code(
            'start_response("404 Not Here", [])\nreturn [b"mine"]', target="override"
        ),
        "error override and no error": code(whole, target="override"),
        "error override of an exception": code("raise ValueError('here')", target="override"),
        "proxied": code(
            OK + 'return [(environ["REMOTE_ADDR"] + environ["SCRIPT_NAME"]).encode()]',
            headers=[("X-Forwarded-For", "192.0.2.1"), ("X-Script-Name", "/there")],
            target="proxied",
        ),
        "path info": head("hello/a%20b//c;d?e=%41"),
        "encoded slash": head("hello/a%2Fb"),
    }


def heads() -> dict[str, bytes]:
    """HEAD for all kinds of bodies."""
    sources = {
        "one piece": OK + 'return [b"body"]',
        "pieces": OK + 'yield b"bo"\nyield b"dy"',
        "length": LENGTH.format(4000) + "return []",
        "length and body": LENGTH.format(4) + 'return [b"body"]',
        "not found": 'start_response("404 Not Found", [])\nreturn [b"body"]',
        "exception": "raise ValueError('here')",
        "late exception": OK + "yield b'x'\nraise ValueError('here')",
        "method": OK + 'return [environ["REQUEST_METHOD"].encode() * 10]',
    }
    return {f"HEAD {name}": code(source, "HEAD") for name, source in sources.items()}


def files(root) -> dict[str, bytes]:
    """wsgi.file_wrapper."""
    start = FILE.format(root=root)
    sources = {
        "whole": OK + "return wrapper(f)",
        "from the middle": OK + "f.seek(3)\nreturn wrapper(f)",
        "part": LENGTH.format(4) + "f.seek(3)\nreturn wrapper(f, 2)",
        "shorter than said": LENGTH.format(40) + "return wrapper(f)",
        "no file": OK + "import io\nreturn wrapper(io.BytesIO(b'memory'))",
        "after write": 'w = start_response("200 OK", [])\nw(b"one")\nreturn wrapper(f)',
        "wrong size": OK + "return wrapper(f, -1)",
    }
    found = {f"file {name}": code(start + source) for name, source in sources.items()}
    ranges = [("Range", "bytes=2-4")]
    found["file range"] = code(start + OK + "return wrapper(f)", headers=ranges)
    found["HEAD compressed"] = code(
        OK + 'return [environ["REQUEST_METHOD"].encode() * 99]', "HEAD", target="deflate"
    )
    found["HEAD file"] = code(start + OK + "return wrapper(f)", "HEAD")
    return found


STREAMS = {
    "pieces",
    "write",
    "large",
    "empty pieces",
    "close fails",
    "second call late",
    "body after the response",
    "old client",
    "file no file",
    "file after write",
    *(name for name in failures() if "after the headers" in name and "length" not in name),
}
BEHAVIOURS = {
    **{
        f"script {name}": head(name)
        for name in SCRIPTS
        if name not in ("inline", "deflate", "pages", "lengths", "override", "proxied")
    },
    **responses(),
    **failures(),
    **headers(),
    **requests(),
    **heads(),
}
FILES = list(files(""))


def compare(server, name: str, request: bytes) -> None:
    embedded = ask(server, EMBEDDED, request, is_stream=name in STREAMS)
    in_embedded = codes(server)
    daemon = ask(server, DAEMON, request, is_stream=name in STREAMS)
    if name in DIFFERENCES:
        assert embedded != daemon, f"no difference any more: {DIFFERENCES[name]}"
        return
    assert daemon == embedded
    # The line of a daemon may come a moment after its response.
    wait.until(lambda: codes(server) == in_embedded, f"the codes {in_embedded} in daemon mode", 5)


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_behaviour_is_the_same(both, name):
    compare(both, name, BEHAVIOURS[name])


@pytest.mark.parametrize("name", FILES)
def test_file_is_the_same(both, name):
    compare(both, name, files(both.root)[name])


def test_differences_are_behaviours():
    assert DIFFERENCES.keys() <= {*BEHAVIOURS, *FILES}
    assert len(DIFFERENCES) <= 5


def test_the_two_are_what_they_are_called(both):
    """The control: it is not the same mode twice."""
    source = OK + 'return [environ["mod_wsgi.process_group"].encode()]'
    seen = [ask(both, place, code(source)).body for place in PLACES]
    assert seen == [b"", b"modes"]
