"""Where the same Python code has to behave alike: both modes, main interpreter and others."""

from __future__ import annotations

from typing import Any

from support import inline, raw
from support.httpd import HttpdInstance, Settings
from support.servers import Servers, mounts, routing

PLACES = ("embedded main", "embedded sub", "daemon main", "daemon sub")


def server_at(servers: Servers, place: str, extra: str = "") -> HttpdInstance:
    """The server of this place, with all of tests/apps; shared by the tests with the same `extra`."""
    mode, which = place.split()
    group = "%{GLOBAL}" if which == "main" else "sub"
    settings = Settings(extra=routing(mode, group=group) + mounts() + extra)
    return servers.kept(f"{place} {extra}", settings, "/hello")


# Within a request: the one before has its answer, but its end may not be on the books yet.
SETTLE = """
for _ in range(1000):
    if mod_wsgi.process_metrics()["active_requests"] == 1:
        break
    time.sleep(0.01)
"""


def ask(server: HttpdInstance, code: str, body: bytes | None = None) -> Any:
    """What the expression or the lines of `code` leave in `result`, by way of JSON."""
    response = send(server, code, body)
    assert response.status == 200, response
    return response.json()


def send(server: HttpdInstance, code: str, body: bytes | None = None) -> raw.Response:
    lines = [
        "import mod_wsgi",
        "result = None",
        code.strip("\n"),
        'start_response("200 OK", [("Content-Type", "application/json")])',
        "return [json.dumps(result).encode()]",
    ]
    return inline.run(server, "\n".join(lines), "POST" if body else "GET", body=body)
