"""What a fast client gets beside many that read and write slowly."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from http.client import HTTPException

from bench import cage, clients, load, meter
from bench.campaigns.base import Campaign, Chart, Column, Row, interleaved, missing, row
from bench.rounds import Pace, Say, standing
from bench.scenarios import Cell, Scenario
from bench.servers import Around, Server
from bench.servers.mod_wsgi import ModWsgiDaemon
from bench.servers.ours import OursDaemon
from bench.servers.uwsgi import Uwsgi
from support import wait

READERS = WRITERS = 500
SPARE_DESCRIPTORS = 1000
FAST = 16  # connections
THREADS = 2
SETTLE_SECONDS = 2.0  # until each slow client has begun and been served what fits into buffers
PATIENCE_SECONDS = 10  # more, while there is no answer at all
RECOVER_SECONDS = 30
APACHE_THREADS = 640  # of each of its 2 processes: one for every client
ALONE, BESIDE = "alone", "beside slow clients"
PAGE = Scenario("slow", "slow", "slow", "/", (THREADS,), (FAST,), (), answer="Hello World!")


class Slow(Campaign):
    name = "slow"
    title = f"a fast client beside {READERS} that read and {WRITERS} that write 1 KB/s, {THREADS} threads"
    columns = (
        Column("beside", "the fast client is"),
        Column("rate", "requests/s"),
        Column("share", "of alone", "{:.0%}"),
        Column("p99_ms", "p99 ms", "{:,.1f}"),
        Column("cpu_us", "CPU µs"),
        Column("memory", "MiB"),
        Column("failed", "failed"),
    )
    chart = Chart(("rate",))
    servers = (OursDaemon, ModWsgiDaemon, Uwsgi)

    def seconds(self, pace: Pace) -> float:
        return len(self.servers) * pace.rounds * (2 * pace.seconds + SETTLE_SECONDS + 1)

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        if reason := cage.allow_descriptors(READERS + WRITERS + SPARE_DESCRIPTORS):
            say(f"  {reason}")
        around = dataclasses.replace(around, child_threads=APACHE_THREADS)
        with standing(self.servers, around, PAGE, THREADS, say) as (running, problems):
            take = Turn(pace.seconds)
            found = interleaved(running, pace.rounds, take.take, say)
        rows = []
        for kind in self.servers:
            if problem := problems.get(kind.name) or found[kind.name]["problem"]:
                rows.append(missing(kind, problem))
            else:
                rows += [row(kind, **each) for each in split(found[kind.name])]
        return rows


class Turn:
    """One server, alone and beside slow clients: one sample, whose keys begin with a_ and b_."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def take(self, server: Server) -> Row:
        alone = self._loaded(server)
        jobs = [clients.slow_reader(server.port, "/large") for _ in range(READERS)]
        jobs += [clients.slow_writer(server.port, "/") for _ in range(WRITERS)]
        with clients.working(jobs):
            time.sleep(SETTLE_SECONDS)
            with contextlib.suppress(wait.Late):
                wait.until(lambda: _answers(server), "an answer", PATIENCE_SECONDS)
            beside = self._loaded(server)
        wait.until(lambda: _answers(server), "an answer after the slow clients", RECOVER_SECONDS)
        found = {f"a_{key}": value for key, value in alone.items()}
        return {"problem": "", **found, **{f"b_{key}": value for key, value in beside.items()}}

    def _loaded(self, server: Server) -> Row:
        before = meter.cpu(server.processes())
        seen = load.run(Cell(PAGE, THREADS, FAST), server.url, self.seconds)
        members = server.processes()
        used = meter.cpu_between(before, meter.cpu(members))
        return {
            "rate": seen.rate,
            "p99_ms": seen.p99_us / 1000 if seen.requests else None,
            "cpu_us": used * 1e6 / seen.requests if seen.requests else None,
            "memory": meter.memory(members)[0] / 2**20,
            "failed": seen.failed,
        }


def _answers(server: Server) -> bool:
    try:
        return server.ask()[0] == 200
    except (OSError, HTTPException):
        return False


def split(sample: Row) -> list[Row]:
    """The two rows of a sample."""
    rows = []
    for prefix, beside in (("a_", ALONE), ("b_", BESIDE)):
        found = {key[2:]: value for key, value in sample.items() if key.startswith(prefix)}
        share = found["rate"] / sample["a_rate"] if sample["a_rate"] else None
        rows.append({**found, "beside": beside, "share": share})
    return rows
