"""Section 2.1: which methods reach the application, and in which order a request may be refused."""

from __future__ import annotations

import pytest

from support import inline, raw

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"]


@pytest.mark.parametrize("method", METHODS)
def test_any_method_reaches_the_application(server, method):
    code = """
        start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"])])
        return [b""]
    """
    response = inline.run(server, code, method)
    assert (response.status, response.header("X-Method")) == (200, method)


def test_trace_is_apaches(server):
    """TraceEnable Off, in all the servers of these tests, is looked at before the handler."""
    with raw.Connection(server.host, server.port) as connection:
        assert connection.request("TRACE", "/inline").status == 405


# Each step refuses in its own words. What comes first hides what would come later.

STEPS = """
WSGIScriptAlias /gone @ROOT@/gone.py
WSGIScriptAlias /there @APPS@/hello/wsgi.py
<Location /gone/closed>
Require all denied
</Location>
<Location /there/closed>
Require all denied
</Location>
<Location /there>
WSGIDispatchScript @ROOT@/dispatch.py
WSGIRestrictProcess nothing
WSGIChunkedRequest Off
LimitRequestBody 10
</Location>
"""
DISPATCH = """
def application_group(environ):
    print("asked for", environ["PATH_INFO"], file=environ["wsgi.errors"])
    return None
"""


def test_order(start):
    server = start(STEPS, files={"dispatch.py": DISPATCH})

    # access comes before the file, the file before the framing
    assert server.get("/gone/closed").status == 403
    server.log.claim("AH01630")
    assert server.request("POST", "/gone/x", (), [b"x" * 20]).status == 404
    server.log.claim("PYW0201")

    # access before the framing, the framing before length and routing
    assert server.request("POST", "/there/closed", (), [b"x"]).status == 403
    server.log.claim("AH01630")
    assert server.request("POST", "/there/1", (), [b"x" * 20]).status == 411
    server.log.claim("PYW0204")
    assert server.request("POST", "/there/2", (), b"x" * 20).status == 413

    # the dispatch script is asked before the process group is looked at, and not before the rest
    assert server.get("/there/3").status == 500
    server.log.claim("PYW0221")
    asked = [line.text for line in server.log.claim("asked for")]
    assert len(asked) == 1
    assert "/3" in asked[0]
