"""wsgi.early_hints: headers that an application sends ahead of its response, as 103."""

from __future__ import annotations

import re
import subprocess

import pytest

from support import inline, raw

LINK = ("Link", "</style.css>; rel=preload; as=style")
ON = "WSGIEarlyHints On\n"
CODE = """
    environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload; as=style")])
    start_response("200 OK", [("X-Own", "final")])
    return [b"content"]
"""


@pytest.fixture(params=["daemon", "embedded"])
def mode(request):
    return request.param


@pytest.fixture
def hinted(start, mode):
    http2 = "Protocols h2c http/1.1\nH2EarlyHints On\n"
    return start(mode=mode, modules=("http2",), extra=ON + http2)


def is_final(response):
    return (response.status, response.body, response.header("X-Own")) == (200, b"content", "final")


def test_sent_before_the_response(hinted):
    """Before: the application goes on when the client has them."""
    code = """
        hints = environ["wsgi.early_hints"]
        hints([("Link", "</one.css>; rel=preload"), ("Link", "</two.css>; rel=preload"), ("X-A", "b")])
        gate = os.path.join(environ["test.scratch"], "gate")
        while not os.path.exists(gate):
            time.sleep(0.01)
        hints(headers=iter([("Link", "</three.css>; rel=preload")]))
        start_response("200 OK", [("X-Own", "final")])
        return [b"content"]
    """
    with hinted.connect() as connection:
        connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
        first = connection.read_head()
        assert (first.version, first.status, first.reason) == ("HTTP/1.1", 103, "Early Hints")
        assert first.headers == [
            ("Link", "</one.css>; rel=preload"),
            ("Link", "</two.css>; rel=preload"),
            ("X-A", "b"),
        ]
        (hinted.scratch / "gate").touch()
        response = connection.read_response()
        assert is_final(response)
        assert [each.headers for each in response.interim] == [
            [("Link", "</three.css>; rel=preload")]
        ]
        assert response.header("Link") is None
        # The connection goes on, and another request has none of it.
        assert not connection.request("GET", "/hello").interim


def test_too_late(hinted):
    """Behind the head, and when the request is over."""
    code = """
        hints = environ["wsgi.early_hints"]
        def body():
            yield b"con"
            hints([("X-Late", "yes")])
            yield b"tent"
            KEPT["hints"] = hints
        start_response("200 OK", [("X-Own", "final")])
        return body()
    """
    response = inline.run(hinted, code)
    assert is_final(response)
    assert not response.interim
    code = """
        try:
            KEPT["hints"]([("X-Late", "yes")])
        except RuntimeError as error:
            said = str(error)
        start_response("200 OK", [])
        return [said.encode()]
    """
    assert inline.run(hinted, code).text == "wsgi.early_hints called after request completed"


def test_before_start_response_and_after(hinted):
    """What counts is whether the head has left."""
    code = """
        start_response("200 OK", [("X-Own", "final")])
        environ["wsgi.early_hints"]([("X-Early", "yes")])
        return [b"content"]
    """
    response = inline.run(hinted, code)
    assert is_final(response)
    assert [each.headers for each in response.interim] == [[("X-Early", "yes")]]


def test_no_more_than_sixteen(hinted):
    code = """
        for number in range(20):
            environ["wsgi.early_hints"]([("X-Number", str(number))])
        environ["wsgi.early_hints"]([])
        start_response("200 OK", [("X-Own", "final")])
        return [b"content"]
    """
    response = inline.run(hinted, code)
    assert is_final(response)
    assert [each.header("X-Number") for each in response.interim] == [str(n) for n in range(16)]


@pytest.mark.parametrize("http", [True, False])
def test_bad_headers(start, http):
    """Refused wherever they are given, sent or not."""
    server = start(mode="daemon", extra=ON if http else "")
    code = """
        said = []
        for bad in ([("A", "b\\r\\nC: d")], [("A b", "c")], [("Connection", "close")], [("A", 1)],
                    ["A"], [("A", "x" * 40000)], [("A", "b")] * 65, 5, [("Transfer-Encoding", "x")]):
            try:
                environ["wsgi.early_hints"](bad)
            except (TypeError, ValueError) as error:
                said.append(type(error).__name__)
        start_response("200 OK", [])
        return [json.dumps(said).encode()]
    """
    response = inline.run(server, code)
    value, wrong = "ValueError", "TypeError"
    assert response.json() == [value, value, value, wrong, wrong, value, value, wrong, value]
    assert not response.interim


def test_a_length_is_not_passed_on(hinted):
    """It would be the next response's in the eyes of a client that knows no 103."""
    code = CODE.replace('[("Link"', '[("Content-Length", "5"), ("Link"')
    response = inline.run(hinted, code)
    assert is_final(response)
    assert [each.headers for each in response.interim] == [[LINK]]


def test_beside_100_continue(hinted):
    """Hints do not take the place of what the client waits for."""
    code = """
        environ["wsgi.early_hints"]([("X-A", "b")])
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("X-Own", "final")])
        return [body]
    """
    with hinted.connect() as connection:
        headers = [inline.header(code), ("Expect", "100-continue"), ("Content-Length", "7")]
        connection.send(raw.encode("POST", "/inline", headers))
        assert connection.read_head().status == 103
        assert connection.read_head().status == 100
        connection.send(b"content")
        assert is_final(connection.read_response())


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_other_methods(hinted, method):
    response = inline.run(hinted, CODE, method=method, body=b"" if method == "POST" else None)
    assert [each.status for each in response.interim] == [103]
    assert response.status == 200


def test_old_clients_see_none(hinted):
    with hinted.connect() as connection:
        name, value = inline.header(CODE)
        connection.send(f"GET /inline HTTP/1.0\r\n{name}: {value}\r\n\r\n".encode())
        response = connection.read_response()
        assert is_final(response)
        assert not response.interim


@pytest.mark.parametrize("extra", ["", "WSGIEarlyHints Off\n"])
def test_not_over_http1_unless_told(start, mode, extra):
    response = inline.run(start(mode=mode, extra=extra), CODE)
    assert is_final(response)
    assert not response.interim


def statuses_of(server):
    """What nghttp gets over HTTP/2: statuses in order, and all that it says."""
    name, value = inline.header(CODE)
    command = ["nghttp", "-v", "--no-dep", "-H", f"{name}: {value}", server.url("/inline")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    return re.findall(r":status: (\d+)", said), said


@pytest.mark.http2
@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("H2EarlyHints On\n", ["103", "200"]),
        ("H2EarlyHints Off\n", ["200"]),
        ("H2EarlyHints On\nWSGIEarlyHints Off\n", ["200"]),
    ],
)
def test_http2(start, mode, extra, expected):
    server = start(
        mode=mode, modules=("http2",), extra="Protocols h2c http/1.1\nH2Push Off\n" + extra
    )
    statuses, said = statuses_of(server)
    assert statuses == expected
    if len(expected) == 2:
        first, second = said.split(":status: 200", 1)
        assert "link: </style.css>; rel=preload; as=style" in first
        assert "link:" not in second
    assert "content" in said


def test_a_decider_has_none(start, mode):
    script = """
def allow_access(environ, host):
    return "wsgi.early_hints" not in environ
"""
    server = start(
        mode=mode,
        files={"decide.py": script},
        extra=ON + '<Location "/inline">\nWSGIAccessScript @ROOT@/decide.py\n</Location>',
    )
    assert is_final(inline.run(server, CODE))
