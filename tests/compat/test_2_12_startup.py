"""Compat 2.12: what a process does before its first request, in which order, on which thread."""

from __future__ import annotations

import pytest

from support import wait
from support.inline import value

SCRIPT = """
import os, sys, threading

WHERE = {
    "argv": sys.argv,
    "is_main_thread": threading.current_thread() is threading.main_thread(),
    "ident": threading.get_native_id(),
    "pid": os.getpid(),
    "cwd": os.getcwd(),
    "path0": sys.path[0],
    "uid": os.getuid(),
    "umask": os.umask(0o777),
    "env": os.environ.get("MARK"),
    "lang": os.environ.get("LANG"),
    "streams": [type(sys.stdout.buffer).__name__, type(sys.stderr.buffer).__name__],
}
os.umask(WHERE["umask"])

def application(environ, start_response):
    start_response("200 OK", [])
    return [repr(WHERE).encode()]
"""


def test_argv(server):
    assert value(server, "sys.argv") == ["mod_wsgi"]


def test_flags_say_that_nothing_is_special(server):
    names = ("debug", "inspect", "interactive", "optimize", "no_site", "verbose", "isolated")
    assert value(server, f"[getattr(sys.flags, n) for n in {names!r}]") == [0] * len(names)


def test_requests_are_not_on_the_main_thread(start):
    """Of a daemon: Python's main thread is the process's, and serves nothing."""
    server = start(mode="daemon")
    assert value(server, "threading.main_thread().native_id == os.getpid()")
    assert not value(server, "threading.current_thread() is threading.main_thread()")
    assert value(server, "threading.main_thread().is_alive()")


def test_scripts_are_imported_on_the_main_thread_after_all_else(start):
    """Order: environment, locale, umask, directory and user first, then Python, then the script."""
    server = start(
        "WSGIDaemonProcess web home=/usr/share umask=0027 env=MARK=early lang=C.UTF-8\n"
        "WSGIScriptAlias /x @ROOT@/x.wsgi process-group=web application-group=%{GLOBAL}",
        files={"x.wsgi": SCRIPT},
    )
    loaded = wait.until(lambda: server.log.find("PYW0103"), "the import, without any request")
    assert len(loaded) == 1
    found = eval(server.get("/x").body)
    assert found["is_main_thread"]
    assert found["ident"] == found["pid"]
    assert found["argv"] == ["mod_wsgi"]
    assert (found["cwd"], found["path0"]) == ("/usr/share", "/usr/share")
    assert (found["umask"], found["env"], found["lang"]) == (0o027, "early", "C.UTF-8")
    assert found["streams"] == ["Log", "Log"]
    user = server.around.facts.user
    if user:
        assert found["uid"] != 0
    assert len(server.log.find("PYW0103")) == 1


def test_a_script_of_a_sub_interpreter_is_imported_on_the_same_thread(start):
    server = start(
        "WSGIDaemonProcess web\n"
        "WSGIScriptAlias /x @ROOT@/x.wsgi process-group=web application-group=sub",
        files={"x.wsgi": SCRIPT},
    )
    wait.until(lambda: server.log.find("PYW0103.*sub-interpreter 'sub'"), "the import")
    found = eval(server.get("/x").body)
    assert found["ident"] == found["pid"]
    assert found["is_main_thread"]


MAIN_THREAD = (
    "(threading.current_thread() is threading.main_thread(),"
    " threading.main_thread().is_alive(), threading.main_thread().native_id == os.getpid())"
)


@pytest.mark.parametrize("group", ["sub", "%{GLOBAL}"])
def test_the_main_thread_of_every_interpreter_is_that_of_the_process(start, mode, group):
    """Not the request's that was the first to import `threading` there."""
    server = start(f"WSGIApplicationGroup {group}\nWSGIRestrictEmbedded Off", mode=mode)
    for _ in range(4):
        assert value(server, MAIN_THREAD) == [False, True, True]


def test_python_that_starts_with_a_request_has_its_thread_for_main(start):
    """In embedded mode, where nothing asks for Python earlier; one and the same everywhere."""
    server = start("WSGIApplicationGroup sub", mode="embedded")
    native = value(server, "threading.main_thread().native_id")
    for _ in range(4):
        assert value(server, "threading.main_thread().native_id") == native
        assert value(server, "threading.main_thread().is_alive()")


def test_nothing_is_shared_between_processes(start):
    """Python starts after the fork: each process imports on its own."""
    server = start(mode="daemon_multi")
    seen = set()

    def both():
        pid, kept = value(server, "[os.getpid(), KEPT.setdefault('pid', os.getpid())]")
        assert kept == pid
        seen.add(pid)
        return len(seen) == 2

    wait.until(both, "both processes")


def test_python_that_cannot_start_is_tried_again_without_a_long_sleep(start):
    """Not once in 20 s: the reason goes, and the group comes up."""
    server = start(
        "WSGIDaemonProcess web python-home=@ROOT@/venv daemon-program=@LIBEXEC@/pywsgi-daemon\n"
        "WSGIProcessGroup web\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /hello @APPS@/hello/wsgi.py\n"
        "WSGIScriptAlias /embedded @APPS@/inline/wsgi.py process-group=%{GLOBAL}"
    )
    server.log.claim("PYW0052")
    server.log.allow("PYW0052|PYW0004|PYW0154|PYW0008")
    server.expect_new_processes()
    prefix, major, minor = value(server, "[sys.base_prefix, *sys.version_info[:2]]", "/embedded")
    server.write("venv/pyvenv.cfg", f"home = {prefix}/bin\nversion = {major}.{minor}\n")
    (server.root / "venv").chmod(0o755)
    wait.until(lambda: server.get("/hello").status == 200, "the group to come up", timeout=15)
