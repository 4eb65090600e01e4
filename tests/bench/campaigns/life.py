"""Requests that fail while code is reloaded, processes are killed and Apache restarts gracefully."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from bench import clients
from bench.campaigns.base import TROUBLE, Campaign, Column, Row, missing, row
from bench.rounds import Pace, Say
from bench.scenarios import Scenario
from bench.servers import Around, Server
from bench.servers.mod_wsgi import ModWsgiDaemon
from bench.servers.ours import OursDaemon
from support import wait

CALLERS = 16
THREADS = 16  # of each process: one alone can serve all callers
CHANGE_SECONDS = 30  # until an event has to show
LONGEST_REQUEST = 1.0  # seconds
SETTLE_SECONDS = 0.5  # of load between two events
PAGE = Scenario("life", "life", "life", "/", (THREADS,), (CALLERS,), ())


class OursTwo(OursDaemon):
    name = "pywsgi-2"
    title = "mod_pywsgi daemon, 2 processes"
    process_count = 2


class ModWsgiTwo(ModWsgiDaemon):
    name = "mod_wsgi-2"
    title = "mod_wsgi daemon, 2 processes"
    process_count = 2


class Life(Campaign):
    """An answer is a failure if it is not 200 or does not come whole. A request that had begun when its
    process was killed is counted apart: nobody can answer that."""

    name = "life"
    title = "failed requests while a server of 2 processes changes, 16 callers"
    columns = (
        Column("event", "event"),
        Column("times", "times"),
        Column("requests", "requests"),
        Column("failed", "failed"),
        Column("lost", "begun before the kill"),
        Column("retried", "asked again"),
        Column("what", "first failure"),
    )
    servers = (OursTwo, ModWsgiTwo)

    def seconds(self, pace: Pace) -> float:
        return len(self.servers) * (15.0 if pace.is_quick else 40.0)

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        found = []
        for kind in self.servers:
            if problem := kind.missing(around):
                found.append(missing(kind, problem))
                continue
            try:
                found += list(_lived(kind, around, 1 if pace.is_quick else 0))
            except TROUBLE as error:
                found.append(missing(kind, f"FAILED: {error}"))
        return found


def _lived(kind: type[Server], around: Around, fewer: int) -> Iterator[Row]:
    server = kind(around, PAGE, THREADS)
    server.start()
    try:
        for event, times, act in EVENTS:
            yield row(kind, event=event, **_counted(server, max(1, times - 2 * fewer), act))
    finally:
        server.stop()


def _counted(server: Server, times: int, act: Callable[[Server, clients.Tally], None]) -> Row:
    """Let it happen so often under load, and count."""
    tally = clients.Tally()
    jobs = [clients.Caller(server.port, server.path, tally).call for _ in range(CALLERS)]
    with clients.working(jobs):
        for _ in range(times):
            _settle(tally)
            act(server, tally)
        _settle(tally)
    server.check_alive()
    lost = sum(is_lost(failure, tally.kills) for failure in tally.failures)
    return {
        "times": times,
        "requests": tally.requests,
        "failed": len(tally.failures) - lost,
        "lost": lost,
        "retried": tally.retried,
        "what": tally.failures[0].what if tally.failures else "-",
    }


def is_lost(failure: clients.Failure, kills: Sequence[float]) -> bool:
    """Whether the request had begun, a moment ago, when a process was killed."""
    return any(kill - LONGEST_REQUEST < failure.begun <= kill for kill in kills)


def _settle(tally: clients.Tally) -> None:
    """A while of load, in which every caller was answered."""
    until, requests = time.monotonic() + SETTLE_SECONDS, tally.requests + CALLERS
    wait.until(
        lambda: time.monotonic() > until and tally.requests > requests,
        "answers",
        CHANGE_SECONDS,
    )


def _touch(server: Server, tally: clients.Tally) -> None:
    _change(tally, lambda: os.utime(server.app_file))


def _graceful(server: Server, tally: clients.Tally) -> None:
    _change(tally, lambda: os.kill(server.pid, signal.SIGUSR1))


def _kill(server: Server, tally: clients.Tally) -> None:
    """The one that answered last; until another one is there in its place."""
    before = dict(tally.seen)
    os.kill(int(max(before, key=before.__getitem__)), signal.SIGKILL)
    tally.kills.append(time.monotonic())
    wait.until(lambda: tally.seen.keys() - before, "another process", CHANGE_SECONDS)


def _change(tally: clients.Tally, act: Callable[[], None]) -> None:
    """Do it, and wait until no process of before has answered for a while."""
    before = set(tally.seen)
    act()
    wait.until(
        lambda: all(time.monotonic() - tally.seen[pid] > SETTLE_SECONDS for pid in before),
        "new processes",
        CHANGE_SECONDS,
    )


EVENTS: tuple[tuple[str, int, Callable[[Server, clients.Tally], None]], ...] = (
    ("the script is touched", 5, _touch),
    ("a process is killed", 3, _kill),
    ("graceful restart", 3, _graceful),
)
