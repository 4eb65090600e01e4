"""Medians, ratios, tables and the JSON document. Pure, but for `write`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import aims, text
from bench.campaigns.base import Column, Found
from bench.rounds import Entry, Result, Sample

OURS = "pywsgi"  # how the names of our own servers begin
BUSY_CLIENT = 0.9  # above this share of its core, wrk may be what limits the rate
HEADER = ("", "requests/s", "±%", "× mod_wsgi", "p50 ms", "p99 ms", "CPU µs", "MiB", "failed")


@dataclass(frozen=True)
class Row:
    """One server in one cell, over all rounds."""

    name: str
    title: str
    problem: str
    rate: float = 0.0
    spread: float = 0.0  # of the rate, best to worst round, as a share of the median
    ratio: float | None = None  # of the rate, against the server's yardstick
    cpu_ratio: float | None = None
    p50_us: float = 0.0
    p99_us: float = 0.0
    cpu_us: float = 0.0
    memory: int = 0
    memory_kind: str = ""
    failed: int = 0
    errors: Mapping[str, int] | None = None
    client_cpu: float = 0.0


def rows(result: Result) -> list[Row]:
    """The rows of a cell, in the order of its servers."""
    found = [_row(entry) for entry in result.entries]
    by_name = {row.name: row for row in found if not row.problem}
    yardsticks = {entry.server.name: entry.server.yardstick for entry in result.entries}
    return [_compared(row, by_name.get(yardsticks[row.name])) for row in found]


def _row(entry: Entry) -> Row:
    if entry.problem or not entry.samples:
        return Row(entry.server.name, entry.server.title, entry.problem or "not measured")
    samples = entry.samples
    rate = middle(samples, lambda sample: sample.rate)
    rates = [sample.rate for sample in samples]
    return Row(
        name=entry.server.name,
        title=entry.server.title,
        problem="",
        rate=rate,
        spread=(max(rates) - min(rates)) / rate if rate else 0.0,
        p50_us=middle(samples, lambda sample: sample.p50_us),
        p99_us=middle(samples, lambda sample: sample.p99_us),
        cpu_us=middle(samples, lambda sample: sample.cpu_us),
        memory=int(middle(samples, lambda sample: sample.memory)),
        memory_kind=samples[-1].memory_kind,
        failed=sum(sample.failed for sample in samples),
        errors=total_errors(samples),
        client_cpu=middle(samples, lambda sample: sample.client_cpu),
    )


def middle(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return float(median(value(sample) for sample in samples))


def total_errors(samples: Sequence[Sample]) -> dict[str, int]:
    found: dict[str, int] = {}
    for sample in samples:
        for name, count in sample.errors.items():
            found[name] = found.get(name, 0) + count
    return found


def _compared(row: Row, yardstick: Row | None) -> Row:
    if row.problem or yardstick is None:
        return row
    ratio = row.rate / yardstick.rate if yardstick.rate else None
    cpu_ratio = row.cpu_us / yardstick.cpu_us if yardstick.cpu_us else None
    return Row(**{**vars(row), "ratio": ratio, "cpu_ratio": cpu_ratio})


def table(result: Result) -> str:
    """The cell as text: a line each for measured servers, a sentence each for those that were not."""
    found = rows(result)
    lines = [result.cell.title]
    lines += text.aligned(HEADER, [_words(row) for row in found if not row.problem])
    lines += [f"  {row.title} NOT MEASURED: {cause(row.problem)}" for row in found if row.problem]
    lines += [f"  {row.title}: failed requests: {_errors(row)}" for row in found if row.failed]
    if any(row.client_cpu > BUSY_CLIENT for row in found):
        lines.append("  * the load generator had no CPU left: the server can do more than this")
    return "\n".join(lines)


def campaign_table(found: Found) -> str:
    """The rows of a campaign, in the same manner."""
    campaign = found.campaign
    lines = [campaign.title]
    if measured := [row for row in found.rows if not row["problem"]]:
        header = ["", *(column.label for column in campaign.columns)]
        lines += text.aligned(header, [campaign_words(campaign.columns, row) for row in measured])
    lines += [
        f"  {row['title']} NOT MEASURED: {cause(row['problem'])}"
        for row in found.rows
        if row["problem"]
    ]
    if found.problem:
        lines.append(f"  NOT MEASURED: {cause(found.problem)}")
    return "\n".join(lines)


def campaign_words(columns: Sequence[Column], row: Mapping[str, Any]) -> list[str]:
    return [row["title"], *(column.words(row) for column in columns)]


def cause(problem: str) -> str:
    """A problem without the log lines that go with it."""
    return problem.partition("\n")[0]


def _words(row: Row) -> tuple[str, ...]:
    return (
        row.title,
        f"{row.rate:,.0f}{'*' if row.client_cpu > BUSY_CLIENT else ''}",
        f"{row.spread * 100:.0f}",
        "-" if row.ratio is None else f"{row.ratio:.2f}",
        milliseconds(row.p50_us),
        milliseconds(row.p99_us),
        f"{row.cpu_us:.0f}",
        f"{row.memory / 2**20:.0f}{'' if row.memory_kind == 'PSS' else ' ' + row.memory_kind}",
        str(row.failed),
    )


def _errors(row: Row) -> str:
    return ", ".join(f"{count} {name}" for name, count in (row.errors or {}).items())


def milliseconds(microseconds: float) -> str:
    value = microseconds / 1000
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def document(
    results: Sequence[Result], about: Mapping[str, Any], campaigns: Sequence[Found] = ()
) -> dict[str, Any]:
    """All that was found, samples too, ready for JSON."""
    found: dict[str, Any] = {
        "about": dict(about),
        "cells": [_cell(result) for result in results],
        "campaigns": [_campaign(each) for each in campaigns],
    }
    verdicts = aims.judge(aims.read(), found)
    return {**found, "aims": [vars(verdict) for verdict in verdicts]}


def updated(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier run, with the cells and campaigns of a later one in the place of its own; aims are judged.

    A cell is replaced whole: what stands in a table has been measured in one run.
    """
    cells = {_place(cell): cell for cell in (*earlier["cells"], *later["cells"])}
    campaigns = {each["campaign"]: each for each in (*earlier["campaigns"], *later["campaigns"])}
    names = dict.fromkeys(each["scenario"] for each in later["cells"])
    names |= dict.fromkeys(each["campaign"] for each in later["campaigns"])
    about = later["about"]
    again = f"{', '.join(names)} {about.get('date')} at {about.get('commit')}"
    before = earlier["about"].get("again")
    found = {
        "about": {**earlier["about"], "again": f"{before}; {again}" if before else again},
        "cells": list(cells.values()),
        "campaigns": list(campaigns.values()),
    }
    return {**found, "aims": [vars(verdict) for verdict in aims.judge(aims.read(), found)]}


def _place(cell: Mapping[str, Any]) -> tuple[str, int, int]:
    return cell["scenario"], cell["threads"], cell["connections"]


def _campaign(found: Found) -> dict[str, Any]:
    campaign = found.campaign
    return {
        "campaign": campaign.name,
        "title": campaign.title,
        "problem": found.problem,
        "columns": [vars(column) for column in campaign.columns],
        "chart": campaign.chart and {**vars(campaign.chart), "values": [*campaign.chart.values]},
        "rows": found.rows,
    }


def _cell(result: Result) -> dict[str, Any]:
    cell = result.cell
    servers = []
    for row, entry in zip(rows(result), result.entries, strict=True):
        samples = [vars(sample) for sample in entry.samples]
        servers.append({**vars(row), "samples": samples})
    return {
        "scenario": cell.scenario.name,
        "title": cell.title,
        "threads": cell.threads,
        "connections": cell.connections,
        "servers": servers,
    }


def write(path: Path, found: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def complaints(results: Sequence[Result], campaigns: Sequence[Found] = ()) -> list[str]:
    """What makes the run a failure: one of our own servers that could not be measured, or that
    failed requests. How fast it was never does."""
    found = []
    for result in results:
        for row, entry in zip(rows(result), result.entries, strict=True):
            if entry.server.is_ours and row.problem:
                found.append(
                    f"{result.cell.title}: {row.title} was not measured: {cause(row.problem)}"
                )
            elif entry.server.is_ours and row.failed:
                found.append(f"{result.cell.title}: {row.title} failed requests: {_errors(row)}")
    for each in campaigns:
        title = each.campaign.title
        if each.problem:
            found.append(f"{title}: {cause(each.problem)}")
        for line in each.rows:
            found += [f"{title}: {line['title']} {wrong}" for wrong in _wrong(line)]
    return found


def _wrong(row: Mapping[str, Any]) -> list[str]:
    """What a row of a campaign has to complain about: of our own servers only."""
    if not row["server"].startswith(OURS):
        return []
    if row["problem"]:
        return [f"was not measured: {cause(row['problem'])}"]
    return [f"failed {row['failed']:.0f} requests"] if row.get("failed") else []


def summary(results: Sequence[Result]) -> str:
    """How our servers stand against mod_wsgi, one line a cell."""
    lines = []
    for result in results:
        ours = [
            f"{row.title} {row.ratio:.1f} × (CPU {row.cpu_ratio or 0:.2f} ×)"
            for row, entry in zip(rows(result), result.entries, strict=True)
            if entry.server.is_ours and row.ratio is not None
        ]
        if ours:
            lines.append(f"  {result.cell.title}: {', '.join(ours)}")
    return "\n".join(["Requests/s against mod_wsgi in the same mode:", *lines]) if lines else ""


def aims_table(verdicts: Sequence[aims.Verdict]) -> str:
    """What DESIGN wants, what this run found, and whether that is enough."""
    header = ("aim", "wanted", "measured", "reached")
    lines = [(each.title, each.wanted, each.measured, each.reached) for each in verdicts]
    return "\n".join(["Aims:", *text.aligned(header, lines)])
