"""Section 2.8: wsgi.file_wrapper: files go out whole, from where they stand, and are closed."""

from __future__ import annotations

import hashlib

import pytest

from support import inline, procs

SIZE = 300_000
CONTENT = hashlib.sha512(b"seed").digest() * (SIZE // 64 + 1)


@pytest.fixture
def file(server):
    path = server.scratch / "file.bin"
    path.write_bytes(CONTENT[:SIZE])
    path.chmod(0o644)
    return path


CODE = """
    file = open(environ["test.scratch"] + "/file.bin", "rb")
    {before}
    {start}
    return {wrap}
"""


def run(server, *, before="pass", start='start_response("200 OK", [])', wrap=None, **more):
    wrap = wrap or 'environ["wsgi.file_wrapper"](file)'
    return inline.run(server, CODE.format(before=before, start=start, wrap=wrap), **more)


def length(value):
    return f'start_response("200 OK", [("Content-Length", "{value}")])'


def test_whole_file(server, file):
    response = run(server)
    assert (response.body, response.complete) == (CONTENT[:SIZE], True)
    assert response.header("Content-Length") == str(SIZE)


@pytest.mark.parametrize("offset", [0, 1, 100, SIZE - 1, SIZE])
def test_from_where_it_stands(server, file, offset):
    response = run(server, before=f"file.seek({offset})")
    assert response.body == CONTENT[offset:SIZE]
    assert response.complete
    assert response.header("Content-Length") == str(SIZE - offset)


def test_a_file_in_text_mode_is_sent_as_the_bytes_that_it_holds(server, file):
    response = run(server, before='file = open(file.name, encoding="utf-8")')
    assert (response.body, response.complete) == (CONTENT[:SIZE], True)


def test_a_compressed_file_is_not_taken_for_what_it_is_made_of(server, file):
    code = """
        import gzip
        path = environ["test.scratch"] + "/file.gz"
        with gzip.open(path, "wb") as out:
            out.write(b"content" * 1000)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](gzip.open(path))
    """
    assert inline.run(server, code).body == b"content" * 1000


@pytest.mark.parametrize("limit", [0, 1, 1000, SIZE])
def test_limited_by_its_length(server, file, limit):
    response = run(server, start=length(limit))
    assert (response.body, response.complete) == (CONTENT[:limit], True)


@pytest.mark.parametrize(
    ("asked", "given"),
    [("100-199", slice(100, 200)), ("-5", slice(SIZE - 5, SIZE)), ("299990-", slice(299990, SIZE))],
)
def test_range(server, file, asked, given):
    """Apache answers ranges of a file, as it does for its own."""
    response = run(server, headers=[("Range", f"bytes={asked}")])
    assert (response.status, response.body) == (206, CONTENT[given])
    assert response.header("Content-Range") == f"bytes {given.start}-{given.stop - 1}/{SIZE}"


def test_close_that_takes_its_time_loses_nothing(server, file):
    """The file is held back until its end is known."""
    code = """
        import io
        class Slow(io.FileIO):
            def close(self):
                time.sleep(0.3)
                super().close()
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Slow(environ["test.scratch"] + "/file.bin"))
    """
    response = inline.run(server, code)
    assert (response.body, response.complete) == (CONTENT[:SIZE], True)


def test_offset_and_length(server, file):
    response = run(server, before="file.seek(70000)", start=length(5000))
    assert (response.body, response.complete) == (CONTENT[70000:75000], True)


def test_file_shorter_than_its_length(server, file):
    response = run(server, start=length(SIZE + 10))
    assert not response.complete
    server.log.claim("PYW0254")


def test_block_size_is_accepted(server, file):
    for size in (1, 8192, 100_000):
        if size > 1:
            wrap = f'environ["wsgi.file_wrapper"](file, {size})'
            assert run(server, wrap=wrap).body == CONTENT[:SIZE]
    response = inline.run(
        server,
        """
        try:
            environ["wsgi.file_wrapper"](object(), -1)
        except ValueError as error:
            text = "ValueError"
        start_response("200 OK", [])
        return [text.encode()]
        """,
    )
    assert response.text == "ValueError"


def test_attributes(server, file):
    response = inline.run(
        server,
        """
        wrapper = environ["wsgi.file_wrapper"]
        file = open(environ["test.scratch"] + "/file.bin", "rb")
        one = wrapper(file, 100)
        class Sub(wrapper):
            pass
        sub = Sub(file)
        out = [one.filelike is file, one.blksize, sub.blksize, callable(one.close),
               len(next(iter(one))), isinstance(sub, wrapper)]
        one.close()
        out.append(file.closed)
        start_response("200 OK", [])
        return [json.dumps(out).encode()]
        """,
    )
    assert response.json() == [True, 100, 8192, True, 100, True, True]


def test_head(server, file):
    response = run(server, method="HEAD")
    assert (response.status, response.body) == (200, b"")
    assert response.header("Content-Length") == str(SIZE)


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("bytesio", "__import__('io').BytesIO(b'memory' * 20000)"),
        ("no fileno", "type('F', (), {'read': lambda s, n: d.pop() if d else b''})()"),
        (
            "fileno of a pipe",
            "os.fdopen((lambda p: (os.write(p[1], b'piped'), os.close(p[1]), p[0])[2])(os.pipe()), 'rb')",
        ),
    ],
)
def test_what_is_not_a_regular_file_is_read(server, file, name, expression):
    response = run(
        server,
        before=f"d = [b'c', b'b', b'a']; thing = {expression}",
        wrap='environ["wsgi.file_wrapper"](thing)',
    )
    expected = {"bytesio": b"memory" * 20000, "no fileno": b"abc", "fileno of a pipe": b"piped"}
    assert (response.body, response.complete) == (expected[name], True)


def test_after_write(server, file):
    """Something was written before: the file follows it."""
    response = run(server, start='start_response("200 OK", [])(b"first")')
    assert response.body == b"first" + CONTENT[:SIZE]


def test_text_file(server, file):
    response = run(
        server,
        before='file = open(environ["test.scratch"] + "/file.bin", "r", encoding="latin-1")',
    )
    assert response.status in (200, 500)
    if response.status == 500:
        server.log.claim_traceback("TypeError")
    else:
        assert response.body == CONTENT[:SIZE]


def test_close_is_called(server, file):
    response = run(
        server,
        before="""
    class File:
        def __init__(self, inner): self.inner = inner
        def fileno(self): return self.inner.fileno()
        def tell(self): return self.inner.tell()
        def read(self, n): return self.inner.read(n)
        def close(self):
            self.inner.close()
            write_result(environ, "closed", True)
    file = File(file)""",
    )
    assert response.body == CONTENT[:SIZE]
    assert inline.result(server, "closed") is True


def test_empty_file(server, file):
    file.write_bytes(b"")
    response = run(server)
    assert (response.body, response.complete) == (b"", True)
    assert response.header("Content-Length") == "0"


def test_wrapped_by_a_middleware(server, file):
    """A generator around the wrapper is an ordinary iterable."""
    response = run(server, wrap='(part for part in environ["wsgi.file_wrapper"](file))')
    assert (response.body, response.complete) == (CONTENT[:SIZE], True)


@pytest.mark.no_asan
def test_large_file_does_not_pass_through_the_daemon(server, file, mode):
    """Constant memory, whatever the size."""
    size = 200_000_000
    with file.open("wb") as out:
        out.truncate(size)
    watched = server.daemons() + server.children()
    before = {pid: procs.rss(pid) for pid in watched}
    with server.connect() as connection:
        code = CODE.format(
            before="pass",
            start='start_response("200 OK", [])',
            wrap='environ["wsgi.file_wrapper"](file)',
        )
        from support import raw

        connection.send(raw.encode("GET", "/inline", [inline.header(code)]))
        head = connection.read_head()
        assert head.header("Content-Length") == str(size)
        got = 0
        while got < size:
            data = connection.read_some(1 << 20)
            assert data
            got += len(data)
    for pid in watched:
        assert procs.rss(pid) - before[pid] < 40_000_000, procs.program(pid)


def test_many_files_leak_no_descriptor(server, file):
    for _ in range(50):
        assert run(server).complete
