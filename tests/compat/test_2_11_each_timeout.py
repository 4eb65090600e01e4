"""Section 2.11: the options of WSGIDaemonProcess that end a wait, a request or a process, on a real Apache.

Each test gives one of them a short value and all others none, so that none works only with another.
"""

from __future__ import annotations

import concurrent.futures
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support import inline, procs, raw, rolls, wait
from support.errorlog import STACKS
from support.httpd import HttpdInstance

Start = Callable[..., HttpdInstance]

ROUTES = """
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /counter @APPS@/counter/wsgi.py
WSGIScriptAlias /inline @APPS@/inline/wsgi.py
SetEnv test.scratch @SCRATCH@
"""

NONE = "deadlock-timeout=0 graceful-timeout=0 shutdown-timeout=1 "

PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'

# Runs until the test lets it go on, in pieces that an exception can come between.
WAIT = """
open(environ["test.scratch"] + "/running", "w").close()
for _ in range(3000):
    if os.path.exists(environ["test.scratch"] + "/go"):
        break
    time.sleep(0.01)
"""


@pytest.fixture
def run(start: Start) -> Iterator[Callable[..., HttpdInstance]]:
    def run(options: str, rest: str = "", **more: Any) -> HttpdInstance:
        server = start(
            f"WSGIDaemonProcess web {NONE}{options}\nWSGIProcessGroup web\n{ROUTES}{rest}", **more
        )
        # What a process writes when it hands over is part of most tests here.
        server.log.allow(r"PYW00(5[89]|6\d|7\d)")
        server.log.allow(STACKS)
        server.expect_new_processes()
        return server

    yield run


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool


def ask(
    server: HttpdInstance, code: str, method: str = "GET", body: bytes | None = None
) -> raw.Response:
    return server.request(method, "/inline", [inline.header(code)], body, timeout=60)


def pid_of(server: HttpdInstance) -> int:
    return int(ask(server, PID).text)


def replaced(server: HttpdInstance, pid: int, timeout: float = 20) -> int:
    """Waits until another process serves and the old one is gone; every request is answered meanwhile."""
    other = wait.until(
        lambda: next((new for new in [pid_of(server)] if new != pid), None),
        "another process",
        timeout,
    )
    wait.until(lambda: not procs.alive(pid) or procs.zombie(pid), "the old process to end", timeout)
    return other


def running(server: HttpdInstance) -> None:
    wait.until((server.scratch / "running").exists, "the application to run")


def let_go(server: HttpdInstance) -> None:
    (server.scratch / "go").touch()


def logs(server: HttpdInstance, what: str) -> None:
    wait.until(lambda: server.log.find(what), f"{what!r} in the log", 30)


# Replacement


def test_restart_interval(run):
    server = run("restart-interval=1")
    first = pid_of(server)
    second = replaced(server, first)
    replaced(server, second)
    logs(server, "PYW0067")


def test_maximum_requests(run):
    """It is replaced then, and serves until its successor is ready: no request waits for that."""
    server = run("maximum-requests=5")
    first = pid_of(server)
    assert [pid_of(server) for _ in range(4)] == [first] * 4
    second = replaced(server, first)
    assert [pid_of(server) for _ in range(3)] == [second] * 3
    replaced(server, second)
    logs(server, "PYW0065")


def test_maximum_requests_under_overlapping_load(run, pool):
    """Requests that overlap do not put off the end; and none is lost."""
    server = run("maximum-requests=10 threads=4 graceful-timeout=5")
    is_over = threading.Event()

    def ask_on():
        pids = []
        while not is_over.is_set():
            pids.append(pid_of(server))
        return set(pids)

    clients = [pool.submit(ask_on) for _ in range(6)]
    try:
        pid = pid_of(server)
        for _ in range(5):
            pid = replaced(server, pid)
    finally:
        is_over.set()
    assert len(set().union(*(client.result() for client in clients))) >= 6


def test_run_once(run):
    server = run("maximum-requests=1 threads=1")
    code = 'start_response("200 OK", [])\nreturn [repr(environ["wsgi.run_once"]).encode()]'
    assert ask(server, code).text == "True"


def test_inactivity_timeout(run):
    server = run("inactivity-timeout=1")
    first = pid_of(server)
    wait.until(lambda: not procs.alive(first), "the idle process to end")
    logs(server, "PYW0068")
    # Nobody takes its place until a request does need one.
    wait.holds(lambda: not server.daemons(), "no process", 1)
    assert pid_of(server) != first


def test_a_request_without_news_is_not_inactive(run, pool):
    server = run("inactivity-timeout=1")
    first = pid_of(server)
    slow = pool.submit(ask, server, WAIT + PID)
    running(server)
    time.sleep(2.5)
    let_go(server)
    assert int(slow.result().text) == first


def test_ignored_requests_are_no_activity(start):
    server = start(
        "WSGIDaemonProcess web inactivity-timeout=2\nWSGIProcessGroup web\n"
        + ROUTES
        + "WSGIScriptAlias /probe @APPS@/hello/wsgi.py\n"
        + "<Location /probe>\nWSGIIgnoreActivity On\n</Location>\n"
    )
    server.expect_new_processes()
    first = pid_of(server)

    def has_ended() -> bool:
        assert server.get("/probe").status == 200
        return not procs.alive(first)

    wait.until(has_ended, "the process that only probes keep busy to end")


def test_activity_keeps_a_process(run):
    server = run("inactivity-timeout=2")
    first = pid_of(server)
    ends = time.monotonic() + 4
    while time.monotonic() < ends:
        assert pid_of(server) == first


def test_cpu_time_limit(run):
    server = run("cpu-time-limit=1 graceful-timeout=10")
    first = pid_of(server)
    burn = "ends = time.process_time() + 1.5\nwhile time.process_time() < ends:\n    pass\n"
    # The request that uses it up is finished; the process is not killed.
    assert int(ask(server, burn + PID).text) == first
    replaced(server, first)
    logs(server, "PYW0066")
    assert not server.log.find("SIGXCPU|SIGKILL")


@pytest.mark.parametrize("options", ["graceful-timeout=30", "eviction-timeout=30"])
def test_sigusr1_lets_requests_finish(run, pool, options):
    server = run(options)
    first = pid_of(server)
    slow = pool.submit(ask, server, WAIT + PID)
    running(server)
    os.kill(first, signal.SIGUSR1)
    # Longer than shutdown-timeout; meanwhile the successor serves.
    wait.until(lambda: pid_of(server) != first, "the successor")
    time.sleep(2)
    let_go(server)
    assert int(slow.result().text) == first
    replaced(server, first)
    logs(server, "PYW0064")


@pytest.mark.parametrize(
    "options", ["graceful-timeout=1", "graceful-timeout=60 eviction-timeout=1"]
)
def test_sigusr1_ends_requests_that_do_not(run, pool, options):
    server = run(options)
    first = pid_of(server)
    slow = pool.submit(ask, server, WAIT + PID)
    running(server)
    os.kill(first, signal.SIGUSR1)
    assert slow.result().status == 500
    let_go(server)
    replaced(server, first)


def test_touched_script_gives_graceful_timeout(run, pool):
    server = run(
        "graceful-timeout=1", "WSGIScriptAlias /own @ROOT@/own.py\n", files={"own.py": OWN}
    )
    first = int(server.get("/own").text)
    slow = pool.submit(server.get, "/own?wait")
    running(server)
    os.utime(server.root / "own.py", (1, 1))
    rolls.until_new(
        lambda: int(server.get("/own").text), lambda pid: pid == first, lambda pid: pid != first
    )
    assert slow.result().status == 500
    let_go(server)


OWN = """
import os, time
def application(environ, start_response):
    if environ["QUERY_STRING"] == "wait":
        open(environ["test.scratch"] + "/running", "w").close()
        while not os.path.exists(environ["test.scratch"] + "/go"):
            time.sleep(0.01)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


# Shutdown


def test_shutdown_timeout_is_waited_for(run, pool):
    server = run("shutdown-timeout=20")
    first = pid_of(server)
    slow = pool.submit(ask, server, WAIT + PID)
    running(server)
    os.kill(first, signal.SIGTERM)
    time.sleep(8)
    let_go(server)
    assert int(slow.result().text) == first


def test_shutdown_timeout_holds_when_the_server_stops(run, pool):
    """Longer than the supervisor waits without it; Apache's own children do not wait."""
    server = run("shutdown-timeout=30")
    finish = 'open(environ["test.scratch"] + "/finished", "w").close()\n'
    pid = pid_of(server)
    pool.submit(ask, server, WAIT + finish + PID)
    running(server)
    stopping = pool.submit(server.stop, 60)
    logs(server, "caught SIGTERM")
    server.log.allow("AH0004[56]")
    time.sleep(8)
    assert procs.alive(pid)
    let_go(server)
    wait.until((server.scratch / "finished").exists, "the request to finish")
    assert stopping.result() == []


def test_shutdown_timeout_ends_requests(run, pool):
    server = run("shutdown-timeout=1")
    first = pid_of(server)
    slow = pool.submit(ask, server, WAIT + PID)
    running(server)
    begun = time.monotonic()
    os.kill(first, signal.SIGTERM)
    assert slow.result().status == 500
    assert time.monotonic() - begun < 4
    let_go(server)
    replaced(server, first)


# Requests


def test_request_timeout_replaces_the_process(run, pool):
    server = run("processes=2 request-timeout=1 graceful-timeout=1")
    slow = pool.submit(ask, server, "pid = os.getpid()\n" + STUCK + PID)
    stuck = int(wait.until(lambda: read(server, "pid"), "the request to run"))
    assert slow.result().status == 504
    logs(server, "stuck_here")
    logs(server, "PYW0060")
    wait.until(lambda: not procs.alive(stuck), "the process to be replaced", 20)
    assert pid_of(server) != stuck


STUCK = """
open(environ["test.scratch"] + "/pid", "w").write(str(pid))
def stuck_here():
    time.sleep(60)
stuck_here()
"""


def read(server: HttpdInstance, name: str) -> str:
    path = server.scratch / name
    return path.read_text() if path.exists() else ""


def test_a_request_that_comes_back_keeps_its_process(run):
    server = run("request-timeout=1 request-buffer-size=0")
    first = pid_of(server)
    # The end of the wait for more body is what ends it: no thread stays behind.
    name, value = inline.header('environ["wsgi.input"].read()\n' + PID)
    with server.connect() as connection:
        connection.send(
            f"POST /inline HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n{name}: {value}\r\n\r\n".encode()
        )
        assert connection.read_response().status == 504
    time.sleep(2)
    assert pid_of(server) == first


# Interruption

TRY = """
try:
    while True:
        time.sleep(0.01)
except __import__("mod_wsgi").RequestTimeout as error:
    assert not isinstance(error, Exception)
    start_response("200 OK", [])
    return [b"caught it"]
"""


@pytest.mark.parametrize("group", ["%{GLOBAL}", "other"])
def test_interrupt_timeout_raises_in_the_request(run, group):
    server = run("request-timeout=1 interrupt-timeout=10", f"WSGIApplicationGroup {group}\n")
    first = pid_of(server)
    assert ask(server, TRY).text == "caught it"
    logs(server, "Injected RequestTimeout into thread")
    logs(server, "Request interrupted by RequestTimeout; thread recovered.")
    assert pid_of(server) == first


def test_the_exception_that_escapes_is_504(run):
    server = run("request-timeout=1 interrupt-timeout=10")
    first = pid_of(server)
    response = ask(server, "while True:\n    time.sleep(0.01)")
    assert response.status == 504
    logs(server, "thread recovered")
    assert not server.log.find("Traceback")
    assert pid_of(server) == first


def test_the_exception_may_be_raised_by_the_application(run):
    server = run("processes=1")
    assert ask(server, "raise __import__('mod_wsgi').RequestTimeout()").status == 504


def test_the_exception_never_meets_another_request(run):
    """It comes in a call into C that is the last of its request: it is gone with the request."""
    server = run("request-timeout=1 interrupt-timeout=10 threads=1")
    code = """
        out, into = os.pipe()
        threading.Timer(2, os.write, [into, b"done"]).start()
        start_response("200 OK", [])
        return map(os.read, [out], [10])
    """
    assert ask(server, code).text == "done"
    logs(server, "Injected RequestTimeout")
    assert [ask(server, PID).status for _ in range(20)] == [200] * 20


def test_stuck_in_spite_of_the_exception(run):
    server = run("request-timeout=1 interrupt-timeout=1 graceful-timeout=1")
    first = pid_of(server)
    begun = time.monotonic()
    # A call into C is not woken.
    assert ask(server, "time.sleep(60)").status == 504
    assert time.monotonic() - begun > 1.9
    logs(server, "PYW0058")
    replaced(server, first)


# Waiting for a thread or a process


@pytest.mark.parametrize("body", [None, b"x" * 1_000_000])
def test_queue_timeout_while_it_waits(run, pool, body):
    """The answer comes when the time is over, not when a thread is free at last."""
    server = run("threads=1 queue-timeout=1")
    slow = pool.submit(ask, server, WAIT + PID)
    running(server)
    count = 'open(environ["test.scratch"] + "/ran", "a").write("x")\n'
    method = "GET" if body is None else "POST"
    waiting = [pool.submit(ask, server, count + PID, method, body) for _ in range(3)]
    assert [each.result().status for each in waiting] == [504] * 3
    assert not slow.done()
    let_go(server)
    assert slow.result().status == 200
    assert read(server, "ran") == ""
    assert len(server.log.claim("PYW0071", at_least=3)) == 3
    assert ask(server, count + PID, method, body).status == 200


def test_queue_timeout_when_it_is_picked_up(run):
    """The first request of a process that stood still: nothing has looked meanwhile."""
    server = run("threads=1 queue-timeout=1")
    first = pid_of(server)
    os.kill(first, signal.SIGSTOP)
    try:
        with server.connect() as connection:
            name, value = inline.header(PID)
            connection.send(f"GET /inline HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n".encode())
            time.sleep(1.5)
            os.kill(first, signal.SIGCONT)
            assert connection.read_response().status == 504
    finally:
        os.kill(first, signal.SIGCONT)
    server.log.claim("PYW0071")
    assert pid_of(server) == first


def test_queue_timeout_spares_those_in_time(run, pool):
    """Looking at requests that wait takes nothing from them."""
    server = run("threads=2 queue-timeout=30")
    nap = "time.sleep(0.12)\n" + PID
    assert all(each.status == 200 for each in pool.map(lambda _: ask(server, nap), range(48)))


def test_queue_timeout_while_no_process_is_there(run):
    server = run(
        "queue-timeout=1 connect-timeout=30",
        files={"slow.py": "import time\ntime.sleep(8)\napplication = None\n"},
        rest="WSGIScriptAlias /slow @ROOT@/slow.py process-group=web application-group=slow\n",
    )
    begun = time.monotonic()
    assert server.get("/counter").status == 504
    assert time.monotonic() - begun < 5
    server.log.claim("PYW0161")
    server.log.allow("PYW0105|PYW0107|PYW0108")


# Start


@pytest.mark.parametrize(
    "loading", ["while True:\n    time.sleep(0.01)", "raise ValueError('not yet')"]
)
def test_startup_timeout(run, pool, loading):
    server = run(
        "startup-timeout=1",
        files={"never.py": f"import time\n{loading}\n"},
        rest="WSGIScriptAlias /never @ROOT@/never.py\n",
    )
    first = wait.until(server.daemons, "the process")
    time.sleep(1.5)
    assert server.daemons() == first, "the clock starts with the first load"
    assert pool.submit(server.get, "/never").result().status == 500
    logs(server, "PYW0069")
    wait.until(lambda: not procs.alive(first[0]), "the process to be replaced", 20)
    server.log.allow("PYW01|never.py|ValueError|Traceback|File|time.sleep|Thread")


def test_startup_timeout_is_over_with_the_first_script(run):
    server = run("startup-timeout=1")
    first = pid_of(server)
    time.sleep(2.5)
    assert pid_of(server) == first


def test_startup_timeout_of_a_preload(run):
    server = run(
        "startup-timeout=1",
        files={"never.py": "import time\nwhile True:\n    time.sleep(0.01)\n"},
        rest="WSGIScriptAlias /never @ROOT@/never.py process-group=web application-group=never\n",
    )
    logs(server, "PYW0069")
    logs(server, "PYW0004")
    server.log.allow(".")


def test_deadlock_timeout(run, pool):
    """A call into C that keeps the GIL: the process is ended, the stacks say where."""
    server = run("deadlock-timeout=1")
    if not inline.value(server, "getattr(sys, '_is_gil_enabled', lambda: True)()"):
        pytest.skip("there is no GIL to be kept")
    first = pid_of(server)
    code = """
        import ctypes
        def hold_the_gil():
            ctypes.PyDLL(None).sleep(120)
        hold_the_gil()
    """
    assert pool.submit(ask, server, code).result().status in (500, 502)
    logs(server, "PYW0070")
    logs(server, "hold_the_gil")
    replaced(server, first)
    server.log.allow(".")


# The client's side


def test_response_socket_timeout(run):
    """A client that takes nothing is given up; the application is told."""
    server = run("response-socket-timeout=1")
    code = """
        start_response("200 OK", [])
        def body():
            try:
                for _ in range(4000):
                    yield b"x" * 65536
            finally:
                open(environ["test.scratch"] + "/closed", "w").close()
        return body()
    """
    name, value = inline.header(code)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(f"GET /inline HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n".encode())
        wait.until((server.scratch / "closed").exists, "the response to be given up", 20)


@pytest.mark.parametrize("delay", [0, 5, 300])
def test_response_flush_delay(run, delay):
    """Each piece arrives while the application waits, at the latest after the delay."""
    server = run(f"response-flush-delay={delay}")
    code = """
        start_response("200 OK", [])
        def body():
            for n in range(3):
                open(environ["test.scratch"] + "/sent", "w").write(str(time.time()))
                yield b"piece %d" % n
                while not os.path.exists(environ["test.scratch"] + "/got%d" % n):
                    time.sleep(0.01)
        return body()
    """
    name, value = inline.header(code)
    with server.connect() as connection:
        connection.send(f"GET /inline HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n".encode())
        for n in range(3):
            connection.read_until(b"piece %d" % n)
            waited = time.time() - float(read(server, "sent"))
            assert delay < 100 or waited > 0.2
            (server.scratch / f"got{n}").touch()
