"""The options of the command, and what they choose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import place, scenarios
from bench.campaigns import CAMPAIGNS, Campaign
from bench.rounds import Pace
from bench.servers import SERVERS, Server

RESULTS = place.HERE / "results"
PAGES = (
    place.REPO / "docs" / "performance.md",
    place.REPO / "docs" / "interpreters.md",
    place.REPO / "README.md",
)


@dataclass(frozen=True)
class Choice:
    """What is to be done."""

    cells: list[scenarios.Cell]
    servers: list[type[Server]]
    campaigns: list[Campaign]
    pace: Pace
    build: Path
    output: Path  # without its ending
    is_update: bool  # of what is there already
    pages: Path | None  # the results that a page is to be written from, and nothing measured


def chosen(arguments: Sequence[str] | None = None) -> Choice:
    """Read the options; ends the program where they are wrong."""
    table = scenarios.read()
    parser = _parser([scenario.name for scenario in table])
    options = parser.parse_args(arguments)
    try:
        names, campaigns = _parts(options, [scenario.name for scenario in table])
        wanted = [scenario for scenario in table if scenario.name in names]
        choice = Choice(
            cells=scenarios.cells(wanted, options.quick, options.threads, options.connections),
            servers=_servers(options.servers),
            campaigns=_campaigns(campaigns, options.servers),
            pace=_pace(options),
            build=options.build,
            output=options.output,
            is_update=options.update,
            pages=options.docs,
        )
    except ValueError as error:
        parser.error(str(error))
    if not choice.cells and not choice.campaigns:
        parser.error("nothing is left to measure: see scenarios.toml for what there is")
    return choice


def _parts(options: argparse.Namespace, known: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """The names of scenarios and of campaigns: one kind alone where only that is asked for."""
    campaigns = [kind.name for kind in CAMPAIGNS]
    _check("scenario", options.scenarios or [], known)
    _check("campaign", options.campaigns or [], campaigns)
    if options.all:
        return known, campaigns
    if options.campaigns is None:
        return known if options.scenarios is None else options.scenarios, []
    return options.scenarios or [], options.campaigns


def _check(noun: str, names: Sequence[str], known: Sequence[str]) -> None:
    if unknown := set(names) - set(known):
        raise ValueError(f"no such {noun}: {', '.join(sorted(unknown))}")


def _servers(names: list[str] | None) -> list[type[Server]]:
    """The servers that these names mean, in the order of the tables; all usual ones without names."""
    usual = [kind.name for kind in SERVERS if not kind.is_optional]
    if names and names[0].startswith("+"):
        names = [*usual, names[0][1:], *names[1:]]
    known = [kind.name for kind in (*SERVERS, *(each for c in CAMPAIGNS for each in c.servers))]
    _check("server", names or [], known)
    return [kind for kind in SERVERS if kind.name in (names or usual)]


def _campaigns(names: Sequence[str], servers: list[str] | None) -> list[Campaign]:
    """These campaigns, each with those of its servers that were chosen; with all, if none were."""
    found = [kind() for kind in CAMPAIGNS if kind.name in names]
    if servers and not servers[0].startswith("+"):
        for campaign in found:
            campaign.choose(servers)
    return found


def _pace(options: argparse.Namespace) -> Pace:
    return Pace(
        rounds=options.rounds or (2 if options.quick else 3),
        seconds=options.seconds or (2 if options.quick else 4),
        is_quick=options.quick,
    )


def _parser(scenarios: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Servers side by side in one run."
    )
    add = parser.add_argument
    campaigns = ",".join(kind.name for kind in CAMPAIGNS)
    servers = ",".join(kind.name for kind in SERVERS)
    add("--all", action="store_true", help="all scenarios and all campaigns")
    add("--quick", action="store_true", help="main cells only, a few seconds each")
    add("--servers", type=_names, help=f"of {servers}; +NAME: the usual ones and NAME")
    add("--scenarios", type=_names, help=f"of {','.join(scenarios)}")
    add("--campaigns", type=_names, help=f"of {campaigns}; and no scenario that is not named")
    add("--threads", type=_numbers, default=[], help="of those in scenarios.toml, as 1,8")
    add("--connections", type=_numbers, default=[], help="of those in scenarios.toml, as 16,256")
    add("--rounds", type=int, help="turns of each server in a cell; 3, quick: 2")
    add("--seconds", type=int, help="length of a turn; 4, quick: 2")
    add("--build", type=Path, default=place.REPO / "build" / "dev", help="where mod_pywsgi.so is")
    add("--output", type=Path, default=RESULTS / "bench", help="where to write .json and .png")
    add(
        *("--update",),
        action="store_true",
        help="what is measured takes the place of the same in the results that are there",
    )
    add(
        *("--docs",),
        nargs="?",
        type=Path,
        const=RESULTS / "bench.json",
        metavar="FILE",
        help="measure nothing: write the tables of the documentation from the results of a run",
    )
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[int]:
    return [int(name) for name in _names(text)]
