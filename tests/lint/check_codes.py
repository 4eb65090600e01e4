"""Log codes: each row of pyw_codes.def is unique, used in src/server and explained in docs/errors.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from source import complaint, files, main

TABLE = "src/server/base/pyw_codes.def"
PAGE = "docs/errors.md"
LEVELS = {"EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"}

ROW = re.compile(r'^X\((\d+),\s*(\w+),\s*(\w+),\s*((?:"(?:\\.|[^"\\])*"\s*)+)\)', re.MULTILINE)
ROW_START = re.compile(r"^\s*X\s*\(", re.MULTILINE)
DOCUMENTED = re.compile(r"^\|\s*`?(PYW\d{4})`?\s*\|", re.MULTILINE)


class Row(NamedTuple):
    line: int
    number: str
    level: str
    name: str
    text: str


def rows(table: str) -> list[Row]:
    return [
        Row(table.count("\n", 0, match.start()) + 1, *match.groups())
        for match in ROW.finditer(table)
    ]


def row_faults(row: Row, before: list[Row]) -> Iterator[str]:
    """What is wrong with ROW by itself and beside the rows before it."""
    if len(row.number) != 4:
        yield f"{row.name}: a number has four digits, not {row.number}"
    if row.level not in LEVELS:
        yield f"{row.name}: {row.level} is no level"
    if any(other.number == row.number for other in before):
        yield f"{row.name}: the number {row.number} is taken"
    if any(other.name == row.name for other in before):
        yield f"the name {row.name} is taken"
    if before and row.number < before[-1].number:
        yield f"{row.name}: {row.number} stands after {before[-1].number}; rows are in order"


def names_used(root: Path) -> set[str]:
    """Every upper-case word of the sources: as such, or after a prefix as in PYW_LOG_NAME."""
    words: set[str] = set()
    for path in files(root, "src/server", ".c", ".h"):
        words.update(re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text(encoding="utf-8")))
    return words


def check(root: Path) -> Iterator[str]:
    table_path, page_path = root / TABLE, root / PAGE
    if not table_path.is_file():
        yield f"{TABLE}: there is no such file"
        return
    table = table_path.read_text(encoding="utf-8")
    page = page_path.read_text(encoding="utf-8") if page_path.is_file() else ""
    found, used, documented = rows(table), names_used(root), DOCUMENTED.findall(page)
    if (begun := len(ROW_START.findall(table))) != len(found):
        yield f'{TABLE}: {begun} rows, but {len(found)} read as X(0001, ERR, NAME, "text")'
    for index, row in enumerate(found):
        for fault in row_faults(row, found[:index]):
            yield complaint(root, table_path, row.line, fault)
        if row.name not in used:
            yield complaint(root, table_path, row.line, f"{row.name} is used nowhere in src/server")
        if f"PYW{row.number}" not in documented:
            yield complaint(
                root, table_path, row.line, f"{PAGE} has no row for PYW{row.number} ({row.name})"
            )
    known = {f"PYW{row.number}" for row in found}
    for code in sorted(set(documented) - known):
        yield f"{PAGE}: {code} is not in {TABLE}"
    for code in sorted(set(re.findall(r"PYW\d{4}", page)) - known - set(documented)):
        yield f"{PAGE}: speaks of {code}, which is not in {TABLE}"
    for code in sorted({code for code in documented if documented.count(code) > 1}):
        yield f"{PAGE}: {code} has more than one row"


if __name__ == "__main__":
    main(check)
