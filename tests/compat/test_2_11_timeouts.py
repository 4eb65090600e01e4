"""Section 2.11: what test_2_11_each_timeout.py leaves open of timeouts and limits.

There each option works without any other (`deadlock-timeout=0` among them, 6.4 #2), and overlapping
load does not put off the end of maximum-requests= (6.4 #3).
"""

from __future__ import annotations

import concurrent.futures
import os
import signal

import pytest

from support import inline, procs, wait
from support.errorlog import STACKS
from support.waiting import PID, ROUTES, WAIT


@pytest.fixture
def run(start):
    def run(options):
        server = start(f"WSGIDaemonProcess web {options}\n{ROUTES}")
        server.expect_new_processes()
        server.log.allow(r"PYW00(5[89]|6\d)")
        server.log.allow(STACKS)
        return server

    return run


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        yield pool


def pid_of(server):
    return int(inline.run(server, PID).text)


def begin(server, pool):
    """A request that runs until `go` is there."""
    slow = pool.submit(inline.run, server, WAIT + PID)
    wait.until((server.scratch / "running").exists, "the application to run")
    return slow


def gone(pid):
    wait.until(lambda: not procs.alive(pid), f"process {pid} to end", 20)


@pytest.mark.parametrize("threads", [1, 8])
def test_request_timeout_is_not_scaled_by_threads(run, threads):
    """mod_wsgi multiplies it by 1 + ln(threads), and forgets to in one of two places (6.4 #12)."""
    server = run(f"request-timeout=1 threads={threads}")
    code = "time.sleep(1.9)\n" + PID
    assert inline.run(server, code).status == 504, "1 + ln(8) is more than 3"


def test_a_slow_request_within_its_time_is_waited_for(run, pool):
    """A process that hands over waits for requests that request-timeout= allows (6.4 #12)."""
    server = run("request-timeout=60 threads=8 maximum-requests=2 graceful-timeout=60")
    slow = begin(server, pool)
    first = pid_of(server)
    wait.until(lambda: pid_of(server) != first, "the successor")
    assert procs.alive(first)
    (server.scratch / "go").touch()
    assert int(slow.result(30).text) == first
    gone(first)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGXCPU])
def test_no_graceful_timeout_leaves_shutdown_timeout(run, pool, number):
    server = run("graceful-timeout=0 shutdown-timeout=1 cpu-time-limit=600")
    first = pid_of(server)
    slow = begin(server, pool)
    os.kill(first, number)
    assert slow.result(30).status == 500
    (server.scratch / "go").touch()
    server.log.claim("PYW0061")
    gone(first)
    assert pid_of(server) != first


def test_after_graceful_timeout_there_is_no_shutdown_timeout(run, pool):
    """What still runs is cut at once; mod_wsgi goes on to wait for it."""
    server = run("graceful-timeout=1 shutdown-timeout=300")
    first = pid_of(server)
    slow = begin(server, pool)
    os.kill(first, signal.SIGUSR1)
    assert slow.result(30).status == 500
    (server.scratch / "go").touch()
    gone(first)


def test_eviction_timeout_is_for_sigusr1_alone(run, pool):
    """What the process does by itself has graceful-timeout=."""
    server = run("eviction-timeout=1 graceful-timeout=60 maximum-requests=2")
    slow = begin(server, pool)
    first = pid_of(server)
    wait.until(lambda: pid_of(server) != first, "the successor")
    wait.holds(lambda: procs.alive(first), "its request runs on", 2)
    (server.scratch / "go").touch()
    assert int(slow.result(30).text) == first
    gone(first)


def test_restart_interval_drains(run, pool):
    server = run("restart-interval=1 graceful-timeout=60")
    slow = begin(server, pool)
    [first] = server.daemons()
    wait.until(lambda: pid_of(server) != first, "the successor")
    (server.scratch / "go").touch()
    assert int(slow.result(30).text) == first
    server.log.claim("PYW0067")
    gone(first)


def test_counts_of_maximum_requests_are_exact(run, pool):
    """With many at the same time too: the counter is atomic, and one more makes the difference."""
    server = run("maximum-requests=50 threads=8")
    first = pid_of(server)
    assert set(pool.map(lambda _: pid_of(server), range(48))) == {first}
    assert not server.log.find("PYW0065")
    assert pid_of(server) == first
    server.log.claim("PYW0065")
    wait.until(lambda: pid_of(server) != first, "the successor")
    gone(first)


STUCK = """
open(environ["test.scratch"] + "/pid", "w").write(str(os.getpid()))
{call}
"""
# Neither is woken by anything; the second keeps everybody else out of Python besides.
IN_C = {
    "releases the GIL": "time.sleep(120)",
    "keeps the GIL": "import ctypes; ctypes.PyDLL(None).sleep(120)",
}


def stick(server, pool, call):
    """@return the request, and the process in which it is stuck."""
    stuck = pool.submit(inline.run, server, STUCK.format(call=call))
    path = server.scratch / "pid"
    wait.until(lambda: path.exists() and path.read_text(), "the application to run")
    return stuck, int(path.read_text())


def test_siblings_of_one_stuck_in_c_finish(run, pool):
    """The process is replaced; what else runs in it has graceful-timeout= for its end."""
    server = run("request-timeout=2 threads=4 graceful-timeout=60 deadlock-timeout=0")
    stuck, first = stick(server, pool, IN_C["releases the GIL"])
    assert stuck.result(30).status == 504
    # Begun after that, so that its own time is not over; the process is still the first.
    code = "time.sleep(0.5)\n" + PID
    seen = []

    def is_replaced():
        response = inline.run(server, code)
        assert response.status == 200
        seen.append(int(response.text))
        return seen[-1] != first

    wait.until(is_replaced, "the successor", 20)
    assert first in seen, "one was finished meanwhile"
    server.log.claim("PYW0060: 1 of the 4 threads")
    gone(first)


@pytest.mark.parametrize("how", IN_C)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_process_with_one_stuck_in_c_is_replaced(run, pool, how, threads):
    server = run(
        f"request-timeout=1 threads={threads} graceful-timeout=2 shutdown-timeout=1 deadlock-timeout=0"
    )
    stuck, first = stick(server, pool, IN_C[how])
    assert stuck.result(30).status == 504

    def is_replaced():
        # One that the old process still takes, without getting into Python, is in vain.
        response = inline.run(server, PID)
        return response.status == 200 and int(response.text) != first

    wait.until(is_replaced, "the successor", 30)
    server.log.allow("PYW0059|PYW0061|PYW0062")
    gone(first)
    assert pid_of(server) != first


CORES = min(2, os.cpu_count())
LIMITS = {
    "threads=1": (100, 100 + 60 + 15 + 5 + 1),
    "threads=1 startup-timeout=7 graceful-timeout=0 shutdown-timeout=9": (100, 100 + 7 + 9 + 1),
    "threads=2 startup-timeout=7": (100, 100 + (7 + 15 + 5 + 1) * CORES),
    "threads=1 shutdown-timeout=0": (100, -1),
}


@pytest.mark.parametrize("options", LIMITS)
def test_cpu_time_limit_leaves_room_for_the_successor(run, options):
    server = run(f"cpu-time-limit=100 {options}")
    found = inline.value(
        server, "__import__('resource').getrlimit(__import__('resource').RLIMIT_CPU)"
    )
    assert tuple(found) == LIMITS[options]
