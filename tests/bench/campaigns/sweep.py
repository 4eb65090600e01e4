"""The first benchmark of this field (2016) again: ever more connections, two bytes, two cores, 512 MB."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bench import cage, load, meter
from bench.campaigns import base
from bench.campaigns.base import Campaign, Chart, Column, Row
from bench.rounds import Pace, Say, standing
from bench.scenarios import Cell, Scenario
from bench.servers import (
    Around,
    Bjoern,
    Cheroot,
    Gunicorn,
    ModWsgiDaemon,
    OursDaemon,
    Server,
    Uwsgi,
)
from support import wait

LEVELS = (100, 300, 1000, 3000, 10_000)
QUICK_LEVELS = (100, 1000)
MEMORY_MIB = 512
CORES = 2
THREADS = 8
MANY = 3000  # from there on a turn is LONGER, as making the connections takes a part of it
LONGER = 4
SPARE_DESCRIPTORS = 1000
FORGET_SECONDS = 30
SCENARIO = Scenario(
    name="sweep",
    title="two bytes",
    app="two_bytes",
    path="/",
    threads=(THREADS,),
    connections=LEVELS,
    quick=(),
    answer="OK",
)


class Sweep(Campaign):
    name = "sweep"
    title = f"100 to 10,000 connections: a page of 2 bytes, {MEMORY_MIB} MB, {CORES} cores"
    columns = (
        Column("connections", "connections"),
        Column("rate", "requests/s"),
        Column("p50_ms", "p50 ms", "{:,.1f}"),
        Column("p99_ms", "p99 ms", "{:,.1f}"),
        Column("cpu_us", "CPU µs"),
        Column("memory", "MiB", "{:,.0f}"),
        Column("peak", "MiB with the kernel's", "{:,.0f}"),
        Column("failed", "failed"),
        Column("kinds", "of them"),
    )
    chart = Chart(
        ("rate", "p50_ms", "p99_ms", "memory", "failed"), across="connections", is_logarithmic=True
    )
    servers = (OursDaemon, ModWsgiDaemon, Uwsgi, Gunicorn, Cheroot, Bjoern)

    def seconds(self, pace: Pace) -> float:
        turns = sum(_seconds(pace, level) for level in _levels(pace))
        return float(len(self.servers) * pace.rounds * turns)

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        levels = _levels(pace)
        if reason := cage.allow_descriptors(max(levels) + SPARE_DESCRIPTORS):
            say(f"  {reason}")
        # Threads of Apache for what waits for the application, not for each connection.
        around = replace(around, children=2, child_threads=64, child_factor=128, backlog=4096)
        with contextlib.ExitStack() as stack:
            with cage.on_cores(CORES):
                entered = standing(self.servers, around, SCENARIO, THREADS, say)
                running, problems = stack.enter_context(entered)
            cages = stack.enter_context(_cages(running))
            for each in cages.values():
                if each.problem:
                    say(f"  {each.problem}")
                    break
            rows = [
                row
                for level in levels
                for row in self._level(running, problems, cages, level, pace, say)
            ]
        return rows

    def _level(
        self,
        running: Mapping[str, Server],
        problems: Mapping[str, str],
        cages: Mapping[str, cage.Cage],
        level: int,
        pace: Pace,
        say: Say,
    ) -> list[Row]:
        say(f"  {level} connections: {', '.join(running)}")
        errors: dict[str, Counter[str]] = {name: Counter() for name in running}

        def take(server: Server) -> Row:
            # Half-open ones of the turn before fill the queue of those that are not accepted yet.
            try:
                wait.until(lambda: meter.connections(server.port) == 0, "nobody", FORGET_SECONDS)
            except wait.Late:
                say(f"  {server.name} still has connections of its last turn")
            before = meter.cpu(server.processes())
            seen = load.run(Cell(SCENARIO, THREADS, level), server.url, _seconds(pace, level))
            members = server.processes()
            used = meter.cpu_between(before, meter.cpu(members))
            errors[server.name].update(seen.errors)
            peak = cages[server.name].peak()
            return {
                "problem": "",
                "rate": seen.rate,
                "p50_ms": seen.p50_us / 1000,
                "p99_ms": seen.p99_us / 1000,
                "cpu_us": used * 1e6 / seen.requests if seen.requests else None,
                "memory": meter.memory(members)[0] / cage.MIB,
                "peak": peak / cage.MIB if peak else None,
                "failed": seen.failed,
            }

        found = base.interleaved(running, pace.rounds, take, say)
        return [
            base.missing(kind, problems[kind.name], connections=level)
            if kind.name in problems
            else base.row(kind, connections=level, kinds=_kinds(errors[kind.name]))
            | found[kind.name]
            for kind in self.servers
        ]


@contextlib.contextmanager
def _cages(running: Mapping[str, Server]) -> Iterator[dict[str, cage.Cage]]:
    """One for each server; a server is stopped before its own is removed."""
    made = {name: cage.Cage(server, MEMORY_MIB) for name, server in running.items()}
    try:
        yield made
    finally:
        for name, server in running.items():
            server.stop()
            made[name].remove()


def _levels(pace: Pace) -> tuple[int, ...]:
    return QUICK_LEVELS if pace.is_quick else LEVELS


def _seconds(pace: Pace, level: int) -> int:
    return pace.seconds * (LONGER if level >= MANY else 1)


def _kinds(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in errors.items()) or "-"
