"""WSGIAccessScript: what allow_access returns, and what comes of it."""

from __future__ import annotations

import pytest

from support import wait
from support.deciders import header, report, shown

GOOD = [("True", 200), ("False", 403), ("None", 200)]

BAD = [
    ("1", "not int"),
    ("0", "not int"),
    ("''", "not str"),
    ("'yes'", "not str"),
    ("b'1'", "not bytes"),
    ("[1]", "not list"),
]


def ask(server, target, expression, method="GET", body=None):
    return server.request(method, target, [header("allow_access", expression)], body)


@pytest.mark.parametrize(("expression", "status"), GOOD)
def test_what_allow_access_may_return(deciding, place, expression, status):
    assert ask(deciding, f"/{place}/access", expression).status == status
    if status == 403:
        [line] = deciding.log.claim("PYW0215")
        assert "returned False" in line.text


@pytest.mark.parametrize(("expression", "reason"), BAD)
def test_what_allow_access_may_not_return(deciding, place, expression, reason):
    assert ask(deciding, f"/{place}/access", expression).status == 403
    deciding.log.claim("PYW0143")
    deciding.log.claim_traceback(reason)
    deciding.log.claim("PYW0215")


@pytest.mark.parametrize("expression", ["fail()", "sys.exit(0)"])
def test_allow_access_that_raises_forbids(deciding, place, expression):
    assert ask(deciding, f"/{place}/access", expression).status == 403
    deciding.log.claim("PYW0142")
    deciding.log.claim_traceback("ValueError: the script fails on purpose|SystemExit")
    deciding.log.claim("PYW0215")


@pytest.mark.parametrize("name", ["broken", "missing", "empty"])
def test_a_script_that_cannot_be_asked_forbids(deciding, place, name):
    deciding.log.allow("Traceback|^ |SyntaxError|PYW0104|PYW0105|PYW0141|PYW0215")
    for _ in range(2):
        assert deciding.get(f"/{place}/{name}-access").status == 403


def test_the_argument_is_the_client(deciding, place):
    ask(deciding, f"/{place}/access", "report(environ, *arguments)")
    seen = report(deciding)
    # HostnameLookups is Off.
    assert seen["arguments"] == ["127.0.0.1"]
    assert "REMOTE_HOST" not in seen["environ"]


def test_every_method_is_asked_about(deciding, place):
    for method in ("HEAD", "POST", "OPTIONS", "PROPFIND"):
        assert ask(deciding, f"/{place}/access", "False", method).status == 403
        assert ask(deciding, f"/{place}/access", "True", method).status == 200
    deciding.log.claim("PYW0215", at_least=4)


def test_the_body_is_left_for_the_application(deciding, place):
    with deciding.connect() as connection:
        for _ in range(2):  # and the connection for the next request
            response = connection.request(
                "POST", f"/{place}/access", [header("allow_access", "True")], b"x" * 200000
            )
            assert shown(response)["CONTENT_LENGTH"] == "200000"


def test_who_is_denied_is_not_asked_for_the_body(deciding, place):
    with deciding.connect() as connection:
        connection.send(
            f"POST /{place}/access HTTP/1.1\r\nHost: x\r\nX-Allow-Access: False\r\n"
            "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        response = connection.read_response("POST")
    assert response.status == 403
    assert not response.interim
    deciding.log.claim("PYW0215")


def test_who_is_let_in_is_asked_by_the_application(deciding, place):
    with deciding.connect() as connection:
        connection.send(
            f"POST /{place}/access HTTP/1.1\r\nHost: x\r\nX-Allow-Access: leave('asked', 1) or True\r\n"
            "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert connection.read_head().status == 100
        wait.until((deciding.scratch / "asked").exists, "the script to have been asked")
        connection.send(b"0123456789")
        assert connection.read_response("POST").status == 200
    (deciding.scratch / "asked").unlink()
