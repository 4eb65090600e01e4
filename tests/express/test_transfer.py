"""mod-pywsgi-express: how bodies travel."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import machine, raw
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

APPLICATION = """
import gzip
from urllib.parse import parse_qs

def application(environ, start_response):
    path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
    headers = [("Content-Type", query.get("type", ["text/plain"])[0])]
    body = b"the same again and again; " * 100
    if path == "/encoded":
        headers += [("Content-Encoding", "gzip")]
        body = gzip.compress(body, mtime=0)
    if path == "/method":
        headers += [("X-Method", environ["REQUEST_METHOD"])]
    if path == "/read":
        body = environ["wsgi.input"].read()
    if path == "/file":
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](open(query["file"][0], "rb"))
    if path != "/method":
        headers += [("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
"""
PLAIN = b"the same again and again; " * 100


def ask(express: Express, target: str, encodings: str, method: str = "GET") -> raw.Response:
    with raw.Connection("127.0.0.1", express.port, 20) as connection:
        return connection.request(method, target, [("Accept-Encoding", encodings)])


@pytest.mark.option("compress-responses", "map-head-to-get", "document-root", "server-name")
@pytest.mark.parametrize("name", [[], ["--server-name", "127.0.0.1"]])
def test_compression(express: Express, name: list[str]) -> None:
    """Brotli where both can, gzip where only that; nothing twice, and nothing that is no text."""
    express.write("app.py", APPLICATION)
    express.write("doc/a.css", PLAIN.decode())
    (express.site / "doc/a.png").write_bytes(PLAIN)
    express.start("app.py", "--document-root", "doc", "--compress-responses", *name)
    for target in ("/", "/a.css", "/?type=application/json", "/?type=image/svg%2Bxml"):
        answer = ask(express, target, "gzip, br")
        assert answer.header("Content-Encoding") == "br", target
        assert len(answer.body) < len(PLAIN) / 10
        assert "accept-encoding" in str(answer.header("Vary")).lower()
        answer = ask(express, target, "gzip")
        assert answer.header("Content-Encoding") == "gzip", target
        assert gzip.decompress(answer.body) == PLAIN
        answer = ask(express, target, "identity")
        assert (answer.header("Content-Encoding"), answer.body) == (None, PLAIN)
        assert "accept-encoding" in str(answer.header("Vary")).lower()
    for target in ("/?type=image/png", "/a.png", "/?type=text/event-stream"):
        answer = ask(express, target, "gzip, br")
        assert (answer.header("Content-Encoding"), answer.body) == (None, PLAIN), target
    answer = ask(express, "/encoded", "gzip, br")
    assert answer.header("Content-Encoding") == "gzip"
    assert gzip.decompress(answer.body) == PLAIN
    # HEAD has the headers of GET, for which the application has to write a body.
    assert ask(express, "/method", "gzip, br", "HEAD").header("X-Method") == "GET"
    assert ask(express, "/method?type=image/png", "br", "HEAD").header("X-Method") == "GET"


@pytest.mark.option("map-head-to-get")
@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ([], "HEAD"),
        (["--map-head-to-get", "auto"], "HEAD"),
        (["--map-head-to-get", "On"], "GET"),
        (["--map-head-to-get", "off", "--compress-responses"], "HEAD"),
    ],
)
def test_map_head_to_get(express: Express, words: list[str], seen: str) -> None:
    express.write("app.py", APPLICATION)
    express.start("app.py", *words)
    answer = ask(express, "/method", "gzip", "HEAD")
    assert answer.header("X-Method") == seen


@pytest.mark.option("chunked-request")
def test_chunked_request(express: Express) -> None:
    def send() -> raw.Response:
        with raw.Connection("127.0.0.1", express.port, 20) as connection:
            connection.send(
                b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            )
            return connection.read_response()

    express.write("app.py", APPLICATION)
    for words, env, expected in (
        ([], {}, (200, b"abcde")),
        (["--chunked-request"], {"PYWSGI_CHUNKED_REQUEST": "off"}, (200, b"abcde")),
        (["--no-chunked-request"], {}, (411, None)),
        ([], {"PYWSGI_CHUNKED_REQUEST": "off"}, (411, None)),
    ):
        express.start("app.py", *words, env=env)
        answer = send()
        assert answer.status == expected[0]
        assert expected[1] is None or answer.body == expected[1]
        express.stop()


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t sendfile64(int out, int in, off_t *at, size_t count)
{
    ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile64");

    close(open(MARK, O_CREAT | O_WRONLY, 0666));
    return real(out, in, at, count);
}

ssize_t sendfile(int out, int in, off_t *at, size_t count)
{
    return sendfile64(out, in, at, count);
}
"""


@pytest.fixture(scope="module")
def shim() -> Iterator[tuple[Path, Path]]:
    """A library that leaves a mark when sendfile(2) is called, and the mark."""
    root = machine.make_root()
    root.chmod(0o1777)
    (root / "shim.c").write_text(SHIM)
    command = ["gcc", "-shared", "-fPIC", f'-DMARK="{root}/mark"', "-o", str(root / "shim.so")]
    subprocess.run([*command, str(root / "shim.c")], check=True)
    yield root / "shim.so", root / "mark"
    machine.remove_tree(root)


@pytest.mark.option("enable-sendfile")
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]])
def test_enable_sendfile(express: Express, shim: tuple[Path, Path], mode: list[str]) -> None:
    library, mark = shim
    express.write("app.py", APPLICATION)
    file = express.write("doc/large", "x" * 1_000_000)
    for words, is_used in (([], False), (["--enable-sendfile"], True)):
        express.start(
            *("app.py", "--document-root", "doc", *mode, *words),
            env={"LD_PRELOAD": str(library)},
        )
        for target, always in (("/large", False), (f"/file?file={file}", True)):
            mark.unlink(missing_ok=True)
            assert express.get(target).body == b"x" * 1_000_000
            assert mark.exists() is (is_used or always), (target, words)
        express.stop()
