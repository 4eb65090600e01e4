"""Sending an application along with the request: what a test checks stands in the test."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support import raw, wait
from support.httpd import HttpdInstance


def header(code: str) -> tuple[str, str]:
    """The header that makes apps/inline run `code` as its application."""
    source = textwrap.dedent(code).strip("\n")
    return "X-Code", base64.b64encode(source.encode("utf-8")).decode("ascii")


def run(
    server: HttpdInstance,
    code: str,
    method: str = "GET",
    headers: raw.Headers = (),
    body: bytes | Iterable[bytes] | None = None,
    *,
    path: str = "/inline",
) -> raw.Response:
    """One request to apps/inline; `code` is the body of `def application(environ, start_response)`."""
    return server.request(method, path, [header(code), *headers], body)


def value(server: HttpdInstance, expression: str, path: str = "/inline") -> Any:
    """What an expression gives in the application's process; JSON must be able to carry it."""
    code = f"""
        import locale, warnings
        body = json.dumps({expression}).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]
    """
    response = run(server, code, path=path)
    assert response.status == 200, (response.status, server.story())
    return json.loads(response.body)


def result(server: HttpdInstance, name: str, timeout: float = 10.0) -> Any:
    """What the application left with write_result(environ, name, value)."""
    path: Path = server.scratch / name
    wait.until(path.exists, f"the application to leave {name!r}", timeout)
    value = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return value
