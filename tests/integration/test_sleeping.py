"""`inactivity-timeout=` may take a group to no process at all; the next request starts it."""

from __future__ import annotations

import concurrent.futures

import pytest

from support import inline, wait

GROUP = """
WSGIDaemonProcess web {options}
WSGIProcessGroup web
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias /inline @APPS@/inline/wsgi.py
SetEnv test.scratch @SCRATCH@
"""
PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'


@pytest.fixture
def run(start):
    def run(options):
        server = start(GROUP.format(options=options))
        server.expect_new_processes()
        return server

    return run


def ask(server, code=PID):
    answer = inline.run(server, code)
    assert answer.status == 200, server.story()
    return int(answer.text)


def falls_asleep(server):
    wait.until(lambda: not server.daemons(), "no process", 20)


def test_it_sleeps_and_is_woken_again_and_again(run):
    server = run("inactivity-timeout=1 threads=2")
    seen = set()
    for _ in range(3):
        seen.add(ask(server))
        falls_asleep(server)
    assert len(seen) == 3
    assert ask(server) not in seen


def test_who_wakes_it_together_is_answered_together(run):
    server = run("inactivity-timeout=1 threads=2 processes=2")
    ask(server)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        # One has served nothing and stays; the other ends, and is missed under load alone.
        wait.until(lambda: len(server.daemons()) == 1, "one process", 20)
        answers = list(pool.map(lambda _: ask(server), range(12)))
    assert len(answers) == 12


def test_a_graceful_restart_of_a_sleeping_group(run):
    server = run("inactivity-timeout=1 threads=2")
    ask(server)
    falls_asleep(server)
    server.graceful()
    ask(server)
    falls_asleep(server)
    ask(server)


def test_all_of_a_group_sleep_and_all_come_back(run):
    server = run("inactivity-timeout=1 threads=1 processes=2")
    code = f"time.sleep(0.3)\n{PID}"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wait.until(
            lambda: len(set(pool.map(lambda _: ask(server, code), range(2)))) == 2,
            "both processes to serve",
        )
        falls_asleep(server)
        wait.until(
            lambda: len(set(pool.map(lambda _: ask(server, code), range(2)))) == 2,
            "both processes to be back",
            20,
        )
