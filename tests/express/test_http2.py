"""mod-pywsgi-express: HTTP/2, with clients that people use."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support import curl, tls
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = [
    pytest.mark.no_asan,
    pytest.mark.skipif(
        not (curl.has_http2() and shutil.which("h2load")),
        reason="curl here speaks no HTTP/2, or there is no h2load",
    ),
]

APP = """
import threading
seen = set()
def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read()
    else:
        body = environ["SERVER_PROTOCOL"].encode() + b" " + environ["wsgi.url_scheme"].encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
"""
VERSION = ("--write-out", "\n%{http_version}")


def load(url: str, *, requests: int = 400, clients: int = 20, streams: int = 10) -> str:
    """What h2load says of that many requests, over connections with so many streams at once."""
    command = [
        "h2load",
        f"--requests={requests}",
        f"--clients={clients}",
        f"--max-concurrent-streams={streams}",
        "--no-tls-proto=h2c",
    ]
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f" {requests} succeeded, 0 failed" in done.stdout, done.stdout
    assert f"status codes: {requests} 2xx" in done.stdout, done.stdout
    return done.stdout


@pytest.mark.option("http2", "https-port")
def test_http2(express: Express, tmp_path: Path) -> None:
    express.write("app.py", APP)
    authority = tls.Authority(tmp_path)
    port = tls.free_port()
    express.start(
        *("app.py", "--http2", "--https-port", str(port), "--processes", "2"),
        *authority.sign("localhost").words,
    )
    plain, secure = f"http://127.0.0.1:{express.port}/", f"https://127.0.0.1:{port}/"
    trusted = ("--cacert", str(authority.file))
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 4096)
    upload = ("--data-binary", f"@{big}", "--output", str(tmp_path / "back"))

    def version(url: str, *words: str) -> bytes:
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", *trusted, *words, *VERSION, url],
            capture_output=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    # By ALPN, by an upgrade, by knowing; and whoever knows nothing of it is served as before.
    assert version(secure, "--http2") == b"HTTP/2.0 https\n2"
    assert version(plain, "--http2") == b"HTTP/2.0 http\n2"
    assert version(plain, "--http2-prior-knowledge") == b"HTTP/2.0 http\n2"
    assert version(secure, "--http1.1") == b"HTTP/1.1 https\n1.1"
    assert version(plain, "--http1.1") == b"HTTP/1.1 http\n1.1"
    for url, how in ((secure, "--http2"), (plain, "--http2-prior-knowledge")):
        assert version(url, how, *upload) == b"\n2"
        assert (tmp_path / "back").read_bytes() == big.read_bytes()
    assert "Application protocol: h2\n" in load(secure)
    assert "Application protocol: h2c\n" in load(plain)


def test_without_the_option(express: Express) -> None:
    express.write("app.py", APP)
    port = tls.free_port()
    express.start("app.py", "--https-port", str(port), "--self-signed")
    done = subprocess.run(
        ["curl", "-sSk", "--noproxy", "*", "--http2", *VERSION, f"https://127.0.0.1:{port}/"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"HTTP/1.1 https\n1.1"


THREADS = """
import threading, time
lock = threading.Lock()
running = most = 0
def application(environ, start_response):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    time.sleep(0.02)
    with lock:
        running -= 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(most).encode()]
"""


@pytest.mark.option("http2", "embedded-mode", "threads", "debug-mode")
@pytest.mark.parametrize(
    ("words", "threads"),
    [(["--embedded-mode", "--threads", "3"], 3), (["--debug-mode"], 1)],
)
def test_an_embedded_application_has_no_more_threads_than_it_is_to_have(
    express: Express, words: list[str], threads: int
) -> None:
    """mod_http2 hands requests to threads of its own."""
    express.write("app.py", THREADS)
    express.start("app.py", "--http2", "--server-mpm", "event", *words)
    url = f"http://127.0.0.1:{express.port}/"
    # Kept small: one request at a time takes its 20 ms.
    load(url, requests=40, clients=2, streams=10)
    done = curl.get(url, "http2")
    assert (done.status, int(done.body)) == (200, threads)


@pytest.mark.option("http2", "server-mpm")
def test_prefork_is_refused_or_passed_over(express: Express) -> None:
    express.write("app.py", APP)
    done = express.refused("app.py", "--http2", "--server-mpm", "prefork")
    assert done.returncode == 2
    assert "needs the processing module event or worker" in done.stderr
    express.start("app.py", "--http2", "--server-mpm", "prefork", "--server-mpm", "worker")
    assert curl.get(f"http://127.0.0.1:{express.port}/", "http2").body == b"HTTP/2.0 http"
