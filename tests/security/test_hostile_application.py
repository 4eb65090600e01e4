"""An application does with its descriptors what it can: the supervisor still looks after all groups."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from support import wait
from support.httpd import HttpdInstance

Start = Callable[..., HttpdInstance]

CONF = """
WSGIDaemonProcess hostile
WSGIDaemonProcess other
WSGIScriptAlias /hostile @ROOT@/hostile.wsgi process-group=hostile application-group=%{GLOBAL}
WSGIScriptAlias /other @ROOT@/other.wsgi process-group=other application-group=%{GLOBAL}
"""
OTHER = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
# As in base/setup.h.
HOSTILE = """
import fcntl, threading
LISTENER = 5

def wait_in_accept():
    fcntl.fcntl(LISTENER, fcntl.F_SETFL, 0)
    threading.Timer(0.2, os._exit, [0]).start()
""" + OTHER.replace(
    "    start_response", '    globals()[environ["QUERY_STRING"]]()\n    start_response'
)


def ask(server: HttpdInstance, path: str) -> int:
    response = server.get(path)
    assert response.status == 200, server.story()
    return int(response.text)


def test_a_blocking_listener_holds_up_nobody(start: Start) -> None:
    server = start(CONF, files={"hostile.wsgi": HOSTILE, "other.wsgi": OTHER})
    server.log.allow("PYW0003|PYW0002")
    pid = ask(server, "/other")
    hostile = ask(server, "/hostile?wait_in_accept")
    wait.until(lambda: server.log.find(f"PYW0003: Process {hostile} "), "its end")
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: ask(server, "/other") != pid, "another process", 10)
    server.expect_new_processes()
