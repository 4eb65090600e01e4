"""Section 1.1: what is inherited, and what wins."""

from __future__ import annotations

import pytest

from support.counter import ask as counter

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"


def test_settings_are_inherited_and_overridden(start):
    server = start(
        "WSGIDaemonProcess web\nWSGIProcessGroup web\nWSGIApplicationGroup main\n"
        "WSGIScriptAlias /x @APPS@/counter/wsgi.py\nWSGIScriptAlias /y @APPS@/counter/wsgi.py\n"
        "<Location /y>\nWSGIApplicationGroup sub\n</Location>\n"
        "<Location /y/deep>\nWSGIProcessGroup %{GLOBAL}\n</Location>\n"
        "<VirtualHost *:@PORT@>\nServerName default.test\n</VirtualHost>\n"
        "<VirtualHost *:@PORT@>\nServerName own.test\nWSGIApplicationGroup own\n</VirtualHost>\n"
    )

    def groups(target, host):
        found = counter(server, target, host)
        return found["process_group"], found["application_group"]

    assert groups("/x", "default.test") == ("web", "main")
    assert groups("/x", "own.test") == ("web", "own")
    assert groups("/y", "default.test") == ("web", "sub")
    assert groups("/y", "own.test") == ("web", "sub")
    assert groups("/y/deep", "own.test") == ("", "sub")


def test_options_of_the_alias_win(start):
    server = start(
        "WSGIDaemonProcess web\nWSGIProcessGroup %{GLOBAL}\nWSGIApplicationGroup one\n"
        "WSGIScriptAlias /x @APPS@/counter/wsgi.py process-group=web application-group=two\n"
        "<Location /x>\nWSGIApplicationGroup three\n</Location>"
    )
    found = counter(server)
    assert (found["process_group"], found["application_group"]) == ("web", "two")


def test_pass_authorization_of_the_alias_wins(start):
    server = start(
        "WSGIScriptAlias /on @APPS@/environ/wsgi.py pass-authorization=On\n"
        "WSGIScriptAlias /off @APPS@/environ/wsgi.py pass-authorization=Off\n"
        "WSGIPassAuthorization On\n"
        "<Location /on>\nWSGIPassAuthorization Off\n</Location>"
    )
    header = [("Authorization", "Basic x")]
    assert "HTTP_AUTHORIZATION" in server.get("/on", header).json()
    assert "HTTP_AUTHORIZATION" not in server.get("/off", header).json()


FLAGS = """
WSGIPassAuthorization {server}
<VirtualHost *:@PORT@>
ServerName plain.test
</VirtualHost>
<VirtualHost *:@PORT@>
ServerName own.test
WSGIPassAuthorization {host}
</VirtualHost>
<Location /environ/section>
WSGIPassAuthorization {section}
</Location>
"""


@pytest.mark.parametrize("value", ["On", "Off"])
def test_the_innermost_scope_that_sets_a_flag_wins(start, value):
    """The section of the main server beats the virtual host."""
    other = {"On": "Off", "Off": "On"}[value]
    server = start(FLAGS.format(server=value, host=other, section=value), mode="embedded")

    def passes(target, host):
        response = server.request("GET", target, [("Host", host), ("Authorization", "Basic x")])
        return "On" if "HTTP_AUTHORIZATION" in response.json() else "Off"

    assert passes("/environ", "plain.test") == value
    assert passes("/environ", "own.test") == other
    assert passes("/environ/section", "plain.test") == value
    assert passes("/environ/section", "own.test") == value
