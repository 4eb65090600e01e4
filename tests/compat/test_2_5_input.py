"""Section 2.5: wsgi.input: every way of reading, every way a body can come, every way it can fail."""

from __future__ import annotations

import ast
import hashlib

import pytest

from support import inline, raw, wait

READ = """
    inp = environ["wsgi.input"]
    out = []
    for op in environ["QUERY_STRING"].replace("%20", " ").split(";"):
        try:
            out.append(eval(op))
        except Exception as error:
            out.append(f"{type(error).__name__}: {error}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(out).encode()]
"""


def read(server, operations, body, headers=()):
    """Results of expressions over `inp`, in the application."""
    target = "/inline?" + operations.replace(" ", "%20")
    response = server.request("POST", target, [inline.header(READ), *headers], body)
    assert response.status == 200, response
    return ast.literal_eval(response.text)


LINES = b"one\ntwo\n\nlast"


@pytest.mark.parametrize("form", ["length", "chunked"])
@pytest.mark.parametrize(
    ("body", "operations", "results"),
    [
        (b"abcdef", "inp.read()", [b"abcdef"]),
        (b"abcdef", "inp.read(-1)", [b"abcdef"]),
        (b"abcdef", "inp.read(2);inp.read(2);inp.read(9);inp.read(1)", [b"ab", b"cd", b"ef", b""]),
        (b"abcdef", "inp.read(0);inp.read(6);inp.read(0)", [b"", b"abcdef", b""]),
        (b"abcdef", "inp.read(100);inp.read();inp.read(5)", [b"abcdef", b"", b""]),
        (b"", "inp.read();inp.readline();inp.readlines();list(inp)", [b"", b"", [], []]),
        (
            LINES,
            "inp.readline();inp.readline();inp.readline();inp.readline();inp.readline()",
            [b"one\n", b"two\n", b"\n", b"last", b""],
        ),
        (LINES, "inp.readline(2);inp.readline(2);inp.readline(50)", [b"on", b"e\n", b"two\n"]),
        (LINES, "inp.readline(0);inp.readline(-1)", [b"", b"one\n"]),
        (LINES, "inp.readlines()", [[b"one\n", b"two\n", b"\n", b"last"]]),
        (LINES, "inp.readlines(5)", [[b"one\n", b"two\n"]]),
        (LINES, "inp.readlines(4)", [[b"one\n"]]),
        (LINES, "inp.readlines(-1)", [[b"one\n", b"two\n", b"\n", b"last"]]),
        (LINES, "list(inp)", [[b"one\n", b"two\n", b"\n", b"last"]]),
        (LINES, "next(inp);inp.read(3);inp.readline()", [b"one\n", b"two", b"\n"]),
        (LINES, "iter(inp) is inp", [True]),
        (LINES, "inp.readline();inp.read();inp.readline()", [b"one\n", b"two\n\nlast", b""]),
        (b"\n\n", "list(inp)", [[b"\n", b"\n"]]),
        (b"a\rb\r\nc", "list(inp)", [[b"a\rb\r\n", b"c"]]),
        (b"\0\xff\n\0", "list(inp)", [[b"\0\xff\n", b"\0"]]),
    ],
)
def test_reading(server, form, body, operations, results):
    sent = body if form == "length" else iter([body[:1], body[1:3], body[3:]] if body else [])
    sent = sent if form == "length" else [part for part in sent if part]
    assert read(server, operations, sent) == results


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("inp.read('x')", "TypeError"),
        ("inp.read(1, 2)", "TypeError"),
        ("inp.readline([])", "TypeError"),
        ("inp.readlines('x')", "TypeError"),
        ("inp.seek(0)", "AttributeError"),
        ("inp.fileno()", "AttributeError"),
    ],
)
def test_misuse(server, operation, text):
    [answer] = read(server, operation, b"abc")
    assert answer.startswith(text)


def test_close_is_there(server):
    assert read(server, "inp.close()", b"abc") == [None]


def test_large_body_in_one_read(server):
    body = bytes(range(256)) * 8192
    assert read(server, f"len(inp.read({len(body)}));inp.read()", body) == [len(body), b""]


def test_large_body_by_lines(server):
    body = b"".join(b"%d %s\n" % (index, b"x" * (index % 3000)) for index in range(2000))
    code = """
        import hashlib
        sum = hashlib.sha256()
        for line in environ["wsgi.input"]:
            assert line.endswith(b"\\n")
            sum.update(line)
        start_response("200 OK", [])
        return [sum.hexdigest().encode()]
    """
    answer = inline.run(server, code, "POST", body=body)
    assert answer.text == hashlib.sha256(body).hexdigest()


def test_one_line_longer_than_any_buffer(server):
    body = b"x" * 3_000_000 + b"\nrest"
    assert read(server, "len(inp.readline());inp.read()", body) == [3_000_001, b"rest"]


def test_no_body(server):
    response = inline.run(server, READ, headers=[], path="/inline?inp.read();inp.readline()")
    assert ast.literal_eval(response.text) == [b"", b""]


def test_chunked_is_accepted_and_terminated(server):
    code = """
        seen = [environ.get("CONTENT_LENGTH"), environ["wsgi.input_terminated"],
                environ.get("HTTP_TRANSFER_ENCODING")]
        start_response("200 OK", [])
        return [repr((seen, environ["wsgi.input"].read())).encode()]
    """
    response = inline.run(server, code, "POST", body=[b"abc", b"d" * 70000])
    seen, body = ast.literal_eval(response.text)
    assert seen[:2] == [None, True]
    assert body == b"abc" + b"d" * 70000


def test_chunk_extensions_and_trailers(server):
    code = """
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(), b"|", str("HTTP_X_TRAILER" in environ).encode()]
    """
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(code)], [b""]))
        connection.send(b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: x\r\n\r\n")
        response = connection.read_response()
        assert response.body == b"abcde|False"
        assert connection.request("GET", "/hello").status == 200


def test_body_arrives_bit_by_bit(server):
    """The application sees data as it comes where it reads it so."""
    code = """
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]
    """
    body = b"slow body"
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(code)], body)[: -len(body)])
        for byte in body:
            connection.send(bytes([byte]))
        assert connection.read_response().body == body


@pytest.mark.parametrize("size", [0, 5, 100_000, 3_000_000])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_unread_body_does_not_spoil_the_connection(server, size, form):
    """What the application leaves unread is thrown away before the next request."""
    body = b"GET /smuggled HTTP/1.1\r\n" * (size // 24) or b"x" * size
    with server.connect() as connection:
        first = connection.request(
            "POST", "/hello", (), body if form == "length" else [body or b"x"]
        )
        assert first.status == 200
        if first.header("Connection") != "close":
            assert connection.request("GET", "/hello").body == b"Hello, world\n"


# 100 Continue

LAZY = """
    if environ["QUERY_STRING"] == "read":
        body = environ["wsgi.input"].read()
    elif environ["QUERY_STRING"] == "zero":
        body = environ["wsgi.input"].read(0)
    else:
        body = b"unread"
    start_response("200 OK", [])
    return [body]
"""


def expecting(query, length=5):
    headers = [inline.header(LAZY), ("Expect", "100-continue"), ("Content-Length", str(length))]
    return raw.encode("POST", f"/inline?{query}", headers)


def test_continue_is_sent_when_the_application_reads(server):
    with server.connect() as connection:
        connection.send(expecting("read"))
        interim = connection.read_head()
        assert interim.status == 100
        connection.send(b"hello")
        response = connection.read_response()
    assert (response.status, response.body) == (200, b"hello")


def test_continue_is_not_sent_when_it_does_not_read(server):
    with server.connect() as connection:
        connection.send(expecting("nothing"))
        response = connection.read_response()
    assert (response.status, response.body) == (200, b"unread")
    assert response.interim == []


def test_continue_with_an_early_refusal(server):
    """An application may refuse a big upload before a byte of it is sent."""
    code = """
        start_response("413 Too Large", [("Content-Length", "0")])
        return []
    """
    headers = [inline.header(code), ("Expect", "100-continue"), ("Content-Length", "1000000000")]
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", headers))
        response = connection.read_response()
        assert response.status == 413
        assert response.interim == []
        assert connection.at_eof() or response.header("Connection") == "close"


def test_continue_with_a_chunked_body(server):
    headers = [
        inline.header(LAZY),
        ("Expect", "100-continue"),
        ("Transfer-Encoding", "chunked"),
    ]
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline?read", headers))
        assert connection.read_head().status == 100
        connection.send(raw.chunk(b"hello") + b"0\r\n\r\n")
        assert connection.read_response().body == b"hello"


def test_body_sent_without_waiting_for_continue(server):
    with server.connect() as connection:
        connection.send(expecting("read") + b"hello")
        response = connection.read_response()
        assert response.body == b"hello"
        assert connection.request("GET", "/hello").status == 200


# Failures

ABORTED = """
    try:
        data = b""
        while True:
            block = environ["wsgi.input"].read(1000)
            data += block
            if not block:
                break
        outcome = f"complete {len(data)}"
    except Exception as error:
        outcome = f"{type(error).__mro__[0].__name__} {isinstance(error, OSError)} {len(data)}"
        try:
            environ["wsgi.input"].read(1)
            outcome += " then no error"
        except OSError:
            outcome += " and again"
    write_result(environ, "aborted", outcome)
    start_response("200 OK", [])
    return [b"x"]
"""


# Applications meet bodies that never come whole only where they do not wait for them.
STREAMED = {
    "embedded": "",
    "daemon": "request-buffer-size=0",
    "daemon_multi": "request-buffer-size=0",
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_client_leaves_in_mid_body(unbuffered, how, form):
    """OSError, and OSError again: never a body that looks complete."""
    headers = [inline.header(ABORTED)]
    if form == "length":
        sent = raw.encode("POST", "/inline", [*headers, ("Content-Length", "100000")])
        sent += b"x" * 5000
    else:
        sent = raw.encode("POST", "/inline", headers, [b""]) + raw.chunk(b"x" * 5000) + b"ffff\r\nx"
    connection = unbuffered.connect()
    connection.send(sent)
    if how == "reset":
        connection.reset()
    else:
        connection.close()
    try:
        outcome = inline.result(unbuffered, "aborted", timeout=2 if how == "reset" else 10)
    except wait.Late:
        # A client that is gone before its request was looked at need not reach the application.
        assert how == "reset"
    else:
        assert " True " in outcome, outcome
        assert outcome.endswith("and again")


def test_half_closed_client_with_a_complete_body(server):
    """A client that sends all and shuts its writing side still gets its answer."""
    code = """
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]
    """
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(code)], b"whole"))
        connection.finish_sending()
        assert connection.read_response().body == b"whole"


AFTER = """
    inp = environ["wsgi.input"]
    inp.read(3)
    done = threading.Event()

    def look():
        done.wait()
        time.sleep(0.05)
        out = []
        for op in ("read()", "read(1)", "readline()", "readlines()", "__next__()"):
            try:
                out.append(repr(eval("inp." + op, {"inp": inp})))
            except BaseException as error:
                out.append(f"{type(error).__name__}: {error}")
        write_result(environ, "after", out)

    threading.Thread(target=look).start()

    class Body(list):
        def close(self):
            done.set()

    start_response("200 OK", [])
    return Body([b"x"])
"""


def test_use_after_the_end(server):
    assert inline.run(server, AFTER, "POST", body=b"0123456789").body == b"x"
    out = inline.result(server, "after")
    assert out[0] == "RuntimeError: read() called on wsgi.input after request completed"
    assert all(each.startswith("RuntimeError: ") for each in out), out
    assert out[2] == "RuntimeError: readline() called on wsgi.input after request completed"


def test_body_over_the_limit(start, mode):
    server = start("LimitRequestBody 1000", mode=mode, options=STREAMED[mode])
    code = ABORTED
    for body in (b"x" * 2000, [b"x" * 600, b"x" * 600]):
        response = inline.run(server, code, "POST", body=body)
        assert response.status in (413, 200)
        if isinstance(body, bytes):
            assert response.status == 413
        else:
            assert " True " in inline.result(server, "aborted")
    server.log.allow("AH01588|AH00588|LimitRequestBody|limit|larger|body")
    assert inline.run(server, LAZY, "POST", body=b"x" * 900, path="/inline?read").status == 200


def test_malformed_chunks(unbuffered):
    with unbuffered.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(ABORTED)], [b""]))
        connection.send(b"3\r\nabc\r\nzz\r\nnonsense\r\n0\r\n\r\n")
        unbuffered.log.allow("AH0158[89]|AH02896|AH00587|chunk|body|malformed|read error")
        response = connection.read_response()
    assert response.status in (200, 400)
    assert inline.result(unbuffered, "aborted").endswith("and again")


def test_malformed_chunks_are_400_where_the_application_fails_for_them(unbuffered):
    """In mod_wsgi's daemon mode 500."""
    code = 'environ["wsgi.input"].read()\nstart_response("200 OK", [])\nreturn []'
    with unbuffered.connect() as connection:
        connection.send(raw.encode("POST", "/inline", [inline.header(code)], [b""]))
        connection.send(b"3\r\nabc\r\nzz\r\nnonsense\r\n0\r\n\r\n")
        assert connection.read_response().status == 400
    unbuffered.log.claim("PYW0157")
    unbuffered.log.allow("AH0158[89]|AH02896")


def test_a_client_too_slow_with_its_body_is_told_so(start, mode):
    """By the page for 408, where the application fails for it."""
    server = start("Timeout 1", mode=mode, options=STREAMED[mode])
    code = 'environ["wsgi.input"].read()\nstart_response("200 OK", [])\nreturn []'
    with server.connect() as connection:
        head = raw.encode("POST", "/inline", [inline.header(code), ("Content-Length", "9")])
        connection.send(head + b"abc")
        assert connection.read_response().status == 408
    server.log.claim("PYW0157")


def test_chunked_request_off(start, mode):
    server = start("<Location /hello>\nWSGIChunkedRequest Off\n</Location>", mode=mode)
    assert server.post("/hello", [b"abc"]).status == 411
    server.log.claim("PYW0204")
    assert server.post("/hello", b"abc").status == 200
    assert server.post("/inline", [b"abc"], [inline.header(LAZY)]).status == 200
