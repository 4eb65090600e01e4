"""The pages for beginners, pasted into a terminal of a new Debian system, block by block."""

from __future__ import annotations

import pytest

from support.fresh import Root, follow

pytestmark = [pytest.mark.slow, pytest.mark.mounts, pytest.mark.no_asan, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("page", ["quickstart", "django"])
def test_page(visited: Root, page: str) -> None:
    follow(visited, page)
