"""Section 1.13: what a request gets for a mistake."""

from __future__ import annotations

import pytest

from support import inline

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"


def test_object_that_is_not_callable(start):
    server = start(f"{ALIAS} callable-object=not_callable")
    assert server.get("/x").status == 500
    server.log.claim("PYW0108")


def test_script_that_is_missing(start):
    server = start("WSGIScriptAlias /x @ROOT@/nothing-here.py")
    assert server.get("/x").status == 404
    server.log.claim("PYW0201")


def test_script_that_is_a_directory(start):
    server = start("DirectorySlash Off\nWSGIScriptAlias /x @APPS@/hello")
    assert server.get("/x").status == 403
    server.log.claim("PYW0202")


def test_path_info_refused(start):
    server = start(f"{ALIAS}\n<Location /x>\nAcceptPathInfo Off\n</Location>")
    assert server.get("/x").status == 200
    assert server.get("/x/more").status == 404
    server.log.claim("PYW0203")


@pytest.mark.root
def test_script_that_cannot_be_read(start):
    server = start(
        "WSGIDaemonProcess web\nWSGIProcessGroup web\nWSGIScriptAlias /x @ROOT@/closed.py",
        files={"closed.py": "application = None\n"},
        prepare=lambda server: (server.root / "closed.py").chmod(0o600),
    )
    assert server.get("/x").status in (403, 500)
    server.log.claim("closed.py|Permission")
    server.log.allow(".")


@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        ([("Content-Length", "abc")], {400}),
        ([("Content-Length", "-1")], {400}),
        ([("Content-Length", "5"), ("Content-Length", "6")], {400}),
        ([("Transfer-Encoding", "gzip")], {400, 501}),
        ([("Transfer-Encoding", "gzip, chunked")], {400, 501}),
    ],
)
def test_framing_errors(server, headers, statuses):
    with server.connect() as connection:
        response = connection.request("POST", "/hello", headers, None)
        assert response.status in statuses
    server.log.allow("AH|PYW")


OK = 'start_response("200 OK", [])\nreturn [b"ok"]'


def test_limit_request_body(start, mode):
    server = start("LimitRequestBody 100", mode=mode)
    assert server.post("/hello", b"x" * 101).status == 413
    server.log.allow("PYW0205|AH0")
    assert (
        inline.run(server, "environ['wsgi.input'].read()\n" + OK, "POST", body=b"x").status == 200
    )
