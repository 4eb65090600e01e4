"""The tables of the documentation (options.PAGES), written from the results of a run, never by hand.

A section of the page stands between two comments, the first of which names it; what names there are
is in SECTIONS. A section of which a run has nothing stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import aims, report, text
from bench.campaigns.base import Column

SECTION = re.compile(
    r"(?P<begin><!-- bench (?P<name>[a-z -]+): written by `\./dev bench --docs`, not by hand -->\n)"
    r"(?P<body>.*?)"
    r"(?P<end><!-- end of bench -->\n)",
    re.DOTALL,
)
Document = Mapping[str, Any]


def rewrite(page: Path, document: Document) -> list[str]:
    """Write the sections of PAGE anew; the names of those that were kept."""
    kept: list[str] = []
    page.write_text(rewritten(page.read_text(encoding="utf-8"), document, kept), encoding="utf-8")
    return kept


def rewritten(page: str, document: Document, kept: list[str]) -> str:
    def section(match: re.Match[str]) -> str:
        lines = _lines(match["name"], document)
        if not lines:
            kept.append(match["name"])
            return match[0]
        return "\n".join([match["begin"], *lines, "", match["end"]])

    return SECTION.sub(section, page)


def names(page: str) -> list[str]:
    """The sections of a page; raises ValueError for a marker that is not one of a pair."""
    found = [match["name"] for match in SECTION.finditer(page)]
    if page.count("<!-- bench") != len(found) or page.count("<!-- end of bench") != len(found):
        raise ValueError("a marker of a section stands alone or is misspelt")
    return found


def _lines(name: str, document: Document) -> list[str]:
    kind, _, which = name.partition(" ")
    if kind not in SECTIONS:
        raise ValueError(f"the page has a section that nobody writes: {name}")
    return SECTIONS[kind](document, which)


def _about(document: Document, _: str) -> list[str]:
    about = document["about"]
    versions = ", ".join(
        f"{name} {about[name]}"
        for name in ("python", "apache", *VERSIONS)
        if about.get(name, "-") != "-"
    )
    again = f" Measured again: {about['again']}." if about.get("again") else ""
    return [
        f"Measured {about['date']} at {about['commit']} on {about['machine']}; {versions}.{again}"
    ]


VERSIONS = (
    "mod_wsgi",
    "nginx",
    "uwsgi",
    "gunicorn",
    "granian",
    "cheroot",
    "bjoern",
    "Flask",
    "Django",
)


def _aims(document: Document, _: str) -> list[str]:
    verdicts = [aims.Verdict(**row) for row in document["aims"]]
    header = ("aim", "wanted", "measured", "reached")
    lines = [(each.title, each.wanted, each.measured, each.reached) for each in verdicts]
    return text.markdown(header, lines) if any(each.value is not None for each in verdicts) else []


def _scenario(document: Document, name: str) -> list[str]:
    """All cells of a scenario in one table: what each server did, and the CPU that it took."""
    lines = []
    for cell in document["cells"]:
        if cell["scenario"] == name:
            lines += [_cell_line(cell, row) for row in cell["servers"]]
    return text.markdown(CELL_HEADER, lines) if lines else []


CELL_HEADER = ("threads · connections", "server", "requests/s", "CPU µs", "p99 ms", "MiB", "failed")


def _beside(names: tuple[str, ...]) -> Callable[[Document, str], list[str]]:
    """Servers beside each other that need another Python than most runs have, wherever all were measured."""

    def lines(document: Document, _: str) -> list[str]:
        found: list[list[str]] = []
        for cell in document["cells"]:
            by_name = {row["name"]: row for row in cell["servers"]}
            rows = [by_name[name] for name in names if not by_name.get(name, GONE)["problem"]]
            if len(rows) == len(names):
                found += [_cell_line(cell, row) for row in rows]
        return [*_about(document, ""), "", *text.markdown(CELL_HEADER, found)] if found else []

    return lines


GONE = {"problem": "not in this run"}


def _cell_line(cell: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    place = [f"{cell['threads']} · {cell['connections']}", row["title"]]
    if row["problem"]:
        return [*place, f"not measured: {report.cause(row['problem'])}", "", "", "", ""]
    return [
        *place,
        f"{row['rate']:,.0f}",
        f"{row['cpu_us']:.0f}",
        report.milliseconds(row["p99_us"]),
        f"{row['memory'] / 2**20:.0f}",
        str(row["failed"]),
    ]


def _summary(document: Document, _: str) -> list[str]:
    """Rate and CPU of the main servers, a line for each cell of 16 connections."""
    header, lines = [""], []
    for cell in document["cells"]:
        by_name = {row["name"]: row for row in cell["servers"]}
        if cell["connections"] == 16 and by_name.keys() & SUMMARY:
            lines.append([cell["title"], *(_rate_and_cpu(by_name.get(name)) for name in SUMMARY)])
    header += SUMMARY.values()
    return text.markdown(header, lines) if lines else []


def _rate_and_cpu(row: Mapping[str, Any] | None) -> str:
    return "" if row is None or row["problem"] else f"{row['rate']:,.0f} · {row['cpu_us']:,.0f}"


SUMMARY = {
    "pywsgi-daemon": "mod_pywsgi daemon",
    "mod_wsgi-daemon": "mod_wsgi daemon",
    "uwsgi": "nginx + uWSGI",
    "gunicorn": "nginx + Gunicorn",
    "granian": "Granian",
    "pywsgi-embedded": "mod_pywsgi embedded",
    "mod_wsgi-embedded": "mod_wsgi embedded",
}


def _campaign(document: Document, name: str) -> list[str]:
    for campaign in document["campaigns"]:
        if campaign["campaign"] == name and campaign["rows"]:
            columns = [Column(**column) for column in campaign["columns"]]
            header = ["server", *(column.label for column in columns)]
            return text.markdown(header, [_campaign_line(columns, row) for row in campaign["rows"]])
    return []


def _campaign_line(columns: list[Column], row: Mapping[str, Any]) -> list[str]:
    if row["problem"]:
        blanks = [""] * (len(columns) - 1)
        return [row["title"], f"not measured: {report.cause(row['problem'])}", *blanks]
    return report.campaign_words(columns, row)


SECTIONS: dict[str, Callable[[Document, str], list[str]]] = {
    "about": _about,
    "aims": _aims,
    "summary": _summary,
    "scenario": _scenario,
    "interpreters": _beside(("pywsgi-daemon", "pywsgi-interpreters-2")),
    "free-threading": _beside(("pywsgi-daemon", "pywsgi-free-threaded")),
    "campaign": _campaign,
}
