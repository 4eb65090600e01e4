"""Section 1.2: values that begin with % are expanded for each request."""

from __future__ import annotations

import pytest

from support import inline
from support.counter import ask as counter
from support.httpd import Settings

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


PORTS = """
UseCanonicalName {}
<VirtualHost *:@PORT@>
ServerName one.test{}
WSGIScriptAlias /x @APPS@/counter/wsgi.py
</VirtualHost>
"""


@pytest.mark.parametrize(
    ("port", "expected"),
    [(":80", "one.test|/x"), (":443", "one.test|/x"), (":8081", "one.test:8081|/x")],
)
def test_the_usual_ports_are_left_out(start, port, expected):
    server = start(PORTS.format("On", port))
    assert counter(server, "/x", "one.test")["application_group"] == expected


@pytest.mark.parametrize("host", ["one.test:@PORT@", "one.test", "one.test:80"])
def test_the_port_is_the_requests(start, host):
    server = start(PORTS.format("Off", ""))
    expected = server.fill(host.removesuffix(":80") + "|/x")
    assert counter(server, "/x", server.fill(host))["application_group"] == expected


def test_a_port_that_the_client_made_up_makes_no_interpreter(start):
    server = start(PORTS.format("Off", ""))
    groups = {
        counter(server, "/x", f"one.test:{port}")["application_group"] for port in range(2000, 2100)
    }
    assert groups == {"one.test|/x"}


def test_host_falls_back_to_the_servers_name(start):
    server = start(
        "<VirtualHost *:@PORT@>\nServerName one.test:80\nUseCanonicalName On\nServerAlias two.test\n"
        f"WSGIApplicationGroup %{{HOST}}\n{ALIAS}\n</VirtualHost>"
    )
    assert counter(server, "/x", "two.test")["application_group"] == "two.test"
    with server.connect() as connection:
        connection.send(b"GET /x HTTP/1.0\r\n\r\n")
        assert connection.read_response().json()["application_group"] == "one.test"


ENV = """
WSGIDaemonProcess web
SetEnv inner "%{ENV:outer}"
SetEnv outer web
SetEnv server "%{SERVER}"
SetEnv unknown "%{NOTHING}"
WSGIProcessGroup web
WSGIScriptAlias /outside @APPS@/counter/wsgi.py
WSGIScriptAlias /inner @APPS@/counter/wsgi.py
WSGIScriptAlias /server @APPS@/counter/wsgi.py
WSGIScriptAlias /unknown @APPS@/counter/wsgi.py
WSGIScriptAlias /rewritten @APPS@/counter/wsgi.py
RewriteEngine On
RewriteRule ^/rewritten - [E=rewritten:by-rule]
<Location /outside>
WSGIProcessGroup %{ENV:GROUP_FROM_OUTSIDE}
WSGIApplicationGroup %{ENV:GROUP_FROM_OUTSIDE}
</Location>
<Location /inner>
WSGIApplicationGroup %{ENV:inner}
</Location>
<Location /server>
WSGIApplicationGroup %{ENV:server}
</Location>
<Location /unknown>
WSGIApplicationGroup %{ENV:unknown}
WSGICallableObject %{RESOURCE}
</Location>
<Location /rewritten>
WSGIApplicationGroup %{ENV:rewritten}
WSGICallableObject %{ENV:nothing}
</Location>
"""


@pytest.fixture
def by_env(servers):
    want = Settings(mpm=servers.mpm, extra=ENV, env=(("GROUP_FROM_OUTSIDE", "web"),))
    return servers.kept("1.2", want, "/alive")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/outside", "web"),  # the server's own environment comes last
        ("/inner", "%{ENV:outer}"),  # a result is expanded once more, but not %{ENV:
        ("/server", "localhost:@PORT@"),
        ("/unknown", "%{NOTHING}"),
        ("/rewritten", "by-rule"),
    ],
)
def test_variables_name_groups(by_env, target, expected):
    found = counter(by_env, target)
    assert (found["process_group"], found["application_group"]) == ("web", by_env.fill(expected))
    assert found["callable_object"] == "application", "of a token that is none, too"


def test_an_embedded_application_does_not_change_the_servers_environment(start):
    server = start(
        "<Location /inline>\nWSGIApplicationGroup %{ENV:GROUP_FROM_OUTSIDE}\n</Location>",
        mode="embedded",
        env=(("GROUP_FROM_OUTSIDE", "first"),),
    )
    change = "os.environ['GROUP_FROM_OUTSIDE'] = 'second'"
    inline.value(server, f"exec({change!r}, {{'os': __import__('os')}})")
    assert inline.value(server, "__import__('os').environ['GROUP_FROM_OUTSIDE']") == "second"
    assert inline.value(server, "environ['mod_wsgi.application_group']") == "first"


NOTES = """
function set_note(r)
    r.notes['both'] = 'from-note'
    return apache2.DECLINED
end
"""


def test_a_note_of_the_request_comes_before_variables(start):
    server = start(
        "LuaHookFixups @ROOT@/notes.lua set_note\nSetEnv both from-env\n"
        f"WSGIApplicationGroup %{{ENV:both}}\n{ALIAS}",
        modules=("lua",),
        files={"notes.lua": NOTES},
    )
    assert counter(server)["application_group"] == "from-note"


OPTIONS = """
WSGIDaemonProcess web
SetEnv group web
WSGIScriptAlias /x @APPS@/counter/wsgi.py \\
    process-group=%{ENV:group} application-group=%{SERVER} callable-object=%{ENV:callable}
SetEnvIf X-Callable (.+) callable=$1
"""


def test_options_of_an_alias_are_expanded_too(start):
    server = start(OPTIONS)
    found = counter(server)
    assert found["process_group"] == "web"
    assert found["application_group"] == server.fill("localhost:@PORT@")
    assert server.get("/x", [("X-Callable", "other")]).body == b"other callable"
