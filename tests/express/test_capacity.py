"""Options about how many clients and requests there may be, and how much each may take."""

from __future__ import annotations

import concurrent.futures
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support import raw, wait
from support.express import Express, environment

pytestmark = pytest.mark.no_asan

# /wait ends once the file "go" is there; /header?N and /body?N send so many bytes; the body stays open.
APP = """
import os, time
HERE = os.path.dirname(__file__)
KEPT = []

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    headers = [("Content-Type", "text/plain")]
    if path == "/header":
        headers.append(("X-Long", "x" * int(query)))
    if path == "/keep":
        KEPT.append(b"x" * int(query))
    start_response("200 OK", headers)
    if path == "/body":
        yield b"x" * int(query)
    if path in ("/wait", "/body"):
        while not os.path.exists(f"{HERE}/go"):
            time.sleep(0.01)
    yield f"{os.getpid()} {environ['wsgi.multiprocess']}".encode()
"""


def pid_of(express: Express) -> str:
    return express.get().text.split()[0]


def sockets(*words: str) -> str:
    done = subprocess.run(["ss", *words], capture_output=True, text=True, check=True)
    return done.stdout


def workers(express: Express) -> int:
    """Threads that Apache has for clients, by its own status page."""
    shown = express.get("/server-status?auto").text
    return sum(int(n) for n in re.findall(r"^(?:Busy|Idle)Workers: (\d+)$", shown, re.M))


def status(express: Express) -> dict[str, object]:
    done = express.run("status", "--json", "--server-root", str(express.root))
    assert done.returncode == 0, done
    [group] = json.loads(done.stdout)["groups"]
    found: dict[str, object] = group
    return found


@contextmanager
def held(express: Express, count: int) -> Iterator[list[concurrent.futures.Future[raw.Response]]]:
    """Requests that are under way until the block ends."""
    go = express.site / "go"
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        try:
            yield [pool.submit(express.get, "/wait", timeout=60) for _ in range(count)]
        finally:
            go.touch()
    go.unlink()


@pytest.mark.option(
    *("max-clients", "initial-workers", "server-backlog", "daemon-backlog"),
    *("send-buffer-size", "receive-buffer-size", "header-buffer-size", "response-buffer-size"),
)
def test_sizes(express: Express) -> None:
    """40 clients are 4 processes of 13 threads, all there from the start and not given back."""
    express.write("app.py", APP)
    express.start(
        "app.py",
        *("--max-clients", "40", "--initial-workers", "1", "--minimum-spare-workers", "0"),
        *("--maximum-spare-workers", "1", "--server-status"),
        *("--server-backlog", "77", "--daemon-backlog", "33"),
        *("--send-buffer-size", "65536", "--receive-buffer-size", "32768"),
        *("--header-buffer-size", "8192"),
        *("--response-buffer-size", "65536", "--response-flush-delay", "60000"),
    )
    wait.until(lambda: workers(express) == 52, "all threads of Apache")
    assert express.shown("Server Capacity") == "52 clients (event)"
    listening = sockets("-ltnH", f"sport = :{express.port}").split()
    assert listening[2] == "77"
    assert express.shown("Server Backlog") == "77 connections"
    ours = [line for line in sockets("-lxH").splitlines() if str(express.root / "run") in line]
    assert "33" in [line.split()[3] for line in ours], ours
    # The kernel doubles what it is asked for.
    [daemon] = express.daemons()
    buffers = sockets("-xmpOH").splitlines()
    channels = [line for line in buffers if f"pid={daemon}," in line and "ESTAB" in line]
    assert any("tb131072" in line and "rb65536" in line for line in channels), channels
    assert express.get("/header?8000").status == 200
    assert express.get("/header?9000").status == 500
    with raw.Connection("127.0.0.1", express.port, 20) as connection:
        connection.send(b"GET /body?70000 HTTP/1.0\r\n\r\n")
        received = b""
        while len(received) < 65536:
            received += connection.read_some()
        (express.site / "go").touch()


@pytest.mark.option("request-buffer-size")
def test_request_buffer_size(express: Express) -> None:
    """With none the application is asked, and answers, before there is a body."""
    express.write("app.py", APP)
    express.start("app.py", "--request-buffer-size", "0")
    with raw.Connection("127.0.0.1", express.port, 20) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        assert connection.read_head().status == 200


@pytest.mark.option("minimum-spare-workers")
def test_minimum_spare_workers(express: Express) -> None:
    express.write("app.py", APP)
    words = ["--max-clients", "40", "--initial-workers", "0", "--minimum-spare-workers", "0.5"]
    express.start("app.py", *words, "--server-status")
    wait.until(lambda: workers(express) >= 26, "two processes, for 26 idle threads", 20)


@pytest.mark.option("maximum-spare-workers")
def test_maximum_spare_workers(express: Express) -> None:
    express.write("app.py", APP)
    words = ["--max-clients", "40", "--initial-workers", "1", "--minimum-spare-workers", "0"]
    express.start("app.py", *words, "--maximum-spare-workers", "0.25", "--server-status")
    wait.until(lambda: workers(express) <= 26, "Apache to end processes", 30)


@pytest.mark.option("processes", "queue-size")
def test_processes_as_needed_and_a_queue(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--processes", "1-2", "--threads", "1", "--queue-size", "1")
    assert express.shown("Request Capacity") == "1 to 2 processes x 1 thread"
    assert express.get().text.endswith(" True")
    assert len(express.daemons()) == 1
    with held(express, 2), concurrent.futures.ThreadPoolExecutor(1) as pool:
        wait.until(lambda: len(express.daemons()) == 2, "a second process")
        wait.until(lambda: status(express)["waiting"] == 0, "both requests to run")
        waiting = pool.submit(express.get, "/wait", timeout=60)
        wait.until(lambda: status(express)["waiting"] == 1, "a third one to wait")
        refused = express.get()
        assert (refused.status, refused.header("Retry-After")) == (503, "1")
        (express.site / "go").touch()
        assert waiting.result().status == 200


@pytest.mark.option("maximum-requests")
def test_maximum_requests(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--maximum-requests", "3", "--header-buffer-size", "8192")
    first = pid_of(express)
    wait.until(lambda: pid_of(express) != first, "another process")


@pytest.mark.option("maximum-requests-jitter", "restart-interval-jitter")
def test_jitter(express: Express) -> None:
    """Without it the process would be another after each request, and each second."""
    express.write("app.py", APP)
    express.start(
        "app.py",
        *("--maximum-requests", "1", "--maximum-requests-jitter", "100000000"),
        *("--restart-interval", "1", "--restart-interval-jitter", "100000000"),
    )
    first = pid_of(express)
    wait.holds(lambda: pid_of(express) == first, "the same process", 2.5)


@pytest.mark.option("reload-on-rss")
def test_reload_on_rss(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--reload-on-rss", "100000000")
    first = pid_of(express)
    assert express.get("/keep?100000000").status == 200
    wait.until(lambda: pid_of(express) != first, "another process", 20)


@pytest.mark.option("max-unavailable")
def test_max_unavailable(express: Express) -> None:
    """At a reload as many processes are started beside the others; a quarter would be one."""
    gate = "while os.path.exists(f'{HERE}/closed'): time.sleep(0.01)\n"
    express.write("app.py", APP + gate)
    words = ["--processes", "4", "--max-unavailable", "3", "--startup-timeout", "120"]
    express.start("app.py", *words)
    wait.until(lambda: _ready(express) == 4, "all four", 30)
    closed = express.write("closed", "")
    command = express.command("reload", "--server-root", str(express.root))
    with subprocess.Popen(command, env=environment(express.artifacts, {})) as reload:
        try:
            wait.until(lambda: len(express.daemons()) == 7, "three successors at a time", 30)
        finally:
            closed.unlink()
        assert reload.wait(60) == 0


def _ready(express: Express) -> int:
    processes = status(express)["processes"]
    assert isinstance(processes, list)
    return sum(each["state"] == "ready" for each in processes)
