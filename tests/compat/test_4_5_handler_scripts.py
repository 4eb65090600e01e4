"""Section 4.5: WSGIHandlerScript: a script that serves other resources."""

from __future__ import annotations

import os

import pytest

from support import rolls, wait
from support.httpd import Settings
from support.servers import mounts, routing

HANDLER = """
import json, os

def handle_request(environ, start_response):
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    shown["NAME"], shown["pid"] = NAME, str(os.getpid())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(shown).encode()]

def application(environ, start_response):
    raise AssertionError("not asked for")
"""
FILES = {
    "handlers/one.py": 'NAME = "one"\n' + HANDLER,
    "handlers/two.py": 'NAME = "two"\n' + HANDLER,
    "handlers/none.py": "application = None\n",
    "handlers/inner.py": "application = None\n",
    "docs/page.thing": "a resource",
    "docs/sub/page.other": "another",
    "docs/plain.txt": "plain",
    "docs/overlay/page.thing": "a resource",
    "docs/overlay/page.other": "another",
}
CONF = """
Alias /docs @ROOT@/docs
WSGIHandlerScript one @ROOT@/handlers/one.py
WSGIHandlerScript two @ROOT@/handlers/two.py
WSGIHandlerScript empty @ROOT@/handlers/none.py
WSGIHandlerScript missing @ROOT@/handlers/missing.py
AddHandler one .thing
AddHandler two .other
DirectorySlash Off
RewriteEngine On
RewriteCond %{REQUEST_URI} ^/virtual/
RewriteRule .* - [H=one]
<Location /docs/all>
SetHandler one
</Location>
<Location /docs/empty>
SetHandler empty
</Location>
<Location /docs/missing>
SetHandler missing
</Location>
<Directory @ROOT@/docs/sub>
WSGIHandlerScript one @ROOT@/handlers/two.py
SetHandler one
</Directory>
<Directory @ROOT@/docs/overlay>
WSGIHandlerScript one @ROOT@/handlers/inner.py
</Directory>
<Location /docs/no-path-info>
SetHandler two
AcceptPathInfo Off
</Location>
"""


@pytest.fixture
def server(servers, mode):
    want = Settings(mpm=servers.mpm, extra=routing(mode) + mounts() + CONF, files=FILES)
    return servers.kept(f"4.5/{mode}", want, "/hello")


def ask(server, target, headers=()):
    response = server.get(target, headers)
    assert response.status == 200, response.body
    return response.json()


def test_by_extension(server, mode):
    found = ask(server, "/docs/page.thing/more?q=1")
    assert found["NAME"] == "one"
    assert found["SCRIPT_NAME"] == "/docs/page.thing"
    assert found["PATH_INFO"] == "/more"
    assert found["QUERY_STRING"] == "q=1"
    assert found["SCRIPT_FILENAME"] == str(server.root / "docs/page.thing")
    assert found["mod_wsgi.request_handler"] == "one"
    assert found["mod_wsgi.handler_script"] == str(server.root / "handlers/one.py")
    assert found["mod_wsgi.callable_object"] == "handle_request"
    assert found["mod_wsgi.process_group"] == ("" if mode == "embedded" else "web")


def test_what_has_no_handler_is_served_as_ever(server):
    assert server.get("/docs/plain.txt").body == b"plain"


def test_by_set_handler_for_what_does_not_exist(server):
    found = ask(server, "/docs/all/of/this")
    assert (found["NAME"], found["mod_wsgi.request_handler"]) == ("one", "one")
    assert found["SCRIPT_NAME"] + found["PATH_INFO"] == "/docs/all/of/this"


def test_by_a_rewrite_rule(server):
    found = ask(server, "/virtual/thing")
    assert found["mod_wsgi.request_handler"] == "one"
    assert found["SCRIPT_NAME"] + found["PATH_INFO"] == "/virtual/thing"


@pytest.mark.parametrize("target", ["/docs/sub", "/docs/sub/"])
def test_a_directory_may_be_the_resource(server, target):
    found = ask(server, target)
    assert found["SCRIPT_NAME"] + found["PATH_INFO"] == target
    assert found["SCRIPT_FILENAME"].rstrip("/") == str(server.root / "docs/sub")


def test_an_inner_scope_overlays_by_name(server):
    """`one` is another script there; `two` is inherited."""
    assert ask(server, "/docs/sub/any.txt")["NAME"] == "two"
    assert ask(server, "/docs/page.thing")["NAME"] == "one"
    assert ask(server, "/docs/overlay/page.other")["NAME"] == "two"
    assert server.get("/docs/overlay/page.thing").status == 500
    server.log.claim("PYW0107.*inner.py")


def test_path_info_may_be_refused(server):
    assert server.get("/docs/no-path-info/more").status == 404
    server.log.claim("PYW0203")


def test_a_script_without_handle_request(server):
    assert server.get("/docs/empty").status == 500
    server.log.claim("PYW0107.*'handle_request'.*the request answers 500")


def test_a_handler_script_that_is_missing(server):
    assert server.get("/docs/missing").status == 500
    server.log.claim("PYW0104.*missing.py")


OPTIONS = """
Alias /docs @ROOT@/docs
WSGIDaemonProcess first
WSGIDaemonProcess second
WSGIProcessGroup first
WSGIApplicationGroup directive
SetEnvIf X-Group (.+) group=$1
WSGIHandlerScript one @ROOT@/handlers/one.py \
    process-group=%{ENV:group} application-group=option pass-authorization=On
WSGIHandlerScript two @ROOT@/handlers/two.py
WSGIHandlerScript three @ROOT@/handlers/two.py process-group=nowhere
AddHandler one .thing
AddHandler two .other
WSGIScriptAlias /aliased @ROOT@/docs/page.thing process-group=first
WSGICallableObject other
<Location /docs/three>
SetHandler three
</Location>
"""


@pytest.fixture
def with_options(servers):
    return servers.kept("4.5/options", Settings(extra=OPTIONS, files=FILES), "/alive")


@pytest.mark.parametrize("group", ["first", "second"])
def test_options_beat_directives_and_are_expanded(with_options, group):
    headers = [("X-Group", group), ("Authorization", "Bearer x")]
    found = ask(with_options, "/docs/page.thing", headers)
    assert found["mod_wsgi.process_group"] == group
    assert found["mod_wsgi.application_group"] == "option"
    assert found["HTTP_AUTHORIZATION"] == "Bearer x"


def test_directives_count_without_options(with_options):
    found = ask(with_options, "/docs/sub/page.other", [("Authorization", "Bearer x")])
    assert found["mod_wsgi.process_group"] == "first"
    assert found["mod_wsgi.application_group"] == "directive"
    assert "HTTP_AUTHORIZATION" not in found


def test_the_groups_are_looked_at_per_request(with_options):
    assert with_options.get("/docs/three").status == 500
    with_options.log.claim("PYW0209.*'nowhere'")


def test_an_alias_of_a_handled_resource_keeps_the_handlers_options(with_options):
    found = ask(with_options, "/aliased", [("X-Group", "second")])
    assert found["mod_wsgi.process_group"] == "second"
    assert found["mod_wsgi.request_handler"] == "one"


# Reloading

ASKS = """
import os

def reload_required(resource):
    with open("@SCRATCH@/asked", "a") as out:
        out.write(resource + "\\n")
    return os.path.exists("@SCRATCH@/wanted")

def handle_request(environ, start_response):
    start_response("200 OK", [])
    return [b"%d %d" % (os.getpid(), id(handle_request))]
"""


@pytest.fixture
def asking(start, mode):
    return start(
        "Alias /docs @ROOT@/docs\nWSGIHandlerScript asks @ROOT@/asks.py\nAddHandler asks .thing\n",
        mode=mode,
        files={**FILES, "asks.py": ASKS},
    )


def test_the_handler_script_is_loaded_again_when_it_changes(asking, mode):
    before = {asking.get("/docs/page.thing").text for _ in range(6)}
    os.utime(asking.root / "asks.py", (5, 5))
    asking.expect_new_processes()
    if mode == "embedded":
        assert asking.get("/docs/page.thing").status == 200
        return
    old = {each.split()[0] for each in before} | {str(pid) for pid in asking.daemons()}
    rolls.until_new(
        lambda: asking.get("/docs/page.thing").text.split()[0],
        lambda pid: pid in old,
        lambda pid: pid not in old,
        2 if mode == "daemon_multi" else 1,
    )


def test_reload_required_is_asked_for_the_resource(asking, mode):
    asking.expect_new_processes()

    def served():
        return {asking.get("/docs/page.thing").text.split()[0] for _ in range(6)}

    before = served()
    assert set((asking.scratch / "asked").read_text().split()) == {
        str(asking.root / "docs/page.thing")
    }
    assert served() <= before or mode != "daemon"
    (asking.scratch / "wanted").touch()
    asking.get("/docs/page.thing")
    (asking.scratch / "wanted").unlink()
    if mode == "daemon":
        wait.until(lambda: not served() & before, "a new process")
    else:
        assert asking.get("/docs/page.thing").status == 200


def test_a_script_that_always_wants_reloading_still_serves(asking):
    asking.expect_new_processes()
    (asking.scratch / "wanted").touch()
    for _ in range(4):
        assert asking.get("/docs/page.thing").status == 200
