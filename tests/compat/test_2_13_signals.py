"""Section 2.13: what a daemon process does when it is sent a signal."""

from __future__ import annotations

import concurrent.futures
import os
import signal

import pytest

from support import inline, procs, wait
from support.waiting import PID, ROUTES, WAIT


@pytest.fixture
def run(start):
    def run(options=""):
        server = start(f"WSGIDaemonProcess web {options}\n{ROUTES}")
        server.expect_new_processes()
        return server

    return run


@pytest.fixture
def busy(run):
    """A server and a request that runs in its process until `go` is there."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def begin(options=""):
            server = run(options)
            pid = pid_of(server)
            slow = pool.submit(inline.run, server, WAIT + PID)
            wait.until((server.scratch / "running").exists, "the application to run")
            return server, pid, slow

        yield begin


def pid_of(server):
    return int(inline.run(server, PID).text)


def answers(server):
    response = inline.run(server, PID)
    return int(response.text) if response.status == 200 else None


def replaced(server, pid):
    wait.until(lambda: answers(server) not in (None, pid), "another process to serve", 20)
    wait.until(lambda: not procs.alive(pid), "the old one to end", 20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown(busy, number):
    """At once for new requests; running ones have shutdown-timeout=."""
    server, pid, slow = busy("graceful-timeout=60 shutdown-timeout=1")
    os.kill(pid, number)
    replaced(server, pid)
    assert slow.result(20).status == 500
    server.log.claim("PYW0061")
    server.log.claim("PYW0059")
    server.log.allow("PYW00")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown_twice_is_at_once(busy, number):
    server, pid, slow = busy("shutdown-timeout=600")
    os.kill(pid, number)
    wait.until(lambda: answers(server) not in (None, pid), "another process to serve", 20)
    assert procs.alive(pid)
    os.kill(pid, number)
    wait.until(lambda: not procs.alive(pid), "it to end")
    assert slow.result(20).status == 502
    server.log.allow("PYW")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGUSR1, "PYW0064"), (signal.SIGXCPU, "PYW0066")]
)
def test_hand_over(busy, number, code):
    """The running request is finished, new ones are served by another process meanwhile."""
    server, pid, slow = busy("graceful-timeout=60 shutdown-timeout=1 cpu-time-limit=600")
    os.kill(pid, number)
    wait.until(lambda: pid_of(server) != pid, "the successor")
    assert procs.alive(pid)
    (server.scratch / "go").touch()
    assert int(slow.result(20).text) == pid
    replaced(server, pid)
    server.log.claim(code)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2, signal.SIGPIPE])
def test_nothing(busy, number):
    """Neither the process nor a request that it serves is disturbed."""
    server, pid, slow = busy()
    for _ in range(3):
        os.kill(pid, number)
    assert pid_of(server) == pid
    (server.scratch / "go").touch()
    assert int(slow.result(20).text) == pid


@pytest.mark.no_asan
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_death(busy, number):
    """Seen at once: the request is answered 502, and another process takes its place."""
    server, pid, slow = busy()
    os.kill(pid, number)
    assert slow.result(20).status == 502
    replaced(server, pid)
    server.log.claim(f"PYW0002: Process {pid} of group 'web' ended by {number.name}")
    server.log.claim("PYW0151")
    server.log.allow(".")


def test_programs_that_the_application_starts_can_be_ended(run):
    """They inherit neither handlers nor a mask, and a fork without exec forgets them."""
    server = run()
    code = """
        import signal, subprocess
        ended = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGPIPE):
            child = subprocess.Popen(["sleep", "60"])
            child.send_signal(number)
            ended.append(child.wait(10) == -number)
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(pid, signal.SIGTERM)
        ended.append(os.waitpid(pid, 0)[1] == signal.SIGTERM)
        start_response("200 OK", [])
        return [json.dumps(ended).encode()]
    """
    assert inline.run(server, code).json() == [True] * 6
