"""Compat 3.7: processes that the application forks, from wherever its code runs."""

from __future__ import annotations

import concurrent.futures
import os
import signal

import pytest

from support import inline, wait

# Forks where FORKS says, once; the parent leaves the child's pid.
COMES_BACK = """
import os, signal, sys, mod_wsgi

def fork(place):
    if not os.path.exists(HERE + "/scratch/" + place) or os.path.exists(HERE + "/scratch/taken"):
        return
    open(HERE + "/scratch/taken", "x").close()
    pid = os.fork()
    if pid == 0 and place == "import":
        sys.exit(0)
    if pid != 0:
        with open(HERE + "/scratch/new", "w") as file:
            file.write(str(pid))
        os.rename(HERE + "/scratch/new", HERE + "/scratch/child")
        if place in ("process_stopping", "shutdown"):
            os.waitpid(pid, 0)  # nobody listens to it once this process has ended

HERE = os.path.dirname(__file__)
mod_wsgi.subscribe_events(lambda name, **_: fork(name))
mod_wsgi.subscribe_signals(lambda name, **_: fork("subscribed"))
mod_wsgi.subscribe_shutdown(lambda name, **_: fork("shutdown"))
signal.signal(signal.SIGUSR2, lambda *_: fork("handler"))
fork("import")

def reload_required(path):
    fork("reload_required")
    return False

def application(environ, start_response):
    fork("application")
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
CONF = """
WSGIRestrictSignal Off
WSGIDaemonProcess web threads=3
WSGIScriptAlias /x @ROOT@/x.wsgi process-group=web application-group=%{GLOBAL}
"""
PRELOADED = "WSGIImportScript @ROOT@/x.wsgi process-group=web application-group=%{GLOBAL}\n"
PLACES = {
    "import": "WSGI script",
    "reload_required": "WSGI script",
    "request_started": "WSGI script",
    "application": "WSGI script",
    "request_finished": "WSGI script",
    "process_signal": "callbacks of event 'process_signal'",
    "subscribed": "callbacks of event 'process_signal'",
    "handler": "handlers of 'signals'",
    "process_stopping": "callbacks of event 'process_stopping'",
    "shutdown": "callbacks of event 'process_stopping'",
}


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def check_child(server, place):
    child = server.scratch / "child"
    wait.until(child.exists, "the application to fork")
    wait.until(lambda: is_gone(int(child.read_text())), "its child to end")
    [line] = server.log.claim("PYW0256")
    assert PLACES[place] in line.text


@pytest.mark.parametrize("place", PLACES)
def test_a_fork_that_comes_back_is_ended(start, place):
    server = start(CONF, files={"x.wsgi": COMES_BACK})
    server.expect_new_processes()
    if place != "import":
        assert server.get("/x").status == 200
    (server.scratch / place).touch()
    daemon = int(server.get("/x").text)
    if place in ("process_signal", "subscribed", "handler"):
        os.kill(daemon, signal.SIGUSR2)
    elif place in ("process_stopping", "shutdown"):
        os.kill(daemon, signal.SIGTERM)
    check_child(server, place)
    wait.until(lambda: server.get("/x").status == 200, "an answer")
    server.log.allow("PYW006")


def test_a_fork_that_comes_back_while_a_process_starts(start):
    """It does not become a second daemon."""
    server = start(
        CONF + PRELOADED,
        files={"x.wsgi": COMES_BACK},
        prepare=lambda server: (server.scratch / "import").touch(),
    )
    check_child(server, "import")
    assert server.daemons() == [int(server.get("/x").text)]


BESIDE = """
WSGITelemetryService unix:@ROOT@/run/telemetry interval=0.5
WSGISlowRequests 0.001
WSGIScriptAlias /y @ROOT@/x.wsgi process-group=web application-group=beside
"""
BUSY = """
import logging, multiprocessing, os, signal, subprocess, sys, threading, time, mod_wsgi

def note(name, request_data=None, **_):
    if request_data is not None:
        request_data[name] = True

mod_wsgi.subscribe_events(note)
mod_wsgi.subscribe_signals(note)
mod_wsgi.start_recording_metrics()
if mod_wsgi.application_group == "":
    signal.signal(signal.SIGUSR2, lambda *_: None)
logging.basicConfig(level=logging.INFO)
forks = multiprocessing.get_context("fork")

def work():
    logging.info("from a thread")

def use_everything(data):
    logging.info("from the child")
    print("from the child")
    mod_wsgi.request_metrics()
    mod_wsgi.process_metrics()
    mod_wsgi.server_metrics()
    assert mod_wsgi.request_data() is data
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def fork():
    data = mod_wsgi.request_data()
    pid = os.fork()
    if pid == 0:
        try:
            use_everything(data)
            os._exit(7)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

one_at_a_time = threading.Lock()  # multiprocessing reaps the children of all threads

def process():
    with one_at_a_time:
        child = forks.Process(target=use_everything, args=(mod_wsgi.request_data(),))
        child.start()
        child.join()
    return child.exitcode

def terminated():
    with one_at_a_time:
        child = forks.Process(target=time.sleep, args=(1000,))
        child.start()
        child.terminate()
        child.join()
    return child.exitcode

def program():
    return subprocess.run(["/bin/sh", "-c", "exit 3"], preexec_fn=os.setsid).returncode

def beside():
    logging.info("from another interpreter")
    mod_wsgi.request_metrics()
    return len([str(number) for number in range(10_000)])

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(globals()[environ["PATH_INFO"][1:]]()).encode()]
"""


def test_forks_of_a_busy_process_do_not_hang(start):
    """With events, metrics, telemetry, handlers and other threads about."""
    server = start(
        CONF + BESIDE,
        files={"x.wsgi": BUSY},
        options="server-metrics=On",
    )
    kinds = {
        "x/fork": b"7",
        "x/process": b"0",
        "x/terminated": b"-15",
        "x/program": b"3",
        "y/beside": b"10000",
    }
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            asked = {pool.submit(server.get, f"/{kind}"): kind for kind in [*kinds] * 8}
            for future, kind in asked.items():
                assert future.result().body == kinds[kind], kind
    server.log.allow("from the child|from a thread|from another")


def test_a_process_that_the_application_forks_can_be_terminated(server):
    """Its signals are its own: none of those that are blocked, or handled, for the server."""
    code = """
    import multiprocessing
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    worker.terminate()
    worker.join(10)
    code = worker.exitcode
    worker.kill()
    worker.join()
    start_response("200 OK", [])
    return [str(code).encode()]
    """
    assert inline.run(server, code).body == b"-15"
