"""Nothing that can be configured is forgotten in docs/directives.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "server"
PAGE = (ROOT / "docs" / "directives.md").read_text(encoding="utf-8")


def directives(*kinds: str) -> list[str]:
    """Every directive that is built; or those of the table's macros DROPPED or REFUSED."""
    text = (SOURCES / "apache" / "directives.c").read_text()
    table = text[text.index("command_rec pyw_directives[]") :]
    rows = re.findall(r'\b(\w+)\(\s*"(<?WSGI\w+)', table)
    special = ("DROPPED", "REFUSED")
    return [name for macro, name in rows if (macro in kinds if kinds else macro not in special)]


def options() -> list[str]:
    """Every option of WSGIDaemonProcess that is built."""
    text = (SOURCES / "base" / "options.c").read_text()
    table = text[text.index("option_row rows[]") :].split("};")[0]
    rows = re.findall(r'^\s+([A-Z_0-9]+)\(\s*"([a-z-]+)"', table, re.MULTILINE)
    return [name for macro, name in rows if macro != "NOT_BUILT"]


def test_the_tables_are_found() -> None:
    assert len(directives()) > 10
    assert len(options()) > 30


@pytest.mark.parametrize("name", directives())
def test_directive(name: str) -> None:
    """A row of a table, or the heading of one."""
    assert re.search(rf"^(?:#+ |\|[^|]*)`?{re.escape(name)}\b", PAGE, re.MULTILINE)


def test_dropped_directives_are_mentioned() -> None:
    assert [name for name in directives("DROPPED") if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("name", options())
def test_option(name: str) -> None:
    assert re.search(rf"^\|.*`{re.escape(name)}=", PAGE, re.MULTILINE)
