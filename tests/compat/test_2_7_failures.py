"""Section 2.7: a response that was cut is never taken for a complete one, by curl or over HTTP/2."""

from __future__ import annotations

import shutil

import pytest

from support import curl, inline, raw, wait
from support.errorlog import STACKS

FRAMINGS = {"chunked": "[]", "length": '[("Content-Length", "5000")]'}
PROTOCOLS = [
    "http1",
    pytest.param("http2", marks=pytest.mark.http2),
]
# What happens after 1000 bytes, the code that is logged, and whether the process dies of it.
ENDS = {
    "exception": ("raise ValueError('cut here')", "PYW0250", False),
    "system exit": ("raise SystemExit(3)", "PYW0251", False),
    "wrong type": ("yield 'text'", "PYW0250", False),
    "kill": ("os.kill(os.getpid(), 9)", "PYW0151", True),
    "abort": ("os.abort()", "PYW0151", True),
    "exit": ("os._exit(0)", "PYW0151", True),
    "segfault": ("import ctypes; ctypes.string_at(0)", "PYW0151", True),
}
CODE = """
    start_response("200 OK", {headers})
    yield b"x" * 1000
    time.sleep(0.05)
    {end}
"""

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")


def quiet(server):
    """What a cut may leave in the log; the tests of errors say what it must leave."""
    server.log.allow(r"cut here|Traceback|^ {2,}|SystemExit|TypeError|PYW\d{4}|AH0005[12]|AH00052")
    server.log.allow(r"Fatal Python error|Current thread|Thread 0x|File \"|<no Python frame>|^$")
    server.log.allow(STACKS)
    server.log.allow(r"Extension modules|seg fault|Segmentation fault|Aborted|http2|h2_")


def fetch(server, protocol, end, framing):
    code = CODE.format(headers=FRAMINGS[framing], end=end)
    name, value = inline.header(code)
    return curl.get(server.url("/inline"), protocol, "-H", f"{name}: {value}")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    "end",
    [pytest.param(end, marks=[pytest.mark.no_asan] * (end == "segfault")) for end in ENDS],
)
def test_cut_response(server, mode, protocol, framing, end):
    statement, code, kills = ENDS[end]
    if kills:
        server.expect_new_processes()
    quiet(server)
    result = fetch(server, protocol, statement, framing)
    assert result.exit != 0, f"curl took it for complete: {result}"
    assert result.status == 200
    assert set(result.body) <= {ord("x")}
    assert len(result.body) == 1000 or (kills and mode == "embedded")
    if not (kills and mode == "embedded"):
        server.log.claim(code)
    wait.until(lambda: answers(server), "the server to answer again")


def answers(server):
    try:
        return server.get("/hello").status == 200
    except (OSError, EOFError):
        return False


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_same_response_whole(server, protocol, framing):
    """The control: nothing of the above is due to the test."""
    result = fetch(server, protocol, 'yield b"x" * 4000', framing)
    assert (result.exit, result.status, len(result.body)) == (0, 200, 5000)


@pytest.mark.parametrize("end", ["exception", "nothing"])
def test_an_old_client_sees_a_reset(server, end):
    """Where only the end of the connection ends the body, a cut must not look like that end."""
    statement = ENDS[end][0] if end in ENDS else "pass"
    code = CODE.format(headers="[]", end=statement)
    quiet(server)
    with server.connect() as connection:
        request = raw.encode("GET", "/inline", [inline.header(code)])
        connection.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        got = b""
        was_reset = False
        try:
            while data := connection.sock.recv(65536):
                got += data
        except ConnectionResetError:
            was_reset = True
    assert b"200" in got.split(b"\r\n")[0]
    assert was_reset is (end == "exception")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("body", ['[b"x" * 1000]', '[b"x" * 500, b"x" * 500]'])
def test_short_body(server, protocol, body):
    code = f'start_response("200 OK", [("Content-Length", "5000")])\nreturn {body}'
    name, value = inline.header(code)
    result = curl.get(server.url("/inline"), protocol, "-H", f"{name}: {value}")
    assert result.exit != 0
    # A stream that is reset at once may take along what was not framed yet, the head too.
    assert result.status == 200 or (protocol == "http2" and not result.body)
    server.log.allow("http2|h2_")
    server.log.claim("PYW0254")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_request_timeout(start, protocol, framing):
    server = start(
        mode="daemon",
        options="request-timeout=1",
        modules=("http2",),
        extra="Protocols h2c http/1.1",
    )
    quiet(server)
    result = fetch(server, protocol, "time.sleep(4)", framing)
    assert result.exit not in (0, 28), result
    assert result.status == 200
    server.log.claim("PYW0058")
    wait.until(lambda: answers(server), "the server to answer again", 20)


@pytest.mark.parametrize("end", ["exception", "kill"])
def test_nothing_before_the_headers_is_an_error_page(server, mode, end):
    """Before the first byte there is something better than a cut connection."""
    if mode == "embedded" and end == "kill":
        pytest.skip("the process that would answer is the one that was killed")
    statement, code, kills = ENDS[end]
    if kills:
        server.expect_new_processes()
    quiet(server)
    response = inline.run(server, f"time.sleep(0)\n{statement}")
    assert response.status == (502 if kills else 500)
    assert response.complete
    server.log.claim(code)
    wait.until(lambda: answers(server), "the server to answer again")


@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified"])
def test_a_response_without_a_body_is_whole_with_its_head(server, status):
    """There is nothing to be cut: what fails later is in the log."""
    code = f"""
        write = start_response("{status}", [("X-Head", "there")])
        write(b"x")
        raise ValueError("after the head")
    """
    method = "HEAD" if status.startswith("200") else "GET"
    name, value = inline.header(code)
    with server.connect() as connection:
        response = connection.request(method, "/inline", [(name, value)])
        assert (response.status, response.header("X-Head")) == (int(status[:3]), "there")
        assert connection.request("GET", "/hello").body == b"Hello, world\n"
    server.log.claim_traceback("ValueError: after the head")
