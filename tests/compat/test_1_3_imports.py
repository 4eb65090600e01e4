"""Section 1.3: scripts that are imported when a process starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support import wait
from support.counter import ask as counter

SCRIPT = """
import os, threading
from mod_wsgi import application_group, process_group

is_main = threading.current_thread() is threading.main_thread()
with open("@SCRATCH@/log", "a") as out:
    out.write(f"{NAME} {process_group!r} {application_group!r} {is_main} {os.getpid()}\\n")

def application(environ, start_response):
    start_response("200 OK", [])
    return [NAME.encode()]
"""
FILES = {name: f'NAME = "{name[:-3]}"\n{SCRIPT}' for name in ("a.py", "b.py", "c.py")}


def runs(server, count):
    """What the scripts left: (name, process group, application group, on the main thread)."""
    path = server.scratch / "log"

    def found():
        return path.read_text().splitlines() if path.exists() else []

    wait.until(lambda: len(found()) >= count, f"{count} imports")
    assert len(found()) == count
    return [tuple(line.split()[:4]) for line in found()], {line.split()[4] for line in found()}


def test_import_script_runs_once_per_process_on_the_main_thread(start):
    server = start(
        "WSGIDaemonProcess web processes=2\n"
        "WSGIImportScript @ROOT@/a.py process-group=web application-group=%{GLOBAL}\n"
        "WSGIImportScript @ROOT@/b.py process-group=web application-group=other\n"
        "WSGIScriptAlias /a @ROOT@/a.py process-group=web application-group=%{GLOBAL}\n",
        files=FILES,
    )
    seen, pids = runs(server, 4)
    assert (
        sorted(seen) == [("a", "'web'", "''", "True")] * 2 + [("b", "'web'", "'other'", "True")] * 2
    )
    assert pids == {str(pid) for pid in server.daemons()}
    assert [server.get("/a").body for _ in range(6)] == [b"a"] * 6
    runs(server, 4)


def test_each_successor_imports_again(start):
    server = start(
        "WSGIDaemonProcess web maximum-requests=1\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /x @APPS@/counter/wsgi.py\n"
        "WSGIImportScript @ROOT@/a.py process-group=web application-group=%{GLOBAL}\n",
        files=FILES,
    )
    server.expect_new_processes()
    runs(server, 1)
    first = counter(server)["pid"]
    _, pids = runs(server, 2)
    assert len(pids) == 2
    assert str(first) in pids


def test_imports_come_in_the_order_of_the_configuration(start):
    server = start(
        "WSGIDaemonProcess web\n"
        "WSGIImportScript @ROOT@/c.py process-group=web application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /a @ROOT@/a.py process-group=web application-group=%{GLOBAL}\n"
        "WSGIImportScript @ROOT@/b.py process-group=web application-group=%{GLOBAL}\n",
        files=FILES,
    )
    seen, _ = runs(server, 3)
    assert [name for name, *_ in seen] == ["c", "a", "b"]


def test_requests_wait_for_the_imports(start):
    server = start(
        "WSGIDaemonProcess web\nWSGIProcessGroup web\n"
        "WSGIImportScript @ROOT@/slow.py process-group=web application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /x @ROOT@/x.py application-group=%{GLOBAL}",
        files={
            "slow.py": "import sys, time\ntime.sleep(1)\nsys.imported = True\n",
            "x.py": "import sys\ndef application(e, s):\n    s('200 OK', [])\n"
            "    return [repr(hasattr(sys, 'imported')).encode()]\n",
        },
    )
    assert server.get("/x").body == b"True"


@pytest.mark.parametrize("group", ["web", "%{GLOBAL}"])
def test_an_import_that_fails_is_logged_and_the_process_carries_on(start, group):
    server = start(
        "WSGIDaemonProcess web\n"
        f"WSGIImportScript @ROOT@/bad.py process-group={group} application-group=%{{GLOBAL}}\n"
        f"WSGIImportScript @ROOT@/no.py process-group={group} application-group=%{{GLOBAL}}\n"
        f"WSGIImportScript @ROOT@/a.py process-group={group} application-group=%{{GLOBAL}}\n"
        f"WSGIScriptAlias /a @ROOT@/a.py process-group={group} application-group=%{{GLOBAL}}\n",
        files={**FILES, "bad.py": "raise ValueError('at start')\n"},
    )
    runs(server, 1)
    assert server.get("/a").body == b"a"
    server.log.claim_traceback("ValueError: at start")
    server.log.allow(r"^\[pid \d+\]  ")  # the frames, from the group's process
    server.log.claim("PYW0104.*no.py")


# Embedded mode


def python_in_children(server):
    """Which of Apache's own processes have loaded Python."""
    return [
        pid
        for pid in server.children()
        if "pywsgi-embed.so" in Path(f"/proc/{pid}/maps").read_text()
    ]


def test_an_embedded_import_starts_python_in_each_child(start):
    server = start(
        "WSGIImportScript @ROOT@/a.py process-group=%{GLOBAL} application-group=%{GLOBAL}\n"
        "WSGIImportScript @ROOT@/b.py process-group=%{GLOBAL} application-group=b\n"
        "WSGIScriptAlias /a @ROOT@/a.py\nWSGIApplicationGroup %{GLOBAL}\n",
        children=2,
        files=FILES,
    )
    seen, pids = runs(server, 4)
    assert sorted(seen) == [("a", "''", "''", "True")] * 2 + [("b", "''", "'b'", "True")] * 2
    assert pids == {str(pid) for pid in python_in_children(server)}
    assert server.get("/a").body == b"a"
    runs(server, 4)


def test_an_embedded_import_runs_even_where_requests_are_not_to(start):
    server = start(
        "WSGIRestrictEmbedded On\nWSGIScriptAlias /a @ROOT@/a.py\n"
        "WSGIImportScript @ROOT@/b.py process-group=%{GLOBAL} application-group=%{GLOBAL}\n",
        files=FILES,
    )
    runs(server, 1)
    assert server.get("/a").status == 500
    server.log.claim("PYW0206")


def test_restrict_embedded_off_starts_python_in_children(start):
    server = start("WSGIRestrictEmbedded Off")
    wait.until(lambda: python_in_children(server), "a child with Python")


# Aliases with both groups


@pytest.mark.parametrize(
    ("options", "groups"),
    [
        ("process-group=web application-group=%{GLOBAL}", ("'web'", "''")),
        ("process-group=web application-group=name", ("'web'", "'name'")),
        ("process-group=%{GLOBAL} application-group=%{GLOBAL}", ("''", "''")),
        ("process-group=%{GLOBAL} application-group=name", ("''", "'name'")),
    ],
)
def test_an_alias_with_both_groups_is_imported(start, options, groups):
    server = start(
        f"WSGIDaemonProcess web\nWSGIScriptAlias /a @ROOT@/a.py {options}\n", files=FILES
    )
    assert runs(server, 1)[0] == [("a", *groups, "True")]
    assert server.get("/a").body == b"a"
    runs(server, 1)


def test_an_alias_match_without_dollar_is_imported_too(start):
    server = start(
        "WSGIDaemonProcess web\n"
        "WSGIScriptAliasMatch ^/a @ROOT@/a.py process-group=web application-group=x\n"
        "WSGIScriptAliasMatch ^/(b) @ROOT@/$1.py process-group=web application-group=x\n",
        files=FILES,
    )
    assert runs(server, 1)[0] == [("a", "'web'", "'x'", "True")]
    assert server.get("/b").body == b"b"


@pytest.mark.parametrize(
    "alias",
    [
        "/x @APPS@/counter/wsgi.py process-group=web",
        "/x @APPS@/counter/wsgi.py application-group=x",
        "/x @APPS@/counter/wsgi.py process-group=web application-group=%{RESOURCE}",
        "/x @APPS@/counter/wsgi.py process-group=%{ENV:x} application-group=x",
        "/x @APPS@/counter/wsgi.py",
        "/x/ @APPS@/counter/ process-group=web application-group=x",
    ],
)
def test_any_other_alias_is_not(start, alias):
    server = start(f"WSGIDaemonProcess web\nSetEnv x web\nWSGIScriptAlias {alias}")
    target = "/x/wsgi.py" if alias.startswith("/x/") else "/x"
    assert not server.log.find("PYW0103")
    assert counter(server, target)["number"] == 1
    assert len(server.log.find("PYW0103")) == 1


# Errors: section 1.12

HOSTS = """
<VirtualHost *:80>
ServerName one.test
{}
</VirtualHost>
<VirtualHost *:80>
ServerName {}
{}
</VirtualHost>
"""
IMPORT = "WSGIImportScript /x.py process-group=web application-group=%{GLOBAL}"
ALIAS = "WSGIScriptAlias /x /x.py process-group=web application-group=%{GLOBAL}"
GROUP = "WSGIDaemonProcess web"


@pytest.mark.parametrize("line", [IMPORT, ALIAS])
def test_the_group_must_be_declared_above(configtest, line):
    for text in (line, f"{line}\n{GROUP}"):
        status, words = configtest(text)
        assert status != 0
        assert "WSGI process group not yet configured" in words
    assert configtest(f"{GROUP}\n{line}")[0] == 0


@pytest.mark.parametrize("line", [IMPORT, ALIAS])
def test_the_group_must_be_visible(configtest, line):
    main = f"<VirtualHost *:80>\nServerName one.test\n{GROUP}\n</VirtualHost>\n{line}"
    for text in (main, HOSTS.format(GROUP, "two.test", line)):
        status, words = configtest(text)
        assert status != 0
        assert "WSGI process group not accessible" in words
    assert configtest(HOSTS.format(GROUP, "one.test", line))[0] == 0
    assert configtest(main.replace("one.test", "localhost"))[0] == 0, "the main server's name"
    assert configtest(f"{GROUP}\n" + HOSTS.format("", "two.test", line))[0] == 0


def test_a_host_without_a_name_cannot_be_matched(configtest):
    text = HOSTS.format(GROUP, "two.test", IMPORT).replace("ServerName two.test", "")
    status, words = configtest(text)
    assert status != 0
    assert "WSGI process group not " in words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("WSGIImportScript", "Location of WSGI import script not supplied"),
        ("WSGIImportScript /x.py process-group=%{GLOBAL}", "WSGI application group required"),
        ("WSGIImportScript /x.py application-group=%{GLOBAL}", "WSGI process group required"),
        (IMPORT + " callable-object=x", "Invalid option to WSGI import script.*callable-object"),
        (IMPORT + " nonsense", "Invalid option to WSGI import script"),
        ("WSGIHandlerScript", "Name for WSGI handler script not supplied"),
        ("WSGIHandlerScript name", "Location of WSGI handler script not supplied"),
        ("WSGIHandlerScript name /x.py callable-object=x", "Invalid option to WSGI handler"),
        ("WSGIHandlerScript name /x.py pass-authorization=2", "must be one of: Off [|] On"),
        ("WSGIHandlerScript wsgi-script /x.py", "choose another name"),
    ],
)
def test_errors(configtest, line, words):

    status, said = configtest(f"{GROUP}\n{line}")
    assert status != 0
    assert re.search(words, said), said
