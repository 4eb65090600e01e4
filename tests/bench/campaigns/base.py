"""A campaign: a measurement of another shape than scenario × threads × connections.

It finds rows: a dict each, ready for JSON. `server` and `title` of a row say whose it is, `problem`
why there are no values (then there are none), `failed` how many requests failed; all else is the
campaign's own, and `columns` says how it is printed and `chart` what of it is drawn.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from statistics import median
from typing import Any, ClassVar

from bench.load import LoadFailed
from bench.rounds import Pace, Say
from bench.servers import Around, Server, ServerFailed
from support import wait

Row = dict[str, Any]
# What keeps a server from being measured, and nothing else.
TROUBLE = (LoadFailed, ServerFailed, wait.Late, HTTPException, OSError)


@dataclass(frozen=True)
class Column:
    key: str
    label: str
    form: str = "{:,.0f}"  # of numbers; words are printed as they are

    def words(self, row: Mapping[str, Any]) -> str:
        value = row.get(self.key)
        if value is None:
            return "-"
        return value if isinstance(value, str) else self.form.format(value)


@dataclass(frozen=True)
class Chart:
    """A picture for each of `values`: a bar for each row, or, where there is an `across`, a line
    for each title over the values of that key."""

    values: tuple[str, ...]
    across: str = ""
    is_logarithmic: bool = False  # of `across`


class Campaign:
    """`servers` are those that take part, if none are chosen by name."""

    name: ClassVar[str]
    title: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]  # after the title of the row
    chart: ClassVar[Chart | None] = None
    servers: Sequence[type[Server]] = ()

    def seconds(self, pace: Pace) -> float:
        """How long it takes, about."""
        raise NotImplementedError

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        """Measure; what keeps one server from being measured is a row of its own."""
        raise NotImplementedError

    def choose(self, names: Sequence[str]) -> None:
        """Keep the servers of these names alone."""
        self.servers = [kind for kind in self.servers if kind.name in names]


@dataclass
class Found:
    """What a campaign came to."""

    campaign: Campaign
    rows: list[Row]
    problem: str = ""


def conduct(campaign: Campaign, around: Around, pace: Pace, say: Say) -> Found:
    """Run it; what it stumbles over, be it a mistake in it, is reported and ends it alone."""
    say(f"{campaign.title}: {campaign.seconds(pace) / 60:.1f} minutes or so")
    try:
        return Found(campaign, campaign.run(around, pace, say))
    except Exception as error:
        problem = f"FAILED: {type(error).__name__}: {error}"
        say("".join(traceback.format_exception(error)))
        return Found(campaign, [], problem)


def row(server: type[Server], **values: Any) -> Row:
    return {"server": server.name, "title": server.title, "problem": "", **values}


def missing(server: type[Server], problem: str, **values: Any) -> Row:
    return {**row(server, **values), "problem": problem}


def absent(servers: Sequence[type[Server]], problems: Mapping[str, str]) -> list[Row]:
    """A row for each server that has a problem."""
    return [missing(kind, problems[kind.name]) for kind in servers if kind.name in problems]


def interleaved(
    running: Mapping[str, Server], rounds: int, take: Callable[[Server], Row], say: Say
) -> dict[str, Row]:
    """Let every server take its turn in each round; the medians of each, or its `problem`."""
    samples: dict[str, list[Row]] = {name: [] for name in running}
    problems: dict[str, str] = {}
    for _ in range(rounds):
        for name, server in running.items():
            if name in problems:
                continue
            try:
                samples[name].append(take(server))
                server.check_alive()
            except TROUBLE as error:
                problems[name] = f"FAILED: {error}"
                say(f"  {name}: {problems[name]}")
    return {
        name: {"problem": problems[name]} if name in problems else medians(found)
        for name, found in samples.items()
    }


def medians(samples: Sequence[Row]) -> Row:
    """One row of many: numbers by their median, `...failed` by the sum, all else as it came last."""
    found = dict(samples[-1])
    for key in found:
        values = [sample[key] for sample in samples if isinstance(sample[key], (int, float))]
        if values:
            found[key] = sum(values) if key.endswith("failed") else median(values)
    return found
