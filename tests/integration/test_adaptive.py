"""Groups of adaptive size: `processes=LEAST-MOST`."""

from __future__ import annotations

import concurrent.futures

import pytest

from support import inline, wait

GROUP = """
WSGIDaemonProcess web processes={processes} threads=2
WSGIProcessGroup web
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias /inline @APPS@/inline/wsgi.py
SetEnv test.scratch @SCRATCH@
"""
# Says which process it is, once it may end.
WAITS = """
(open(environ["test.scratch"] + f"/runs-{threading.get_ident()}-{os.getpid()}", "w")).close()
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.01)
start_response("200 OK", [])
return [str(os.getpid()).encode()]"""


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(16) as made:
        yield made


def runs(server):
    """(thread, process) of each request that runs."""
    return [run.name.split("-")[1:] for run in server.scratch.glob("runs-*")]


def ready(server):
    return server.log.find("starting --ready--> ready")


def busy(server, pool, count):
    return [pool.submit(inline.run, server, WAITS) for _ in range(count)]


def test_it_begins_with_the_least_and_grows_by_what_is_asked(start, pool):
    server = start(GROUP.format(processes="1-3"), log_level="info wsgi:debug")
    wait.until(lambda: len(server.daemons()) == 1, "the first process")
    asked = []
    for processes in (1, 2, 3):
        # Each takes what its threads are for; then there are more, up to the most.
        asked += busy(server, pool, 2)
        wait.until(lambda: len(runs(server)) == len(asked), "the requests to run")  # noqa: B023
        assert {run[1] for run in runs(server)} <= set(map(str, server.daemons()))
        if processes < 3:
            wait.until(lambda: len(ready(server)) == processes + 1, "one more", 20)  # noqa: B023
    wait.holds(lambda: len(server.daemons()) == 3, "three processes are the most", 2)
    (server.scratch / "go").touch()
    answers = [each.result() for each in asked]
    assert [answer.status for answer in answers] == [200] * 6
    assert server.log.find("is to have")


@pytest.mark.parametrize("processes", ["2", "2-2"])
def test_a_fixed_number_is_what_it_is(start, pool, processes):
    server = start(GROUP.format(processes=processes))
    wait.until(lambda: len(server.daemons()) == 2, "both processes")
    asked = busy(server, pool, 8)
    wait.holds(lambda: len(server.daemons()) == 2, "two processes", 3)
    (server.scratch / "go").touch()
    assert [each.result().status for each in asked] == [200] * 8
