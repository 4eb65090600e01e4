"""The run itself: every server of a cell takes its turn in each round, so that what disturbs the
machine for a while disturbs all of them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench import load, meter
from bench.scenarios import Cell, Scenario
from bench.servers import Around, Server, ServerFailed

Say = Callable[[str], None]
WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Sample:
    """One server in one round."""

    rate: float
    p50_us: float
    p99_us: float
    cpu_us: float  # of all of the server's processes, per request
    memory: int
    memory_kind: str
    requests: int
    failed: int
    errors: dict[str, int]
    client_cpu: float


@dataclass
class Entry:
    """One server in one cell: its samples, or the problem that kept it from having them."""

    server: type[Server]
    problem: str = ""
    samples: list[Sample] = field(default_factory=list)


@dataclass
class Result:
    """One cell, measured."""

    cell: Cell
    entries: list[Entry]


@dataclass(frozen=True)
class Pace:
    """How long and how often."""

    rounds: int
    seconds: int
    warm_up: int = WARM_UP_SECONDS
    is_quick: bool = False  # campaigns leave out what takes long


def taking_part(
    cell: Cell, cells: Sequence[Cell], servers: Sequence[type[Server]]
) -> list[type[Server]]:
    """Who is measured in a cell: one to which threads= means nothing is so once, with the most threads."""
    most = max(other.threads for other in cells if other.scenario == cell.scenario)
    return [
        server
        for server in servers
        if server.serves(cell.scenario) and (server.has_threads or cell.threads == most)
    ]


def measure(
    cells: Sequence[Cell],
    servers: Sequence[type[Server]],
    around: Around,
    pace: Pace,
    say: Say,
) -> Iterator[Result]:
    """Measure all cells, one result at a time; servers stay up for the cells that share them."""
    for (scenario, threads), group in itertools.groupby(cells, lambda c: (c.scenario, c.threads)):
        members = list(group)
        wanted = taking_part(members[0], cells, servers)
        with standing(wanted, around, scenario, threads, say) as (running, problems):
            for cell in members:
                yield measure_cell(cell, wanted, running, problems, pace, say)


@contextlib.contextmanager
def standing(
    wanted: Sequence[type[Server]], around: Around, scenario: Scenario, threads: int, say: Say
) -> Iterator[tuple[dict[str, Server], dict[str, str]]]:
    """Start the servers; yields those that run and the problems of those that do not, by name."""
    running: dict[str, Server] = {}
    problems: dict[str, str] = {}
    try:
        for kind in wanted:
            problem = kind.missing(around)
            if not problem:
                try:
                    server = kind(around, scenario, threads)
                    server.start()
                    running[kind.name] = server
                except ServerFailed as error:
                    problem = f"FAILED: {error}"
            if problem:
                problems[kind.name] = problem
                say(f"  {kind.name}: {problem}")
        yield running, problems
    finally:
        for server in running.values():
            server.stop()


def measure_cell(
    cell: Cell,
    wanted: Sequence[type[Server]],
    running: dict[str, Server],
    problems: dict[str, str],
    pace: Pace,
    say: Say,
) -> Result:
    entries = [Entry(kind, problems.get(kind.name, "")) for kind in wanted]
    say(f"{cell.title}: {', '.join(running)}")
    turns = [None, *range(pace.rounds)]  # the first warms up and is thrown away
    for turn, entry in itertools.product(turns, entries):
        if entry.problem:
            continue
        seconds = pace.warm_up if turn is None else pace.seconds
        try:
            sample = take(cell, running[entry.server.name], seconds)
        except (load.LoadFailed, ServerFailed) as error:
            entry.problem = f"FAILED: {error}"
            say(f"  {entry.server.name}: {entry.problem}")
            continue
        if turn is not None:
            entry.samples.append(sample)
    return Result(cell, entries)


def take(cell: Cell, server: Server, seconds: int) -> Sample:
    """One turn; raises LoadFailed or ServerFailed."""
    before = meter.cpu(server.processes())
    seen = load.run(cell, server.url, seconds)
    members = server.processes()
    used = meter.cpu_between(before, meter.cpu(members))
    memory, kind = meter.memory(members)
    server.check_alive()
    if seen.requests == 0:
        raise ServerFailed(f"no request was answered: {seen.errors}")
    return Sample(
        rate=seen.rate,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        cpu_us=used * 1e6 / seen.requests,
        memory=memory,
        memory_kind=kind,
        requests=seen.requests,
        failed=seen.failed,
        errors=seen.errors,
        client_cpu=seen.client_cpu,
    )
