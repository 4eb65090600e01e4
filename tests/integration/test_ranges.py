"""Parts of a response that a client asks for: Apache takes them out of a file, and of nothing else."""

from __future__ import annotations

import gzip

import pytest

from support import curl, inline, procs, raw

SIZE = 300_000
CONTENT = b"".join(b"%07d\n" % number for number in range(SIZE // 8))
TAG = '"v1"'
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"

FILE = """
    start_response({status!r}, {headers!r})
    return environ["wsgi.file_wrapper"](open(environ["test.scratch"] + "/file.bin", "rb"))
"""


def file_of(*headers, status="200 OK", kind="text/plain"):
    return FILE.format(status=status, headers=[("Content-Type", kind), *headers])


@pytest.fixture(autouse=True)
def content(request):
    # Not every test wants the shared server.
    if "server" in request.fixturenames:
        put_file(request.getfixturevalue("server"))


def put_file(server):
    path = server.scratch / "file.bin"
    path.write_bytes(CONTENT)
    path.chmod(0o644)


def ask(server, code, asked, *headers, **more):
    return inline.run(server, code, headers=[("Range", f"bytes={asked}"), *headers], **more)


def is_whole(response):
    return (response.status, response.body, response.complete) == (200, CONTENT, True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_says_that_parts_may_be_had(server, method):
    response = inline.run(server, file_of(), method=method)
    assert response.header("Accept-Ranges") == "bytes"
    assert response.header("Content-Length") == str(SIZE)


def test_a_part(server):
    response = ask(server, file_of(("ETag", TAG)), "100-199")
    assert (response.status, response.body) == (206, CONTENT[100:200])
    assert response.header("Content-Range") == f"bytes 100-199/{SIZE}"
    assert response.header("Content-Length") == "100"
    assert response.header("ETag") == TAG


def test_several_parts(server):
    response = ask(server, file_of(), "0-7,80-87,-8")
    assert response.status == 206
    assert response.header("Content-Type").startswith("multipart/byteranges; boundary=")
    for start, end in ((0, 8), (80, 88), (SIZE - 8, SIZE)):
        part = b"Content-range: bytes %d-%d/%d\r\n\r\n%s" % (
            start,
            end - 1,
            SIZE,
            CONTENT[start:end],
        )
        assert part in response.body
    assert response.body.count(b"Content-type: text/plain") == 3


def test_a_part_behind_the_end(server):
    response = ask(server, file_of(), f"{SIZE}-")
    assert response.status == 416
    assert CONTENT[:8] not in response.body


def test_a_part_of_what_is_left_of_a_file(server):
    """The application has read some of it, and says how much of the rest it means."""
    code = """
        start_response("200 OK", [("Content-Length", "1000")])
        file = open(environ["test.scratch"] + "/file.bin", "rb")
        file.seek(800)
        return environ["wsgi.file_wrapper"](file)
    """
    response = ask(server, code, "100-199")
    assert (response.status, response.body) == (206, CONTENT[900:1000])
    assert response.header("Content-Range") == "bytes 100-199/1000"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (TAG, True),
        ('"v0"', False),
        ('W/"v1"', False),
        (DATE, True),
        ("Sun, 06 Nov 1994 08:49:38 GMT", False),
    ],
)
def test_if_range(server, condition, holds):
    code = file_of(("ETag", TAG), ("Last-Modified", DATE))
    response = ask(server, code, "0-7", ("If-Range", condition))
    if holds:
        assert (response.status, response.body) == (206, CONTENT[:8])
    else:
        assert is_whole(response)


@pytest.mark.parametrize("asked", ["", "0", "7-3", "a-b", "0-1,x"])
def test_no_range_at_all(server, asked):
    assert is_whole(ask(server, file_of(), asked))


def test_other_methods_have_no_ranges(server):
    assert is_whole(ask(server, file_of(), "0-7", method="POST", body=b""))
    response = ask(server, file_of(), "0-7", method="HEAD")
    assert (response.status, response.header("Content-Length")) == (200, str(SIZE))


def test_other_statuses_have_no_ranges(server):
    response = ask(server, file_of(status="404 Not Found"), "0-7")
    assert (response.status, response.body) == (404, CONTENT)
    assert response.header("Accept-Ranges") is None


def test_an_application_that_wants_none(server):
    response = ask(server, file_of(("Accept-Ranges", "none")), "0-7")
    assert is_whole(response)
    assert response.header("Accept-Ranges") == "none"


def test_an_application_that_answers_them_itself(server):
    code = file_of(
        ("Content-Range", "bytes 8-15/16"), ("Content-Length", "8"), status="206 Partial Content"
    )
    response = ask(server, code, "8-15")
    assert (response.status, response.body) == (206, CONTENT[:8])
    assert response.header("Content-Range") == "bytes 8-15/16"
    assert response.header("Accept-Ranges") is None


@pytest.mark.parametrize(
    "body",
    [
        'return [b"x" * 100]',
        'return [b"x" * 50, b"x" * 50]',
        'return [b"x" * 100000]',
        'yield b"x" * 100',
        'yield b"x" * 50; yield b"x" * 50',
    ],
)
def test_what_is_no_file_goes_out_whole(server, body):
    """Whether a body of several pieces is at hand in one would be chance."""
    code = f"""
        length = 100000 if "100000" in {body!r} else 100
        start_response("200 OK", [("Content-Length", str(length))])
        {body}
    """
    response = ask(server, code, "10-19")
    assert (response.status, set(response.body), response.complete) == (200, {ord("x")}, True)
    assert len(response.body) in (100, 100_000)


@pytest.mark.http2
def test_http2(server):
    name, value = inline.header(file_of(("ETag", TAG)))
    for condition, status, body in ((TAG, 206, CONTENT[100:200]), ('"v0"', 200, CONTENT)):
        arguments = ["-H", f"{name}: {value}", "-H", f"If-Range: {condition}", "-r", "100-199"]
        result = curl.get(server.url("/inline"), "http2", *arguments)
        assert (result.exit, result.status, result.body) == (0, status, body)


def test_compressed(start):
    """A part of what would be sent: of the compressed file, which has a tag of its own."""
    compress = '<Location "/inline">\nSetOutputFilter DEFLATE\n</Location>'
    server = start(mode="daemon", extra=compress)
    put_file(server)
    code = file_of(("ETag", TAG))
    whole = inline.run(server, code, headers=[("Accept-Encoding", "gzip")])
    assert gzip.decompress(whole.body) == CONTENT
    tag = whole.header("ETag")
    response = ask(server, code, "0-99", ("Accept-Encoding", "gzip"), ("If-Range", tag))
    assert (response.status, response.body) in ((206, whole.body[:100]), (200, whole.body))
    response = ask(server, code, "0-99", ("Accept-Encoding", "identity"), ("If-Range", TAG))
    assert (response.status, response.body) == (206, CONTENT[:100])
    response = ask(server, code, "0-99", ("Accept-Encoding", "identity"), ("If-Range", tag))
    assert is_whole(response)


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_max_ranges_none(start, mode):
    server = start(mode=mode, extra="MaxRanges none")
    put_file(server)
    response = ask(server, file_of(), "0-7")
    assert is_whole(response)
    assert response.header("Accept-Ranges") == "none"


@pytest.mark.no_asan
def test_a_part_of_a_large_file_takes_no_memory(server):
    size = 1 << 30
    with (server.scratch / "file.bin").open("r+b") as file:
        file.truncate(size)
    assert ask(server, file_of(), "-5").body == bytes(5)
    watched = server.daemons() + server.children()
    before = {pid: procs.rss(pid) for pid in watched}
    start, end = 100_000_000, 300_000_000
    with server.connect() as connection:
        headers = [inline.header(file_of()), ("Range", f"bytes={start}-{end - 1}")]
        connection.send(raw.encode("GET", "/inline", headers))
        head = connection.read_head()
        assert (head.status, head.header("Content-Length")) == (206, str(end - start))
        left = end - start
        while left > 0:
            data = connection.read_some(1 << 20)
            assert data
            left -= len(data)
    for pid in watched:
        assert procs.rss(pid) - before[pid] < 40_000_000, procs.program(pid)
