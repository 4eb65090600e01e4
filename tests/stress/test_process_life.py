"""Processes come and go under load: what is planned costs no request, what is not only those it hit.

Each campaign goes on for PYWSGI_STRESS_SECONDS=, 4 if that is not set; its counts come at the end of the run.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time

import pytest

from support import load, procs, wait
from support.httpd import HttpdInstance

from .conftest import SECONDS

pytestmark = pytest.mark.timeout(SECONDS + 120)

PROCESSES = 4
CLIENTS = 6
# What runs when a process is killed is mostly in the application.
TARGET = "/app?20000-2"


@pytest.fixture(params=["preload=Off", "preload=On"])
def run(start, request):
    def run(options: str = "", **more) -> HttpdInstance:
        server = start(
            f"WSGIDaemonProcess web processes={PROCESSES} threads=5 {request.param} {options}\n"
            "WSGIProcessGroup web\nWSGIApplicationGroup %{GLOBAL}\n"
            "WSGIScriptAlias /app @ROOT@/app.py\n",
            files={"app.py": load.script("0")},
            **more,
        )
        server.expect_new_processes()
        settles(server)
        # Kills hit it, too, and what it is about to fork.
        server.log.allow("PYW013[467]|PYW0023")
        return server

    return run


def goes_on(begun: float) -> bool:
    return time.monotonic() - begun < SECONDS


def expected(server: HttpdInstance) -> int:
    """Processes; one of them is the zygote with preload=On."""
    return PROCESSES + ("preload=On" in server.settings.extra)


def settles(server: HttpdInstance) -> None:
    """As many processes as there should be, and no others."""
    count = expected(server)
    wait.until(lambda: len(server.daemons()) == count, f"{count} processes and no others", 30)


def put(server: HttpdInstance, version: int) -> None:
    new = server.write("app.py.new", load.script(str(version)))
    os.utime(new, (version, version))
    new.rename(server.root / "app.py")


def assert_none_failed(counts: load.Counts) -> None:
    assert counts.failures() == 0, counts.report()
    assert counts.closed == 0, counts.report()
    assert counts.sent == counts.answered


def test_rolling_reloads(run, told):
    server = run("max-unavailable=2")
    rolls, begun = 0, time.monotonic()
    with load.on(server, TARGET, CLIENTS) as clients:
        while goes_on(begun):
            rolls += 1
            put(server, rolls)
            wait.until(
                lambda rolls=rolls: len(server.log.find("PYW0022")) >= rolls,
                f"the end of roll {rolls}",
                60,
            )
    server.log.claim("PYW0022", at_least=rolls)
    counts = clients.total()
    told(f"{rolls} reloads: {counts.report()}")
    assert_none_failed(counts)
    assert rolls >= SECONDS / 4
    settles(server)


def test_recycling(run, told):
    server = run("maximum-requests=20")
    begun = time.monotonic()
    with load.on(server, TARGET, CLIENTS) as clients:
        wait.until(lambda: not goes_on(begun), "the time to be over", SECONDS + 5)
    counts = clients.total()
    told(counts.report())
    assert_none_failed(counts)
    assert len(counts.pids()) > SECONDS
    settles(server)
    server.log.claim("PYW0065")


def test_graceful_restarts(run, told):
    """A kept connection may be closed between two requests, as HTTP allows: clients ask again."""
    server = run(children=2)
    restarts, begun = 0, time.monotonic()
    with load.on(server, TARGET, CLIENTS) as clients:
        while goes_on(begun):
            server.graceful()
            restarts += 1
            clients.goes_on(100)
    counts = clients.total()
    told(f"{restarts} restarts: {counts.report()}")
    assert counts.failures() == 0, counts.report()
    assert counts.sent == counts.answered
    assert restarts >= SECONDS / 5
    settles(server)


LOST = re.compile(
    r"PYW0151: Process (\d+) of group 'web' ended by SIGKILL while serving (GET|POST) "
)


def test_killed_processes(run, told):
    """Each failure is that of a request which ran in a process that was killed, and the log says so."""
    server = run()
    killed: set[int] = set()
    random.seed(1)
    begun = time.monotonic()
    with load.on(server, TARGET, CLIENTS) as clients:
        while goes_on(begun):
            time.sleep(0.3)
            if daemons := server.daemons():
                killed.add(chosen := random.choice(daemons))
                os.kill(chosen, signal.SIGKILL)
        clients.goes_on(100)
    counts = clients.total()
    lost = [int(found[1]) for line in server.log.read() if (found := LOST.search(line.raw))]
    told(f"{len(killed)} kills, {len(lost)} requests ran in them: {counts.report()}")
    # One that was killed right behind the last byte of an answer has lost nothing that a client sees.
    assert counts.failures() <= len(lost), counts.report()
    assert len(lost) - counts.failures() - counts.closed <= 2 + len(lost) / 20, counts.report()
    assert set(lost) <= killed
    assert set(counts.failed) <= {"500", "502", "cut"}, counts.report()
    server.log.allow("PYW000[25]|PYW0151")
    settles(server)


def supervisors(server: HttpdInstance) -> list[int]:
    return [pid for pid in server.children() if procs.status(pid).get("Name") == "pywsgi-superv"]


def test_killed_supervisors(run, told):
    """Its processes finish what they run, and others take the requests that wait."""
    server = run()
    kills, begun = 0, time.monotonic()
    with load.on(server, TARGET, CLIENTS) as clients:
        while goes_on(begun):
            [supervisor] = wait.until(lambda: supervisors(server), "the supervisor", 30)
            old = set(server.daemons())
            os.kill(supervisor, signal.SIGKILL)
            kills += 1
            wait.until(
                lambda old=old: len(set(server.daemons()) - old) == expected(server),
                "new processes",
                30,
            )
            clients.goes_on(100)
    counts = clients.total()
    told(f"{kills} kills: {counts.report()}")
    assert_none_failed(counts)
    server.log.claim("PYW0009")
    settles(server)
