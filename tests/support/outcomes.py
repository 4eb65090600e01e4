"""A plugin of pytest: what became of the tests, for tests/all.py. `-p support.outcomes --outcomes FILE`.

FILE is JSON then: `passed`, ids of tests; `failed`, of those whose own code failed, or the check after it;
`broken`, of what else went wrong: what cannot be collected or set up, ends badly, or took its worker along.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--outcomes", metavar="FILE", type=Path, help="write there what became of the tests"
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    file = config.getoption("--outcomes")
    if file is None:
        return
    stats = terminalreporter.stats
    bad = [report for kind in ("failed", "error") for report in stats.get(kind, ())]
    found = {
        "passed": [each.nodeid for each in stats.get("passed", ()) if each.when == "call"],
        "failed": sorted({each.nodeid for each in bad if _is_of_a_test(each)}),
        "broken": sorted({each.nodeid for each in bad if not _is_of_a_test(each)}),
    }
    file.write_text(json.dumps(found), encoding="utf-8")


def _is_of_a_test(report: Any) -> bool:
    """Not of fixtures that tests share, whose errors are booked on whichever test came last."""
    when = getattr(report, "when", "collect")
    return when == "call" or (when == "teardown" and "after the test:" in report.longreprtext)
