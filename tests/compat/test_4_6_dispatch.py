"""WSGIDispatchScript: what its functions return, and where the request goes."""

from __future__ import annotations

import pytest

from support.deciders import APPLICATION, header, report, shown

PROCESS = "mod_wsgi.process_group"
APPLICATION_GROUP = "mod_wsgi.application_group"

# Function, what it returns -> key that the application then sees, and its value.
GOOD = [
    ("process_group", "None", PROCESS, ""),
    ("process_group", "'web'", PROCESS, "web"),
    ("process_group", "b'web'", PROCESS, "web"),
    ("process_group", "''", PROCESS, ""),
    ("process_group", "'%{GLOBAL}'", PROCESS, ""),
    ("process_group", "'%{ENV:chosen}'", PROCESS, "web"),
    ("application_group", "None", APPLICATION_GROUP, ""),
    ("application_group", "'somewhere'", APPLICATION_GROUP, "somewhere"),
    ("application_group", "b'some\\xe9'", APPLICATION_GROUP, "some\xe9"),
    ("application_group", "''", APPLICATION_GROUP, ""),
    ("application_group", "'%{GLOBAL}'", APPLICATION_GROUP, ""),
    ("application_group", "'%{SERVER}'", APPLICATION_GROUP, "localhost:@PORT@"),
    ("application_group", "'%{HOST}'", APPLICATION_GROUP, "127.0.0.1:@PORT@"),
    ("application_group", "'%{RESOURCE}'", APPLICATION_GROUP, "localhost:@PORT@|"),
    ("callable_object", "None", "callable", "application"),
    ("callable_object", "'other'", "callable", "other"),
    ("callable_object", "b'other'", "callable", "other"),
    ("callable_object", "'%{ENV:named}'", "callable", "other"),
    ("callable_object", "'%{ENV:nowhere}'", "callable", "application"),
]

BAD = [
    ("True", "type bool"),
    ("1", "type int"),
    ("['web']", "type list"),
    ("'a\\nb'", "NUL or a line break"),
    ("'a\\0b'", "NUL or a line break"),
    ("'\\u20ac'", "latin-1"),
]


def ask(server, target, *returns):
    """One request; `returns` are pairs of function and expression."""
    return server.get(target, [header(*pair) for pair in returns])


@pytest.mark.parametrize(("function", "expression", "key", "value"), GOOD)
def test_where_a_request_goes(deciding, place, function, expression, key, value):
    response = ask(deciding, f"/{place}/dispatch", (function, expression))
    assert shown(response)[key] == deciding.fill(value)


@pytest.mark.parametrize("function", ["process_group", "application_group", "callable_object"])
@pytest.mark.parametrize(("expression", "reason"), BAD)
def test_what_a_function_may_not_return(deciding, place, function, expression, reason):
    assert ask(deciding, f"/{place}/dispatch", (function, expression)).status == 500
    deciding.log.claim("PYW0143")
    deciding.log.claim_traceback(reason)


@pytest.mark.parametrize("function", ["process_group", "application_group", "callable_object"])
def test_a_function_that_raises(deciding, place, function):
    assert ask(deciding, f"/{place}/dispatch", (function, "fail()")).status == 500
    deciding.log.claim("PYW0142")
    deciding.log.claim_traceback("ValueError: the script fails on purpose")


def test_all_three_at_once(deciding, place):
    response = ask(
        deciding,
        f"/{place}/dispatch",
        ("process_group", "'web'"),
        ("application_group", "'there'"),
        ("callable_object", "'other'"),
    )
    seen = shown(response)
    assert (seen[PROCESS], seen[APPLICATION_GROUP], seen["callable"]) == ("web", "there", "other")


def test_a_group_that_does_not_exist(deciding, place):
    assert ask(deciding, f"/{place}/dispatch", ("process_group", "'nowhere'")).status == 500
    deciding.log.claim("PYW0209")


@pytest.mark.parametrize("name", ["broken", "missing"])
def test_the_configuration_holds_without_the_script(deciding, place, name):
    deciding.log.allow("Traceback|^ |SyntaxError|PYW0104|PYW0105")
    for _ in range(2):
        assert shown(deciding.get(f"/{place}/{name}-dispatch"))["callable"] == "application"
    assert deciding.log.find("PYW0140")


def test_a_script_without_any_of_the_functions(deciding, place):
    assert shown(deciding.get(f"/{place}/empty-dispatch"))["callable"] == "application"


def test_what_the_script_sees(deciding, place):
    ask(deciding, f"/{place}/dispatch", ("process_group", "report(environ) and None"))
    environ = report(deciding)["environ"]
    assert environ["set.env"] == "'yes'"
    assert environ["PATH_INFO"] == f"'/{place}/dispatch'"
    assert environ["REQUEST_METHOD"] == "'GET'"
    assert environ[APPLICATION_GROUP] == "''"
    assert environ[PROCESS] == ("''" if place == "embedded" else "'scripts'")
    assert "wsgi.errors" in environ
    assert environ["mod_wsgi.path_info"] == environ["PATH_INFO"]
    assert environ["mod_wsgi.script_name"] == environ["SCRIPT_NAME"]
    assert environ["mod_wsgi.listener_port"] == f"'{deciding.port}'"
    assert environ["mod_wsgi.request_handler"] == "'wsgi-script'"
    assert environ["mod_wsgi.handler_script"] == "''"
    assert {"mod_wsgi.request_id", "mod_wsgi.server_pid", "mod_wsgi.listener_host"} <= set(environ)
    for name in ("wsgi.input", "mod_wsgi.callable_object", "mod_ssl.is_https"):
        assert name not in environ
    assert not [name for name in environ if name.startswith(("mod_wsgi.x-", "mod_pywsgi"))]


def test_it_beats_the_options_of_an_alias(start):
    server = start(
        "WSGIDaemonProcess one\nWSGIDaemonProcess two\n"
        "WSGIScriptAlias / @ROOT@/app.py process-group=one application-group=%{GLOBAL} "
        "callable-object=application\n"
        "WSGIDispatchScript @ROOT@/dispatch.py application-group=%{SERVER}\n",
        files={
            "app.py": "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    return [environ['mod_wsgi.process_group'].encode()]\n"
            "def other(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    return [b'other ', environ['mod_wsgi.process_group'].encode()]\n",
            "dispatch.py": "def process_group(environ):\n"
            "    assert environ['mod_wsgi.application_group'].startswith('localhost:')\n"
            "    return environ.get('HTTP_X_GROUP')\n"
            "def callable_object(environ):\n"
            "    return 'other' if environ['PATH_INFO'] == '/other' else None\n",
        },
    )
    assert server.get("/").body == b"one"
    assert server.get("/", [("X-Group", "two")]).body == b"two"
    assert server.get("/other", [("X-Group", "two")]).body == b"other two"
    # The body goes where the request goes.
    assert server.post("/", b"x" * 100000, [("X-Group", "two")]).body == b"two"


def test_it_is_not_for_htaccess(start):
    server = start(
        "WSGIScriptAlias /app @ROOT@/site/app.py\n"
        "<Directory @ROOT@/site>\nAllowOverride All\n</Directory>\n",
        files={"site/app.py": APPLICATION, "site/.htaccess": "WSGIDispatchScript /x.py\n"},
    )
    assert server.get("/app").status == 500
    server.log.claim("WSGIDispatchScript not allowed here")


def test_the_innermost_script_is_asked(start):
    def script(name):
        return f"def application_group(environ):\n    return '{name}'\n"

    server = start(
        "WSGIScriptAlias / @ROOT@/app.py\nWSGIDispatchScript @ROOT@/outer.py\n"
        "<Location /in>\nWSGIDispatchScript @ROOT@/inner.py\n</Location>\n"
        "<Location /in/side>\nSetEnv x y\n</Location>\n",
        files={"app.py": APPLICATION, "outer.py": script("outer"), "inner.py": script("inner")},
    )
    seen = [shown(server.get(path))[APPLICATION_GROUP] for path in ("/", "/in", "/in/side")]
    assert seen == ["outer", "inner", "inner"]
