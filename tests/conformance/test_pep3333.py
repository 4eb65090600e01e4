"""PEP 3333 as a table: what a server must and must not do, and wsgiref.validate's opinion."""

from __future__ import annotations

import pytest

from support import inline


@pytest.mark.parametrize("path", ["", "/plain", "/write", "/read", "/iterate", "/a%20b?q=1"])
@pytest.mark.parametrize("body", [None, b"", b"one\ntwo\nthree\nfour", [b"one\n", b"two"]])
def test_validator_finds_nothing(server, path, body):
    method = "GET" if body is None else "POST"
    response = server.request(method, f"/validated{path}", (), body)
    assert response.status == 200
    assert response.complete


# (clause, application, what must hold of the response)
CLAUSES = [
    (
        "environ is a builtin dict, not a subclass, and may be changed",
        "environ['x'] = 1; ok = type(environ) is dict",
    ),
    (
        "the required CGI variables are strings",
        "ok = all(type(environ[k]) is str for k in ('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', "
        "'QUERY_STRING', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL'))",
    ),
    (
        "the required wsgi variables are there",
        "ok = all('wsgi.' + k in environ for k in ('version', 'url_scheme', 'input', 'errors', "
        "'multithread', 'multiprocess', 'run_once'))",
    ),
    ("wsgi.version is the tuple (1, 0)", "ok = environ['wsgi.version'] == (1, 0)"),
    (
        "SERVER_NAME and SERVER_PORT are never empty",
        "ok = environ['SERVER_NAME'] and environ['SERVER_PORT']",
    ),
    ("PATH_INFO is decoded", "ok = environ['PATH_INFO'] == '/a b'"),
    ("REQUEST_METHOD is never empty", "ok = environ['REQUEST_METHOD'] == 'GET'"),
    (
        "URL reconstruction gives the URL",
        "from wsgiref.util import request_uri; "
        "ok = request_uri(environ).endswith('/inline/a%20b?q=1&r=%2F')",
    ),
    (
        "wsgi.input has read, readline, readlines and iteration",
        "i = environ['wsgi.input']; ok = all(hasattr(i, n) for n in "
        "('read', 'readline', 'readlines', '__iter__'))",
    ),
    ("wsgi.input simulates its end without a body", "ok = environ['wsgi.input'].read() == b''"),
    (
        "wsgi.errors has flush, write and writelines",
        "e = environ['wsgi.errors']; ok = all(callable(getattr(e, n)) for n in "
        "('flush', 'write', 'writelines'))",
    ),
    ("wsgi.errors takes text", "environ['wsgi.errors'].write(''); ok = True"),
    ("start_response is called with positional arguments", "ok = callable(start_response)"),
    ("the write callable takes bytes and returns nothing", "ok = write(b'') is None"),
    (
        "wsgi.file_wrapper takes an object and a block size",
        "import io; f = environ['wsgi.file_wrapper'](io.BytesIO(b'abc'), 2); ok = list(f) == [b'ab', b'c']",
    ),
    (
        "no HTTP_ copy of content headers",
        "ok = not {'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH'} & set(environ)",
    ),
    (
        "variables are native strings in latin-1",
        "environ['HTTP_X_LATIN'].encode('latin-1'); ok = environ['HTTP_X_LATIN'] == 'caf\\u00e9'",
    ),
]


@pytest.mark.parametrize(("clause", "code"), CLAUSES, ids=[clause for clause, _ in CLAUSES])
def test_clause(server, clause, code):
    application = f"""
write = start_response("200 OK", [("Content-Type", "text/plain")])
{code}
return [b"holds" if ok else b"broken"]
"""
    response = inline.run(
        server, application, headers=[("X-Latin", "caf\u00e9")], path="/inline/a%20b?q=1&r=%2F"
    )
    assert response.text == "holds"


def test_the_server_does_not_touch_the_headers_it_was_given(server):
    code = """
        headers = [("X-A", "1")]
        before = list(headers)
        start_response("200 OK", headers)
        yield b"x"
        yield b"same" if headers == before else b"changed"
    """
    assert inline.run(server, code).body == b"xsame"


def test_headers_may_be_changed_by_the_application_until_they_are_sent(server):
    """start_response copies, or looks late: PEP 3333 leaves it open; a crash it does not."""
    code = """
        headers = [("X-A", "1")]
        start_response("200 OK", headers)
        headers.clear()
        headers.append("nonsense")
        return [b"x"]
    """
    response = inline.run(server, code)
    assert response.status in (200, 500)
    if response.status == 500:
        server.log.claim_traceback(".")


def test_no_buffering_between_chunks(server):
    """A chunk is on its way before the next is asked for."""
    code = """
        start_response("200 OK", [])
        yield b"one"
        while not os.path.exists(environ["test.scratch"] + "/seen"):
            time.sleep(0.005)
        yield b"two"
    """
    seen = server.scratch / "seen"
    seen.unlink(missing_ok=True)
    with server.connect() as connection:
        from support import raw

        connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
        response = connection.read_head()
        assert connection.read_until(b"one\r\n")
        seen.touch()
        connection.read_body(response)
    assert (response.body, response.complete) == (b"two", True)
    seen.unlink()


def test_close_comes_after_the_last_chunk(server):
    code = """
        order = []
        class Body:
            def __iter__(self):
                order.append("iter")
                yield b"x"
                order.append("end")
            def close(self):
                order.append("close")
                write_result(environ, "order", order)
        start_response("200 OK", [])
        return Body()
    """
    assert inline.run(server, code).body == b"x"
    assert inline.result(server, "order") == ["iter", "end", "close"]


def test_the_iterable_is_not_asked_for_its_length_unless_one_chunk(server):
    """len() that lies about a longer body does not cut it."""
    code = """
        class Odd(list):
            def __len__(self):
                return 1
        start_response("200 OK", [])
        return Odd([b"one", b"two"])
    """
    response = inline.run(server, code)
    if response.status == 200:
        assert response.body in (b"onetwo", b"one")
        assert response.complete or response.body == b"one"
    server.log.allow("Content-Length")


def test_application_as_a_class_and_an_instance(start, mode):
    server = start(
        "WSGIScriptAlias /class @ROOT@/objects.py callable-object=Klass\n"
        "WSGIScriptAlias /instance @ROOT@/objects.py callable-object=instance\n"
        "WSGIScriptAlias /partial @ROOT@/objects.py callable-object=partial",
        mode=mode,
        files={
            "objects.py": """
import functools

class Klass:
    def __init__(self, environ, start_response):
        self.start = start_response
    def __iter__(self):
        self.start("200 OK", [])
        yield b"class"

class Instance:
    def __call__(self, environ, start_response):
        start_response("200 OK", [])
        return [b"instance"]

instance = Instance()
partial = functools.partial(lambda text, e, s: (s("200 OK", []), [text])[1], b"partial")
"""
        },
    )
    for name in ("class", "instance", "partial"):
        assert server.get(f"/{name}").text == name
