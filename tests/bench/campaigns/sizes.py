"""Processes and threads: what each of them brings and costs, for a page that computes and one that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench import cage, load, meter
from bench.campaigns import base
from bench.campaigns.base import Campaign, Chart, Column, Row
from bench.rounds import Pace, Say
from bench.scenarios import Cell, Scenario, read
from bench.servers import Around, OursDaemon, Server, ServerFailed

PROCESSES = (1, 2, 4)
THREADS = (1, 4, 8, 16)
PAGES = ("hello", "wait")
QUICK = ((1, 1), (1, 8), (2, 8))
CONNECTIONS = 64
PRELOADED = 4


class Sized(OursDaemon):
    """`process_count` and `options` are each one's own."""

    def __init__(
        self, around: Around, scenario: Scenario, processes: int, threads: int, preload: bool
    ) -> None:
        super().__init__(around, scenario, threads)
        self.processes_wanted = processes
        self.process_count = processes  # type: ignore[misc]
        self.options = ("preload=On",) if preload else ()  # type: ignore[misc]

    @property
    def key(self) -> str:
        return f"{self.processes_wanted}x{self.threads}{''.join(self.options)}"


class Sizes(Campaign):
    name = "sizes"
    title = f"processes and threads, {CONNECTIONS} connections"
    columns = (
        Column("page", "page"),
        Column("processes", "processes"),
        Column("threads", "threads"),
        Column("rate", "requests/s"),
        Column("p99_ms", "p99 ms", "{:,.1f}"),
        Column("cpu_us", "CPU µs"),
        Column("memory", "MiB", "{:,.1f}"),
        Column("each", "MiB a process", "{:,.1f}"),
        Column("failed", "failed"),
    )
    chart = Chart(("rate", "cpu_us", "memory"), across="threads")
    servers = (OursDaemon,)

    def seconds(self, pace: Pace) -> float:
        return float(len(PAGES) * len(_sizes(pace)) * (pace.rounds * pace.seconds + 1))

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        around = replace(around, child_threads=64)
        scenarios = {each.name: each for each in read()}
        return [row for page in PAGES for row in self._page(around, scenarios[page], pace, say)]

    def _page(self, around: Around, scenario: Scenario, pace: Pace, say: Say) -> list[Row]:
        say(f"  {scenario.title}")
        servers = [Sized(around, scenario, *size) for size in _sizes(pace)]
        try:
            for server in servers:
                server.start()
            running: dict[str, Server] = {server.key: server for server in servers}
            found = base.interleaved(
                running, pace.rounds, lambda each: _take(each, scenario, pace), say
            )
            return [_row(server, found[server.key], scenario) for server in servers]
        except ServerFailed as error:
            return [base.missing(OursDaemon, f"FAILED: {error}", page=scenario.name)]
        finally:
            for server in servers:
                server.stop()


def _take(server: Server, scenario: Scenario, pace: Pace) -> Row:
    before = meter.cpu(server.processes())
    cell = Cell(scenario, server.threads, CONNECTIONS)
    seen = load.run(cell, server.url, pace.seconds)
    members = server.processes()
    used = meter.cpu_between(before, meter.cpu(members))
    daemons = [pid for pid in members if _is_daemon(pid)]
    total, _ = meter.memory(members)
    own, _ = meter.memory(daemons)
    return {
        "problem": "",
        "rate": seen.rate,
        "p99_ms": seen.p99_us / 1000,
        "cpu_us": used * 1e6 / seen.requests if seen.requests else None,
        "memory": total / cage.MIB,
        "each": own / cage.MIB,
        "failed": seen.failed,
    }


def _row(server: Sized, found: Row, scenario: Scenario) -> Row:
    processes = server.processes_wanted
    preload = ", preload=On" if server.options else ""
    own = {"each": found["each"] / processes} if "each" in found else {}
    return {
        **base.row(OursDaemon, page=scenario.name, processes=processes, threads=server.threads),
        **found,
        **own,
        "title": f"{scenario.name}, {processes} x threads{preload}",
    }


def _is_daemon(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read().startswith("pywsgi-daemon")
    except OSError:
        return False


def _sizes(pace: Pace) -> Sequence[tuple[int, int, bool]]:
    """Processes, threads, whether they are preloaded."""
    if pace.is_quick:
        return [(*size, False) for size in QUICK]
    plain = [(processes, threads, False) for processes in PROCESSES for threads in THREADS]
    return [*plain, (PRELOADED, THREADS[-2], True)]
