"""Section 2.18: what SetEnv and its kin can and cannot change."""

from __future__ import annotations

import pytest

from support import inline
from support.servers import GROUP


def environ(server, target="/environ", headers=()):
    response = server.get(target, headers)
    assert response.status == 200, response.body
    return {key: value for key, (_, value) in response.json().items()}


def test_variables_of_the_configuration(server, mode):
    found = environ(server, "/environ/setenv?q=1")
    assert found["test.key"] == "some value"
    assert found["mod_wsgi.foo"] == "bar"
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SCRIPT_NAME"] == "/environ"
    assert found["PATH_INFO"] == "/setenv"
    assert found["QUERY_STRING"] == "q=1"
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["SERVER_NAME"] != "faked.example"
    assert found.get("CONTENT_LENGTH") != "12345"
    assert found["wsgi.url_scheme"] == "http"
    assert found["wsgi.version"] == [1, 0]
    assert found["wsgi.input"] != "faked"
    assert found["wsgi.errors"] != "faked"
    assert found["mod_wsgi.process_group"] == ("" if mode == "embedded" else GROUP)
    assert found["mod_wsgi.application_group"] == ""
    assert found["mod_wsgi.callable_object"] == "application"


# Names that a request has always, sometimes, or never: none of them can be made by a variable.
# (REMOTE_USER and AUTH_TYPE can: modules that authenticate set them so.)

SOMETIMES = (
    *("CONTENT_TYPE", "CONTENT_LENGTH", "REDIRECT_URL", "REDIRECT_QUERY_STRING", "HTTPS"),
    *("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY", "http_proxy"),
    *("mod_wsgi.mount_point", "mod_wsgi.connection_id", "apache.request_rec"),
    *("mod_wsgi.x-secret", "mod_wsgi.x-", "wsgi.anything", "wsgi.input_terminated"),
)
GENUINE = {"HTTP_HOST": ("Host", "genuine.test"), "HTTP_X_THING": ("X-Thing", "genuine")}


def test_what_is_computed_cannot_be_faked(start, mode):
    others = {"UNIQUE_ID", "test.type", "test.scratch"}
    always = [key for key in environ(start(mode=mode)) if key not in others]
    assert len(always) > 40
    lines = "".join(f"SetEnv {name} faked\n" for name in [*always, *SOMETIMES, *GENUINE])
    server = start(f"<Location /environ/faked>\n{lines}</Location>", mode=mode)
    found = environ(server, "/environ/faked", list(GENUINE.values()))
    assert {key for key, value in found.items() if "faked" in str(value)} <= {
        # the path itself is called so
        *("PATH_INFO", "REQUEST_URI", "mod_wsgi.path_info"),
    }
    assert {key: found[key] for key in GENUINE} == {key: v for key, (_, v) in GENUINE.items()}
    assert found["mod_wsgi.version"] == environ(server)["mod_wsgi.version"]


def test_a_header_is_not_a_variable(server):
    names = ["REQUEST_METHOD", "wsgi.url_scheme", "mod_wsgi.process_group", "SCRIPT_NAME"]
    found = environ(server, headers=[(name, "faked") for name in names])
    assert "faked" not in found.values()


@pytest.mark.parametrize(
    ("value", "scheme"), [("on", "https"), ("On", "https"), ("1", "https"), ("off", "http")]
)
def test_https_chooses_the_scheme_and_is_consumed(server, value, scheme):
    found = environ(server, "/environ/https-as-sent", [("X-Value", value)])
    assert found["wsgi.url_scheme"] == scheme
    assert "HTTPS" not in found


def test_setenv_is_later_than_setenvif_for_the_scheme_too(start, mode):
    lines = "SetEnvIf X-Value (.+) HTTPS=$1 both=$1\nSetEnv HTTPS off\nSetEnv both late"
    server = start(lines, mode=mode)
    found = environ(server, "/environ", [("X-Value", "on")])
    assert (found["wsgi.url_scheme"], found["both"]) == ("http", "late")


SOURCES = """
PassEnv FROM_OUTSIDE
SetEnv from.setenv one
SetEnvIf X-If (.*) from.setenvif=$1
RewriteEngine On
RewriteRule .* - [E=FROM_REWRITE:three]
"""


def test_variables_come_from_everywhere_and_are_strings(start, mode):
    server = start(SOURCES, mode=mode, env=(("FROM_OUTSIDE", "four"),))
    shown = server.get("/environ", [("X-If", "two")]).json()
    assert shown["from.setenv"] == ["str", "one"]
    assert shown["from.setenvif"] == ["str", "two"]
    assert shown["FROM_REWRITE"] == ["str", "three"]
    assert shown["FROM_OUTSIDE"] == ["str", "four"]


def test_the_process_has_none_of_them(server):
    code = """
        start_response("200 OK", [])
        return [repr(os.environ.get("test.scratch")).encode()]
    """
    assert inline.run(server, code).body == b"None"


ROUTES = """
WSGIDaemonProcess web
SetEnv mod_wsgi.process_group web
SetEnv mod_wsgi.application_group elsewhere
SetEnv mod_wsgi.callable_object other
SetEnv chosen web
WSGIScriptAlias /plain @APPS@/counter/wsgi.py
WSGIScriptAlias /chosen @APPS@/counter/wsgi.py
<Location /chosen>
WSGIProcessGroup %{ENV:chosen}
WSGIApplicationGroup %{ENV:chosen}
</Location>
"""


def test_routing_is_only_through_env_tokens(start):
    server = start(ROUTES)
    plain, chosen = server.get("/plain").json(), server.get("/chosen").json()
    assert (plain["process_group"], plain["callable_object"]) == ("", "application")
    assert plain["application_group"] == server.fill("localhost:@PORT@|/plain")
    assert (chosen["process_group"], chosen["application_group"]) == ("web", "web")


OPTIONS = """
WSGIDaemonProcess web
WSGIProcessGroup %{GLOBAL}
WSGIApplicationGroup directive
WSGICallableObject application
WSGIPassAuthorization Off
SetEnv mod_wsgi.process_group ""
SetEnv mod_wsgi.application_group variable
SetEnv mod_wsgi.callable_object application
SetEnv mod_wsgi.pass_authorization 0
WSGIScriptAlias /environ @APPS@/environ/wsgi.py process-group=web application-group=option \
    pass-authorization=On
WSGIScriptAlias /callable @APPS@/counter/wsgi.py callable-object=other
"""


def test_options_of_an_alias_beat_directives_and_variables(start):
    server = start(OPTIONS)
    found = environ(server, headers=[("Authorization", "Bearer x")])
    assert found["mod_wsgi.process_group"] == "web"
    assert found["mod_wsgi.application_group"] == "option"
    assert found["HTTP_AUTHORIZATION"] == "Bearer x"
    assert server.get("/callable").body == b"other callable"


# As mod_wsgi writes them itself for an alias with options.
NOTES = """
function set_notes(r)
    r.notes["mod_wsgi.process_group"] = "web"
    r.notes["mod_wsgi.application_group"] = "internal"
    r.notes["mod_wsgi.callable_object"] = "other"
    r.notes["chosen"] = "noted"
    return apache2.DECLINED
end
"""


def test_notes_of_other_modules_route_through_env_tokens_alone(start):
    server = start(
        "WSGIDaemonProcess web\nWSGIApplicationGroup %{ENV:chosen}\n"
        "LuaHookFixups @ROOT@/notes.lua set_notes\n"
        "WSGIScriptAlias /counter @APPS@/counter/wsgi.py",
        modules=("lua",),
        files={"notes.lua": NOTES},
    )
    found = server.get("/counter").json()
    assert (found["process_group"], found["callable_object"]) == ("", "application")
    assert found["application_group"] == "noted", "as the note `chosen` says"
