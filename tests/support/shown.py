"""Defects and losses that are shown absent by tests of other modules, by id."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def missing(ids: list[str]) -> list[str]:
    """Those of `file::test` that are not there. Files are below tests/."""
    return [each for each in ids if not _is_there(each)]


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = TESTS / file
    if not path.is_file():
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)
