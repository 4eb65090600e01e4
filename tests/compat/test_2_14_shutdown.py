"""Section 2.14: how a daemon process ends: requests, exit functions, threads, in this order."""

from __future__ import annotations

import concurrent.futures
import os
import signal

import pytest

from support import inline, procs, wait

HOSTED = """
import atexit, os, threading, time
from urllib.parse import parse_qs

FOLDER = {folder!r}

def note(text):
    with open(FOLDER + "/notes", "a") as file:
        file.write(text + "\\n")

def linger():
    threading.main_thread().join()
    note("thread of {name}")

def application(environ, start_response):
    if environ["QUERY_STRING"] == "setup":
        atexit.register(note, "exit of {name}")
        {thread}
    if environ["QUERY_STRING"] == "wait":
        open(FOLDER + "/running", "w").close()
        while not os.path.exists(FOLDER + "/go"):
            time.sleep(0.01)
        note("request of {name}")
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
# Threads of a request are daemons, and what they start too unless it says otherwise.
THREAD = "threading.Thread(target=linger, daemon=False).start()"


@pytest.fixture
def hosted(start):
    """Scripts `main` and `sub`, in the main interpreter and in another one of the same process."""

    def run(options="", thread=""):
        def write(server):
            for name in ("main", "sub"):
                own = thread if name == "main" else ""
                text = HOSTED.format(folder=str(server.scratch), name=name, thread=own or "pass")
                server.write(f"{name}.py", text)

        server = start(
            f"WSGIDaemonProcess web {options}\n"
            "WSGIScriptAlias /main @ROOT@/main.py process-group=web application-group=%{GLOBAL}\n"
            "WSGIScriptAlias /sub @ROOT@/sub.py process-group=web application-group=other\n",
            prepare=write,
        )
        server.expect_new_processes()
        pid = int(server.get("/main?setup").text)
        assert int(server.get("/sub?setup").text) == pid
        return server, pid

    return run


def notes(server):
    path = server.scratch / "notes"
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def gone(pid):
    wait.until(lambda: not procs.alive(pid), f"process {pid} to end", 20)


ENDS = {
    "SIGTERM": lambda server, pid: os.kill(pid, signal.SIGTERM),
    "SIGUSR1": lambda server, pid: os.kill(pid, signal.SIGUSR1),
    "touched": lambda server, pid: (
        os.utime(server.root / "main.py", (1, 1)),
        server.get("/main"),
    ),
    "restart": lambda server, pid: server.restart(),
    "graceful": lambda server, pid: server.graceful(),
    "stop": lambda server, pid: server.stop(),
}


@pytest.mark.parametrize("end", ENDS)
def test_exit_functions_run(hosted, end):
    """Of all interpreters, the main one's last, whatever ends the process; nothing is said of it."""
    server, pid = hosted()
    ENDS[end](server, pid)
    gone(pid)
    assert notes(server) == ["exit of sub", "exit of main"]
    assert not server.log.find("PYW000[2-6]")


def test_threads_of_the_application_are_waited_for(hosted):
    """Those that are no daemons, before the exit functions of their interpreter."""
    server, pid = hosted(thread=THREAD)
    os.kill(pid, signal.SIGTERM)
    gone(pid)
    assert notes(server) == ["exit of sub", "thread of main", "exit of main"]


def test_requests_come_first(hosted):
    server, pid = hosted("shutdown-timeout=60")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "/main?wait")
        wait.until((server.scratch / "running").exists, "the application to run")
        os.kill(pid, signal.SIGTERM)
        wait.until(lambda: int(server.get("/main").text) != pid, "the successor")
        assert notes(server) == []
        (server.scratch / "go").touch()
        assert int(slow.result(20).text) == pid
    gone(pid)
    assert notes(server) == ["request of main", "exit of sub", "exit of main"]


def test_shutdown_timeout_ends_what_does_not_end(hosted):
    """An exit function that hangs; the process ends all the same, and says so."""
    server, pid = hosted("shutdown-timeout=1", "atexit.register(time.sleep, 600)")
    os.kill(pid, signal.SIGTERM)
    gone(pid)
    server.log.claim("PYW0062")
    server.log.allow("PYW0006")
    wait.until(lambda: int(server.get("/main").text) != pid, "the successor")


def test_another_takes_its_place_unless_apache_stops(hosted):
    server, pid = hosted()
    os.kill(pid, signal.SIGTERM)
    wait.until(lambda: int(server.get("/main").text) != pid, "the successor")
    gone(pid)
    family = server.descendants()
    server.stop()
    assert not [each for each in family if procs.alive(each)]


def test_the_last_output_is_not_lost(start):
    """What exit functions write reaches the log of the group."""
    server = start(
        "WSGIDaemonProcess web\nWSGIProcessGroup web\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /inline @APPS@/inline/wsgi.py\n"
    )
    code = """
        import atexit
        atexit.register(lambda: print("last words", file=sys.stderr, end=""))
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
    """
    pid = int(inline.run(server, code).text)
    server.expect_new_processes()
    os.kill(pid, signal.SIGTERM)
    gone(pid)
    server.log.claim("last words")
    wait.until(lambda: len(server.daemons()) == 1, "the successor")
