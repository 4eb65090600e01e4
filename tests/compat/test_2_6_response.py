"""Section 2.6: bodies: lengths, write(), the iterable and its end."""

from __future__ import annotations

import re

import pytest

from support import inline, raw

# Length and framing


@pytest.mark.parametrize(
    ("code", "length"),
    [
        ('return [b"single"]', "6"),
        ('return (b"single",)', "6"),
        ("return [b'']", "0"),
        ("return []", "0"),
        ("return ()", "0"),
    ],
)
def test_length_of_a_single_chunk_is_known(server, code, length):
    response = inline.run(server, f'start_response("200 OK", [])\n{code}')
    assert response.complete
    assert response.header("Content-Length") == length
    assert response.all("Transfer-Encoding") == []


def test_a_stream_is_chunked_and_each_chunk_is_sent_at_once(server):
    code = """
        start_response("200 OK", [])
        yield b"first"
        yield b""
        time.sleep(0.1)
        yield b"second"
    """
    response = inline.run(server, code)
    assert response.chunks == [b"first", b"second"]
    assert response.complete


def test_an_old_client_gets_no_chunks(server):
    code = """
        start_response("200 OK", [])
        yield b"first"
        yield b"second"
    """
    with server.connect() as connection:
        request = raw.encode("GET", "/inline", [inline.header(code)])
        connection.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        response = connection.read_response()
    assert response.body == b"firstsecond"
    assert response.all("Transfer-Encoding") == []


def test_declared_length_is_kept(server):
    code = """
        start_response("200 OK", [("Content-Length", "6")])
        yield b"abc"
        yield b"def"
    """
    response = inline.run(server, code)
    assert response.header("Content-Length") == "6"
    assert (response.body, response.complete, response.chunks) == (b"abcdef", True, None)


@pytest.mark.parametrize(
    "body", ['[b"abcdefgh"]', '[b"abc", b"defgh"]', '[b"abcd", b"e", b"f", b"gh"]']
)
def test_body_beyond_its_length_is_cut(server, body):
    code = f"""
        start_response("200 OK", [("Content-Length", "4")])
        return {body}
    """
    with server.connect() as connection:
        for _ in range(2):
            response = connection.request("GET", "/inline", [inline.header(code)])
            assert (response.body, response.complete) == (b"abcd", True)
    server.log.claim("PYW0253", at_least=2)


@pytest.mark.parametrize("body", ["[]", '[b"ab"]', '[b"a", b"b"]', "iter([b'a', b'b'])"])
def test_body_short_of_its_length_is_seen(server, body):
    """Aborted connection, and an error in the log."""
    code = f"""
        start_response("200 OK", [("Content-Length", "5")])
        return {body}
    """
    with server.connect() as connection:
        response = connection.request("GET", "/inline", [inline.header(code)])
        assert not response.complete
        assert connection.at_eof()
    server.log.claim("PYW0254")


@pytest.mark.parametrize(
    "value", ["abc", "", "-1", "+5", "5x", "0x5", "1.0", "99999999999999999999999"]
)
def test_length_that_is_no_number(server, value):
    code = f"""
        start_response("200 OK", [("Content-Length", "{value}")])
        return [b"hello"]
    """
    response = inline.run(server, code)
    assert response.status == 500
    server.log.claim_traceback("ValueError")


def test_two_lengths(server):
    code = """
        start_response("200 OK", [("Content-Length", "5"), ("Content-Length", "6")])
        return [b"hello"]
    """
    response = inline.run(server, code)
    assert len(response.all("Content-Length")) <= 1
    if response.status == 500:
        server.log.claim_traceback("ValueError")


# Methods and statuses without a body


def test_head(server):
    with server.connect() as connection:
        for code in ('return [b"body"]', "yield b'bo'\nyield b'dy'"):
            response = connection.request(
                "HEAD", "/inline", [inline.header('start_response("200 OK", [])\n' + code)]
            )
            assert (response.status, response.body) == (200, b"")
        code = 'start_response("200 OK", [("Content-Length", "4")])\nreturn [b"body"]'
        response = connection.request("HEAD", "/inline", [inline.header(code)])
        assert response.header("Content-Length") == "4"
        code = 'start_response("200 OK", [("Content-Length", "4000")])\nreturn []'
        response = connection.request("HEAD", "/inline", [inline.header(code)])
        assert response.header("Content-Length") == "4000"
        assert connection.request("GET", "/hello").body == b"Hello, world\n"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(server, status):
    with server.connect() as connection:
        for body in ("[]", '[b"ignored"]', 'iter([b"ig", b"nored"])'):
            code = f'start_response("{status}", [("X-A", "b")])\nreturn {body}'
            response = connection.request("GET", "/inline", [inline.header(code)])
            assert response.status == int(status[:3])
            assert response.header("X-A") == "b"
            assert response.all("Transfer-Encoding") == []
        assert connection.request("GET", "/hello").body == b"Hello, world\n"


# write()


def test_write(server):
    code = """
        write = start_response("200 OK", [])
        write(b"one ")
        write(b"")
        write(b"two ")
        return [b"three"]
    """
    response = inline.run(server, code)
    assert (response.body, response.complete) == (b"one two three", True)


def test_write_is_sent_at_once(unbuffered):
    code = """
        write = start_response("200 OK", [])
        write(b"one")
        environ["wsgi.input"].read()
        write(b"two")
        return []
    """
    with unbuffered.connect() as connection:
        headers = [inline.header(code), ("Content-Length", "1")]
        connection.send(raw.encode("POST", "/inline", headers))
        response = connection.read_head()
        assert response.status == 200
        assert connection.read_until(b"one\r\n")
        connection.send(b"x")
        connection.read_body(response)
    assert response.body == b"two"
    assert response.complete


@pytest.mark.parametrize("value", ['"text"', "None", "5", "bytearray(b'x')", "memoryview(b'x')"])
def test_write_takes_bytes_only(server, value):
    code = f"""
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            write({value})
        except TypeError as error:
            return [str(error).encode()]
        return [b"accepted"]
    """
    response = inline.run(server, code)
    assert re.fullmatch(r"write\(\) argument must be bytes, not \w+", response.text)


# The iterable


def test_no_start_response(server):
    for code in ('return [b"x"]', "return []", "yield b'x'"):
        assert inline.run(server, code).status == 500
        server.log.claim_traceback(
            r"RuntimeError: start_response\(\) must be called before response content is produced"
        )


def test_start_response_in_the_first_step_of_a_generator(server):
    code = """
        start_response("201 Created", [])
        yield b"x"
    """
    assert inline.run(server, code).status == 201


def test_start_response_after_an_empty_chunk(server):
    code = """
        yield b""
        start_response("201 Created", [])
        yield b"x"
    """
    response = inline.run(server, code)
    assert response.status in (201, 500)
    if response.status == 500:
        server.log.claim_traceback("RuntimeError")


def test_headers_wait_for_the_first_bytes(server):
    """Until then the application may change its mind."""
    code = """
        start_response("200 OK", [])
        yield b""
        start_response("404 Not Found", [])
        yield b"x"
    """
    assert inline.run(server, code).status == 404


@pytest.mark.parametrize(
    ("body", "name"),
    [('["text"]', "str"), ("[5]", "int"), ("[None]", "NoneType"), ('"text"', "str")],
)
def test_chunks_that_are_not_bytes(server, body, name):
    response = inline.run(server, f'start_response("200 OK", [])\nreturn {body}')
    assert response.status == 500
    server.log.claim_traceback(f"TypeError: response iterable must yield bytes, not {name}")


@pytest.mark.parametrize("body", ["None", "5", "object()"])
def test_results_that_are_not_iterable(server, body):
    response = inline.run(server, f'start_response("200 OK", [])\nreturn {body}')
    assert response.status == 500
    server.log.claim_traceback("TypeError")


@pytest.mark.parametrize(
    "definition",
    [
        "return iter([b'a', b'b'])",
        "return (part for part in (b'a', b'b'))",
        "return {b'a': 1, b'b': 2}",
        "class Old:\n"
        "    def __getitem__(self, index):\n"
        "        return [b'a', b'b'][index]\n"
        "return Old()",
        "class Iterator:\n"
        "    def __iter__(self):\n"
        "        return iter([b'a', b'b'])\n"
        "return Iterator()",
    ],
)
def test_every_kind_of_iterable(server, definition):
    response = inline.run(server, f'start_response("200 OK", [])\n{definition}')
    assert (response.body, response.complete) == (b"ab", True)


CLOSING = """
    class Body:
        closed = 0
        def __iter__(self):
            return self
        def __next__(self):
            {step}
        def close(self):
            self.closed += 1
            write_result(environ, "closed", self.closed)
    start_response("200 OK", [])
    return Body()
"""


@pytest.mark.parametrize(
    ("step", "complete"),
    [
        ("raise StopIteration", True),
        ("raise ValueError('in mid-air')", None),
        ("return 5", None),
    ],
)
def test_close_is_called_once(server, step, complete):
    response = inline.run(server, CLOSING.format(step=step))
    assert inline.result(server, "closed") == 1
    if complete:
        assert response.status == 200
    else:
        assert response.status == 500
        server.log.claim_traceback("ValueError: in mid-air|TypeError: response iterable")


def test_close_is_called_when_the_client_leaves(server):
    code = CLOSING.format(step="time.sleep(0.01)\n            return b'x' * 100000")
    connection = server.connect()
    connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
    assert connection.read_head().status == 200
    connection.reset()
    server.log.allow("client|abort|reset|pipe")
    assert inline.result(server, "closed") == 1


def test_an_exception_in_close_is_only_logged(server):
    code = """
        class Body(list):
            def close(self):
                raise ValueError("from close")
        start_response("200 OK", [])
        return Body([b"whole"])
    """
    response = inline.run(server, code)
    assert (response.status, response.body, response.complete) == (200, b"whole", True)
    server.log.claim_traceback("ValueError: from close")


def test_write_after_the_client_left(server):
    code = """
        write = start_response("200 OK", [])
        try:
            for _ in range(10000):
                write(b"x" * 100000)
            outcome = "no error"
        except OSError as error:
            outcome = f"{type(error).__name__}: {error}"
        write_result(environ, "left", outcome)
        return []
    """
    connection = server.connect()
    connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
    assert connection.read_head().status == 200
    connection.reset()
    server.log.allow("client|abort|reset|pipe")
    outcome = inline.result(server, "left")
    assert re.match(r"\w+Error: mod_wsgi ", outcome), outcome


def test_callables_after_the_end(server):
    code = """
        write = start_response("200 OK", [])
        errors = environ["wsgi.errors"]
        done = threading.Event()

        def look():
            done.wait()
            time.sleep(0.05)
            out = []
            for call in (lambda: write(b"x"), lambda: start_response("200 OK", []),
                         lambda: (errors.write("late\\n"), errors.flush())):
                try:
                    out.append(repr(call()))
                except BaseException as error:
                    out.append(type(error).__name__)
            write_result(environ, "late", out)

        threading.Thread(target=look).start()

        class Body(list):
            def close(self):
                done.set()
        return Body([b"x"])
    """
    assert inline.run(server, code).body == b"x"
    assert inline.result(server, "late") == ["RuntimeError"] * 3


@pytest.mark.parametrize("size", [1, 1000, 8192, 65535, 65536, 65537, 1_000_000, 5_000_000])
def test_bodies_of_every_size(server, size):
    response = server.get(f"/stream/pattern?{size}")
    expected = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert (len(response.body), response.complete) == (size, True)
    assert response.body == expected


def test_many_small_chunks(server):
    code = """
        start_response("200 OK", [])
        for index in range(5000):
            yield b"%06d\\n" % index
    """
    response = inline.run(server, code)
    assert response.body == b"".join(b"%06d\n" % index for index in range(5000))
    assert response.complete


def test_a_large_single_chunk(server):
    code = """
        start_response("200 OK", [])
        return [b"0123456789" * 1000000]
    """
    response = inline.run(server, code)
    assert response.header("Content-Length") == "10000000"
    assert response.body == b"0123456789" * 1_000_000


def test_a_header_block_of_60_kilobytes(server):
    code = """
        start_response("200 OK", [(f"X-H{index}", "v" * 1000) for index in range(60)])
        return [b"x"]
    """
    response = inline.run(server, code)
    assert response.header("X-H59") == "v" * 1000


def test_keep_alive_and_pipelining(server):
    with server.connect() as connection:
        for _ in range(20):
            assert connection.request("GET", "/hello").body == b"Hello, world\n"
        connection.send(raw.encode("GET", "/hello") * 3)
        assert [connection.read_response().status for _ in range(3)] == [200] * 3
