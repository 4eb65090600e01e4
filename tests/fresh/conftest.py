"""A new Debian system, for all pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from support.fresh import Root


@pytest.fixture(scope="session")
def visited() -> Iterator[Root]:
    """One for all pages: what the first has installed is there for the next, as with a reader."""
    if not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed")
    made = Root()
    try:
        made.add_visitor()
        yield made
    finally:
        made.close()
