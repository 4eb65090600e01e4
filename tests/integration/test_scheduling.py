"""Threads that share one GIL: however few of them it takes to keep Python busy, as many serve as must."""

from __future__ import annotations

import concurrent.futures
import sys
import threading

import pytest

from support import inline, wait

THREADS = 8
GROUP = f"""
WSGIDaemonProcess web threads={THREADS} {{options}}
WSGIProcessGroup web
WSGIApplicationGroup %{{{{GLOBAL}}}}
WSGIScriptAlias /inline @APPS@/inline/wsgi.py
SetEnv test.scratch @SCRATCH@
"""
SHORT = 'start_response("200 OK", [])\nreturn [b"short"]'
# All that the group has threads for must be in it at once, or none gets out.
MEET = f"""
KEPT.setdefault("meeting", threading.Barrier({THREADS})).wait(60)
start_response("200 OK", [])
return [b"met"]"""
# Computes until another request tells it to stop.
SPIN = """
KEPT["stop"] = stop = []
open(environ["test.scratch"] + "/spins", "w").close()
while not stop:
    pass
start_response("200 OK", [])
return [b"stopped"]"""
STOP = 'KEPT["stop"].append(1)\n' + SHORT
MOMENT = """
sum(range(50_000))
start_response("200 OK", [])
return [str(threading.get_ident()).encode()]"""
# Leaves a trace, and goes on once `go` is there.
HELD = f"""
open(environ["test.scratch"] + "/run-" + str(time.monotonic_ns()), "w").close()
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.001)
{SHORT}"""


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(2 * THREADS) as made:
        yield made


@pytest.fixture
def load(pool):
    """Start a load of short requests; it goes on until the end of the test, and all are answered."""
    is_over = threading.Event()
    running = []

    def ask(server):
        count = 0
        while not is_over.is_set():
            assert inline.run(server, SHORT).body == b"short"
            count += 1
        return count

    def start(server, clients):
        running.extend(pool.submit(ask, server) for _ in range(clients))

    yield start
    is_over.set()
    assert all(each.result() > 0 for each in running)


@pytest.fixture
def server(start):
    return start(GROUP.format(options=""), children=2)


def serve_many(server, pool, code=SHORT, count=400):
    """Short requests side by side: after some of them, few threads serve."""
    answers = list(pool.map(lambda _: inline.run(server, code), range(count)))
    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("is_busy", [False, True])
def test_as_many_wait_at_once_as_there_are_threads(server, pool, load, is_busy):
    serve_many(server, pool)
    if is_busy:
        load(server, 4)
    for _ in range(3):
        asked = [pool.submit(inline.run, server, MEET) for _ in range(THREADS)]
        assert {each.result().body for each in asked} == {b"met"}


def wait_for_few(server, pool):
    """Of requests that compute for a moment each, more than come one by one, few threads serve all."""

    def serving():
        asked = [pool.submit(inline.run, server, MOMENT) for _ in range(200)]
        return {each.result().text for each in asked}

    wait.until(lambda: len(serving()) <= THREADS // 2, "few threads to serve", 60)


def test_threads_that_would_wait_for_the_gil_are_parked(server, pool):
    wait_for_few(server, pool)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="each of them has a GIL of its own")
def test_they_are_where_there_cannot_be_several_interpreters(start, pool):
    server = start(GROUP.format(options=f"interpreters={THREADS}"), children=2)
    server.log.claim("PYW0120")
    wait_for_few(server, pool)


def test_a_request_that_computes_holds_nobody_up(server, pool):
    serve_many(server, pool)
    spins = pool.submit(inline.run, server, SPIN)
    wait.until((server.scratch / "spins").exists, "it to compute")
    serve_many(server, pool, count=40)
    assert not spins.done()
    assert inline.run(server, STOP).status == 200
    assert spins.result().body == b"stopped"


def test_long_and_short_ones(server, pool):
    codes = [SHORT, SHORT, SHORT, SHORT, "time.sleep(0.01)\n" + SHORT] * 60
    answers = list(pool.map(lambda code: inline.run(server, code), codes))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"short")}


def runs(server):
    return list(server.scratch.glob("run-*"))


def test_a_graceful_restart_under_load(server, pool, load):
    serve_many(server, pool)
    load(server, 4)
    held = [pool.submit(inline.run, server, HELD) for _ in range(3)]
    wait.until(lambda: len(runs(server)) == 3, "the requests to run")
    before = server.daemons()
    server.graceful()
    wait.until(lambda: set(server.daemons()) - set(before), "a successor", 20)
    (server.scratch / "go").touch()
    assert {each.result().status for each in held} == {200}


def test_a_stop_while_threads_are_parked(start, pool):
    server = start(GROUP.format(options=""), children=2, log_level="info wsgi:debug")
    serve_many(server, pool)
    server.stop()
    assert server.log.find("workers gone")


def test_threads_that_do_not_come_back(start, pool):
    server = start(GROUP.format(options="request-timeout=1 graceful-timeout=60"), children=2)
    serve_many(server, pool)
    held = [pool.submit(inline.run, server, HELD) for _ in range(THREADS - 1)]
    assert {each.result().status for each in held} == {504}
    server.log.allow(r"PYW00(58|60)|\[pid \d+\] ")  # and the stacks
    assert inline.run(server, SHORT).body == b"short"
    (server.scratch / "go").touch()
