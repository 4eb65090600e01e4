"""A group with more requests than it can serve: who waits, who is refused, and who never notices."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import signal
import socket

import pytest

from support import inline, procs, raw, wait

THREADS = 2
QUEUE = 3
SENT = 12
REFUSED = SENT - THREADS - QUEUE
BUSY = f"""
WSGIApplicationGroup %{{GLOBAL}}
SetEnv test.scratch @SCRATCH@
WSGIDaemonProcess busy threads={THREADS} queue-size={QUEUE}
WSGIDaemonProcess calm
WSGIScriptAlias /busy @APPS@/inline/wsgi.py process-group=busy
WSGIScriptAlias /calm @APPS@/inline/wsgi.py process-group=calm
"""
ANSWER = 'start_response("200 OK", [])\nreturn [b"done"]'
# Leaves a trace of each run, and goes on once `go` is there.
HELD = f"""
open(environ["test.scratch"] + "/run-" + str(time.monotonic_ns()), "w").close()
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.01)
{ANSWER}"""
STREAM = """
start_response("200 OK", [])
yield b"first"
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.01)
yield b"last"
"""


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(SENT) as pool:
        yield pool


@pytest.fixture(params=["event", "prefork"])
def server(request, start):
    """Several Apache children, among which the requests are spread."""
    server = start(BUSY, mpm=request.param, children=2)
    for path in ("/busy", "/calm"):
        assert inline.run(server, ANSWER, path=path).status == 200
    return server


def ask(server, code=ANSWER, path="/busy"):
    return inline.run(server, code, path=path)


def done(requests):
    return [each for each in requests if each.done()]


def fill(server, pool):
    """Send more than the group takes. Returns the requests that are held, once all others are refused."""
    requests = [pool.submit(ask, server, HELD) for _ in range(SENT)]
    wait.until(lambda: len(done(requests)) >= REFUSED, "the refusals", 20)
    wait.until(lambda: len(runs(server)) == THREADS, "all threads to be busy")
    refusals = [each.result() for each in done(requests)]
    assert [each.status for each in refusals] == [503] * REFUSED
    assert {each.header("Retry-After") for each in refusals} == {"1"}
    return [each for each in requests if not each.done()]


def runs(server):
    return list(server.scratch.glob("run-*"))


def let_go(server, held):
    (server.scratch / "go").touch()
    assert [each.result(30).status for each in held] == [200] * (THREADS + QUEUE)


def told(server):
    """Refusals that the log speaks of."""
    first = len(server.log.find("PYW0163"))
    later = [re.search(r"(\d+) more requests", line.text) for line in server.log.find("PYW0164")]
    return first + sum(int(each[1]) for each in later)


def test_a_full_queue(server, pool):
    """As many wait as may; others are answered while those still do, and all others served."""
    held = fill(server, pool)
    for _ in range(3):
        response = ask(server, HELD)
        assert (response.status, response.header("Retry-After")) == (503, "1")
    # Nobody else notices: they are answered before anything of the full group has moved.
    assert [ask(server, path="/calm").text for _ in range(20)] == ["done"] * 20
    assert [server.get("/alive").status for _ in range(20)] == [200] * 20
    assert len(runs(server)) == THREADS
    assert not done(held)
    let_go(server, held)
    assert len(runs(server)) == THREADS + QUEUE, "a refused request has run"
    assert len(server.log.claim("PYW0163")) == 1
    everything = REFUSED + 3
    wait.until(lambda: ask(server).status == 200 and told(server) == everything, "the sum", 20)
    assert len(server.log.claim("PYW0164")) < everything - 1


def test_a_refused_upload_is_not_read(server, pool):
    """It is told at once, not when its body has come; the connection ends with that."""
    held = fill(server, pool)
    with server.connect() as connection:
        name, value = inline.header(HELD)
        head = [(name, value), ("Content-Length", "1000000")]
        connection.send(raw.encode("POST", "/busy", head, host=server.host, port=server.port))
        response = connection.read_response()
        assert (response.status, response.header("Connection")) == (503, "close")
    let_go(server, held)
    server.log.allow("PYW016[34]")


def test_a_killed_apache_child_leaks_nothing(server, pool):
    server.expect_new_processes()
    held = fill(server, pool)
    before = apache_children(server)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    for each in held:
        with pytest.raises((OSError, EOFError)):
            each.result(30)
    (server.scratch / "go").touch()
    wait.until(lambda: len(runs(server)) >= THREADS, "the held ones to run")
    wait.until(lambda: _is_back(server, before), "Apache to replace its children", 30)
    for path in [*runs(server), server.scratch / "go"]:
        path.unlink()
    let_go(server, fill(server, pool))
    server.log.allow("PYW016[34]|AH00052")


def apache_children(server):
    """Without the supervisor."""
    names = {pid: procs.status(pid).get("Name", "") for pid in server.children()}
    return {pid for pid, name in names.items() if name and not name.startswith("pywsgi")}


def _is_back(server, before):
    now = apache_children(server)
    try:
        return not now & before and ask(server).status == 200
    except (OSError, EOFError):
        return False


def test_an_answer_that_has_begun_does_not_wait(start, pool):
    """But its thread is not free either: one more may wait, and no second."""
    server = start(BUSY.replace(f"threads={THREADS} queue-size={QUEUE}", "threads=1 queue-size=1"))
    with server.connect() as connection:
        head = [inline.header(STREAM)]
        connection.send(raw.encode("GET", "/busy", head, host=server.host, port=server.port))
        response = connection.read_head()
        assert (response.status, connection.read_until(b"first") is not None) == (200, True)
        requests = [pool.submit(ask, server, HELD) for _ in range(4)]
        wait.until(lambda: len(done(requests)) == 3, "the refusals")
        assert {each.result().status for each in done(requests)} == {503}
        assert not runs(server)
        (server.scratch / "go").touch()
        assert sorted(each.result(30).status for each in requests) == [200, 503, 503, 503]
        assert connection.read_until(b"last") is not None
    server.log.allow("PYW016[34]")


def test_slow_clients_do_not_wait_in_the_queue(start):
    """Their answers have left the application, and its only thread is free."""
    options = f"threads={THREADS} queue-size={QUEUE}"
    server = start("SendBufferSize 8192\n" + BUSY.replace(options, "threads=1 queue-size=1"))
    code = 'start_response("200 OK", [])\nreturn [bytes(150_000)]'
    slow = [server.connect() for _ in range(6)]
    for connection in slow:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = [inline.header(code)]
        connection.send(raw.encode("GET", "/busy", head, host=server.host, port=server.port))
        assert connection.read_head().status == 200
    assert [ask(server).status for _ in range(10)] == [200] * 10
    for connection in slow:
        connection.close()


def test_requests_that_were_given_up_leave_the_queue(start, pool):
    server = start(BUSY.replace("queue-size", "socket-timeout=3 queue-size"))
    wait.until(lambda: ask(server).status == 200, "the group to serve")
    held = fill(server, pool)
    assert {each.result(30).status for each in held} == {504}
    server.log.claim("PYW0153", at_least=THREADS + QUEUE)
    server.log.allow("PYW0155")  # before the process was ready
    requests = [pool.submit(ask, server) for _ in range(QUEUE)]
    (server.scratch / "go").touch()
    assert [each.result(30).status for each in requests] == [200] * QUEUE
    server.log.allow("PYW016[34]")


def test_no_queue_size_is_no_limit(start, pool):
    server = start(BUSY.replace(f"queue-size={QUEUE}", ""))
    requests = [pool.submit(ask, server, HELD) for _ in range(SENT)]
    wait.until(lambda: len(runs(server)) == THREADS, "all threads to be busy")
    (server.scratch / "go").touch()
    assert {each.result(30).status for each in requests} == {200}


# A group that cannot start its processes


DOWN = """
WSGIApplicationGroup %{GLOBAL}
WSGIDaemonProcess down daemon-program=@ROOT@/fails.sh
WSGIDaemonProcess calm
WSGIScriptAlias /down @APPS@/hello/wsgi.py process-group=down
WSGIScriptAlias /calm @APPS@/hello/wsgi.py process-group=calm
"""
FAILS = "#!/bin/sh\nexit 1\n"


def make_executable(server):
    (server.root / "fails.sh").chmod(0o755)


def steps(server):
    found = [
        re.search(r"\((\d+) tries in a row\)", line.text) for line in server.log.find("PYW0154")
    ]
    return [int(each[1]) for each in found]


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_crash_loop_is_told_of_once_for_each_step(start, pool, mpm):
    server = start(DOWN, mpm=mpm, children=2, files={"fails.sh": FAILS}, prepare=make_executable)
    server.expect_new_processes()
    sent = []

    def ask_many():
        responses = list(pool.map(lambda _: server.get("/down"), range(SENT)))
        sent.extend(responses)
        assert server.get("/calm").status == 200
        return max(steps(server), default=0) >= 5

    wait.until(ask_many, "the fifth failure in a row", 20)
    assert {each.status for each in sent} == {503}
    waits = {int(each.header("Retry-After")) for each in sent}
    assert waits <= {1, 2, 4}
    assert len(sent) > len(steps(server))
    assert sorted(steps(server)) == sorted(set(steps(server))), "a step was told of twice"
    server.log.claim("PYW0004")
    server.log.allow("PYW0154")


def test_a_group_that_recovers_serves(start):
    server = start(DOWN, files={"fails.sh": FAILS}, prepare=make_executable)
    server.expect_new_processes()
    wait.until(lambda: server.get("/down").status == 503 and steps(server), "the group to be down")
    real = server.around.artifacts.folder / "pywsgi-daemon"
    server.write("fails.sh.new", f'#!/bin/sh\nexec {real} "$@"\n', 0o755).rename(
        server.root / "fails.sh"
    )
    wait.until(lambda: server.get("/down").status == 200, "the group to serve", 20)
    server.log.claim("PYW0004")
    server.log.allow("PYW0154")


# A group that sleeps


@pytest.fixture(params=["event", "prefork"])
def sleepy(request, start):
    """A group that has fallen asleep, with room for fewer than are sent."""
    options = f"threads={THREADS} queue-size={QUEUE}"
    more = f"{options} inactivity-timeout=1 connect-timeout=0"
    server = start(BUSY.replace(options, more), mpm=request.param, children=2)
    server.expect_new_processes()
    wait.until(lambda: len(server.daemons()) == 2, "all processes")
    wait.until(lambda: ask(server).status == 200, "the group to serve")
    wait.until(lambda: len(server.daemons()) == 1, "the group to sleep", 20)
    yield server
    assert ask(server).status == 200
    wait.until(lambda: len(server.daemons()) == 2, "as many processes as at the beginning")
    server.log.allow("PYW0155")  # before the first process was ready


def test_a_full_queue_of_a_group_that_sleeps(sleepy, pool):
    """As many are let in as ever, and one call is enough for them."""
    let_go(sleepy, fill(sleepy, pool))
    sleepy.log.claim("PYW0163")
    sleepy.log.allow("PYW0164")
    assert len(sleepy.daemons()) == 2


def test_a_group_that_sleeps_is_no_busy_one(sleepy):
    """However long its start takes, connect-timeout= is not the limit."""
    [supervisor] = set(sleepy.children()) - apache_children(sleepy)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stopped:
        os.kill(supervisor, signal.SIGSTOP)
        stopped.callback(os.kill, supervisor, signal.SIGCONT)
        answer = pool.submit(ask, sleepy)
        wait.holds(lambda: not answer.done(), "the request to wait", 0.5)
        stopped.close()
        assert answer.result(30).status == 200


def test_a_group_that_sleeps_does_not_wake_by_itself(sleepy):
    wait.holds(lambda: len(sleepy.daemons()) == 1, "the group to sleep on", 1.5)
    assert ask(sleepy, path="/calm").status == 200
    assert sleepy.get("/alive").status == 200
    assert len(sleepy.daemons()) == 1
