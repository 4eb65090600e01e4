"""The command: options, the run, the report."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bench import chart, load, place, report, rounds, scenarios
from bench.servers import SERVERS, Around, Server
from support import procs

RESULTS = place.HERE / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all of ours was measured without a failed request, 1 when not, 2 for wrong usage."""
    table = scenarios.read()
    parser = _parser([scenario.name for scenario in table])
    options = parser.parse_args(arguments)
    if unknown := set(options.scenarios) - {scenario.name for scenario in table}:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    servers = _chosen(options.servers)
    wanted = [scenario for scenario in table if scenario.name in options.scenarios]
    cells = scenarios.cells(wanted, options.quick, options.threads, options.connections)
    if not cells:
        parser.error("no cell is left to measure: see scenarios.toml for what there is")
    if reason := load.why_missing():
        parser.error(reason)
    pace = _pace(options)
    signal.signal(signal.SIGTERM, _interrupt)
    procs.become_subreaper()
    with place.prepared(options.build) as around:
        if reasons := _ours_missing(servers, around):
            parser.error(f"ours cannot be measured. {'; '.join(reasons)}")
        about = place.about()
        _say("  ".join(f"{name}: {value}" for name, value in about.items()))
        minutes = _seconds(cells, servers, pace) / 60
        _say(f"{len(cells)} cells of up to {len(servers)} servers: {minutes:.0f} minutes or so")
        results = _run(cells, servers, around, pace)
    return _report(results, about, options.output)


def _pace(options: argparse.Namespace) -> rounds.Pace:
    return rounds.Pace(
        rounds=options.rounds or (2 if options.quick else 3),
        seconds=options.seconds or (2 if options.quick else 4),
    )


def _ours_missing(servers: list[type[Server]], around: Around) -> list[str]:
    missing = [(kind.name, kind.missing(around)) for kind in servers if kind.is_ours]
    return [f"{name}: {reason}" for name, reason in missing if reason]


def _run(
    cells: list[scenarios.Cell],
    servers: list[type[Server]],
    around: Around,
    pace: rounds.Pace,
) -> list[rounds.Result]:
    """Measure and print as it goes; an interrupted run keeps what it has."""
    results = []
    try:
        for result in rounds.measure(cells, servers, around, pace, _say):
            print(report.table(result), end="\n\n", flush=True)
            results.append(result)
    except KeyboardInterrupt:
        _say("interrupted: the report holds what was measured until now")
    return results


def _report(results: list[rounds.Result], about: dict[str, str], output: Path) -> int:
    print(report.summary(results))
    found = report.document(results, about)
    report.write(output.with_suffix(".json"), found)
    written = [str(output.with_suffix(".json"))]
    if reason := chart.why_missing():
        _say(reason)
    elif results:
        chart.draw(found, output.with_suffix(".png"))
        written.append(str(output.with_suffix(".png")))
    _say(f"written: {', '.join(written)}")
    complaints = report.complaints(results)
    for complaint in complaints:
        _say(f"ERROR: {complaint}")
    return 1 if complaints or not results else 0


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Servers side by side in one run."
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="main cells only, a few seconds each")
    servers = ",".join(kind.name for kind in SERVERS)
    add("--servers", type=_names, help=f"of {servers}; +NAME: the usual ones and NAME")
    add("--scenarios", type=_names, default=names, help=f"of {','.join(names)}")
    add("--threads", type=_numbers, default=[], help="of those in scenarios.toml, as 1,8")
    add("--connections", type=_numbers, default=[], help="of those in scenarios.toml, as 16,256")
    add("--rounds", type=int, help="turns of each server in a cell; 3, quick: 2")
    add("--seconds", type=int, help="length of a turn; 4, quick: 2")
    add("--build", type=Path, default=place.REPO / "build" / "dev", help="where mod_pywsgi.so is")
    add("--output", type=Path, default=RESULTS / "bench", help="where to write .json and .png")
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[int]:
    return [int(name) for name in _names(text)]


def _chosen(names: list[str] | None) -> list[type[Server]]:
    """The servers that these names mean, in the order of the tables; all usual ones without names."""
    usual = [kind.name for kind in SERVERS if not kind.is_optional]
    if names and names[0].startswith("+"):
        names = [*usual, names[0][1:], *names[1:]]
    unknown = set(names or ()) - {kind.name for kind in SERVERS}
    if unknown:
        sys.exit(f"no such server: {', '.join(sorted(unknown))}")
    return [kind for kind in SERVERS if kind.name in (names or usual)]


def _seconds(cells: list[scenarios.Cell], servers: list[type[Server]], pace: rounds.Pace) -> float:
    turn = pace.rounds * pace.seconds + pace.warm_up
    return sum(turn * len(rounds.taking_part(cell, cells, servers)) for cell in cells)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
