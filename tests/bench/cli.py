"""The command: the run, the report."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from bench import aims, chart, load, options, pages, place, report, rounds
from bench.campaigns import base
from bench.options import Choice
from bench.servers import Around, Server
from support import procs


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all of ours was measured without a failed request, 1 when not, 2 for wrong usage."""
    choice = options.chosen(arguments)
    if choice.pages is not None:
        return _write_pages(choice.pages)
    if reason := load.why_missing() or _nothing_to_update(choice):
        return _refused(reason)
    signal.signal(signal.SIGTERM, _interrupt)
    procs.become_subreaper()
    results: list[rounds.Result] = []
    campaigns: list[base.Found] = []
    with place.prepared(choice.build) as around:
        if reasons := _ours_missing(choice.servers, around):
            return _refused(f"ours cannot be measured. {'; '.join(reasons)}")
        about = place.about()
        _say("  ".join(f"{name}: {value}" for name, value in about.items()))
        _say(
            f"{len(choice.cells)} cells of up to {len(choice.servers)} servers: {_minutes(choice)}"
        )
        try:
            _measure(choice, around, results)
            _conduct(choice, around, campaigns)
        except KeyboardInterrupt:
            _say("interrupted: the report holds what was measured until now")
    found = report.document(results, about, campaigns)
    if choice.is_update:
        found = report.updated(report.read(choice.output.with_suffix(".json")), found)
    print(report.summary(results), end="\n\n")
    print(report.aims_table([aims.Verdict(**row) for row in found["aims"]]))
    _say(f"written: {', '.join(map(str, _written(found, choice.output)))}")
    complaints = report.complaints(results, campaigns)
    for complaint in complaints:
        _say(f"ERROR: {complaint}")
    return 1 if complaints or not (results or campaigns) else 0


def _nothing_to_update(choice: Choice) -> str:
    file = choice.output.with_suffix(".json")
    return f"--update, and there is no {file}" if choice.is_update and not file.exists() else ""


def _ours_missing(servers: list[type[Server]], around: Around) -> list[str]:
    missing = [(kind.name, kind.missing(around)) for kind in servers if kind.is_ours]
    return [f"{name}: {reason}" for name, reason in missing if reason]


def _measure(choice: Choice, around: Around, results: list[rounds.Result]) -> None:
    """Measure all cells and print as it goes; what is found is added to RESULTS at once."""
    for result in rounds.measure(choice.cells, choice.servers, around, choice.pace, _say):
        print(report.table(result), end="\n\n", flush=True)
        results.append(result)


def _conduct(choice: Choice, around: Around, campaigns: list[base.Found]) -> None:
    """The same of all campaigns."""
    for campaign in choice.campaigns:
        found = base.conduct(campaign, around, choice.pace, _say)
        print(report.campaign_table(found), end="\n\n", flush=True)
        campaigns.append(found)


def _written(found: dict[str, Any], output: Path) -> list[Path]:
    """Write the results and draw the charts beside; all files that there are now."""
    file = output.with_suffix(".json")
    report.write(file, found)
    if reason := chart.why_missing():
        _say(reason)
        return [file]
    return [file, *chart.draw(found, output)]


def _write_pages(file: Path) -> int:
    for page in options.PAGES:
        try:
            kept = pages.rewrite(page, report.read(file))
        except (OSError, ValueError) as error:
            return _refused(str(error))
        _say(f"written: {page}")
        if kept:
            _say(f"kept, for {file} has nothing of them: {', '.join(kept)}")
    return 0


def _minutes(choice: Choice) -> str:
    turn = choice.pace.rounds * choice.pace.seconds + choice.pace.warm_up
    turns = [rounds.taking_part(cell, choice.cells, choice.servers) for cell in choice.cells]
    seconds = float(sum(turn * len(servers) for servers in turns))
    seconds += sum(campaign.seconds(choice.pace) for campaign in choice.campaigns)
    names = "".join(f", campaign {campaign.name}" for campaign in choice.campaigns)
    return f"{seconds / 60:.0f} minutes or so{names}"


def _refused(reason: str) -> int:
    _say(f"./dev bench: {reason}")
    return 2


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
