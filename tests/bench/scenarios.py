"""The table of what is measured, read from scenarios.toml."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib  # type: ignore[no-redef]

FILE = Path(__file__).with_name("scenarios.toml")


@dataclass(frozen=True)
class Scenario:
    """One kind of request, and the answer that counts as right."""

    name: str
    title: str
    app: str
    path: str
    threads: tuple[int, ...]
    connections: tuple[int, ...]
    quick: tuple[tuple[int, int], ...]
    upload: int = 0
    processes: int = 1  # of the servers that are measured: others than usual, if it is more
    answer: str | None = None
    answer_length: int | None = None

    @property
    def method(self) -> str:
        return "POST" if self.upload else "GET"

    @property
    def body_length(self) -> int:
        """The least that a whole answer carries."""
        return len(self.answer) if self.answer is not None else self.answer_length or 0

    def wrong(self, status: int, body: bytes) -> str:
        """What is wrong with an answer; empty when it is right."""
        if status != 200:
            return f"status {status}: {body[:80]!r}"
        if self.answer is not None and body.strip() != self.answer.encode():
            return f"body {body[:80]!r}"
        if self.answer_length is not None and len(body) != self.answer_length:
            return f"{len(body)} bytes of body, not {self.answer_length}"
        return ""


@dataclass(frozen=True)
class Cell:
    """One table of the report: a scenario with so many threads and connections."""

    scenario: Scenario
    threads: int
    connections: int

    @property
    def title(self) -> str:
        return f"{self.scenario.title}, {count(self.threads, 'thread')}, {self.connections} connections"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def read(path: Path = FILE) -> list[Scenario]:
    """All scenarios of the file, in its order."""
    with path.open("rb") as file:
        document = tomllib.load(file)
    return [_scenario({**document["defaults"], **row}) for row in document["scenario"]]


def _scenario(row: dict[str, Any]) -> Scenario:
    row["threads"] = tuple(row["threads"])
    row["connections"] = tuple(row["connections"])
    row["quick"] = tuple((threads, connections) for threads, connections in row["quick"])
    return Scenario(**row)


def cells(
    scenarios: Sequence[Scenario],
    quick: bool,
    threads: Collection[int] = (),
    connections: Collection[int] = (),
) -> list[Cell]:
    """What to measure, those with equal scenario and threads side by side; empty means all."""
    found = []
    for scenario in scenarios:
        for number in sorted(scenario.threads, reverse=True):
            for load in scenario.connections:
                asked = (not threads or number in threads) and (
                    not connections or load in connections
                )
                if asked and (not quick or (number, load) in scenario.quick):
                    found.append(Cell(scenario, number, load))
    return found
