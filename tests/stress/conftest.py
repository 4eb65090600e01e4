"""What the campaigns counted, at the end of the run."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

# How long a campaign goes on: 600 for the long runs; `./dev test --slow` sets 20.
SECONDS = float(os.environ.get("PYWSGI_STRESS_SECONDS", "4"))

REPORTS = pytest.StashKey[list[str]]()


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a line for the summary."""
    lines = request.config.stash.setdefault(REPORTS, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if lines := config.stash.get(REPORTS, []):
        terminalreporter.section("stress")
        for line in lines:
            terminalreporter.write_line(line)
