"""Daemon process groups: choice of process, respawn, back-off, and an end without orphans."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest

from support import inline, procs, raw, wait

HELLO = "WSGIScriptAlias /hello @APPS@/hello/wsgi.py\n"
COUNTER = "WSGIScriptAlias /counter @APPS@/counter/wsgi.py\n"
INLINE = "WSGIScriptAlias /inline @APPS@/inline/wsgi.py\nSetEnv test.scratch @SCRATCH@\n"
GLOBAL = "WSGIApplicationGroup %{GLOBAL}\n"
DIED = r"PYW\d{4}: .*[Pp]rocess \d+ of group"
PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'


def group(name="web", options="", *, rest=HELLO + COUNTER + INLINE):
    return f"WSGIDaemonProcess {name} {options}\nWSGIProcessGroup {name}\n{GLOBAL}{rest}"


def pid_of(server, path="/counter"):
    return server.get(path).json()["pid"]


def answers(server, path="/hello"):
    try:
        return server.get(path).status == 200
    except (OSError, EOFError):
        return False


# Choice of process


def test_a_busy_process_gets_no_request_while_another_is_idle(start):
    server = start(group(options="processes=3 threads=4"))
    code = f"""
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.01)
{PID}"""
    ready(server, 3)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(inline.run, server, code) for _ in range(2)]
        time.sleep(0.5)
        seen = [int(inline.run(server, PID).text) for _ in range(30)]
        (server.scratch / "go").touch()
        busy_pids = {int(each.result().text) for each in busy}
    assert len(busy_pids) == 2, "the second slow request went to the process of the first"
    assert not busy_pids & set(seen)


def ready(server, count):
    """Wait until that many processes serve: each keeps its request until all have one."""
    code = f"""
open(environ["test.scratch"] + f"/seen-{{os.getpid()}}", "w").close()
end = time.monotonic() + 0.5
while time.monotonic() < end:
    if sum(name.startswith("seen-") for name in os.listdir(environ["test.scratch"])) >= {count}:
        break
    time.sleep(0.01)
{PID}"""

    def all_seen():
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda _: inline.run(server, code), range(count)))
        return len(list(server.scratch.glob("seen-*"))) == count

    wait.until(all_seen, f"{count} processes to serve", 15)


def test_requests_at_the_same_time_use_all_processes(start):
    server = start(group(options="processes=2 threads=1"))
    ready(server, 2)
    code = "time.sleep(0.3)\n" + PID
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        begun = time.monotonic()
        results = [pool.submit(inline.run, server, code) for _ in range(2)]
        assert len({each.result().text for each in results}) == 2
    assert time.monotonic() - begun < 0.6


def test_more_requests_than_threads_wait_their_turn(start):
    server = start(group(options="threads=2"))
    code = "time.sleep(0.05)\n" + PID
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        results = [pool.submit(inline.run, server, code) for _ in range(12)]
        assert [each.result().status for each in results] == [200] * 12


def test_threads_run_at_the_same_time(start):
    """As many as `threads=` says, and they may wait for each other."""
    server = start(group(options="threads=4"))
    code = """
        barrier = KEPT.setdefault("barrier", threading.Barrier(4))
        barrier.wait(10)
        start_response("200 OK", [])
        return [b"together"]
    """
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = [pool.submit(inline.run, server, code) for _ in range(4)]
        assert [each.result().text for each in results] == ["together"] * 4


def test_processes_option_starts_that_many(start):
    server = start(group(options="processes=3") + "WSGIDaemonProcess other\n")
    wait.until(lambda: len(server.daemons()) == 4, "four daemon processes")


def test_embedded_needs_no_daemon_and_no_supervisor(start):
    server = start("WSGIProcessGroup %{GLOBAL}\n" + GLOBAL + HELLO)
    assert server.get("/hello").status == 200
    assert server.daemons() == []


def test_embedded_interpreter_is_loaded_only_when_needed(start):
    server = start(group())
    assert server.get("/hello").status == 200
    for pid in server.children():
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
        assert "libpython" not in maps
        assert "pywsgi-embed" not in maps


def test_two_groups_are_two_worlds(start):
    server = start(
        GLOBAL + "WSGIDaemonProcess one\nWSGIDaemonProcess two\n"
        "WSGIScriptAlias /one @APPS@/counter/wsgi.py process-group=one\n"
        "WSGIScriptAlias /two @APPS@/counter/wsgi.py process-group=two\n"
    )
    one, two = server.get("/one").json(), server.get("/two").json()
    assert (one["process_group"], two["process_group"]) == ("one", "two")
    assert one["pid"] != two["pid"]
    assert two["number"] == 1


# Respawn and back-off


def test_respawn_at_once_after_kill(start):
    """However often: a request that kills its process must not take the group down for long."""
    server = start(group())
    for _ in range(8):
        before = pid_of(server)
        os.kill(before, signal.SIGKILL)
        begun = time.monotonic()
        wait.until(lambda: answers(server), "the group to serve again", 5)
        assert time.monotonic() - begun < 2
        assert pid_of(server) != before
    server.log.claim("PYW0002", at_least=8)


def test_no_request_is_lost_to_a_dead_idle_process(start):
    """One of several is killed while idle: those who ask next do not notice."""
    server = start(group(options="processes=2"))
    wait.until(lambda: len(server.daemons()) == 2, "two processes")
    assert {server.get("/hello").status for _ in range(20)} == {200}
    os.kill(server.daemons()[0], signal.SIGKILL)
    assert [server.get("/hello").status for _ in range(50)] == [200] * 50
    server.log.claim("ended by SIGKILL")


def test_exit_status_is_reported(start):
    server = start(group())
    response = inline.run(server, "os._exit(7)")
    assert response.status == 502
    server.log.claim("ended by itself with status 7")
    server.log.allow(DIED)
    wait.until(lambda: answers(server), "the group to serve again")


@pytest.mark.no_asan
def test_signal_names(start):
    server = start(group())
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS"):
        pid = pid_of(server)
        os.kill(pid, getattr(signal, name))
        server.log.claim(rf"{pid} of group 'web' ended by {name}")
        wait.until(lambda: answers(server), "the group to serve again")
    server.log.allow(r"Fatal Python|Thread 0x|Current thread|File \"|^ {2,}|^$|no Python frame")
    server.log.allow("Extension modules|PYW")


def test_stopping_a_process_by_hand(start):
    """SIGTERM ends one process in order; the group goes on."""
    server = start(group())
    pid = pid_of(server)
    os.kill(pid, signal.SIGTERM)
    wait.until(lambda: not procs.alive(pid), "the process to end")
    wait.until(lambda: answers(server), "the group to serve again")
    server.log.allow(DIED)


def test_a_group_that_cannot_start_backs_off(start):
    """0.1 s doubling: a handful of lines, not a flood; the rest of the server is well."""
    server = start(
        GLOBAL + HELLO + "WSGIDaemonProcess web\nWSGIProcessGroup web\n"
        "WSGIDaemonProcess bad python-home=@ROOT@/scratch/home\n"
        "WSGIScriptAlias /bad @APPS@/hello/wsgi.py process-group=bad\n",
        files={"scratch/home/pyvenv.cfg": "home = /usr/bin\nversion = 3.9.18\n"},
    )
    assert server.get("/hello").status == 200
    begun = time.monotonic()
    assert server.get("/bad").status in (500, 503)
    assert time.monotonic() - begun < 18
    server.log.claim(r"group 'bad'")
    time.sleep(max(0.0, 2 - (time.monotonic() - begun)))
    server.log.allow("PYW")
    lines = [line for line in server.log.since_mark() if line.is_loud]
    assert 1 <= len(lines) < 40


# What a start-up failure says


@pytest.fixture
def refusal(start):
    """Start a group with these options; returns the loud part of the log once it answers an error."""

    def run(options, files=None, prepare=None):
        extra = group("bad", options)
        if prepare is None:
            server = start(extra, files=files or {})
        else:
            server = start(extra, files=files or {}, prepare=prepare)
        assert server.get("/hello").status in (500, 503)
        text = "\n".join(line.text for line in server.log.read() if line.is_loud)
        server.log.allow(".")
        return server, text

    return run


def test_python_home_that_is_not_there(refusal, configtest):
    status, words = configtest(group("bad", "python-home=/nonexistent/venv"))
    if status:
        assert "/nonexistent" in words
        return
    _, text = refusal("python-home=/nonexistent/venv")
    assert "/nonexistent" in text
    assert "No module named" not in text


def venv(version="3.11.2", home="/usr/bin"):
    return {"venv/pyvenv.cfg": f"home = {home}\nversion = {version}\n"}


def test_python_home_of_another_version(refusal):
    """Both versions are named, and no interpreter gets to say "No module named 'encodings'"."""
    _, text = refusal("python-home=@ROOT@/venv", files=venv("3.9.18"))
    assert "3.9" in text
    assert re.search(r"3\.1\d", text)
    assert "encodings" not in text


@pytest.mark.root
def test_python_home_that_the_user_cannot_reach(refusal):
    """The sentence names the directory that is closed, not the file at the end of the path."""

    def close(server):
        (server.root / "closed").chmod(0o700)

    server, text = refusal(
        "python-home=@ROOT@/closed/deep/venv",
        files={f"closed/deep/{name}": text for name, text in venv().items()},
        prepare=close,
    )
    assert re.search(rf"{re.escape(str(server.root))}/closed(?!/deep)", text), text
    assert "encodings" not in text


def test_python_home_without_a_python(refusal):
    _, text = refusal("python-home=@ROOT@/empty", files={"empty/nothing": ""})
    assert "/empty" in text
    assert "encodings" not in text


def test_unknown_group_is_500(start):
    server = start("WSGIProcessGroup nowhere\n" + GLOBAL + HELLO)
    assert server.get("/hello").status == 500
    server.log.claim("PYW0209")


def test_group_name_in_the_error_page_is_not_shown(start):
    server = start("WSGIProcessGroup nowhere\n" + GLOBAL + HELLO)
    assert b"nowhere" not in server.get("/hello").body
    server.log.claim("PYW0209")


# The end


def family_and_helpers(server):
    wait.until(lambda: server.daemons(), "daemon processes")
    server.get("/hello")
    return server.descendants()


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_stop_leaves_no_orphans(start, mpm):
    server = start(group(options="processes=2"), mpm=mpm)
    family = family_and_helpers(server)
    begun = time.monotonic()
    assert server.stop() == []
    assert time.monotonic() - begun < 4
    assert not [pid for pid in family if procs.alive(pid)]


@pytest.mark.parametrize("busy", [False, True])
def test_all_end_when_the_parent_is_killed(start, busy):
    server = start(group(options="processes=2"))
    family = family_and_helpers(server)
    helpers = [pid for pid in family if pid not in server.children()] + _supervisors(server)
    daemons = server.daemons()
    with contextlib.ExitStack() as stack:
        if busy:
            connection = stack.enter_context(server.connect())
            connection.send(raw.encode("GET", "/inline", [inline.header("time.sleep(60)")]))
            time.sleep(0.3)
        _kill_parent_and_wait(server, {*daemons, *helpers})
    # Apache's own children are Apache's business; the harness must not leave them behind.
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait.until(lambda: (procs.reap(), not any(map(procs.alive, family)))[1], "children to end")
    if busy:
        server.log.claim("PYW0006")
    procs.disown(server.process.pid)


def _kill_parent_and_wait(server, expected):
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    begun = time.monotonic()

    def gone():
        procs.reap()
        return not [pid for pid in expected if procs.alive(pid)]

    try:
        wait.until(gone, "supervisor and daemons to end", 4)
    except wait.Late as late:
        left = [(pid, procs.command(pid)) for pid in expected if procs.alive(pid)]
        raise AssertionError(f"{late}: {left}") from None
    assert time.monotonic() - begun < 2.5


def _supervisors(server):
    """The processes that are parents of daemons, other than httpd's own."""
    return [
        ppid
        for ppid in {procs.parent(pid) for pid in server.daemons()}
        if ppid not in (None, server.pid)
    ]


def test_a_killed_supervisor_is_replaced(start):
    server = start(group(options="processes=2"))
    family_and_helpers(server)
    [supervisor] = _supervisors(server)
    old = server.daemons()
    os.kill(supervisor, signal.SIGKILL)

    def back():
        fresh = _supervisors(server)
        return fresh and fresh != [supervisor] and len(server.daemons()) == 2 and answers(server)

    wait.until(back, "a new supervisor with two daemons", 10)
    wait.until(lambda: not set(old) & set(server.daemons()), "the old daemons to end or be adopted")
    server.log.claim(r"[Ss]upervisor")
    server.log.allow("PYW")


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_restart_replaces_and_leaves_no_orphans(start, how):
    server = start(group(options="processes=2"))
    for _ in range(3):
        before = set(family_and_helpers(server))
        getattr(server, how)()
        assert server.get("/hello").status == 200
        wait.until(
            lambda before=before: not before & set(server.descendants()),
            "the old generation to end",
            10,
        )
        wait.until(lambda: len(server.daemons()) == 2, "two daemons")
        assert len(_supervisors(server)) == 1


def test_graceful_lets_a_running_request_finish(start):
    server = start(group())
    code = "time.sleep(2)\n" + PID
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(inline.run, server, code)
        time.sleep(0.3)
        old = server.daemons()
        server.graceful()
        assert server.get("/hello").status == 200
        response = running.result(20)
    assert response.status == 200
    assert int(response.text) in old


def test_no_request_fails_during_graceful_restarts(start):
    server = start(group(options="processes=2"), children=2)
    end = time.monotonic() + 4
    failures = []

    def hammer():
        count = 0
        while time.monotonic() < end:
            try:
                if (status := server.get("/hello").status) != 200:
                    failures.append(status)
            except (OSError, EOFError) as error:
                failures.append(repr(error))
            count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(hammer) for _ in range(4)]
        for _ in range(2):
            time.sleep(0.7)
            server.graceful()
        total = sum(each.result() for each in counts)
    assert total > 100
    assert failures == []


def test_sockets_are_private(start):
    """Mode 0600 in a directory that nobody else can enter, and gone after the stop."""
    server = start(group() + "WSGISocketPrefix @ROOT@/run/sock\n")
    server.get("/hello")
    found = [path for path in (server.root / "run").rglob("*") if path.is_socket()]
    for path in found:
        assert path.stat().st_mode & 0o077 == 0, path
    server.stop()
    assert not [path for path in (server.root / "run").rglob("*") if path.is_socket()]


def test_display_name(start):
    server = start(
        "WSGIDaemonProcess one display-name=%{GROUP}\nWSGIDaemonProcess two display-name=my-name\n"
        "WSGIDaemonProcess three\n" + HELLO + GLOBAL
    )
    wait.until(lambda: len(server.daemons()) == 3, "three daemons")

    def names():
        return {procs.command(pid)[0] for pid in server.daemons() if procs.command(pid)}

    wait.until(lambda: {"(wsgi:one)", "my-name"} <= names(), f"the names, not {names()}")


def test_connect_timeout(start):
    """All threads busy and stopped: the answer is 503 or 504 in good time, not never."""
    server = start(group(options="threads=1 connect-timeout=1 socket-timeout=1"))
    pid = pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    wait.until(lambda: procs.stopped(pid), "all its threads to stop")
    try:
        begun = time.monotonic()
        response = server.get("/hello", timeout=15)
        assert response.status in (502, 503, 504)
        assert time.monotonic() - begun < 8
    finally:
        os.kill(pid, signal.SIGCONT)
    server.log.allow("PYW")


def test_request_timeout(start):
    """A plain 504, and the stacks in the log say where it hangs."""
    server = start(group(options="request-timeout=1"))
    code = """
        def stuck_here():
            time.sleep(20)
        stuck_here()
    """
    begun = time.monotonic()
    response = inline.run(server, code)
    assert response.status == 504
    assert 0.9 < time.monotonic() - begun < 6
    server.log.claim("stuck_here")
    server.log.allow(".")
    wait.until(lambda: answers(server), "the group to serve again", 20)
