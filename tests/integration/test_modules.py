"""Among Apache's other modules: each does to an application's URLs what it does to any other."""

from __future__ import annotations

import pytest

from support import inline, procs, wait

SCRIPT = """
import json
def application(environ, start_response):
    shown = {key: environ[key] for key in environ if isinstance(environ[key], str)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(shown).encode()]
"""
AUTH = ("authn_file", "authz_user", "auth_basic")
USERS = "user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"  # password
PASSWORD = ("Authorization", "Basic dXNlcjpwYXNzd29yZA==")


@pytest.fixture(params=("daemon", "embedded"))
def mode(request):
    return request.param


def allow_errors(server):
    server.log.allow(r"PYW\d{4}|Traceback|^ {2,}|Error|AH\d{5}|unable to include")


def environ(response):
    assert response.status == 200, response.head
    return response.json()


# --- requests inside of requests ---------------------------------------------------------------


@pytest.fixture
def pages(start, mode):
    return start(
        mode=mode,
        modules=("include",),
        extra="""
            <Directory @ROOT@/htdocs>
                Options +Includes
                AddOutputFilter INCLUDES .shtml
            </Directory>
            ErrorDocument 500 /environ/failed?why=500
            ErrorDocument 404 /environ/missing
            ErrorDocument 403 /missing/too
            Alias /forbidden @ROOT@/htdocs/alive
            <Location /forbidden>
                Require all denied
            </Location>
        """,
    )


def page(server, text):
    server.write("htdocs/page.shtml", text)
    return server.get("/page.shtml")


def test_included(pages):
    response = page(pages, '[<!--#include virtual="/hello" -->|<!--#include virtual="/hello" -->]')
    first, second = response.text.replace("\n", "").strip("[]").split("|")
    assert first == second != ""
    assert response.complete


def test_included_with_a_query(pages):
    response = page(pages, '<!--#include virtual="/environ/a/b?x=1" -->')
    shown = response.json()
    assert shown["PATH_INFO"][1] == "/a/b"
    assert shown["SCRIPT_NAME"][1] == "/environ"
    assert shown["QUERY_STRING"][1] == "x=1"
    assert shown["REQUEST_METHOD"][1] == "GET"


def test_included_by_a_post(pages):
    """The page's own request body is not that of what it includes."""
    pages.write("htdocs/page.shtml", '<!--#include virtual="/environ/a" -->')
    with pages.connect() as connection:
        for _ in range(2):
            response = connection.request("POST", "/page.shtml", body=b"x" * 1000)
            if response.status == 405:
                pytest.skip("this Apache's mod_include takes no POST")
            assert response.json()["PATH_INFO"][1] == "/a"
            assert response.json().get("CONTENT_LENGTH", [0, ""])[1] == ""


def test_included_and_failing(pages):
    allow_errors(pages)
    response = page(pages, '[<!--#include virtual="/broken_import" -->]')
    assert response.status == 200
    assert response.text.startswith("[")
    assert response.text.rstrip().endswith("]")


def test_error_page_by_an_application(pages):
    response = pages.get("/no/such/thing?q=1")
    shown = response.json()
    assert shown["REDIRECT_URL"][1] == "/no/such/thing"
    assert shown["REDIRECT_QUERY_STRING"][1] == "q=1"
    assert shown["PATH_INFO"][1] == "/missing"


ERROR_PAGE = """
def application(environ, start_response):
    read = len(environ["wsgi.input"].read())
    shown = [environ["REQUEST_METHOD"], environ["REDIRECT_URL"], environ["PATH_INFO"], str(read)]
    start_response("500 Sorry", [])
    return [" ".join(shown).encode()]
"""


@pytest.mark.parametrize("before", ["", "environ['wsgi.input'].read()\n"])
@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_error_page_of_a_post(start, mode, before, size):
    """What of the body was not read yet is the page's; it waits for no more."""
    server = start(
        mode=mode,
        extra="ErrorDocument 500 /errors/page\nWSGIScriptAlias /errors @ROOT@/errors.wsgi\n",
        files={"errors.wsgi": ERROR_PAGE},
    )
    allow_errors(server)
    for body in (b"x" * size, [b"x" * size] if size else []):
        response = server.post(
            "/inline", body, [inline.header(before + "raise ValueError('meant')")]
        )
        assert response.status == 500
        *shown, read = response.text.split()
        assert shown == ["GET", "/inline", "/page"]
        assert int(read) <= (0 if before else size)


def test_error_page_that_is_missing(pages):
    allow_errors(pages)
    response = pages.get("/forbidden")
    assert response.status == 403
    assert response.complete


def test_error_page_that_fails(start, mode):
    server = start(mode=mode, extra="ErrorDocument 500 /broken_import/page\n")
    allow_errors(server)
    response = server.get("/broken_import")
    assert response.status == 500
    assert b"additional" in response.body.lower()


@pytest.mark.parametrize(
    "rule",
    [
        "RewriteRule ^/old/(.*)$ /environ/$1 [PT]",
        "RewriteRule ^/old/(.*)$ /environ/$1 [PT,QSA,E=test.rule:hit]",
    ],
)
def test_rewritten(start, mode, rule):
    server = start(mode=mode, extra=f"RewriteEngine On\n{rule}\n")
    shown = server.get("/old/x/y?z=1").json()
    assert shown["PATH_INFO"][1] == "/x/y"
    assert shown["SCRIPT_NAME"][1] == "/environ"
    assert shown["QUERY_STRING"][1] == "z=1"
    assert shown["REQUEST_URI"][1] == "/old/x/y?z=1"


def test_the_front_controller_of_a_directory(start, mode):
    """What .htaccess files everywhere say: what is no file is the application's."""
    server = start(
        mode=mode,
        extra="""
            <Directory @ROOT@/htdocs>
                Options +ExecCGI
                AddHandler wsgi-script .wsgi
                RewriteEngine On
                RewriteCond %{REQUEST_FILENAME} !-f
                RewriteRule ^(.*)$ /app.wsgi/$1 [QSA,L]
            </Directory>
        """,
        files={"htdocs/app.wsgi": SCRIPT},
    )
    assert server.get("/alive").text == "alive\n"
    assert environ(server.get("/some/page?a=1"))["PATH_INFO"] == "/some/page"
    assert environ(server.post("/some/page", b"x" * 100))["CONTENT_LENGTH"] == "100"


def test_index_of_a_directory(start, mode):
    server = start(
        mode=mode,
        extra="""
            <Directory @ROOT@/htdocs>
                Options +ExecCGI
                AddHandler wsgi-script .wsgi
                DirectoryIndex index.wsgi
            </Directory>
        """,
        files={"htdocs/sub/index.wsgi": SCRIPT},
    )
    assert environ(server.get("/sub/"))["SCRIPT_NAME"] == "/sub/index.wsgi"


# --- where an alias leads ----------------------------------------------------------------------


def test_directory_of_scripts(start, mode):
    server = start(
        mode=mode,
        extra="WSGIScriptAlias /scripts/ @ROOT@/scripts/\nWSGIScriptAlias /dir @ROOT@/scripts\n",
        files={"scripts/one.wsgi": SCRIPT, "scripts/deep/two.wsgi": SCRIPT},
    )
    for url, script, info in (
        ("/scripts/one.wsgi/a", "/scripts/one.wsgi", "/a"),
        ("/dir/one.wsgi", "/dir/one.wsgi", ""),
        ("/dir/deep/two.wsgi/b/c", "/dir/deep/two.wsgi", "/b/c"),
    ):
        shown = environ(server.get(url))
        assert (shown["SCRIPT_NAME"], shown["PATH_INFO"]) == (script, info)
    server.log.allow("PYW020[12]|AH10244")
    assert server.get("/dir/none.wsgi").status == 404
    assert server.get("/dir/deep/").status == 403
    assert server.get("/dir/../../etc/passwd").status in (400, 403, 404)
    assert server.get("/dir/%2e%2e/%2e%2e/app.wsgi").status in (400, 403, 404)


def test_alias_with_captures(start, mode):
    server = start(
        mode=mode,
        extra="WSGIScriptAliasMatch ^/sites/([^/]+)/(v[0-9])(.*) @ROOT@/sites/$1/$2.wsgi$3\n",
        files={"sites/a/v1.wsgi": SCRIPT, "sites/b/v2.wsgi": SCRIPT},
    )
    assert environ(server.get("/sites/a/v1/x"))["PATH_INFO"] == "/x"
    assert environ(server.get("/sites/b/v2"))["SCRIPT_FILENAME"].endswith("/sites/b/v2.wsgi")
    server.log.allow("PYW0201")
    assert server.get("/sites/c/v1").status == 404
    assert server.get("/sites/%2e%2e/v1").status in (400, 404)


def test_alias_with_captures_stays_inside_with_decoded_slashes(start, mode):
    server = start(
        mode=mode,
        extra="""
            AllowEncodedSlashes On
            WSGIScriptAliasMatch ^/sites/(.+)$ @ROOT@/sites/$1.wsgi
            <Directory @ROOT@/secret>
                Require all denied
            </Directory>
        """,
        files={"sites/a.wsgi": SCRIPT, "secret/s.wsgi": SCRIPT},
    )
    server.log.allow("PYW0201|AH01630|AH10244|AH00036")
    for url in (
        "/sites/..%2fsecret%2fs",
        "/sites/x%2f..%2f..%2fsecret/s",
        "/sites/%2e%2e%2fsecret/s",
    ):
        assert server.get(url).status in (400, 403, 404), url


def test_accept_path_info_off(start, mode):
    server = start(mode=mode, extra="<Location /environ>\nAcceptPathInfo Off\n</Location>\n")
    server.log.allow("PYW0203")
    assert server.get("/environ").status == 200
    assert server.get("/environ/").status == 404
    assert server.get("/environ/a").status == 404


@pytest.mark.parametrize(
    ("setting", "target", "expected"),
    [
        ("On", "/environ/a%2Fb", "/a/b"),
        ("NoDecode", "/environ/a%2Fb", "/a%2Fb"),
        ("NoDecode", "/environ/a%2fb%20c", "/a%2fb c"),
    ],
)
def test_encoded_slashes(start, mode, setting, target, expected):
    server = start(mode=mode, extra=f"AllowEncodedSlashes {setting}\n")
    assert server.get(target).json()["PATH_INFO"][1] == expected


def test_encoded_slashes_off(start, mode):
    server = start(mode=mode, extra="AllowEncodedSlashes Off\n")
    server.log.allow("AH00026")
    assert server.get("/environ/a%2Fb").status == 404


@pytest.mark.parametrize("path", ["/\xe9", "/%C3%A9", "/%FF%01", "/a%0ab", "/%7e;p=1", "/a//b/./c"])
def test_unusual_paths(start, mode, path):
    server = start(mode=mode)
    with server.connect() as connection:
        response = connection.request("GET", "/environ" + path)
        assert response.status in (200, 400)
        if response.status == 200:
            shown = response.json()
            assert shown["REQUEST_URI"][1] == "/environ" + path
            assert shown["SCRIPT_NAME"][1] == "/environ"
            assert shown["PATH_INFO"][1].startswith("/")


def test_long_urls(start, mode):
    server = start(mode=mode, extra="LimitRequestLine 1000000\nLimitRequestFieldSize 1000000\n")
    server.log.allow("AH00036|AH00127|PYW0158|PYW0201")
    for length in (7000, 66_000, 300_000):
        shown = environ_of(server.get("/environ/" + "a" * length))
        assert shown["PATH_INFO"][1] == "/" + "a" * length
        shown = environ_of(server.get("/environ?" + "q" * length))
        assert shown["QUERY_STRING"][1] == "q" * length
        shown = environ_of(server.get("/environ", [("X-Long", "h" * length)]))
        assert shown["HTTP_X_LONG"][1] == "h" * length
    name = "N" * 70_000
    assert server.get("/environ", [(name, "x")]).status in (200, 431)
    assert server.get("/alive").status == 200


def environ_of(response):
    assert response.status == 200, response.head
    return response.json()


# --- access ------------------------------------------------------------------------------------


def test_rules_of_locations_files_and_directories(start, mode):
    """An alias to a file is translated in a short way: every section applies all the same."""
    server = start(
        mode=mode,
        extra="""
            <Location /environ/denied>
                Require all denied
            </Location>
            <LocationMatch "\\.secret$">
                Require all denied
            </LocationMatch>
            <Location /hello>
                Require all denied
            </Location>
            <Directory @APPS@/counter>
                Require all denied
            </Directory>
            <Directory @APPS@/bare>
                <Files wsgi.py>
                    Require all denied
                </Files>
            </Directory>
        """,
    )
    server.log.allow("AH01630")
    assert server.get("/environ/open").status == 200
    denied = ("/environ/denied", "/environ/denied/x", "/environ//denied", "/environ/./denied/y")
    for target in (*denied, "/environ/%64enied", "/environ/a.secret", "/hello", "/hello/x"):
        assert server.get(target).status == 403, target
    assert server.get("/counter").status == 403
    assert server.get("/counter/x").status == 403
    assert server.get("/bare/x").status == 403


def test_symbolic_links_of_scripts(start, mode):
    server = start(
        mode=mode,
        extra="""
            WSGIScriptAlias /link @ROOT@/links/app.wsgi
            <Directory @ROOT@/links>
                Options -FollowSymLinks
            </Directory>
        """,
        files={"real.wsgi": SCRIPT, "links/x": ""},
        prepare=lambda server: (
            (server.root / "links" / "app.wsgi").symlink_to("../real.wsgi")
            if not (server.root / "links" / "app.wsgi").is_symlink()
            else None
        ),
    )
    server.log.allow("AH00037")
    assert server.get("/link/x").status == 403


def test_basic_authentication(start, mode):
    server = start(
        mode=mode,
        modules=AUTH,
        files={"users": USERS},
        extra="""
            <Location /environ>
                AuthType Basic
                AuthName test
                AuthUserFile @ROOT@/users
                Require valid-user
            </Location>
        """,
    )
    server.log.allow("AH01618|AH01617")
    refused = server.get("/environ/a")
    assert refused.status == 401
    shown = environ_of(server.get("/environ/a", [PASSWORD]))
    assert shown["REMOTE_USER"][1] == "user"
    assert shown["AUTH_TYPE"][1] == "Basic"
    assert "HTTP_AUTHORIZATION" not in shown


# --- restarts ----------------------------------------------------------------------------------


def test_nothing_is_left_of_graceful_restarts(start, mode):
    server = start(mode=mode)

    def turn_over():
        server.graceful()
        wait.until(lambda: server.get("/hello").status == 200, "the new generation to answer")

    for _ in range(3):
        turn_over()
    fds = set(procs.fds(server.pid).values())
    count, memory = len(procs.fds(server.pid)), procs.rss(server.pid)
    for _ in range(10):
        turn_over()
    wait.until(
        lambda: len(procs.fds(server.pid)) <= count,
        f"the parent's descriptors to be {count}; they were {fds}",
    )
    assert procs.rss(server.pid) - memory < 4 << 20
    wait.until(lambda: len(supervisors(server)) <= 1, "earlier supervisors to end", 20)
    sockets = [path.name for path in (server.root / "run").iterdir() if path.is_dir()]
    assert len(sockets) <= 1, f"socket directories of earlier generations: {sockets}"


def supervisors(server):
    return [
        pid for pid in server.children() if procs.status(pid).get("Name", "").startswith("pywsgi")
    ]
