"""Section 0: the names by which a configuration written for mod_wsgi knows the module."""

from __future__ import annotations

import base64
import re

import pytest

from support import inline

SYMBOLS = ("wsgi_module", "pywsgi_module")
# <IfModule> argument -> the LoadModule names under which it holds.
IF_MODULE = {
    "mod_wsgi.c": SYMBOLS,
    "mod_pywsgi.c": SYMBOLS,
    "wsgi_module": ("wsgi_module",),
    "pywsgi_module": ("pywsgi_module",),
    "mod_wsgi": (),
    "mod_wsgi.so": (),
    "wsgi": (),
}


def names_that_hold():
    """A header for each <IfModule> that holds, and one for each that does not."""
    return "\n".join(
        f"<IfModule {name}>\nHeader always append X-Holds {name}\n</IfModule>\n"
        f"<IfModule !{name}>\nHeader always append X-Fails {name}\n</IfModule>"
        for name in IF_MODULE
    )


def holds(server, header="X-Holds"):
    return set((server.get("/alive").header(header) or "").split(", ")) - {""}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_if_module_lines_hold_and_go_on_holding(start, symbol):
    """After restarts too: every restart of Apache unloads and loads its modules."""
    alias = "WSGIScriptAlias /x @APPS@/hello/wsgi.py"
    server = start(f"{names_that_hold()}\n{alias}", symbol=symbol)
    expected = {name for name, under in IF_MODULE.items() if symbol in under}
    for again in (None, server.graceful, server.restart, server.graceful, server.restart):
        if again:
            again()
        assert holds(server) == expected
        assert holds(server, "X-Fails") == set(IF_MODULE) - expected
        assert server.get("/x").body == b"Hello, world\n"


@pytest.mark.parametrize("name", ["mod_wsgi.c", "mod_pywsgi.c"])
def test_names_come_with_the_module(configtest, name):
    text = f"<IfModule !{name}>\nNoSuchDirective\n</IfModule>"
    status, words = configtest(text, load=False)
    assert status != 0
    assert "NoSuchDirective" in words
    assert configtest(text)[0] == 0


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_names_add_no_directive_twice(configtest, symbol):
    """A directive that two modules had would be read by both: the second group is a duplicate."""
    status, words = configtest("WSGIDaemonProcess a\nWSGISocketPrefix run/x", symbol=symbol)
    assert status == 0, words


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_names_disturb_nobody_who_lists_modules(start, symbol):
    """mod_info shows all records and their hooks; the name alone has none."""
    server = start(
        "<Location /info>\nSetHandler server-info\n</Location>\nWSGISocketPrefix run/x",
        symbol=symbol,
        modules=("info",),
    )
    page = server.get("/info").text
    for name in ("mod_wsgi.c", "mod_pywsgi.c"):
        assert f'name="{name}"' in page
    assert server.get("/info?list").status == 200
    assert server.get("/info?hooks").status == 200


def test_both_names_at_once_are_refused(configtest):
    status, words = configtest("LoadModule pywsgi_module @MODULE@")
    assert status != 0
    assert "Segmentation" not in words


@pytest.mark.parametrize("handler", ["wsgi-script", "application/x-httpd-wsgi"])
def test_handler_names(start, handler):
    server = start(
        f'<Directory "@APPS@">\nOptions +ExecCGI\nSetHandler {handler}\n</Directory>\n'
        "Alias /y @APPS@/environ/wsgi.py"
    )
    found = server.get("/y").json()
    assert found["mod_wsgi.request_handler"] == ["str", handler]


@pytest.mark.parametrize(
    ("symbol", "level"),
    [("wsgi_module", "wsgi"), ("pywsgi_module", "pywsgi"), ("wsgi_module", "mod_wsgi.c")],
)
def test_log_level_has_the_name_of_the_load_line(start, symbol, level):
    """And every record carries it."""
    server = start(
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py",
        symbol=symbol,
        log_level=f"warn {level}:info",
    )
    assert server.get("/x").status == 200
    [line] = server.log.claim("Loading WSGI script")
    assert line.module == symbol.removesuffix("_module")


def test_log_level_of_the_name_that_is_not_loaded(configtest):
    status, words = configtest("LogLevel pywsgi:info")
    assert status != 0
    assert "pywsgi" in words


@pytest.mark.parametrize("tokens", ["Full", "Min", "Prod"])
def test_product_token(start, tokens):
    """One token, not mod_wsgi's two: which Python runs is each group's own affair."""
    server = start(f"ServerTokens {tokens}")
    found = server.get("/alive").header("Server")
    assert bool(re.search(r" mod_pywsgi/\d", found)) is (tokens == "Full")
    assert "Python/" not in found
    assert "mod_wsgi/" not in found


def test_the_start_line_names_the_product(start):
    server = start()
    [line] = server.log.claim("resuming normal operations")
    assert re.search(r"mod_pywsgi/\d", line.text)


def test_import_mod_wsgi(server):
    code = """
        import mod_wsgi
        start_response("200 OK", [])
        return [repr((mod_wsgi.process_group, mod_wsgi.application_group)).encode()]
    """
    assert inline.run(server, code).status == 200


def test_import_apache(server):
    code = """
        import apache
        start_response("200 OK", [])
        return [repr(apache.version).encode()]
    """
    assert re.fullmatch(rb"\(2, \d+, \d+\)", inline.run(server, code).body)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_providers(start, symbol):
    """`wsgi` of AuthBasicProvider, `wsgi-group` of Require, whatever the module is loaded as."""
    server = start(
        """
        <Location /private>
            AuthType Basic
            AuthName private
            AuthBasicProvider wsgi
            WSGIAuthUserScript @ROOT@/auth.wsgi
            WSGIAuthGroupScript @ROOT@/auth.wsgi
            Require wsgi-group staff
        </Location>
        WSGIScriptAlias /private @APPS@/hello/wsgi.py
        """,
        symbol=symbol,
        modules=("auth_basic", "authz_user"),
        files={
            "auth.wsgi": "def check_password(environ, user, password):\n"
            "    return password == 'right'\n"
            "def groups_for_user(environ, user):\n"
            "    return ['staff'] if user == 'ann' else []\n"
        },
    )
    server.log.allow("AH01617|AH01631|PYW")

    def status(user: str, password: str) -> int:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        return server.get("/private", [("Authorization", f"Basic {token}")]).status

    assert status("ann", "right") == 200
    assert status("ann", "wrong") == 401
    assert status("bob", "right") == 401


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("directive", ["WSGIScriptAlias", "wsgiscriptalias"])
def test_directives_are_known_under_both_names_in_any_case(configtest, symbol, directive):
    status, words = configtest(f"{directive} /x @APPS@/hello/wsgi.py", symbol=symbol)
    assert status == 0, words


def test_load_file_of_a_libpython_is_accepted(configtest):
    """`mod_wsgi-express module-config` writes one; `migrate` takes it out."""
    status, words = configtest("LoadFile @MODULE@")
    assert status == 0, words
