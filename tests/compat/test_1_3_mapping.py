"""Section 1.3: which URL goes to which script."""

from __future__ import annotations

import pytest

from support import wait
from support.counter import ask as counter


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


def test_the_other_name_of_the_handler(start):
    server = start(
        "Alias /on @APPS@\n<Location /on>\nSetHandler application/x-httpd-wsgi\n"
        "Options +ExecCGI\n</Location>"
    )
    assert server.get("/on/hello/wsgi.py").body == b"Hello, world\n"
    assert server.get("/on/hello/nothing.py").status == 404
    server.log.claim("PYW0201")


def test_an_alias_needs_no_execcgi(start):
    server = start(
        "<Location />\nOptions None\n</Location>\nWSGIScriptAlias /x @APPS@/hello/wsgi.py"
    )
    assert server.get("/x").body == b"Hello, world\n"


def test_a_match_takes_the_whole_url(start):
    """What is behind the match is no PATH_INFO, unless the pattern hands it on."""
    server = start(
        "WSGIScriptAliasMatch ^/m/ @APPS@/environ/wsgi.py\n"
        "WSGIScriptAliasMatch ^/n(/.*)?$ @APPS@/environ/wsgi.py$1"
    )

    def names(target):
        found = server.get(target).json()
        return found["SCRIPT_NAME"][1], found["PATH_INFO"][1]

    assert names("/m/a/b") == ("/m/a/b", "")
    assert names("/n/a/b") == ("/n", "/a/b")


def test_options_may_name_the_callable_and_the_groups(start):
    server = start(
        "WSGIDaemonProcess web\n"
        "WSGIScriptAlias /x @APPS@/counter/wsgi.py process-group=web callable-object=other\n"
        "WSGIScriptAlias /y @APPS@/counter/wsgi.py application-group=y process-group=web"
    )
    assert server.get("/x").body == b"other callable"
    found = counter(server, "/y")
    assert (found["process_group"], found["application_group"]) == ("web", "y")


INDEX = """
WSGIDaemonProcess first
WSGIDaemonProcess second
DirectoryIndex index.wsgi
WSGIScriptAlias /apart/index.wsgi @APPS@/environ/wsgi.py process-group=first application-group=a
WSGIScriptAlias /scripts/index.wsgi @APPS@/environ/wsgi.py process-group=first application-group=a
WSGIScriptAlias /scripts @ROOT@/scripts process-group=second application-group=b
<Directory @ROOT@/htdocs/fall>
FallbackResource /apart/index.wsgi
</Directory>
<Directory @ROOT@>
Options +Includes
AddOutputFilter INCLUDES .shtml
</Directory>
"""


def test_an_index_is_served_by_its_own_alias(start):
    """The request goes on as the one for the index, with the options of that one's alias."""
    server = start(
        INDEX,
        modules=("include",),
        files={
            "htdocs/apart/x": "",
            "htdocs/fall/x": "",
            "scripts/x": "",
            "htdocs/page.shtml": '<!--#include virtual="/scripts/" -->',
        },
    )
    for url in ("/apart/", "/scripts/", "/page.shtml", "/fall/nothing"):
        found = {key: value for key, (_, value) in server.get(url).json().items()}
        assert found["mod_wsgi.process_group"] == "first", url
        assert found["mod_wsgi.application_group"] == "a", url
        assert found["SCRIPT_NAME"].endswith("/index.wsgi"), url
        assert found["PATH_INFO"] == "", url


def test_an_alias_serves_what_other_modules_lead_to_it(start):
    """By a sub-request that becomes the request: the alias and its options hold for it."""
    server = start(
        "WSGIDaemonProcess web\n"
        "WSGIScriptAlias /first @APPS@/hello/wsgi.py\n"
        "WSGIScriptAlias /e @APPS@/environ/wsgi.py application-group=e\n"
        "WSGIScriptAlias /w @APPS@/environ/wsgi.py process-group=web application-group=w\n"
        "<Directory @ROOT@/htdocs/fallback>\nFallbackResource /w/none\n</Directory>\n"
        "<Directory @ROOT@/htdocs/index>\nDirectoryIndex none.html /e/index\n</Directory>\n"
        "<Directory @ROOT@/htdocs/script>\nDirectoryIndex index.wsgi\n"
        "AddHandler wsgi-script .wsgi\n</Directory>",
        files={name: "" for name in ("htdocs/fallback/x", "htdocs/index/x", "htdocs/script/x")}
        | {"htdocs/script/index.wsgi": "raise ValueError\n"},
    )
    for target, script, info, group in (
        ("/fallback/nowhere?a=b", "/w", "/none", ("web", "w")),
        ("/index/", "/e", "/index", ("", "e")),
    ):
        found = {name: value for name, (_, value) in server.get(target).json().items()}
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (script, info)
        assert found["REQUEST_URI"] == target
        assert (found["mod_wsgi.process_group"], found["mod_wsgi.application_group"]) == group
    assert server.get("/script/").status == 403, "no alias, no ExecCGI"
    server.log.claim("PYW0200")
