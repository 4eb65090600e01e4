"""Asking tests/apps/counter where it runs and how often it was called."""

from __future__ import annotations

from typing import Any

from support.httpd import HttpdInstance


def ask(server: HttpdInstance, target: str = "/x", host: str | None = None) -> dict[str, Any]:
    response = server.request("GET", target, [("Host", host)] if host else ())
    assert response.status == 200, (response.status, server.story())
    found: dict[str, Any] = response.json()
    return found
