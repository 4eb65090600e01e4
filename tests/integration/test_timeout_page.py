"""The page of a 504 names the id under which the error log has the request."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from support import inline, raw
from support.errorlog import STACKS
from support.httpd import HttpdInstance

Start = Callable[..., HttpdInstance]

ROUTES = """
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /inline @APPS@/inline/wsgi.py
"""
DAEMON = (
    "WSGIDaemonProcess web request-timeout=1 threads=1 request-buffer-size=0\nWSGIProcessGroup web\n"
    + ROUTES
)
# Ends with the wait for more body: no thread stays behind.
STUCK = 'environ["wsgi.input"].read()\nstart_response("200 OK", [])\nreturn []'
RAISE = 'raise __import__("mod_wsgi").RequestTimeout()'


def time_out(server: HttpdInstance) -> raw.Response:
    name, value = inline.header(STUCK)
    with server.connect() as connection:
        connection.send(
            f"POST /inline HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n{name}: {value}\r\n\r\n".encode()
        )
        response = connection.read_response()
    server.log.allow("PYW0058")
    server.log.allow(STACKS)
    return response


def id_on_page(response: raw.Response) -> str:
    assert response.status == 504
    match = re.search(r"error log has this request as <code>([^<]+)</code>", response.text)
    assert match, response.text
    return match[1]


def test_request_timeout(start: Start) -> None:
    server = start(DAEMON)
    response = time_out(server)
    [line] = server.log.claim("PYW0058")
    assert line.log_id == id_on_page(response)
    assert response.header("Content-Type").startswith("text/html")


def test_what_the_log_leaves_out_has_an_id_too(start: Start) -> None:
    server = start(DAEMON, log_level="emerg")
    assert len(id_on_page(time_out(server))) > 10


def test_each_request_has_its_own(start: Start) -> None:
    server = start(DAEMON)
    assert id_on_page(time_out(server)) != id_on_page(time_out(server))


@pytest.mark.parametrize("mode", [DAEMON, ROUTES], ids=["daemon", "embedded"])
def test_an_exception_that_escapes(start: Start, mode: str) -> None:
    server = start(mode)
    assert id_on_page(inline.run(server, RAISE))


@pytest.mark.parametrize("mode", [DAEMON, ROUTES], ids=["daemon", "embedded"])
def test_an_error_document_is_left_alone(start: Start, mode: str) -> None:
    server = start(mode + 'ErrorDocument 504 "Please come back later."\n')
    response = inline.run(server, RAISE)
    assert (response.status, response.text) == (504, "Please come back later.")


def test_no_process_in_time(start: Start) -> None:
    server = start(
        "WSGIDaemonProcess web queue-timeout=1 connect-timeout=30\nWSGIProcessGroup web\n"
        + ROUTES
        + "WSGIScriptAlias /slow @ROOT@/slow.py process-group=web application-group=slow\n",
        files={"slow.py": "import time\ntime.sleep(4)\ndef application(e, s): pass\n"},
    )
    response = server.get("/inline")
    [line] = server.log.claim("PYW0161")
    assert line.log_id == id_on_page(response)


def test_an_application_s_own_504_stays(start: Start) -> None:
    server = start(DAEMON)
    code = 'start_response("504 Gateway Timeout", [])\nreturn [b"mine"]'
    assert inline.run(server, code).text == "mine"
