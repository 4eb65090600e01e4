"""Defects and losses that are shown absent by tests of other modules, which may move: by name."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

TESTS = Path(__file__).parents[1]


@functools.cache
def all_tests() -> dict[str, list[str]]:
    """Name of each test -> the files that have it."""
    found: dict[str, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name, []).append(str(path.relative_to(TESTS)))
    return found


def missing(names: list[str]) -> list[str]:
    """Those that are no longer there."""
    return [name for name in names if name not in all_tests()]
