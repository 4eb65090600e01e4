"""compat 3.5: process_metrics() and server_metrics()."""

from __future__ import annotations

import contextlib
import time

import pytest

from support import inline, wait
from support.places import PLACES, SETTLE, ask, server_at

KEYS = {
    *("pid", "request_busy_time", "request_count", "memory_max_rss", "memory_rss"),
    *("cpu_user_time", "cpu_system_time", "cpu_time", "restart_time", "current_time"),
    *("running_time", "request_threads", "active_requests", "threads"),
}
METRICS = SETTLE + "result = mod_wsgi.process_metrics()"


@pytest.fixture(params=PLACES)
def server(servers, request):
    server = server_at(servers, request.param)
    ask(server, "mod_wsgi.start_recording_metrics()")
    return server


def test_process_metrics(server):
    metrics = ask(server, METRICS)
    assert set(metrics) == KEYS
    assert metrics["pid"] in server.descendants()
    assert metrics["active_requests"] == 1
    assert metrics["restart_time"] < metrics["current_time"] <= time.time()
    assert type(metrics["running_time"]) is int
    assert 0 <= metrics["running_time"] <= metrics["current_time"] - metrics["restart_time"] + 1
    assert metrics["request_threads"] >= 5
    assert metrics["cpu_time"] == pytest.approx(
        metrics["cpu_user_time"] + metrics["cpu_system_time"], abs=0.001
    )
    for row in metrics["threads"]:
        assert set(row) == {"thread_id", "request_count"}
    assert sum(row["request_count"] for row in metrics["threads"]) == metrics["request_count"]


def test_process_metrics_are_cumulative(server):
    before = ask(server, METRICS)
    for _ in range(5):
        server.get("/hello")
    after = ask(server, METRICS)
    assert after["request_count"] == before["request_count"] + 6
    assert after["request_busy_time"] > before["request_busy_time"]
    assert after["cpu_time"] >= before["cpu_time"]


def test_thread_id_is_that_of_environ(server):
    code = """
threads = [row["thread_id"] for row in mod_wsgi.process_metrics()["threads"]]
result = environ["mod_wsgi.thread_id"] in threads
"""
    assert ask(server, code) is True


IMPORTED = """
import threading, mod_wsgi

mod_wsgi.start_recording_metrics()
is_main = threading.current_thread() is threading.main_thread()

def application(environ, start_response):
    start_response("200 OK", [])
    rows = mod_wsgi.process_metrics()["threads"]
    return [repr((is_main, environ["mod_wsgi.thread_id"], rows)).encode()]
"""


def test_only_threads_of_requests_have_a_row(start):
    """The main thread ran a script that was imported, and has none; in mod_wsgi it has row 0."""
    server = start(
        "WSGIDaemonProcess web threads=1\n"
        "WSGIScriptAlias /x @ROOT@/x.wsgi process-group=web application-group=%{GLOBAL}",
        files={"x.wsgi": IMPORTED},
    )
    is_main, thread, rows = eval(server.get("/x").body)
    assert is_main
    assert thread >= 1
    assert [row["thread_id"] for row in rows] == [thread]


# --- server_metrics ---

SERVER = "result = mod_wsgi.server_metrics()"
SERVER_KEYS = {
    *("server_limit", "thread_limit", "running_generation", "restart_time", "current_time"),
    *("running_time", "processes"),
}
PROCESS_KEYS = {"process_num", "pid", "generation", "quiescing", "workers"}
WORKER_KEYS = {
    *("thread_num", "generation", "status", "access_count", "bytes_served", "start_time"),
    *("stop_time", "last_used", "client", "request", "vhost"),
}


def test_server_metrics_are_none_by_default(server):
    assert ask(server, SERVER) is None


def check_server(server, metrics):
    assert set(metrics) == SERVER_KEYS
    assert len(metrics["processes"]) == metrics["server_limit"]
    assert metrics["thread_limit"] == (1 if server.settings.mpm == "prefork" else 16)
    assert metrics["running_generation"] == 0
    assert type(metrics["running_time"]) is int
    assert metrics["restart_time"] <= metrics["current_time"] <= time.time() + 1
    for number, process in enumerate(metrics["processes"]):
        assert set(process) == PROCESS_KEYS
        assert process["process_num"] == number
        assert len(process["workers"]) == metrics["thread_limit"]
        assert process["quiescing"] is False
        for at, worker in enumerate(process["workers"]):
            assert set(worker) == WORKER_KEYS
            assert worker["thread_num"] == at
            assert worker["status"] in "._SRWKLDCGI"
    pids = {process["pid"] for process in metrics["processes"]} - {0}
    assert pids
    assert pids <= set(server.descendants())


def test_server_metrics_embedded(start):
    server = start("WSGIServerMetrics On\nExtendedStatus On\n", mode="embedded")

    def has_seen():
        """What each worker did last; where a client has left, that is to see it leave."""
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(server.connect()).request("GET", "/hello?mine")
            metrics = ask(server, SERVER)
        check_server(server, metrics)
        workers = [worker for process in metrics["processes"] for worker in process["workers"]]
        is_told = any(worker["request"].startswith("GET /hello?mine") for worker in workers)
        return workers if is_told else None

    workers = wait.until(has_seen, "a worker that was asked before")
    busy = [worker for worker in workers if worker["status"] == "W"]
    assert len(busy) == 1
    assert busy[0]["request"].startswith("GET /inline")
    assert any(worker["client"] == "127.0.0.1" for worker in workers)
    assert sum(worker["access_count"] for worker in workers) >= 3
    assert any(worker["vhost"] for worker in workers)


@pytest.mark.parametrize("mode", ["embedded", "daemon"])
def test_details_of_workers_need_extended_status(start, mode):
    """Without it the letters are there, and who asked for what is not."""
    server = start(
        "WSGIServerMetrics On\nExtendedStatus Off\n", mode=mode, options="server-metrics=On"
    )
    for _ in range(3):
        server.get("/hello")

    def seen():
        metrics = ask(server, SERVER)
        workers = [worker for process in metrics["processes"] for worker in process["workers"]]
        return workers if "W" in {worker["status"] for worker in workers} else None

    for worker in wait.until(seen, "a worker that is busy"):
        assert (worker["client"], worker["request"], worker["vhost"]) == ("", "", "")
        assert (worker["access_count"], worker["bytes_served"]) == (0, 0)


def test_server_metrics_in_interpreters(start):
    server = start(
        "WSGIServerMetrics On\n<Location /inline>\nWSGIApplicationGroup sub\n</Location>\n",
        mode="embedded",
    )
    check_server(server, ask(server, SERVER))


@pytest.mark.parametrize("mode", ["daemon", "daemon_multi"])
def test_server_metrics_of_a_daemon(start, mode):
    server = start("ExtendedStatus On\n", mode=mode, options="server-metrics=On")

    def seen():
        metrics = ask(server, SERVER)
        workers = [worker for process in metrics["processes"] for worker in process["workers"]]
        return metrics if any("/inline" in worker["request"] for worker in workers) else None

    # A snapshot is half a second old at most when a request comes.
    check_server(server, wait.until(seen, "the requests to be seen"))


def test_server_metrics_are_of_groups_that_asked(start):
    """Their memory cannot be written to; a group that did not ask has it not at all."""
    server = start(
        "WSGIDaemonProcess shown server-metrics=On\nWSGIDaemonProcess hidden\n"
        "WSGIScriptAlias /shown @APPS@/inline/wsgi.py process-group=shown application-group=sub\n"
        "WSGIScriptAlias /hidden @APPS@/inline/wsgi.py process-group=hidden application-group=sub\n"
    )
    code = """
import mod_wsgi
lines = [line for line in open("/proc/self/maps") if "pywsgi-board" in line]
files = [os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd")
    if os.path.lexists("/proc/self/fd/" + fd)]
start_response("200 OK", [])
return [json.dumps([mod_wsgi.server_metrics() is None, [line.split()[1] for line in lines],
    any("pywsgi-board" in file for file in files)]).encode()]
"""
    assert inline.run(server, code, path="/shown").json() == [False, ["r--s"], False]
    assert inline.run(server, code, path="/hidden").json() == [True, [], False]


def test_server_metrics_after_a_restart(start):
    server = start(mode="daemon", options="server-metrics=On")
    server.expect_new_processes()
    assert ask(server, SERVER)["running_generation"] == 0
    server.graceful()
    wait.until(
        lambda: ask(server, SERVER)["running_generation"] == 1, "the new generation's snapshot"
    )


def test_server_metrics_off(start):
    server = start("WSGIServerMetrics Off\n", mode="embedded")
    assert ask(server, SERVER) is None
