"""Compat 3.7: interpreters, their threads, their signals, their end."""

from __future__ import annotations

import json
import os
import signal

import pytest

from support import inline, wait
from support.inline import value

GROUPS = """
SetEnv test.scratch @SCRATCH@
WSGIDaemonProcess web threads=3
WSGIScriptAlias /embedded/main @APPS@/inline/wsgi.py application-group=%{GLOBAL}
WSGIScriptAlias /embedded/a @APPS@/inline/wsgi.py application-group=a
WSGIScriptAlias /daemon/main @APPS@/inline/wsgi.py process-group=web application-group=%{GLOBAL}
WSGIScriptAlias /daemon/a @APPS@/inline/wsgi.py process-group=web application-group=a
WSGIScriptAlias /daemon/b @APPS@/inline/wsgi.py process-group=web application-group=b
"""


def test_each_application_group_is_one_interpreter(start):
    server = start(GROUPS)
    for place in ("/embedded/main", "/embedded/a", "/daemon/main", "/daemon/a", "/daemon/b"):
        group = "" if place.endswith("main") else place[-1]
        ids = {
            value(
                server,
                "[os.getpid(), id(sys.modules), __import__('mod_wsgi').application_group]",
                place,
            )[1]
            for _ in range(3)
        }
        assert len(ids) == 1
        assert value(server, "environ['mod_wsgi.application_group']", place) == group
    assert value(server, "KEPT.setdefault('where', 'a')", "/daemon/a") == "a"
    assert value(server, "KEPT.get('where')", "/daemon/b") is None
    assert value(server, "KEPT.get('where')", "/daemon/main") is None
    assert value(server, "os.getpid()", "/daemon/a") == value(server, "os.getpid()", "/daemon/b")


def test_thread_locals_survive_between_requests(start):
    server = start(GROUPS.replace("threads=3", "threads=1"))
    code = """
        local = KEPT.setdefault("local", threading.local())
        local.count = getattr(local, "count", 0) + 1
        start_response("200 OK", [])
        return [str(local.count).encode()]
    """
    for number in (1, 2, 3):
        for place in ("/daemon/main", "/daemon/a"):
            assert inline.run(server, code, path=place).body == str(number).encode()


def test_what_fails_at_the_end_is_logged_and_the_others_still_end(start):
    server = start(GROUPS)
    code = """
        import atexit, mod_wsgi
        path = environ["test.scratch"] + "/ended-" + mod_wsgi.application_group
        def end():
            open(path, "w").close()
            raise ValueError("at the end")
        atexit.register(end)
        start_response("200 OK", [])
        return [b"x"]
    """
    for place in ("/daemon/main", "/daemon/a", "/daemon/b"):
        assert inline.run(server, code, path=place).body == b"x"
    assert server.stop() == []
    assert sorted(path.name for path in server.scratch.glob("ended-*")) == [
        "ended-", "ended-a", "ended-b",
    ]  # fmt: skip
    assert len(server.log.claim("ValueError: at the end", at_least=3)) == 3
    server.log.allow(r"PYW0112|Traceback|\] {2,}|Exception ignored in atexit|Error in atexit")


# Signals

SERVICE = """
import os, signal, sys, threading

HERE = os.path.dirname(__file__)

def note(text):
    with open(HERE + "/scratch/" + text, "w"):
        pass

def on_usr2(number, frame):
    note("usr2-" + str(frame is None or True))

def on_term(number, frame):
    note("term")
    sys.exit(0)  # as many do: the process ends anyway, and there is nothing to log

def broken(number, frame):
    raise ValueError("in a handler")

ANSWERS = [repr(signal.signal(signal.SIGUSR2, on_usr2)), repr(signal.signal(signal.SIGTERM, on_term))]
signal.signal(signal.SIGALRM, broken)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
IS_INSTALLED = signal.getsignal(signal.SIGTERM) is on_term

def application(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/kick":  # the signal arrives on this thread, not on the main one
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
    if environ["PATH_INFO"] == "/fork":
        pid = os.fork()
        if pid == 0:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(10):
                    pass
            except SystemExit:
                os._exit(9)
            os._exit(1)
        return [str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode()]
    return [repr((os.getpid(), IS_INSTALLED)).encode()]
"""
OFF = """
WSGIRestrictSignal Off
WSGIDaemonProcess web threads=3 graceful-timeout=5
WSGIScriptAlias /service @ROOT@/service.wsgi process-group=web application-group=%{GLOBAL}
"""


@pytest.fixture
def service(start):
    """A daemon whose application handles signals, installed when its script was imported at start."""
    server = start(OFF, files={"service.wsgi": SERVICE})
    pid, is_installed = eval(server.get("/service").body)
    assert is_installed
    server.expect_new_processes()
    return server, pid


def test_handlers_of_the_application_run(service):
    server, pid = service
    os.kill(pid, signal.SIGUSR2)
    wait.until((server.scratch / "usr2-True").exists, "the application's handler")
    (server.scratch / "usr2-True").unlink()
    os.kill(pid, signal.SIGUSR2)
    wait.until((server.scratch / "usr2-True").exists, "the application's handler again")
    assert eval(server.get("/service").body)[0] == pid


def test_the_main_thread_is_woken_for_them(service):
    server, _ = service
    assert server.get("/service/kick").status == 200
    wait.until((server.scratch / "usr2-True").exists, "the application's handler")


def test_a_handler_that_fails_ends_nothing(service):
    server, pid = service
    os.kill(pid, signal.SIGALRM)
    server.log.claim("PYW0118")
    server.log.claim_traceback("ValueError: in a handler")
    server.log.allow(r"\[pid \d+\] {2,}")
    assert eval(server.get("/service").body)[0] == pid


def test_the_server_still_ends_the_process(service):
    """Both happen: the application's handler, and what the server does at SIGTERM."""
    server, pid = service
    os.kill(pid, signal.SIGTERM)
    wait.until((server.scratch / "term").exists, "the application's handler")
    wait.until(lambda: pid not in server.daemons(), "the process to end")
    wait.until(lambda: server.get("/service").status == 200, "another process")


def test_an_application_cannot_ignore_what_the_server_handles(service):
    server, pid = service
    os.kill(pid, signal.SIGUSR1)
    wait.until(lambda: pid not in server.daemons(), "the process to hand over")
    wait.until(lambda: server.get("/service").status == 200, "another process")
    assert server.log.find("PYW0064")


def test_a_fork_of_the_application_has_its_handlers(service):
    """SIGTERM in the child runs the application's handler there, and does not end it."""
    server, _ = service
    assert server.get("/service/fork").body == b"9"
    assert (server.scratch / "term").exists()


def test_the_end_is_a_sigterm_by_whatever_means_it_came(service):
    """A server that stops tells its processes otherwise; applications need not know."""
    server, _ = service
    assert server.stop() == []
    assert (server.scratch / "term").exists()


def test_restricted_in_a_fork_is_not_restricted(start):
    """A forked child of the daemon may handle signals."""
    server = start(GROUPS)
    code = """
        import signal
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGUSR2, lambda *_: os._exit(7))
            os.kill(os.getpid(), signal.SIGUSR2)
            for _ in range(1000):
                time.sleep(0.001)
            os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        start_response("200 OK", [])
        return [str(status).encode()]
    """
    assert inline.run(server, code, path="/daemon/main").body == b"7"
    assert server.log.find("PYW0111") == []


def test_off_in_embedded_mode_is_said(start):
    server = start("WSGIRestrictSignal Off", mode="embedded", threads=1)
    code = """
        import signal
        try:
            answer = repr(signal.signal(signal.SIGWINCH, lambda *_: None))
        except ValueError as error:
            answer = str(error)
        start_response("200 OK", [])
        return [json.dumps(answer).encode()]
    """
    answer = json.loads(inline.run(server, code).body)
    if "main thread" not in answer:
        [line] = server.log.claim("PYW0119")
        assert f"signal {int(signal.SIGWINCH)}" in line.text or "SIGWINCH" in line.text
    else:
        pytest.fail(answer)


# What extensions say in an interpreter that they cannot work in: Cython, PyO3, NumPy, Python itself.
REFUSALS = [
    "Interpreter change detected - this module can only be loaded into one interpreter per process.",
    "PyO3 modules do not yet support subinterpreters, see https://github.com/PyO3/pyo3/issues/576",
    "cannot load module more than once per process",
    "module _one does not support loading in subinterpreters",
]
IMPORTING = """
def load():
    try:
        raise ImportError({words!r})
    except ImportError as error:
        raise {wrapper} from error
{when}
def application(environ, start_response):
    load()
def allow_access(environ, host):
    load()
"""


@pytest.fixture
def importing(start, mode):
    """A server with scripts that import at once or late, in a sub-interpreter or in main."""
    files = {}
    lines = []
    for number, words in enumerate(REFUSALS):
        for when, code in (("early", "load()"), ("late", "")):
            name = f"{when}{number}"
            wrapper = (
                "RuntimeError('of a package')" if number % 2 else "ImportError('of a package')"
            )
            files[f"{name}.py"] = IMPORTING.format(words=words, wrapper=wrapper, when=code)
            for group in ("sub", "%{GLOBAL}"):
                path = f"/{name}/{'sub' if group == 'sub' else 'main'}"
                lines.append(f"WSGIScriptAlias {path} @ROOT@/{name}.py application-group={group}")
    lines += [
        "<Location /private>",
        "WSGIAccessScript @ROOT@/late0.py application-group=sub",
        "</Location>",
    ]
    return start("\n".join(lines) + "\n", mode=mode, files=files)


def test_the_log_names_what_cures_a_failed_import(importing):
    server = importing
    for number, words in enumerate(REFUSALS):
        for when in ("early", "late"):
            server.log.mark()
            assert server.get(f"/{when}{number}/sub").status == 500
            [line] = server.log.claim("PYW0110")
            assert f"/{when}{number}.py' " in line.text
            assert "WSGIApplicationGroup %{GLOBAL}" in line.text
            server.log.claim_traceback("of a package")
            server.log.claim(words.replace(".", r"\."))
            server.log.mark()
            assert server.get(f"/{when}{number}/main").status == 500
            server.log.claim_traceback("of a package")
            server.log.claim(words.replace(".", r"\."))
            assert server.log.find("PYW0110") == []


def test_so_does_that_of_a_script_that_decides(importing):
    assert importing.get("/private").status == 403
    importing.log.claim("PYW0110")
    importing.log.claim_traceback("of a package")
    importing.log.claim("Interpreter change")
    importing.log.claim("PYW0215")
