"""The control socket: status, reload, restart, scale and stacks."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pwd
import signal
import socket
import threading
import time

import pytest

from mod_pywsgi.control import Control, ControlError
from support import inline, procs, wait
from support.control import conf, control_of, group_of, is_whole, pids_of, settle, socket_of
from support.waiting import PID, WAIT

SCRIPT = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"{version} %d" % os.getpid()]
"""
VERSIONED = (
    "WSGIScriptAlias /versioned @ROOT@/app/versioned.py process-group=web"
    " application-group=%{GLOBAL}\nWSGIScriptReloading Off\n"
)
FILES = {"app/versioned.py": SCRIPT.format(version="old")}


@pytest.fixture
def begin(start):
    """A server, all of whose processes are ready."""

    def run(options="", rest="", count=1, **more):
        server = start(conf(options, rest), **more)
        settle(server, count)
        return server

    return run


# status


def test_status_says_what_there_is(begin):
    server = begin("processes=2 threads=3", count=2)
    for _ in range(7):
        assert inline.run(server, PID).status == 200
    found = control_of(server).status()
    assert found.pid == server.pid
    assert procs.parent(found.supervisor) == server.pid
    assert (found.state, found.generation) == ("running", 1)
    assert found.uptime >= found.age > 0
    [group] = found.groups
    assert (group.wanted, group.least, group.most, group.threads) == (2, 2, 2, 3)
    assert group.user == (server.around.facts.user or pwd.getpwuid(os.geteuid()).pw_name)
    assert {process.pid for process in group.processes} == set(server.daemons())
    assert sum(process.requests for process in group.processes) == 7
    assert (group.failures, group.failure, group.last_ending) == (0, None, None)
    assert group.reload.state == "none"
    assert (group.waiting, group.queue_size) == (0, 0)
    for process in group.processes:
        assert (process.active, process.capacity) == (0, 3) and process.age > 0
        # Between the two looks it may have grown or shrunk a little.
        assert process.rss is not None
        assert abs(process.rss - procs.rss(process.pid)) < 8 * 1024 * 1024
        assert process.pss is None or 0 < process.pss <= process.rss


def test_status_shows_running_requests_and_endings(begin):
    server = begin()
    [pid] = pids_of(server)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(inline.run, server, WAIT + PID)
        wait.until((server.scratch / "running").exists, "the application to run")
        assert [process.active for process in group_of(server).processes] == [1]
        (server.scratch / "go").touch()
        assert slow.result(20).status == 200
    os.kill(pid, signal.SIGKILL)
    server.log.claim("PYW0002")
    wait.until(lambda: is_whole(server, 1), "its successor")
    ending = group_of(server).last_ending
    assert (ending.pid, ending.signal) == (pid, "SIGKILL")


def test_status_shows_what_waits(begin):
    server = begin("threads=1 queue-size=7")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(inline.run, server, WAIT + PID) for _ in range(3)]
        wait.until(lambda: group_of(server).waiting == 2, "two to wait")
        assert group_of(server).queue_size == 7
        (server.scratch / "go").touch()
        assert [each.result(20).status for each in slow] == [200] * 3
    wait.until(lambda: group_of(server).waiting == 0, "none to wait")


def test_status_says_why_a_group_does_not_start(start):
    server = start(conf("daemon-program=/bin/false"))
    wait.until(lambda: group_of(server).failures > 1, "failures")
    group = group_of(server)
    assert group.failure is not None and group.failure.status == 1
    assert group.processes == () or group.processes[0].state == "starting"
    server.log.claim("PYW0004")


# reload


def put(server, text):
    server.write("app/versioned.py", text)


def get(server):
    response = server.get("/versioned")
    assert response.status == 200, response.body
    version, pid = response.text.split()
    return version, int(pid)


@contextlib.contextmanager
def traffic(server):
    """Requests without a pause, each of which has to be answered; when each began, and what it answered."""
    seen = []
    enough = threading.Event()

    def ask():
        while not enough.is_set():
            begun = time.monotonic()
            seen.append((begun, *get(server)))

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            wait.until(lambda: len(seen) > 10, "traffic")
            yield seen
        finally:
            enough.set()
        for each in asking:
            each.result(20)


def test_reload_under_traffic(begin):
    server = begin("processes=3", VERSIONED, count=3, files=FILES)
    before = pids_of(server)
    with traffic(server) as seen:
        put(server, SCRIPT.format(version="new"))
        outcome = control_of(server).reload()
        assert outcome.ok, outcome
        [group] = outcome.groups
        assert (group.name, group.replaced) == ("web", 3)
        replaced = time.monotonic()
        mark = len(seen)
        wait.until(lambda: len(seen) > mark + 20, "more traffic")
    # Those under way when the answer came may still be of the old code.
    assert {version for begun, version, _ in seen if begun > replaced} == {"new"}
    wait.until(lambda: is_whole(server, 3), "the old ones to end")
    assert not pids_of(server) & before
    assert group_of(server).reload.state == "done"


def test_reload_of_broken_code_keeps_the_old(begin):
    server = begin("processes=2", VERSIONED, count=2, files=FILES)
    before = pids_of(server)
    assert get(server)[0] == "old"
    with traffic(server) as seen:
        put(server, "import nothing_of_that_name\n")
        outcome = control_of(server).reload()
        assert not outcome.ok
        assert "go on serving" in outcome.error
        [group] = outcome.groups
        assert (group.ok, group.replaced) == (False, 0)
        assert group.failure.status == 3
        said = "\n".join(group.failure.log)
        assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in said
        assert f"[pid {group.failure.pid}]" in said
        mark = len(seen)
        wait.until(lambda: len(seen) > mark + 20, "more traffic")
    assert {version for _, version, _ in seen} == {"old"}
    assert before <= pids_of(server)
    group = group_of(server)
    assert group.reload.state == "failed"
    assert group.failures > 0 and group.failure is not None and group.failure.log
    server.log.claim_traceback("ModuleNotFoundError: No module named")
    server.log.allow(r"^\[pid \d+\]  |ModuleNotFoundError")  # lines of the traceback
    server.log.claim("PYW0004")
    server.log.claim("PYW0023")
    put(server, SCRIPT.format(version="mended"))
    assert control_of(server).reload().ok
    assert get(server)[0] == "mended"
    wait.until(lambda: is_whole(server, 2), "the old ones to end")


def test_a_second_reload_is_not_satisfied_with_the_first(begin):
    """Code that changed while one was under way is served when the second is done."""
    server = begin("processes=4", VERSIONED, count=4, files=FILES)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        put(server, SCRIPT.format(version="first"))
        first = pool.submit(control_of(server).reload)
        wait.until(lambda: group_of(server).reload.state != "none", "it to begin")
        put(server, SCRIPT.format(version="second"))
        assert control_of(server).reload().ok
        assert first.result(20).ok
    assert {get(server)[0] for _ in range(20)} == {"second"}
    wait.until(lambda: is_whole(server, 4), "the old ones to end")


def test_reload_does_not_wait_for_requests_of_the_old(begin):
    """The new code is up, and nothing else happens: that is what was asked."""
    server = begin()
    [old] = pids_of(server)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(inline.run, server, WAIT + PID)
        wait.until((server.scratch / "running").exists, "the application to run")
        assert control_of(server).reload().ok
        states = {process.pid: process.state for process in group_of(server).processes}
        assert states.pop(old) == "draining"
        assert list(states.values()) == ["ready"]
        (server.scratch / "go").touch()
        assert int(slow.result(20).text) == old
    wait.until(lambda: is_whole(server, 1), "the old one to end")


def test_reload_goes_on_without_its_client(begin):
    server = begin("processes=3", count=3)
    before = pids_of(server)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_of(server)))
        client.sendall(b"reload\n")
    wait.until(lambda: is_whole(server, 3) and not pids_of(server) & before, "new processes")


def test_a_group_that_sleeps_has_nothing_to_reload(begin):
    """It wakes with the new code, and not before it is needed; `scale` wakes it."""
    server = begin("inactivity-timeout=1")
    assert inline.run(server, PID).status == 200
    wait.until(lambda: group_of(server).wanted == 0, "it to sleep", 20)
    wait.until(lambda: not pids_of(server), "its process to end")
    for order in (control_of(server).reload, control_of(server).restart):
        outcome = order()
        assert outcome.ok and [group.replaced for group in outcome.groups] == [0]
    assert not pids_of(server)
    control_of(server).scale("web", 1)
    wait.until(lambda: is_whole(server, 1), "a process")


def test_reload_of_one_group_with_blanks_in_its_name(begin):
    server = begin("", 'WSGIDaemonProcess "an other % group"\n')
    control = control_of(server)
    wait.until(lambda: len(server.daemons()) == 2, "both groups")
    [kept] = pids_of(server)
    [other] = group_of(server, "an other % group").processes
    outcome = control.reload("an other % group")
    assert outcome.ok
    assert [group.name for group in outcome.groups] == ["an other % group"]
    assert pids_of(server) == {kept}
    wait.until(lambda: not procs.alive(other.pid), "the old one to end")
    assert control.reload().ok
    wait.until(lambda: not procs.alive(kept), "the old one to end")
    with pytest.raises(ControlError, match="no process group of that name"):
        control.reload("nobody")


def test_reload_while_the_server_stops_is_refused(begin):
    """It answers rather than waits for what will not come."""
    server = begin("shutdown-timeout=60", mpm="prefork")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(inline.run, server, WAIT + PID)
        wait.until((server.scratch / "running").exists, "the application to run")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(socket_of(server)))
            server.signal(signal.SIGTERM)
            wait.until(lambda: control_of(server).status().state == "stopping", "it to begin")
            client.sendall(b"reload\n")
            answer = json.loads(client.makefile("rb").read())
        assert answer == {"ok": False, "error": "The server is stopping."}
        (server.scratch / "go").touch()
        with contextlib.suppress(OSError, EOFError):
            slow.result(20)
    server.log.allow("PYW0059|PYW0061")
    assert server.stop() == []
    assert not socket_of(server).exists()


def test_after_a_graceful_restart_with_broken_code_the_old_serves(begin):
    """The new configuration is in force, its processes do not start, and status says so."""
    server = begin("", VERSIONED, files=FILES)
    assert get(server)[0] == "old"
    put(server, "import nothing_of_that_name\n")
    server.graceful()
    wait.until(lambda: control_of(server).status().generation == 2, "the new generation")
    wait.until(lambda: group_of(server).failures > 1, "its failures")
    group = group_of(server)
    assert group.served_by_predecessor
    assert "nothing_of_that_name" in group.failure.log[-1]
    assert get(server)[0] == "old"
    outcome = control_of(server).reload()
    assert not outcome.ok
    put(server, SCRIPT.format(version="mended"))
    assert control_of(server).reload().ok
    wait.until(lambda: get(server)[0] == "mended", "the new code")
    assert not group_of(server).served_by_predecessor
    server.log.claim_traceback("ModuleNotFoundError: No module named")
    server.log.allow(r"^\[pid \d+\]  |ModuleNotFoundError|PYW0004|PYW0023")


# restart, scale


def test_restart_ends_processes_at_once(begin):
    server = begin("processes=2", count=2)
    before = pids_of(server)
    outcome = control_of(server).restart()
    assert outcome.ok
    assert [group.replaced for group in outcome.groups] == [2]
    assert not [pid for pid in before if procs.alive(pid)]
    assert is_whole(server, 2)
    assert not pids_of(server) & before
    assert inline.run(server, PID).status == 200


def test_scale_down_and_up(begin):
    server = begin("processes=3", count=3)
    control = control_of(server)
    control.scale("web", 1)
    group = group_of(server)
    assert (group.least, group.most) == (1, 1)
    wait.until(lambda: is_whole(server, 1), "one process")
    control.scale("web", 2, 3)
    group = group_of(server)
    assert (group.least, group.most) == (2, 3)
    wait.until(lambda: is_whole(server, group_of(server).wanted), "more")
    assert group_of(server).wanted in (2, 3)
    control.scale("web", 3)
    wait.until(lambda: is_whole(server, 3), "three processes")
    with pytest.raises(ControlError, match="room for 3 processes: raise processes="):
        control.scale("web", 4)
    assert inline.run(server, PID).status == 200


# stacks

BLOCKED = """
def stand_still_here(environ):
    open(environ["test.scratch"] + "/running", "w").close()
    while not os.path.exists(environ["test.scratch"] + "/go"):
        time.sleep(0.01)

stand_still_here(environ)
"""


def test_stacks_show_what_each_request_does(begin):
    server = begin("processes=2", count=2)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(inline.run, server, BLOCKED + PID, path="/inline/where?it=stands")
        wait.until((server.scratch / "running").exists, "the application to run")
        found = control_of(server).stacks("web")
        (server.scratch / "go").touch()
        pid = int(slow.result(20).text)
    assert {each.pid for each in found} == set(server.daemons())
    for each in found:
        assert (each.group, each.state, each.error) == ("web", "ready", None)
        assert f"Process {each.pid} of group 'web'" in each.text
        assert ("in stand_still_here" in each.text) == (each.pid == pid)
        assert ("GET /inline/where?it=stands" in each.text) == (each.pid == pid)


def test_stacks_of_a_process_that_imports(start):
    """It is not ready, and may never be: that is when one wants to know."""
    files = {"app/slow.py": "import time\ndef linger():\n    time.sleep(60)\nlinger()\n"}
    rest = "WSGIImportScript @ROOT@/app/slow.py process-group=web application-group=%{GLOBAL}\n"
    server = start(conf("shutdown-timeout=1", rest), files=files)

    def is_shown():
        found = control_of(server).stacks()
        return found and found[0].state == "starting" and "in linger" in found[0].text

    wait.until(is_shown, "the import to be shown")
    server.log.allow("PYW")


def test_stacks_of_a_process_that_cannot_answer(begin):
    """It is stopped: the others answer, and the command comes back."""
    server = begin("processes=2", count=2)
    stopped, other = sorted(pids_of(server))
    os.kill(stopped, signal.SIGSTOP)
    try:
        found = Control(socket_of(server), timeout=1).stacks()
    finally:
        os.kill(stopped, signal.SIGCONT)
    texts = {each.pid: each.text for each in found}
    assert texts[stopped] == ""
    assert f"Process {other} " in texts[other]
