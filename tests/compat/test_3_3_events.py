"""compat 3.3: events of requests and of the process."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import time

import pytest

from support import inline, procs, wait
from support.places import PLACES, ask, server_at

# Subscribes a callback that keeps the names and fields of the requests with ?watch.
WATCH = """
def watch(name, **fields):
    environ = fields.get("request_environ")
    if environ is not None and environ["QUERY_STRING"] == "watch":
        KEPT["watched"] = fields["request_id"]
    if fields.get("request_id") == KEPT.get("watched"):
        KEPT["events"].append((name, fields))
KEPT["events"] = []
KEPT["watch"] = watch
mod_wsgi.subscribe_events(watch)
"""
UNWATCH = """
mod_wsgi.event_callbacks.clear()
"""

STARTED = {
    *("request_id", "thread_id", "daemon_connects", "daemon_restarts", "server_pid"),
    *("request_start", "queue_start", "daemon_start", "application_start", "application_object"),
    *("callable_object", "request_environ", "request_data"),
}
FINISHED = {
    *("request_id", "thread_id", "server_pid", "request_start", "queue_start", "daemon_start"),
    *("application_finish", "application_time", "input_reads", "input_length", "input_time"),
    *("output_writes", "output_length", "output_time", "cpu_user_time", "cpu_system_time"),
    *("cpu_time", "gil_wait_time", "gil_wait_count", "status", "request_data"),
}

# What can be shown of the events: values that JSON knows.
SHOW = """
def show(value):
    return value if isinstance(value, (str, int, float, type(None))) else repr(type(value))
result = [(name, {key: show(value) for key, value in fields.items()})
    for name, fields in KEPT["events"]]
"""


@pytest.fixture(params=PLACES)
def server(servers, request):
    server = server_at(servers, request.param)
    ask(server, WATCH)
    yield server
    ask(server, UNWATCH)


def watched(server, code, body=None, status=200):
    """The events of a request that runs `code`."""
    ask(server, "KEPT['events'].clear()")
    method = "POST" if body else "GET"
    response = inline.run(server, code, method, body=body, path="/inline?watch")
    assert response.status == status

    def shown():
        """The client may have its answer before the end of the request is published."""
        events = ask(server, SHOW)
        return events if [name for name, _ in events][-1:] == ["request_finished"] else None

    return wait.until(shown, "the end of the request")


HELLO = 'start_response("200 OK", [])\nreturn [b"hello"]'


def test_course_of_a_request(server):
    events = watched(server, HELLO)
    assert [name for name, _ in events] == [
        "request_started",
        "response_started",
        "request_finished",
    ]


def test_fields_of_request_started(server):
    [started, *_] = watched(server, HELLO)
    fields = started[1]
    is_embedded = fields["daemon_start"] == 0.0
    assert set(fields) == STARTED
    assert fields["daemon_connects"] == fields["daemon_restarts"] == 0
    assert fields["server_pid"] in server.children()
    assert fields["callable_object"] == "application"
    assert fields["thread_id"] >= 1
    assert fields["request_start"] <= fields["application_start"]
    if not is_embedded:
        times = ("request_start", "queue_start", "daemon_start", "application_start")
        values = [fields[name] for name in times]
        assert values == sorted(values)
    assert fields["request_environ"] == fields["request_data"] == "<class 'dict'>"
    assert "function" in fields["application_object"]


def test_fields_of_response_started(server):
    [_, response, _] = watched(server, HELLO)
    assert set(response[1]) == {
        *("request_id", "response_status", "response_headers", "exception_info", "request_data")
    }
    assert response[1]["response_status"] == "200 OK"
    assert response[1]["response_headers"] == "<class 'list'>"
    assert response[1]["exception_info"] is None


def test_fields_of_request_finished(server):
    code = """
environ["wsgi.input"].read()
start_response("201 Made", [])
return iter([b"one", b"", b"three"])
"""
    fields = watched(server, code, b"x" * 70000, 201)[-1][1]
    assert set(fields) == FINISHED
    assert fields["status"] == 201
    assert fields["input_length"] == 70000
    assert fields["input_reads"] >= 1
    assert fields["output_length"] == 8
    assert fields["output_writes"] == 2
    assert fields["gil_wait_count"] >= 1
    for name in ("input_time", "output_time", "gil_wait_time", "cpu_time", "application_time"):
        assert isinstance(fields[name], float)
        assert 0 <= fields[name] < 60
    assert fields["application_finish"] >= fields["request_start"]


def test_request_exception(server):
    events = watched(server, "raise ValueError('meant')", status=500)
    assert [name for name, _ in events] == [
        "request_started",
        "request_exception",
        "request_finished",
    ]
    assert set(events[1][1]) == {"request_id", "exception_info", "request_data"}
    assert events[2][1]["status"] == 500
    assert ask(
        server,
        "error = KEPT['events'][1][1]['exception_info']\n"
        "result = [error[0].__name__, str(error[1]), error[2].tb_lineno > 0]",
    ) == ["ValueError", "meant", True]
    server.log.claim_traceback("ValueError: meant")


def test_data_of_the_request_in_all_events(server):
    watched(
        server,
        "import mod_wsgi\nmod_wsgi.request_data()['mark'] = 7\n" + HELLO,
    )
    code = "result = [fields['request_data'].get('mark') for _, fields in KEPT['events']]"
    assert ask(server, code) == [7, 7, 7]
    code = "result = len({id(fields['request_data']) for _, fields in KEPT['events']})"
    assert ask(server, code) == 1


def test_thread_and_environ_are_those_of_the_request(server):
    code = """
ident = threading.get_ident()
KEPT["seen"] = None
def look(name, **fields):
    if name == "request_started" and fields["request_environ"]["QUERY_STRING"] == "watch":
        fields["request_environ"]["my.mark"] = threading.get_ident()
mod_wsgi.subscribe_events(look)
"""
    ask(server, code)
    watched(
        server,
        "assert environ['my.mark'] == threading.get_ident()\n" + HELLO,
    )


def test_returned_fields_are_seen_by_later_callbacks(server):
    ask(
        server,
        """
def first(name, **fields):
    return {"more": name, "thread_id": -1}
mod_wsgi.event_callbacks.insert(0, first)
""",
    )
    events = watched(server, HELLO)
    assert [fields["more"] for _, fields in events] == [name for name, _ in events]
    assert events[0][1]["thread_id"] == -1


def test_application_can_be_wrapped(server):
    ask(
        server,
        """
def wrap(name, **fields):
    if name != "request_started" or fields["request_environ"]["QUERY_STRING"] != "wrap":
        return None
    inner = fields["application_object"]
    def outer(environ, start_response):
        return [b"<", *inner(environ, start_response), b">"]
    return {"application_object": outer}
mod_wsgi.subscribe_events(wrap)
""",
    )
    assert inline.run(server, HELLO, path="/inline?wrap").text == "<hello>"
    assert inline.run(server, HELLO).text == "hello"


def test_exceptions_of_callbacks_are_logged_and_ignored(server):
    ask(
        server,
        """
def broken(name, **fields):
    raise KeyError("in the callback")
mod_wsgi.event_callbacks.append(broken)
""",
    )
    events = watched(server, HELLO)
    assert len(events) == 3
    lines = server.log.claim("PYW0126: KeyError exception raised by a callback for the event re")
    assert {line.level for line in lines} == {"error"}
    server.log.claim_traceback("KeyError: 'in the callback'")
    server.log.allow("KeyError")  # of requests that are not looked at


def test_a_callback_that_subscribes_is_no_part_of_the_event(server):
    ask(
        server,
        """
def subscribing(name, **fields):
    if len(mod_wsgi.event_callbacks) < 20:
        mod_wsgi.subscribe_events(lambda name, **fields: KEPT.setdefault("late", []).append(name))
mod_wsgi.subscribe_events(subscribing)
""",
    )
    watched(server, HELLO)
    assert ask(server, "result = KEPT.pop('late')")[0] != "request_started"


def test_a_second_start_response_is_another_event(server):
    code = """
start_response("200 OK", [])
try:
    1 / 0
except ZeroDivisionError:
    start_response("503 Sorry", [], sys.exc_info())
return [b""]
"""
    events = watched(server, code, status=503)
    assert [
        fields.get("response_status") for name, fields in events if name == "response_started"
    ] == ["200 OK", "503 Sorry"]
    assert events[2][1]["exception_info"] == "<class 'tuple'>"
    assert events[3][1]["status"] == 503


def test_nothing_is_left_behind(server):
    for _ in range(5):
        watched(server, HELLO)
    wait.until(lambda: ask(server, "result = len(mod_wsgi.active_requests)") == 1, "only the asker")


# --- events of the process ---

STOP = """
path = environ["test.scratch"] + "/" + mod_wsgi.application_group + ".stop"
@mod_wsgi.subscribe_{what}
def stopping(name, **fields):
    if name == "process_stopping":
        with open(path, "a") as file:
            file.write(json.dumps([name, fields]) + "\\n")
result = os.getpid()
"""


def told(server, group=""):
    """What the callback was told, once it was."""
    path = server.scratch / f"{group}.stop"
    wait.until(lambda: path.exists() and path.read_text().endswith("\n"), "the callback", 20)
    return [json.loads(line) for line in path.read_text().splitlines()]


REASONS = {
    "SIGTERM": ("", signal.SIGTERM, "shutdown_signal"),
    "SIGINT": ("", signal.SIGINT, "shutdown_signal"),
    "SIGUSR1": ("", signal.SIGUSR1, "graceful_signal"),
    "SIGUSR1 with eviction": ("eviction-timeout=5", signal.SIGUSR1, "eviction_signal"),
    "SIGXCPU": ("cpu-time-limit=1000", signal.SIGXCPU, "cpu_time_limit"),
    "requests": ("maximum-requests=2", None, "maximum_requests"),
    "interval": ("restart-interval=2", None, "restart_interval"),
    "inactivity": ("inactivity-timeout=1", None, "inactivity_timeout"),
}


@pytest.mark.parametrize("what", REASONS)
def test_reason_of_the_end(start, what):
    options, number, reason = REASONS[what]
    server = start(mode="daemon", options=options)
    server.log.allow("PYW00")
    server.expect_new_processes()
    pid = ask(server, STOP.format(what="shutdown"))
    if number:
        os.kill(pid, number)
    elif what == "requests":
        server.get("/hello")
    assert told(server) == [["process_stopping", {"shutdown_reason": reason}]]
    wait.until(lambda: not procs.alive(pid) or procs.zombie(pid), "the process to end", 20)
    assert len(told(server)) == 1


def test_restart_interval_is_the_reason_with_requests_in_flight(start):
    server = start(mode="daemon", options="restart-interval=2")
    server.log.allow("PYW00")
    server.expect_new_processes()
    ask(server, STOP.format(what="events"))
    code = """
for _ in range(1000):
    if os.path.exists(environ["test.scratch"] + "/.stop"):
        break
    time.sleep(0.01)
start_response("200 OK", [])
return [b"told meanwhile"]
"""
    assert inline.run(server, code).text == "told meanwhile"
    assert told(server) == [["process_stopping", {"shutdown_reason": "restart_interval"}]]


def test_changed_script_is_the_reason(start):
    server = start(
        "WSGIScriptAlias /own @ROOT@/own.wsgi\n",
        mode="daemon",
        files={"own.wsgi": "from hello import application\n"},
        prepare=lambda server: server.write(
            "own.wsgi", (server.around.apps / "hello/wsgi.py").read_text()
        ),
    )
    server.log.allow("PYW00")
    server.expect_new_processes()
    ask(server, STOP.format(what="shutdown"))
    server.get("/own")
    os.utime(server.root / "own.wsgi", (1, 1))
    server.get("/own")
    assert told(server) == [["process_stopping", {"shutdown_reason": "script_reload"}]]


def test_end_of_the_server(start, mode):
    """Every interpreter is told, both by events and by shutdown; embedded without a reason."""
    extra = """
<Location /inline>
WSGIApplicationGroup %{ENV:GROUP}
</Location>
SetEnvIf X-Group (.*) GROUP=$1
"""
    server = start(extra, mode=mode)
    for group, what in (("one", "shutdown"), ("two", "events")):
        code = f"import mod_wsgi\n{STOP.format(what=what)}\n{HELLO}"
        assert inline.run(server, code, headers=[("X-Group", group)]).text == "hello"
    server.stop()
    reason = "" if mode == "embedded" else "shutdown_signal"
    for group in ("one", "two"):
        assert told(server, group) == [["process_stopping", {"shutdown_reason": reason}]]


SIGNALS = """
@mod_wsgi.subscribe_signals
def heard(name, **fields):
    with open(environ["test.scratch"] + "/" + mod_wsgi.application_group + ".signals", "a") as file:
        file.write(json.dumps([name, fields, threading.get_ident() == KEPT["ident"]]) + "\\n")
KEPT["ident"] = threading.get_ident()
result = os.getpid()
"""


def heard(server):
    path = server.scratch / ".signals"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_signals(start):
    server = start(mode="daemon")
    pid = ask(server, SIGNALS)
    for number in (signal.SIGHUP, signal.SIGUSR2):
        os.kill(pid, number)
        wait.until(
            lambda number=number: (
                heard(server)[-1:]
                == [["process_signal", {"signame": number.name, "signum": int(number)}, False]]
            ),
            f"{number.name} to be heard",
        )
    assert ask(server, "result = os.getpid()") == pid, "and nothing else happens"


def test_programs_that_callbacks_start_block_no_signals(start):
    server = start(mode="daemon")
    code = """
import subprocess
def note(name, **fields):
    if name != "process_signal" and name != "process_stopping":
        return
    blocked = subprocess.run(["grep", "SigBlk", "/proc/self/status"], stdout=subprocess.PIPE).stdout
    with open(environ["test.scratch"] + "/" + name, "w") as file:
        file.write(blocked.decode())
mod_wsgi.subscribe_events(note)
result = os.getpid()
"""
    pid = ask(server, code)
    server.expect_new_processes()
    for number, name in ((signal.SIGHUP, "process_signal"), (signal.SIGTERM, "process_stopping")):
        os.kill(pid, number)
        path = server.scratch / name
        wait.until(lambda path=path: path.exists() and path.read_text(), "the program to end")
        assert int(path.read_text().split()[1], 16) == 0


def test_no_signal_is_lost_while_callbacks_run(start):
    """Twenty signals, each sent when the one before was delivered, while the first callback is busy."""
    server = start(mode="daemon")
    code = """
@mod_wsgi.subscribe_signals
def slow(name, **fields):
    while not os.path.exists(environ["test.scratch"] + "/go"):
        time.sleep(0.01)
"""
    pid = ask(server, code + SIGNALS)
    for _ in range(20):
        os.kill(pid, signal.SIGUSR2)
        wait.until(lambda: not pending(pid, signal.SIGUSR2), "the signal to be delivered")
    (server.scratch / "go").touch()
    wait.until(lambda: len(heard(server)) >= 20, "all signals to be heard")
    assert len(heard(server)) == 20


def pending(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("ShdPnd:"):
                return bool(int(line.split()[1], 16) & (1 << (number - 1)))
    return False


def test_tries_are_counted(start):
    """A process that dies before it took the request; the next one is told of it."""
    server = start(
        "WSGIScriptAlias /own @ROOT@/own.wsgi\n",
        mode="daemon",
        files={
            "own.wsgi": "import json, mod_wsgi\n"
            "seen = []\n"
            "mod_wsgi.subscribe_events(lambda name, **fields: name == 'request_started' and\n"
            "    seen.append([fields['daemon_connects'], fields['daemon_restarts']]))\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    return [json.dumps(seen[-1]).encode()]\n"
        },
    )
    server.log.allow("PYW00")
    server.expect_new_processes()
    assert server.get("/own").json() == [0, 0]

    def counted():
        assert server.get("/own").status == 200  # it is ready
        [pid] = wait.until(
            lambda: server.daemons()[:2] * (len(server.daemons()) == 1), "one process"
        )
        os.kill(pid, signal.SIGSTOP)
        wait.until(lambda: procs.stopped(pid), "it to stop")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(server.get, "/own")
            time.sleep(0.2)  # for the request to be on its way; if not, once more
            os.kill(pid, signal.SIGKILL)
            connects, restarts = answer.result().json()
        assert restarts == 0
        return connects

    wait.until(counted, "a request that went to two processes")
    assert server.get("/own").json() == [0, 0]
