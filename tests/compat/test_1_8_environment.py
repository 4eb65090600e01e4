"""Options of WSGIDaemonProcess for what a process has before Python starts: env=, env-file=,
lang=, locale=, single-application=."""

from __future__ import annotations

import pytest

from support import inline, wait
from support.inline import value as ask

# env= and env-file=


def environ(server, *names):
    return [ask(server, f"os.environ.get({name!r})") for name in names]


def test_env(start):
    server = start(
        mode="daemon",
        options='env=ONE=1 env=EMPTY= env="TWO=a=b c" env="THREE=three and a half" env=ONE=again',
    )
    assert environ(server, "ONE", "EMPTY", "TWO", "THREE") == [
        "again",
        "",
        "a=b c",
        "three and a half",
    ]


def test_env_is_there_before_python_starts(start):
    server = start(mode="daemon", options="env=PYTHONDONTWRITEBYTECODE=1 env=PYTHONPATH=@ROOT@/lib")
    assert ask(server, "sys.flags.dont_write_bytecode") == 1
    assert f"{server.root}/lib" in ask(server, "sys.path")


def test_env_is_inherited_by_what_the_application_starts(start):
    server = start(mode="daemon", options="env=MARK=here")
    code = "__import__('subprocess').check_output(['/bin/sh', '-c', 'echo $MARK']).decode()"
    assert ask(server, code) == "here\n"


def test_env_is_of_its_group_alone_and_not_on_the_command_line(start):
    server = start(
        "WSGIDaemonProcess one env=MARK=secret-word\nWSGIDaemonProcess two\n"
        "WSGIScriptAlias /one @APPS@/inline/wsgi.py process-group=one\n"
        "WSGIScriptAlias /two @APPS@/inline/wsgi.py process-group=two\n"
    )
    assert ask(server, "os.environ.get('MARK')", "/one") == "secret-word"
    assert ask(server, "os.environ.get('MARK')", "/two") is None
    command = ask(server, "open('/proc/self/cmdline').read()", "/one")
    assert "secret-word" not in command


FILE = """
# a comment
NAME=value
  SPACES  =  around are cut\t
QUOTED=" kept "
SINGLE='# "no" comment'
EMPTY=
HASH=a#b
EQUALS=a=b
UNICODE=žluťoučký
"""


def test_env_file(start):
    server = start(mode="daemon", options="env-file=@ROOT@/env", files={"env": FILE})
    names = ["NAME", "SPACES", "QUOTED", "SINGLE", "EMPTY", "HASH", "EQUALS", "UNICODE"]
    assert environ(server, *names) == [
        "value", "around are cut", " kept ", '# "no" comment', "", "a#b", "a=b", "žluťoučký",
    ]  # fmt: skip


def test_env_beats_env_file(start):
    server = start(
        mode="daemon", options="env=NAME=option env-file=@ROOT@/env", files={"env": FILE}
    )
    assert environ(server, "NAME") == ["option"]


@pytest.mark.root
def test_env_file_is_read_as_the_groups_user(start):
    """Whoever writes the configuration cannot have a user see a file that root alone may read."""
    server = start(
        "WSGIDaemonProcess web env-file=@ROOT@/env\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /inline @APPS@/inline/wsgi.py",
        prepare=lambda server: server.write("env", FILE, 0o600),
    )
    server.get("/inline", timeout=30)
    [line, *_] = server.log.claim("PYW0075")
    assert f"'{server.root}/env' cannot be opened: Permission denied" in line.text
    server.log.allow("PYW0004|PYW0154")


BAD_LINES = [
    ("NAME\n", 1, "is not NAME=value"),
    ("\nA=1\n1B=2\n", 3, "is not NAME=value"),
    ("export A=1\n", 1, "is not NAME=value"),
    ("=1\n", 1, "is not NAME=value"),
    ("A=secret-word\nB='open\n", 2, "has quotes in its value that do not match"),
    ("A='one' two\n", 1, "has quotes in its value that do not match"),
]


@pytest.mark.parametrize(("text", "number", "says"), BAD_LINES)
def test_a_bad_line_of_env_file_is_named(start, text, number, says):
    server = start(
        "WSGIDaemonProcess web env-file=@ROOT@/env\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /inline @APPS@/inline/wsgi.py",
        files={"env": text},
    )
    [line, *_] = server.log.claim("PYW0075")
    assert f"line {number} of '{server.root}/env' {says}" in line.text
    assert inline.run(server, "pass").status == 503
    server.log.allow("PYW0004|PYW0154|PYW0075")
    assert not server.log.find("secret-word")


def test_a_missing_env_file_is_named_and_mended(start):
    server = start(mode="daemon", options="env-file=@ROOT@/env", prepare=lambda server: None)
    server.log.claim("PYW0075")
    server.log.allow("PYW0004|PYW0154|PYW0075")
    server.expect_new_processes()
    server.write("env", "NAME=mended\n")
    wait.until(
        lambda: inline.run(server, "start_response('200 OK', []); return [b'x']").status == 200,
        "the group to come up",
        timeout=20,
    )
    assert environ(server, "NAME") == ["mended"]


# lang= and locale=


def test_utf8_by_default(server):
    """Whatever the environment says: here LANG=C."""
    assert ask(server, "[sys.getfilesystemencoding(), locale.getpreferredencoding()]") == [
        "utf-8",
        "utf-8",
    ]
    assert ask(server, "[sys.flags.utf8_mode, open('/proc/self/cmdline').encoding]") == [
        1,
        "utf-8",
    ]


def test_locale_and_lang_are_the_environments(start):
    server = start(mode="daemon", options="locale=C.UTF-8 lang=C")
    assert environ(server, "LC_ALL", "LANG") == ["C.UTF-8", "C"]
    assert ask(server, "locale.setlocale(locale.LC_ALL)") == "C.UTF-8"


def test_locale_beats_env(start):
    server = start(mode="daemon", options="locale=C.UTF-8 env=LC_ALL=C")
    assert environ(server, "LC_ALL") == ["C.UTF-8"]


# single-application=

SINGLE = """
WSGIDaemonProcess single single-application=On
WSGIDaemonProcess plain
{}
WSGIScriptAlias /single @APPS@/inline/wsgi.py process-group=single
WSGIScriptAlias /named @APPS@/inline/wsgi.py process-group=single application-group=named
WSGIScriptAlias /plain @APPS@/inline/wsgi.py process-group=plain
<Location /directed>
    WSGIProcessGroup single
    WSGIApplicationGroup directed
</Location>
WSGIScriptAlias /directed @APPS@/inline/wsgi.py
<Location /routed>
    WSGIProcessGroup single
</Location>
WSGIScriptAlias /routed @APPS@/inline/wsgi.py
"""
GROUP_NAME = "environ['mod_wsgi.application_group']"


def test_single_application_is_the_default_where_nothing_else_chooses(start):
    server = start(SINGLE.format(""))
    found = {
        name: ask(server, GROUP_NAME, f"/{name}")
        for name in ("single", "named", "plain", "directed", "routed")
    }
    assert found == {
        "single": "",
        "named": "named",
        "plain": f"localhost:{server.port}|/plain",
        "directed": "directed",
        "routed": "",
    }


def test_single_application_is_the_default_where_a_dispatch_script_chooses_the_group(start):
    routes = "\n".join(
        f"WSGIScriptAlias /{old}-{new} @APPS@/inline/wsgi.py process-group={old}\n"
        f"<Location /{old}-{new}>\nWSGIDispatchScript @ROOT@/{new}.py\n</Location>"
        for old, new in (("plain", "single"), ("single", "plain"))
    )
    script = "def process_group(environ):\n    return '{}'\n"
    server = start(
        SINGLE.format(routes),
        files={f"{name}.py": script.format(name) for name in ("single", "plain")},
    )
    assert ask(server, GROUP_NAME, "/plain-single") == ""
    assert ask(server, GROUP_NAME, "/single-plain") == f"localhost:{server.port}|/single-plain"


def test_single_application_is_imported_at_start(start):
    server = start(SINGLE.format(""))
    loaded = wait.until(lambda: server.log.find("PYW0103"), "the import")
    assert "into main interpreter" in loaded[0].text
    assert ask(server, GROUP_NAME, "/single") == ""
    assert len(server.log.find("PYW0103.*main interpreter")) == 1


def test_single_application_is_not_imported_where_a_directive_chooses(start):
    server = start(SINGLE.format("WSGIApplicationGroup chosen"))
    assert ask(server, GROUP_NAME, "/single") == "chosen"
    assert server.log.find("PYW0103.*main interpreter") == []
