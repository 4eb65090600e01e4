"""Section 2.4: how bodies are framed, 100 Continue, HEAD.

More of it: tests/compat/test_2_5_input.py; WSGIMapHEADToGET, test_1_5_requests.py.
"""

from __future__ import annotations

import pytest

from support import inline, raw

READ = """
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [body]
"""


def test_a_length_beside_chunked_is_ignored(server):
    with server.connect() as connection:
        headers = [inline.header(READ), ("Content-Length", "3"), ("Transfer-Encoding", "chunked")]
        connection.send(raw.encode("POST", "/inline", headers))
        connection.send(raw.chunk(b"hello") + raw.chunk(b" world") + b"0\r\n\r\n")
        response = connection.read_response()
    assert (response.status, response.body) == (200, b"hello world")


@pytest.mark.parametrize(
    ("operation", "is_asked"),
    [("read()", True), ("read(1)", True), ("readline()", True), ("close()", False)],
)
def test_continue_comes_with_the_first_read_in_both_modes(server, operation, is_asked):
    code = f"""
        environ["wsgi.input"].{operation}
        start_response("200 OK", [])
        return [b"done"]
    """
    headers = [inline.header(code), ("Expect", "100-continue"), ("Content-Length", "5")]
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", headers))
        head = connection.read_head()
        assert (head.status == 100) is is_asked
        if is_asked:
            connection.send(b"hello")
            assert connection.read_response().body == b"done"


def test_no_continue_once_the_head_went_out(server):
    code = """
        start_response("200 OK", [])
        yield b"early"
        yield environ["wsgi.input"].read()
    """
    headers = [inline.header(code), ("Expect", "100-continue"), ("Content-Length", "5")]
    with server.connect() as connection:
        connection.send(raw.encode("POST", "/inline", headers))
        head = connection.read_head()
        assert head.status == 200
        connection.send(b"hello")
        connection.read_body(head)
    assert (head.body, head.complete) == (b"earlyhello", True)


def test_a_client_that_leaves_is_an_oserror_that_says_so(unbuffered):
    code = """
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            write_result(environ, "error", str(error))
        start_response("200 OK", [])
        return []
    """
    with unbuffered.connect() as connection:
        connection.send(
            raw.encode("POST", "/inline", [inline.header(code), ("Content-Length", "100")]) + b"x"
        )
        connection.finish_sending()
        error = inline.result(unbuffered, "error")
    assert error.startswith("mod_wsgi request data read error: ")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(server, status):
    code = f'start_response("{status}", [])\nreturn [b"ignored"]'
    with server.connect() as connection:
        response = connection.request("GET", "/inline", [inline.header(code)])
        assert (response.status, response.body) == (int(status[:3]), b"")
        assert connection.request("GET", "/hello").body == b"Hello, world\n"


def test_head_has_the_head_of_a_get(server):
    code = 'start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"])])\nreturn [b"12345"]'
    with server.connect() as connection:
        response = connection.request("HEAD", "/inline", [inline.header(code)])
        assert (response.status, response.header("X-Method")) == (200, "HEAD")
        assert connection.request("GET", "/hello").body == b"Hello, world\n"


@pytest.mark.parametrize("status", ["100 Continue", "101 Switching Protocols", "199 Odd"])
def test_an_application_has_no_interim_statuses(server, status):
    """mod_wsgi lets them through, and breaks the reply."""
    assert inline.run(server, f'start_response("{status}", [])\nreturn []').status == 500
    server.log.claim_traceback("ValueError: .*status")
