"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import httpd, machine
from support.express import Express


@pytest.fixture
def express(around: httpd.Surroundings) -> Iterator[Express]:
    """A directory for an application, and the command to serve it."""
    assert around.artifacts, "nothing is built: ./dev build"
    home = machine.make_root("pywsgi-express-")
    site = home / "site"
    site.mkdir(mode=0o755)
    site.chmod(0o755)
    server = Express(site, around.artifacts)
    yield server
    server.stop()
    machine.remove_tree(home)
