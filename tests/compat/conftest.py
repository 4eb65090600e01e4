"""Fixtures of the compatibility tests."""

from __future__ import annotations

import pytest

from support import deciders
from support.httpd import HttpdInstance
from support.servers import Servers


@pytest.fixture
def deciding(servers: Servers) -> HttpdInstance:
    """The server with a script that decides at every place of `support.deciders`."""
    return servers.kept("deciding", deciders.settings(), "/embedded/open")


@pytest.fixture(params=deciders.PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Where the script runs: in Apache, or in a daemon process by process-group=."""
    return str(request.param)
