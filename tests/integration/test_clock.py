"""Somebody sets the wall clock while requests run and wait: no limit depends on it."""

from __future__ import annotations

import concurrent.futures
import time

import pytest

from support import inline, machine, wait
from support.waiting import PID, ROUTES, WAIT
from support.wall_clock import WallClock

pytestmark = pytest.mark.no_asan  # its library comes first too

DAY = 86400
NOW = 'start_response("200 OK", [])\nreturn [str(time.time()).encode()]'


@pytest.fixture
def clock():
    folder = machine.make_root("pywsgi-clock-")
    yield WallClock(folder)
    machine.remove_tree(folder)


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def run(start, clock):
    def run(options):
        server = start(
            f"WSGIDaemonProcess web {options}\n{ROUTES}", env=(("LD_PRELOAD", str(clock.library)),)
        )
        ahead = float(inline.run(server, NOW).text) - time.time()
        assert abs(ahead) < 60
        clock.set(7 * DAY)
        ahead = float(inline.run(server, NOW).text) - time.time()
        assert abs(ahead - 7 * DAY) < 60, "the processes have the library"
        clock.set(0)
        return server

    return run


def begin(server, pool):
    """A request that runs until `go` is there."""
    slow = pool.submit(inline.run, server, WAIT + PID)
    wait.until((server.scratch / "running").exists, "the application to run")
    return slow


@pytest.mark.parametrize("ahead", [DAY, -DAY])
def test_nothing_that_is_in_time_is_ended(run, clock, pool, ahead):
    server = run(
        "threads=1 queue-timeout=60 request-timeout=60 restart-interval=600 inactivity-timeout=60 "
        "startup-timeout=60 deadlock-timeout=60 graceful-timeout=60"
    )
    slow = begin(server, pool)
    waiting = pool.submit(inline.run, server, PID)
    [first] = server.daemons()
    time.sleep(0.3)  # it has come, and is looked at
    clock.set(ahead)
    later = pool.submit(inline.run, server, PID)
    wait.holds(lambda: not (slow.done() or waiting.done() or later.done()), "they wait", 2)
    (server.scratch / "go").touch()
    assert [int(each.result(30).text) for each in (slow, waiting, later)] == [first] * 3
    assert server.daemons() == [first]


@pytest.mark.parametrize("ahead", [DAY, -DAY])
def test_limits_hold_all_the_same(run, clock, pool, ahead):
    server = run("threads=1 queue-timeout=1")
    slow = begin(server, pool)
    waiting = pool.submit(inline.run, server, PID)
    time.sleep(0.3)
    clock.set(ahead)
    later = pool.submit(inline.run, server, PID)
    assert [each.result(30).status for each in (waiting, later)] == [504, 504]
    assert not slow.done()
    (server.scratch / "go").touch()
    assert slow.result(30).status == 200
    server.log.claim("PYW0071", at_least=2)
