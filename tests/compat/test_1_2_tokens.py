"""Section 1.2: values that begin with % are expanded for each request."""

from __future__ import annotations

import pytest

from support.counter import ask as counter

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"


TOKENS = [
    ("%{GLOBAL}", "/x", ""),
    ("%{SERVER}", "/x", "one.test:@PORT@"),
    ("%{RESOURCE}", "/x/y", "one.test:@PORT@|/x"),
    (None, "/x", "one.test:@PORT@|/x"),
    (None, "//x//y", "one.test:@PORT@|/x"),
    ("%{HOST}", "/x", "one.test:@PORT@"),
    ("%{ENV:GROUP}", "/x", "from-env"),
    ("%{ENV:TO_GLOBAL}", "/x", ""),
    ("plain", "/x", "plain"),
    ("a%{GLOBAL}", "/x", "a%{GLOBAL}"),
    ("%{ENV:NOT_SET}", "/x", "%{ENV:NOT_SET}"),
    ("%{UNKNOWN}", "/x", "%{UNKNOWN}"),
]


@pytest.mark.parametrize(("value", "target", "expected"), TOKENS)
@pytest.mark.parametrize("where", ["embedded", "daemon"])
def test_application_group_tokens(start, where, value, target, expected):
    directive = f"WSGIApplicationGroup {value}\n" if value else ""
    routing = "" if where == "embedded" else "WSGIDaemonProcess web\nWSGIProcessGroup web\n"
    server = start(
        f"{routing}<VirtualHost *:@PORT@>\nServerName one.test:@PORT@\n"
        f'SetEnv GROUP from-env\nSetEnv TO_GLOBAL "%{{GLOBAL}}"\n{directive}{ALIAS}\n</VirtualHost>'
    )
    found = counter(server, target, "one.test")["application_group"]
    assert found == server.fill(expected)


def test_callable_object(start):
    server = start(
        f"{ALIAS}\nWSGIScriptAlias /o @APPS@/counter/wsgi.py callable-object=other\n"
        "WSGIScriptAlias /e @APPS@/counter/wsgi.py\nSetEnvIf X-Callable ([a-z]+) callable=$1\n"
        "<Location /x>\nWSGICallableObject other\n</Location>\n"
        "<Location /o>\nWSGICallableObject application\n</Location>\n"
        "<Location /e>\nWSGICallableObject %{ENV:callable}\n</Location>"
    )
    assert server.get("/x").body == b"other callable"
    assert server.get("/o").body == b"other callable", "the alias's option wins"
    assert server.get("/e", [("X-Callable", "other")]).body == b"other callable"
    assert counter(server, "/e")["callable_object"] == "application"


@pytest.mark.parametrize("where", ["embedded", "daemon"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "localhost:@PORT@|/X"),
        ("WSGICaseSensitivity On", "localhost:@PORT@|/X"),
        ("WSGICaseSensitivity Off", "localhost:@PORT@|/x"),
    ],
)
def test_case_sensitivity_of_the_scripts_name(start, where, line, expected):
    routing = "" if where == "embedded" else "WSGIDaemonProcess web\nWSGIProcessGroup web\n"
    server = start(f"{routing}{line}\nWSGIScriptAlias /X @APPS@/counter/wsgi.py")
    assert counter(server, "/X")["application_group"] == server.fill(expected)
