"""Each time that an option sets, by what the running server then does. compat 5.2, Timeouts.

Each test gives one of them a short value and leaves the others long, so that none works only with another.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from support import procs, raw, wait
from support.express import Express

pytestmark = pytest.mark.no_asan

option = pytest.mark.option

# Runs the code that the query names, with the rest of the query as the files to wait for.
APP = """
import ctypes, os, time
from urllib.parse import unquote

HERE = os.path.join(os.path.dirname(__file__), "scratch")

def touch(name):
    open(os.path.join(HERE, name), "w").close()

def wait_for(name):
    while not os.path.exists(os.path.join(HERE, name)):
        time.sleep(0.01)

def application(environ, start_response):
    code = unquote(environ["QUERY_STRING"])
    answer = {}
    exec(code, {**globals(), "environ": environ, "answer": answer})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return answer.get("body", [str(os.getpid()).encode()])
"""

STAYS = "touch('running'); wait_for('go')"


class Site:
    """The application above, and how it is asked."""

    def __init__(self, express: Express) -> None:
        self.express = express
        express.write("app.py", APP)
        self.scratch = express.site / "scratch"
        self.scratch.mkdir(mode=0o777)
        self.scratch.chmod(0o777)
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def start(self, *words: str) -> Site:
        self.express.start("app.py", *words)
        return self

    def ask(self, code: str = "pass") -> raw.Response:
        return self.express.get(f"/?{quote(code, safe='')}", timeout=60)

    def pid(self) -> int:
        response = self.ask()
        assert response.status == 200, self.express.story()
        return int(response.text)

    def begin(self, code: str = STAYS) -> concurrent.futures.Future[raw.Response]:
        """Send a request that stays in the application until `let_go`; returns when it is there."""
        future = self.pool.submit(self.ask, code)
        wait.until(self.file("running").exists, "the application to run")
        return future

    def let_go(self) -> None:
        self.file("go").touch()

    def file(self, name: str) -> Path:
        return self.scratch / name

    def logs(self, what: str) -> None:
        wait.until(lambda: what in self.express.error_log, f"{what!r} in the log", 30)

    def replaced(self, pid: int) -> None:
        """Wait until another process serves and the old one has ended."""
        wait.until(lambda: self.pid() != pid, "another process", 30)
        wait.until(lambda: not procs.alive(pid) or procs.zombie(pid), "the old one to end", 30)

    def connect(self) -> raw.Connection:
        return raw.Connection("127.0.0.1", self.express.port, 20)


@pytest.fixture
def site(express: Express) -> Iterator[Site]:
    site = Site(express)
    yield site
    site.let_go()
    site.pool.shutdown()


# Processes


@option("startup-timeout")
def test_startup(express: Express) -> None:
    express.write("app.py", "import time\nwhile True:\n    time.sleep(0.01)\napplication = None\n")
    express.start("app.py", "--startup-timeout", "1")
    wait.until(lambda: "PYW0069" in express.error_log, "the process to be given up", 30)


@option("shutdown-timeout")
def test_shutdown(site: Site) -> None:
    """The request is cut a second after the process was told to end."""
    pid = site.start("--shutdown-timeout", "1", "--graceful-timeout", "60").pid()
    running = site.begin()
    os.kill(pid, signal.SIGTERM)
    assert running.result().status == 500
    site.replaced(pid)


@option("restart-interval")
def test_restart_interval(site: Site) -> None:
    site.replaced(site.start("--restart-interval", "1", "--log-level", "info").pid())
    site.logs("PYW0067")


@option("cpu-time-limit")
def test_cpu_time(site: Site) -> None:
    pid = site.start("--cpu-time-limit", "1", "--log-level", "info").pid()
    burn = "ends = time.process_time() + 1.5\nwhile time.process_time() < ends: pass"
    assert site.ask(burn).status == 200
    site.replaced(pid)
    site.logs("PYW0066")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--graceful-timeout", "1"], marks=option("graceful-timeout"), id="graceful"),
        pytest.param(
            ["--graceful-timeout", "60", "--eviction-timeout", "1"],
            marks=option("eviction-timeout"),
            id="eviction",
        ),
    ],
)
def test_replacing(site: Site, words: list[str]) -> None:
    """The request that runs when the process is replaced is cut after a second."""
    pid = site.start(*words, "--shutdown-timeout", "1").pid()
    running = site.begin()
    os.kill(pid, signal.SIGUSR1)
    assert running.result().status == 500
    site.replaced(pid)


@option("deadlock-timeout")
def test_deadlock(site: Site) -> None:
    pid = site.start("--deadlock-timeout", "1", "--shutdown-timeout", "1").pid()
    assert site.ask("ctypes.PyDLL(None).sleep(120)").status in (500, 502)
    site.logs("PYW0070")
    site.replaced(pid)


@option("inactivity-timeout", "ignore-activity")
def test_inactivity(site: Site) -> None:
    """Requests to the ignored URL do not keep the process; the others did."""
    words = ["--inactivity-timeout", "2", "--ignore-activity", "/probe", "--log-level", "info"]
    pid = site.start(*words).pid()

    def has_ended() -> bool:
        assert site.express.get("/probe?pass").status == 200
        return not procs.alive(pid) or procs.zombie(pid)

    wait.until(has_ended, "the process that is only probed to end", 30)
    site.logs("PYW0068")


# Requests


@option("request-timeout")
def test_request(site: Site) -> None:
    site.start("--request-timeout", "1", "--graceful-timeout", "1", "--shutdown-timeout", "1")
    assert site.express.shown("Request Timeout") == "1 s"
    assert site.ask("time.sleep(60)").status == 504
    site.logs("PYW0060")


@option("interrupt-timeout")
def test_interrupt(site: Site) -> None:
    pid = site.start("--request-timeout", "1", "--interrupt-timeout", "20").pid()
    caught = """
try:
    while True:
        time.sleep(0.01)
except __import__("mod_wsgi").RequestTimeout:
    answer["body"] = [b"caught it"]
"""
    assert site.ask(caught).text == "caught it"
    assert site.pid() == pid


@option("queue-timeout")
def test_queue(site: Site) -> None:
    """The answer comes while the only thread is still busy."""
    site.start("--threads", "1", "--queue-timeout", "1")
    running = site.begin()
    assert site.ask().status == 504
    assert not running.done()
    site.let_go()
    assert running.result().status == 200
    site.logs("PYW0071")


@option("connect-timeout")
def test_connect(site: Site) -> None:
    """The process stands still and its backlog is full: whoever needs a new connection to it is told so."""
    pid = site.start("--connect-timeout", "1", "--queue-timeout", "60").pid()
    with contextlib.ExitStack() as peers:
        os.kill(pid, signal.SIGSTOP)
        peers.callback(os.kill, pid, signal.SIGCONT)
        wait.until(lambda: procs.stopped(pid), "the process to stand still")
        for path in (site.express.root / "run").glob("wsgi.*/*"):
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer = peers.enter_context(socket.socket(socket.AF_UNIX))
                    peer.setblocking(False)
                    peer.connect(str(path))
        # Those that find a connection that is already open wait in the process instead.
        pool = peers.enter_context(concurrent.futures.ThreadPoolExecutor(16))
        peers.callback(os.kill, pid, signal.SIGCONT)
        asked = [pool.submit(site.ask) for _ in range(16)]
        wait.until(
            lambda: any(each.done() and each.result().status == 503 for each in asked), "a 503", 30
        )
    site.logs("PYW0155")


# Clients


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        pytest.param(
            ["--header-timeout", "1", "--header-max-timeout", "2"],
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            marks=option("header-timeout"),
            id="header",
        ),
        pytest.param(
            ["--body-timeout", "1"],
            b"POST /?environ['wsgi.input'].read() HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
            marks=option("body-timeout"),
            id="body",
        ),
    ],
)
def test_slow_client(site: Site, words: list[str], sent: bytes) -> None:
    site.start(*words)
    with site.connect() as connection:
        connection.send(sent)
        assert connection.read_response().status == 408


@pytest.mark.parametrize(
    ("words", "head"),
    [
        pytest.param(
            ["--header-timeout", "1", "--header-max-timeout", "3", "--header-min-rate", "1"],
            b"GET /?pass HTTP/1.1\r\nHost: a\r\n",
            marks=option("header-max-timeout", "header-min-rate"),
            id="header",
        ),
        pytest.param(
            ["--body-timeout", "1", "--body-max-timeout", "3", "--body-min-rate", "1"],
            b"POST /?environ['wsgi.input'].read() HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
            marks=option("body-max-timeout", "body-min-rate"),
            id="body",
        ),
    ],
)
def test_client_that_keeps_up_the_rate(site: Site, words: list[str], head: bytes) -> None:
    """It outlives the first time, by what it sends, and is cut at the longest."""
    site.start(*words)
    begun = time.monotonic()
    with site.connect() as connection:
        connection.send(head)

        def is_cut() -> bool:
            with contextlib.suppress(ConnectionError):
                connection.send(b"x: yyyy\r\n")
                return not connection.quiet(0.1)
            return True

        wait.until(is_cut, "the connection to be cut", 30)
    assert time.monotonic() - begun > 1.5


@option("keep-alive-timeout")
def test_keep_alive(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--keep-alive-timeout", "1")
    with raw.Connection("127.0.0.1", express.port, 20) as connection:
        assert connection.request("GET", "/?pass").status == 200
        assert connection.request("GET", "/?pass").status == 200
        assert connection.at_eof(10)


@option("keep-alive-timeout")
def test_no_keep_alive(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--keep-alive-timeout", "0")
    response = express.get("/?pass")
    assert response.header("Connection") == "close"


ENDLESS = """
def pieces():
    try:
        while True:
            yield b"x" * 65536
    finally:
        touch("closed")
answer["body"] = pieces()
"""


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--socket-timeout", "1"], marks=option("socket-timeout"), id="socket"),
        pytest.param(
            ["--response-socket-timeout", "1"],
            marks=option("response-socket-timeout"),
            id="response-socket",
        ),
    ],
)
def test_client_that_takes_nothing(site: Site, words: list[str]) -> None:
    site.start(*words)
    with socket.create_connection(("127.0.0.1", site.express.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(f"GET /?{quote(ENDLESS, safe='')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        wait.until(site.file("closed").exists, "the response to be given up", 30)


@option("response-flush-delay")
def test_flush_delay(site: Site) -> None:
    """The first piece waits for the second, which the application makes only a moment later."""
    site.start("--response-flush-delay", "2000")
    pieces = """
def pieces():
    yield b"one "
    time.sleep(0.2)
    yield b"two "
    touch("both")
    wait_for("go")
    yield b"three"
answer["body"] = pieces()
"""
    with site.connect() as connection:
        connection.send(f"GET /?{quote(pieces, safe='')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        arrived = connection.read_until(b"one ")
        assert site.file("both").exists(), arrived
        site.let_go()
