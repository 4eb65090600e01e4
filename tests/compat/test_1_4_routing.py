"""Section 1.4: which process group and interpreter serve a request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.counter import ask as counter
from support.httpd import Settings

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("web", "web"),
        ("%{GLOBAL}", ""),
        ("%{ENV:GROUP}", "web"),
        ("%{SERVER}", None),
        ("%{ENV:NOT_SET}", None),
    ],
)
def test_process_group_tokens(start, value, expected):
    server = start(
        f"WSGIDaemonProcess web\nSetEnv GROUP web\nWSGIProcessGroup {value}\n"
        f"WSGIApplicationGroup %{{GLOBAL}}\n{ALIAS}"
    )
    response = server.get("/x")
    if expected is None:
        assert response.status == 500
        server.log.claim("PYW0209")
    else:
        assert response.json()["process_group"] == expected


@pytest.mark.parametrize("where", ["embedded", "daemon"])
def test_interpreters_are_apart(start, where):
    routing = "" if where == "embedded" else "WSGIDaemonProcess web\nWSGIProcessGroup web\n"
    server = start(
        routing + "WSGIScriptAlias /a @APPS@/counter/wsgi.py application-group=a\n"
        "WSGIScriptAlias /b @APPS@/counter/wsgi.py application-group=b\n"
        "WSGIScriptAlias /main @APPS@/counter/wsgi.py application-group=%{GLOBAL}\n"
    )
    assert [counter(server, f"/{name}")["number"] for name in ("a", "a", "b", "main", "b")] == [
        1,
        2,
        1,
        1,
        2,
    ]
    assert len({counter(server, f"/{name}")["pid"] for name in ("a", "b", "main")}) == 1


def test_group_of_a_host(start):
    """A group declared in a virtual host serves that name only, and logs where the host logs."""
    server = start(
        "WSGIApplicationGroup %{GLOBAL}\n"
        "<VirtualHost *:@PORT@>\nServerName one.test\nErrorLog @ROOT@/one_log\n"
        "WSGIDaemonProcess mine\nWSGIProcessGroup mine\n"
        f"{ALIAS}\n</VirtualHost>\n"
        "<VirtualHost *:@PORT@>\nServerName two.test\n"
        f"WSGIProcessGroup mine\n{ALIAS}\n</VirtualHost>\n"
    )
    assert counter(server, "/x", "one.test")["process_group"] == "mine"
    assert server.request("GET", "/x", [("Host", "two.test")]).status == 500
    server.log.claim("PYW0210")


def test_restrict_embedded(start):
    server = start(
        "WSGIRestrictEmbedded On\nWSGIDaemonProcess web\n"
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py\n"
        "WSGIScriptAlias /d @APPS@/hello/wsgi.py process-group=web application-group=%{GLOBAL}"
    )
    assert server.get("/d").status == 200
    assert server.get("/x").status == 500
    server.log.claim("PYW0206")


def test_hosts_of_one_name_share_their_groups(start):
    """The pair of a plain and a TLS host, say."""
    host = f"ServerName one.test\nWSGIProcessGroup mine\n{ALIAS}\n</VirtualHost>\n"
    server = start(
        "Listen 127.0.0.1:@PORT2@\nWSGIApplicationGroup %{GLOBAL}\n"
        f"<VirtualHost *:@PORT@>\nWSGIDaemonProcess mine\n{host}<VirtualHost *:@PORT2@>\n{host}"
    )
    found = [
        server.request("GET", "/x", [("Host", "one.test")], port=port).json()
        for port in (server.port, server.port2)
    ]
    assert [each["process_group"] for each in found] == ["mine", "mine"]
    assert [each["number"] for each in found] == [1, 2], "one process, one interpreter"


# WSGIRestrictProcess

RESTRICTED = """
WSGIDaemonProcess one
WSGIDaemonProcess two
WSGIApplicationGroup %{GLOBAL}
SetEnvIf X-Group (.+) group=$1
WSGIProcessGroup %{ENV:group}
WSGIRestrictProcess one
<Location /x/both>
WSGIRestrictProcess one two
</Location>
<Location /x/lines>
WSGIRestrictProcess one
WSGIRestrictProcess two
</Location>
<Location /x/embedded>
WSGIRestrictProcess %{GLOBAL}
</Location>
WSGIScriptAlias /x @APPS@/counter/wsgi.py
WSGIScriptAlias /option @APPS@/counter/wsgi.py process-group=two
"""


@pytest.fixture
def restricted(servers):
    return servers.kept("1.4", Settings(mpm=servers.mpm, extra=RESTRICTED), "/alive")


@pytest.mark.parametrize(
    ("target", "group", "is_allowed"),
    [
        ("/x", "one", True),
        ("/x", "two", False),
        ("/x", "%{GLOBAL}", False),
        ("/x/both", "one", True),
        ("/x/both", "two", True),
        ("/x/both", "%{GLOBAL}", False),
        ("/x/lines", "two", True),
        ("/x/embedded", "%{GLOBAL}", True),
        ("/x/embedded", "one", False),
        ("/option", "one", False),
    ],
)
def test_restrict_process(restricted, target, group, is_allowed):
    response = restricted.get(target, [("X-Group", group)])
    if is_allowed:
        expected = "" if group == "%{GLOBAL}" else group
        assert response.json()["process_group"] == expected
    else:
        assert response.status == 500
        named = "two" if target == "/option" else group
        restricted.log.claim(f"PYW0221.*'{re.escape(named)}'")


# WSGIRestrictEmbedded


def is_python_in_children(server):
    maps = [Path(f"/proc/{pid}/maps").read_text() for pid in server.children()]
    return any("pywsgi-embed.so" in text for text in maps)


@pytest.mark.parametrize("line", ["", "WSGIRestrictEmbedded On"])
def test_children_have_no_python_before_it_is_asked_for(start, line):
    server = start(f"{line}\nWSGIDaemonProcess web\nWSGIProcessGroup web\n{ALIAS}")
    counter(server)
    assert not is_python_in_children(server)
