"""The supervisor dies, and the parent starts another: what happens to requests in between."""

from __future__ import annotations

import concurrent.futures
import os
import signal
from collections.abc import Callable

from support import procs, wait
from support.control import control_of
from support.httpd import HttpdInstance

CONF = """
WSGIDaemonProcess web
WSGIScriptAlias /app @ROOT@/app.wsgi process-group=web application-group=%{GLOBAL}
"""
SCRIPT = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


def test_a_request_that_has_no_process_in_its_slot_gets_another(
    start: Callable[..., HttpdInstance],
) -> None:
    server = start(CONF, files={"app.wsgi": SCRIPT})
    server.log.allow("supervisor")
    before = server.get("/app").text
    control_of(server).reload()  # its successor is in another slot than the first
    pid = int(server.get("/app").text)
    assert str(pid) != before
    supervisor = procs.parent(pid)
    assert supervisor is not None
    apache = procs.parent(supervisor)
    assert apache is not None
    os.kill(apache, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    wait.until(lambda: not procs.alive(pid), "the end of the process")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        response = pool.submit(server.get, "/app")
        concurrent.futures.wait([response], 0.5)
        os.kill(apache, signal.SIGCONT)
        assert response.result(20).status == 200
    server.expect_new_processes()
