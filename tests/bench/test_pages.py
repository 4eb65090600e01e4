"""The sections of a page that a run writes."""

import pytest

from bench import options, pages, scenarios
from bench.campaigns import CAMPAIGNS

HEAD = "<!-- bench {}: written by `./dev bench --docs`, not by hand -->\n"
END = "<!-- end of bench -->\n"
CELL = {
    "scenario": "hello",
    "threads": 8,
    "connections": 16,
    "servers": [
        {
            "title": "ours",
            "problem": "",
            "rate": 12345.6,
            "cpu_us": 50.4,
            "p99_us": 1500.0,
            "memory": 30 << 20,
            "failed": 0,
        },
        {"title": "theirs", "problem": "not installed\nlog"},
    ],
}
SWEEP = {
    "campaign": "sweep",
    "columns": [{"key": "rate", "label": "requests/s", "form": "{:,.0f}"}],
    "rows": [
        {"title": "ours", "problem": "", "rate": 1000.0},
        {"title": "theirs", "problem": "gone\nlog"},
    ],
}
AIM = {
    "title": "hello",
    "wanted": "≥ 4 × theirs",
    "value": 4.2,
    "bound": 4,
    "is_factor": True,
    "is_reached": True,
    "why": "",
}
DOCUMENT = {
    "about": {
        "date": "today",
        "commit": "abc",
        "machine": "2 × CPU",
        "python": "3.11",
        "nginx": "-",
    },
    "cells": [CELL],
    "campaigns": [SWEEP],
    "aims": [AIM],
}


def section(name: str, document=DOCUMENT) -> list[str]:
    text = pages.rewritten(f"above\n{HEAD.format(name)}old\n{END}below\n", document, [])
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == "above"
    assert lines[-1] == "below"
    return lines[2:-2]


def test_cells():
    head, _, ours, theirs = section("scenario hello")
    assert head.startswith("| threads · connections | server | requests/s |")
    assert ours == "| 8 · 16 | ours | 12,346 | 50 | 1.50 | 30 | 0 |"
    assert theirs == "| 8 · 16 | theirs | not measured: not installed |  |  |  |  |"


def test_a_campaign():
    assert section("campaign sweep")[2:] == ["| ours | 1,000 |", "| theirs | not measured: gone |"]


def test_aims():
    assert section("aims")[2:] == ["| hello | ≥ 4 × theirs | 4.20 × | yes |"]


def test_the_machine():
    assert section("about") == ["Measured today at abc on 2 × CPU; python 3.11."]


def test_what_a_run_has_nothing_of_stays():
    page = f"{HEAD.format('campaign bulk')}old\n{END}"
    kept: list[str] = []
    assert pages.rewritten(page, DOCUMENT, kept) == page
    assert kept == ["campaign bulk"]


def test_writing_twice_changes_nothing():
    page = f"{HEAD.format('aims')}{END}"
    once = pages.rewritten(page, DOCUMENT, [])
    assert pages.rewritten(once, DOCUMENT, []) == once
    assert pages.names(once) == ["aims"]


def test_wrong_markers_are_found():
    with pytest.raises(ValueError, match="stands alone"):
        pages.names(HEAD.format("aims"))
    with pytest.raises(ValueError, match="stands alone"):
        pages.names(f"<!-- bench aims -->\n{END}")
    with pytest.raises(ValueError, match="nobody writes: weather"):
        pages.rewritten(f"{HEAD.format('weather')}{END}", DOCUMENT, [])


def test_a_summary():
    rows = [
        {"name": "pywsgi-daemon", "problem": "", "rate": 1234.5, "cpu_us": 98.6},
        {"name": "uwsgi", "problem": "gone"},
    ]
    cells = [{**CELL, "title": "hello", "servers": rows}, {**CELL, "servers": []}]
    head, _, line = section("summary", {**DOCUMENT, "cells": cells})
    assert head.startswith("|  | mod_pywsgi daemon | mod_wsgi daemon | nginx + uWSGI |")
    assert line == "| hello | 1,234 · 99 |  |  |  |  |  |  |"


@pytest.mark.parametrize(
    ("name", "other"),
    [("interpreters", "pywsgi-interpreters-2"), ("free-threading", "pywsgi-free-threaded")],
)
def test_what_needs_another_python(name, other):
    ours = CELL["servers"][0]
    one, two = ({**ours, "name": each} for each in ("pywsgi-daemon", other))
    lines = section(name, {**DOCUMENT, "cells": [{**CELL, "servers": [one, two]}]})
    assert lines[0].startswith("Measured today")
    assert len(lines) == 5
    cells = [{**CELL, "servers": [one, {**two, "problem": "too old"}]}, {**CELL, "servers": [one]}]
    kept: list[str] = []
    page = f"{HEAD.format(name)}{END}"
    assert pages.rewritten(page, {**DOCUMENT, "cells": cells}, kept) == page
    assert kept == [name]


@pytest.mark.parametrize("page", options.PAGES, ids=lambda page: page.name)
def test_our_pages_have_sections_that_a_run_can_fill(page):
    found = pages.names(page.read_text(encoding="utf-8"))
    assert found
    assert len(set(found)) == len(found)
    known = {"about", "aims", "summary", "interpreters", "free-threading"}
    known |= {f"scenario {each.name}" for each in scenarios.read()}
    known |= {f"campaign {kind.name}" for kind in CAMPAIGNS}
    assert set(found) <= known
