"""The table of options."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi import plan as plan_module
from mod_pywsgi.options import BY_NAME, OPTIONS, Option

PLAN = Path(inspect.getfile(plan_module)).parent


def test_names_are_unique() -> None:
    assert len({option.name for option in OPTIONS}) == len(OPTIONS) == len(BY_NAME)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_row_is_complete(option: Option[Any]) -> None:
    assert option.help.endswith(".")
    assert option.section
    assert option.key.isidentifier()
    assert option.env == option.env.upper()


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_row_is_consumed(option: Option[Any]) -> None:
    """Each option has an effect."""
    constant = {
        "host": "LISTEN_HOST",
        "port": "LISTEN_PORT",
    }.get(option.name, option.key.upper())
    package = PLAN.parent
    users = [*PLAN.glob("*.py"), package / "launch.py", *(package / "commands").glob("*.py")]
    assert any(constant in path.read_text(encoding="utf-8") for path in users)


# From compat 5.2: an option keeps the default that users of mod_wsgi-express know.
DEFAULTS = {
    "application-type": "script",
    "mount-point": "/",
    "port": 8000,
    "threads": 5,
    "limit-request-body": 10485760,
    "startup-timeout": 15,
    "shutdown-timeout": 5,
    "restart-interval": 0,
    "cpu-time-limit": 0,
    "graceful-timeout": 15,
    "eviction-timeout": 0,
    "deadlock-timeout": 60,
    "inactivity-timeout": 0,
    "request-timeout": 60,
    "interrupt-timeout": 0,
    "connect-timeout": 15,
    "socket-timeout": 60,
    "queue-timeout": 45,
    "header-timeout": 15,
    "header-max-timeout": 30,
    "header-min-rate": 500,
    "body-timeout": 15,
    "body-max-timeout": 0,
    "body-min-rate": 500,
    "keep-alive-timeout": 2,
    "response-socket-timeout": 0,
    "response-flush-delay": 0,  # 5 there: docs/migrating.md
    "log-level": "warn wsgi:info",
}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_default(name: str, default: object) -> None:
    assert BY_NAME[name].default == default
