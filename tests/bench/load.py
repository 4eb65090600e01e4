"""The load generator: wrk, with a script that prints its findings as one line of JSON."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.scenarios import Cell

SCRIPT = Path(__file__).with_name("wrk.lua")
MARK = "bench-result "
PATIENCE = 10  # seconds until an unanswered request counts as failed
OVERTIME = 30  # seconds that wrk may take beyond its duration


class LoadFailed(Exception):
    """wrk did not do its work; the message holds what it said."""


@dataclass(frozen=True)
class Outcome:
    """What the clients saw."""

    requests: int
    seconds: float
    bytes: int
    p50_us: float
    p99_us: float
    failed: int
    errors: dict[str, int]
    client_cpu: float = 0.0  # of one core: near 1, wrk is what limits the rate

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def command(cell: Cell, url: str, seconds: int) -> list[str]:
    """One thread of wrk: it can do far more than the servers can, and leaves them the CPU."""
    words = ["wrk", "-t1", f"-c{cell.connections}", f"-d{seconds}s", f"--timeout={PATIENCE}s"]
    scenario = cell.scenario
    return [*words, "-s", str(SCRIPT), url, "--", scenario.method, str(scenario.upload)]


def parse(output: str, body_length: int = 0) -> Outcome:
    """Read the line of wrk.lua; BODY_LENGTH is the least that a whole answer carries.

    Raises LoadFailed where there is no such line, or where the answers were too short on
    average to be whole.
    """
    for line in output.splitlines():
        if line.startswith(MARK):
            found = json.loads(line[len(MARK) :])
            break
    else:
        raise LoadFailed(f"wrk printed no result: {output.strip()[:300] or '(nothing)'}")
    errors = {name: int(count) for name, count in found["errors"].items() if count}
    outcome = Outcome(
        requests=int(found["requests"]),
        seconds=found["duration_us"] / 1e6,
        bytes=int(found["bytes"]),
        p50_us=float(found["p50_us"]),
        p99_us=float(found["p99_us"]),
        failed=sum(errors.values()),
        errors=errors,
    )
    if outcome.requests and not errors and outcome.bytes < outcome.requests * body_length:
        raise LoadFailed(f"answers of {outcome.bytes // outcome.requests} bytes, too short")
    return outcome


def run(cell: Cell, url: str, seconds: int) -> Outcome:
    """Load URL for so long; raise LoadFailed when wrk cannot."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command(cell, url, seconds),
            capture_output=True,
            text=True,
            timeout=seconds + OVERTIME,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"wrk did not end within {seconds + OVERTIME} s") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = parse(done.stdout + done.stderr, cell.scenario.body_length)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Outcome(**{**vars(outcome), "client_cpu": used / outcome.seconds})


def why_missing() -> str:
    return "" if shutil.which("wrk") else "wrk, the load generator, is not installed"
