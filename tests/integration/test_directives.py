"""Directives: merging, tokens, and what a request gets for a mistake."""

from __future__ import annotations

import pytest

from support import inline, wait

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"


def counter(server, target="/x", host=None):
    response = server.request("GET", target, [("Host", host)] if host else ())
    assert response.status == 200, (response.status, server.story())
    return response.json()


# Module records


@pytest.mark.parametrize("symbol", ["wsgi_module", "pywsgi_module"])
def test_both_records_load(start, symbol):
    server = start(ALIAS, symbol=symbol)
    assert counter(server)["number"] == 1


def test_both_records_at_once_are_refused_or_one(configtest):
    status, words = configtest("LoadModule pywsgi_module @MODULE@\n" + ALIAS)
    assert "Segmentation" not in words
    assert status in (0, 1)


def test_server_header_names_the_module(start):
    server = start(ALIAS + "\nServerTokens Full")
    assert "mod_pywsgi/" in server.get("/alive").header("Server")


# Aliases


@pytest.mark.parametrize(
    ("alias", "target", "script_name", "path_info"),
    [
        ("/x @APPS@/environ/wsgi.py", "/x", "/x", ""),
        ("/x @APPS@/environ/wsgi.py", "/x/y", "/x", "/y"),
        ("/x @APPS@/environ/wsgi.py", "//x//y", "/x", "/y"),
        ("/x/z @APPS@/environ/wsgi.py", "/x/z/y", "/x/z", "/y"),
        ("/x/z @APPS@/environ/wsgi.py", "/x//z/y", "/x/z", "/y"),
        ("/ @APPS@/environ/wsgi.py", "/", "", "/"),
        ("/ @APPS@/environ/wsgi.py", "/any/thing", "", "/any/thing"),
        ("/x/ @APPS@/", "/x/environ/wsgi.py/y", "/x/environ/wsgi.py", "/y"),
        ("/x @APPS@", "/x/environ/wsgi.py", "/x/environ/wsgi.py", ""),
    ],
)
def test_alias(start, alias, target, script_name, path_info):
    server = start(f"WSGIScriptAlias {alias}")
    found = {key: value for key, (_, value) in server.get(target).json().items()}
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (script_name, path_info)


@pytest.mark.parametrize("target", ["/xy", "/", "/X", "/y/x"])
def test_alias_does_not_match(start, target):
    server = start("WSGIScriptAlias /x @APPS@/hello/wsgi.py")
    assert server.get(target).body != b"Hello, world\n"


def test_first_alias_wins(start):
    server = start(
        "WSGIScriptAlias /x/hello @APPS@/hello/wsgi.py\nWSGIScriptAlias /x @APPS@/counter/wsgi.py\n"
        "WSGIScriptAlias /x/never @APPS@/hello/wsgi.py"
    )
    assert server.get("/x/hello").body == b"Hello, world\n"
    assert counter(server, "/x/never")["number"] == 1


def test_aliases_of_the_host_come_first(start):
    server = start(
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py\nWSGIScriptAlias /main @APPS@/hello/wsgi.py\n"
        "<VirtualHost *:@PORT@>\nServerName v.test\n"
        "WSGIScriptAlias /x @APPS@/counter/wsgi.py\n</VirtualHost>"
    )
    assert counter(server, "/x", "v.test")["number"] == 1
    assert server.request("GET", "/main", [("Host", "v.test")]).body == b"Hello, world\n"


def test_alias_match(start):
    server = start("WSGIScriptAliasMatch ^/m/([a-z]+) @APPS@/$1/wsgi.py")
    assert server.get("/m/hello").body == b"Hello, world\n"
    assert counter(server, "/m/counter/more")["number"] == 1


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


def test_object_that_is_not_callable(start):
    server = start(f"{ALIAS} callable-object=not_callable")
    assert server.get("/x").status == 500
    server.log.claim("PYW0108")


# Handlers


def test_set_handler_needs_execcgi(start):
    server = start(
        "WSGIApplicationGroup %{GLOBAL}\nAlias /on @APPS@\nAlias /off @APPS@\n"
        "<Location /on>\nSetHandler wsgi-script\nOptions +ExecCGI\n</Location>\n"
        "<Location /off>\nSetHandler wsgi-script\n</Location>"
    )
    assert server.get("/on/hello/wsgi.py").body == b"Hello, world\n"
    assert server.get("/on/hello/wsgi.py/path").body == b"Hello, world\n"
    assert server.get("/off/hello/wsgi.py").status == 403
    server.log.claim("PYW0200")


def test_add_handler(start):
    server = start(
        "Alias /on @APPS@\nAddHandler wsgi-script .py\n<Location /on>\nOptions +ExecCGI\n</Location>"
    )
    found = {k: v for k, (_, v) in server.get("/on/environ/wsgi.py/rest").json().items()}
    assert found["SCRIPT_NAME"] == "/on/environ/wsgi.py"
    assert found["PATH_INFO"] == "/rest"
    assert found["mod_wsgi.request_handler"] == "wsgi-script"


def test_htaccess(start):
    files = {
        "ht/.htaccess": "SetHandler wsgi-script\nOptions +ExecCGI\nWSGICallableObject other\n",
        "ht/wsgi.py": "def other(e, s):\n    s('200 OK', [])\n    return [b'via htaccess']\n",
    }
    server = start(
        "Alias /ht @ROOT@/ht\n<Directory @ROOT@/ht>\nAllowOverride All\n</Directory>", files=files
    )
    assert server.get("/ht/wsgi.py").body == b"via htaccess"


@pytest.mark.parametrize("directive", ["WSGIProcessGroup web", "WSGIApplicationGroup web"])
def test_not_in_htaccess(start, directive):
    server = start(
        "Alias /ht @ROOT@/ht\n<Directory @ROOT@/ht>\nAllowOverride All\n</Directory>",
        files={"ht/.htaccess": directive + "\n", "ht/file": "x"},
    )
    assert server.get("/ht/file").status == 500
    server.log.claim("not allowed here")


# Groups: tokens and merging

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


# What a request gets for a mistake


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


def test_access_rules_hold(start):
    """The alias opens no hole in <Directory> and <Location> rules."""
    server = start(
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py\nWSGIScriptAlias /y @APPS@/counter/wsgi.py\n"
        "<Directory @APPS@/hello>\nRequire all denied\n</Directory>\n"
        "<Location /y/closed>\nRequire all denied\n</Location>\n"
    )
    assert server.get("/x").status == 403
    assert server.get("/y").status == 200
    assert server.get("/y/closed").status == 403
    assert server.get("/y//closed/").status == 403
    server.log.allow("AH01630|denied")


def test_restrict_embedded(start):
    server = start(
        "WSGIRestrictEmbedded On\nWSGIDaemonProcess web\n"
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py\n"
        "WSGIScriptAlias /d @APPS@/hello/wsgi.py process-group=web application-group=%{GLOBAL}"
    )
    assert server.get("/d").status == 200
    assert server.get("/x").status == 500
    server.log.claim("PYW0206")


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


def test_limit_request_body(start, mode):
    server = start("LimitRequestBody 100", mode=mode)
    assert server.post("/hello", b"x" * 101).status == 413
    server.log.allow("PYW0205|AH0")
    assert (
        inline.run(server, "environ['wsgi.input'].read()\n" + OK, "POST", body=b"x").status == 200
    )


OK = 'start_response("200 OK", [])\nreturn [b"ok"]'


# Python of the process


def test_python_path_of_embedded_interpreters(start):
    server = start(
        "WSGIPythonPath @ROOT@/lib\nWSGIScriptAlias /x @ROOT@/x.py",
        files={
            "lib/from_path.py": "ANSWER = b'found'\n",
            "x.py": "import from_path\ndef application(e, s):\n"
            "    s('200 OK', [])\n    return [from_path.ANSWER]\n",
        },
    )
    assert server.get("/x").body == b"found"


def test_python_path_of_a_group(start):
    server = start(
        "WSGIDaemonProcess web python-path=@ROOT@/lib\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /x @ROOT@/x.py",
        files={
            "lib/from_path.py": "ANSWER = b'found'\n",
            "x.py": "import from_path\ndef application(e, s):\n"
            "    s('200 OK', [])\n    return [from_path.ANSWER]\n",
        },
    )
    assert server.get("/x").body == b"found"


def test_preload(start):
    """Both groups named: the script is loaded when the process starts, before any request."""
    server = start(
        "WSGIDaemonProcess web\n"
        "WSGIScriptAlias /x @ROOT@/x.py process-group=web application-group=%{GLOBAL}",
        files={
            "x.py": "open('@SCRATCH@/loaded', 'w').close()\ndef application(e, s):\n"
            "    s('200 OK', [])\n    return [b'x']\n"
        },
    )
    wait.until((server.scratch / "loaded").exists, "the script to be loaded without a request")
    assert server.get("/x").status == 200
