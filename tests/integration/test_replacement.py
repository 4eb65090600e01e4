"""Replacement of processes: the successor is ready first, and one that fails changes nothing."""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from support import load, procs, raw, rolls, wait
from support.httpd import HttpdInstance

ROUTES = "WSGIScriptAlias /app @ROOT@/app.py\n"

# Its import waits while there is `hold` in the scratch folder, and tells of that by `held`.
HOLD = """
import os, time
while os.path.exists("@SCRATCH@/hold"):
    open("@SCRATCH@/held", "w").close()
    time.sleep(0.01)
"""

# The head and the first bytes go out; the rest once `go` is there.
SLOW = """
import os, time

def application(environ, start_response):
    start_response("200 OK", [])
    yield b"{version} %d " % os.getpid()
    while environ["QUERY_STRING"] == "wait" and not os.path.exists("@SCRATCH@/go"):
        time.sleep(0.01)
    yield b"done"
"""

LOADS = r"Traceback|PYW010[45]|PYW0004|^(\[pid \d+\] )? "
TRANSITION = re.compile(r"of group 'web': (\w+) --[\w ]+--> (\w+)")


def put(server: HttpdInstance, name: str, text: str) -> None:
    """A whole new file at once, with a time of its own, as deployments do it."""
    path = server.root / name
    new = server.write(f"{name}.new", server.fill(text))
    before = path.stat().st_mtime_ns if path.exists() else 0
    os.utime(new, ns=(before + 10**9, before + 10**9))
    new.rename(path)


@pytest.fixture
def run(start):
    def run(options="", files=None, routes=ROUTES, **more) -> HttpdInstance:
        files = {"app.py": load.script("1"), **(files or {})}
        server = start(
            f"WSGIDaemonProcess web threads=5 {options}\nWSGIProcessGroup web\n"
            "WSGIApplicationGroup %{GLOBAL}\n" + routes,
            files=files,
            log_level="debug",
            **more,
        )
        server.expect_new_processes()
        return server

    return run


def answer(server: HttpdInstance, path: str = "/app") -> load.Answer:
    response = server.get(path)
    assert response.status == 200, response.body
    return load.read(response)


def becomes(server: HttpdInstance, *old: str, new: str, processes: int = 1) -> None:
    rolls.until_new(
        lambda: answer(server).version,
        lambda version: version in old,
        lambda version: version == new,
        processes,
    )


def pid_of(server: HttpdInstance) -> int:
    return int(server.get("/app").text.split()[1])


def warm_up(server: HttpdInstance, count: int) -> set[int]:
    """All processes are there and have loaded the script."""
    pids: set[int] = set()

    def ask() -> bool:
        pids.add(pid_of(server))
        return len(pids) == count

    wait.until(ask, f"{count} processes")
    return pids


def fewest_ready(server: HttpdInstance, target: int) -> int:
    """Of the numbers of ready processes that the log tells of, once there were as many as there should be."""
    ready, fewest = 0, target
    is_up = False
    for line in server.log.read():
        if found := TRANSITION.search(line.text):
            if "(slot" not in line.text:
                continue  # the process's own view
            old, new = found.groups()
            ready += (new == "ready") - (old == "ready")
            is_up |= ready >= target
            fewest = min(fewest, ready) if is_up else fewest
    assert is_up
    return fewest


@contextlib.contextmanager
def held(server: HttpdInstance) -> Iterator[None]:
    """What imports HOLD waits until the block ends."""
    (server.scratch / "hold").touch()
    try:
        yield
    finally:
        (server.scratch / "hold").unlink()


def begins_to_load(server: HttpdInstance) -> None:
    wait.until((server.scratch / "held").exists, "a process to load the script")


def assert_whole(counts: load.Counts) -> None:
    assert counts.failures() == 0, counts.report()
    assert counts.closed == 0, counts.report()
    assert counts.sent == counts.answered


def test_a_changed_script_under_load(run):
    """Nobody notices, but for the new answers; and there are never fewer than processes=."""
    server = run("processes=4")
    warm_up(server, 4)
    with load.on(server, "/app?3000") as clients:
        for version in ("2", "3", "4"):
            put(server, "app.py", load.script(version))
            wait.until(
                lambda version=version: version in clients.total().versions(), "the new code", 30
            )
            server.log.claim("PYW0022", at_least=int(version) - 1, timeout=30)
            clients.goes_on()
        becomes(server, new="4")
    assert_whole(clients.total())
    assert clients.total().versions() == {"1", "2", "3", "4"}
    assert fewest_ready(server, 4) == 4
    wait.until(lambda: len(server.daemons()) == 4, "the old processes to end")


def test_max_unavailable_at_a_time(run):
    server = run("processes=4 max-unavailable=3", files={"app.py": HOLD + load.script("1")})
    old = warm_up(server, 4)
    with held(server):
        put(server, "app.py", HOLD + load.script("2"))
        assert answer(server).version == "1"
        wait.until(lambda: len(server.daemons()) == 7, "three successors")
        wait.holds(lambda: len(server.daemons()) == 7, "three successors at a time", 1)
        assert set(server.daemons()) > old
    becomes(server, "1", new="2", processes=4)
    assert fewest_ready(server, 4) == 4


def test_an_import_error_leaves_the_old_code_serving(run):
    """What is wrong is said once; once it is mended the new code comes by itself."""
    app = "import settings\n" + load.script("1").replace('"1"', "settings.VERSION")
    server = run(
        "processes=2 python-path=@ROOT@/lib",
        files={"app.py": app, "lib/settings.py": "VERSION = '1'\n"},
    )
    old = warm_up(server, 2)
    with load.on(server, "/app?3000") as clients:
        put(server, "lib/settings.py", "raise ValueError('half a deployment')\n")
        put(server, "app.py", app)
        server.log.claim("PYW0023", timeout=30)
        server.log.claim_traceback("ValueError: half a deployment")
        # It is tried again and again, and nothing more is said but that.
        server.log.claim("did not start either", at_least=2, timeout=30)
        server.log.allow(LOADS)
        clients.goes_on()
        assert clients.total().versions() == {"1"}
        assert clients.total().pids() == old
        put(server, "lib/settings.py", "VERSION = '2'\n")
        server.log.claim("PYW0022", timeout=30)
        clients.goes_on()
        becomes(server, new="2")
    assert_whole(clients.total())
    assert not clients.total().pids() <= old
    assert len(server.log.find("PYW0023")) == 1
    assert len([each for each in server.log.find("half a deployment") if each.is_loud]) == 2
    assert fewest_ready(server, 2) == 2


def test_a_mended_script_is_tried_at_once(run):
    """Whatever the back-off has grown to."""
    server = run()
    warm_up(server, 1)
    put(server, "app.py", "raise ValueError('broken')\n")
    assert answer(server).version == "1"
    server.log.claim("did not start either", at_least=4, timeout=30)
    put(server, "app.py", load.script("2"))
    starts = len(server.log.find("--spawn--> starting"))
    assert answer(server).version == "1"
    wait.until(lambda: len(server.log.find("--spawn--> starting")) > starts, "a start", 1)
    becomes(server, "1", new="2")
    server.log.claim_traceback("ValueError: broken")
    server.log.claim("PYW0023")
    server.log.allow(LOADS)


def test_a_script_that_changes_twice_in_a_row(run):
    """The one between may be seen or not; it ends with the last."""
    server = run(files={"app.py": HOLD + load.script("1")})
    warm_up(server, 1)
    with held(server):
        put(server, "app.py", HOLD + load.script("2"))
        assert answer(server).version == "1"
        begins_to_load(server)
        put(server, "app.py", load.script("3"))
        assert answer(server).version == "1"
    becomes(server, "1", "2", new="3")


BOTH = ROUTES + "WSGIScriptAlias /other @ROOT@/other.py\n"


def test_an_older_file_of_another_script_counts_too(run):
    """Each script has its own time."""
    server = run(files={"other.py": load.script("a")}, routes=BOTH)
    os.utime(server.root / "other.py", (1000, 1000))
    warm_up(server, 1)
    answer(server, "/other")
    put(server, "app.py", load.script("2"))
    becomes(server, "1", new="2")
    put(server, "other.py", load.script("b"))  # a second younger than it was
    rolls.until_equal(lambda: answer(server, "/other").version, "a", "b")


def test_a_removed_script_holds_up_no_other(run):
    server = run(files={"other.py": load.script("a")}, routes=BOTH)
    warm_up(server, 1)
    assert answer(server, "/other").version == "a"
    (server.root / "other.py").unlink()
    put(server, "app.py", load.script("2"))
    becomes(server, "1", new="2")
    assert server.get("/other").status == 404
    server.log.claim("PYW0201")


def test_a_script_that_never_worked_holds_up_no_other(run):
    server = run(files={"other.py": "raise ValueError('never')\n"}, routes=BOTH)
    warm_up(server, 1)
    assert server.get("/other").status == 500
    server.log.claim_traceback("ValueError: never")
    put(server, "app.py", load.script("2"))
    becomes(server, "1", new="2")
    assert server.get("/other").status == 500
    server.log.allow("ValueError: never")
    server.log.allow(LOADS)
    assert not server.log.find("PYW0023")


def test_a_successor_has_loaded_what_was_loaded_before(run):
    """Its first request waits for no import: that the script waits would show."""
    server = run(files={"other.py": HOLD + load.script("a")}, routes=BOTH)
    warm_up(server, 1)
    old = answer(server, "/other").pid
    with held(server):
        put(server, "app.py", load.script("2"))
        assert answer(server).version == "1"
        begins_to_load(server)
        assert answer(server, "/other").pid == old
        assert answer(server).version == "1"
    becomes(server, "1", new="2")


def test_a_running_request_is_finished_by_the_old_process(run):
    server = run("processes=2", files={"app.py": SLOW.replace("{version}", "old")})
    warm_up(server, 2)
    with server.connect() as connection:
        connection.send(raw.encode("GET", "/app?wait"))
        response = connection.read_head()
        put(server, "app.py", SLOW.replace("{version}", "new"))
        rolls.until_equal(lambda: server.get("/app").text.split()[0], "old", "new", 2)
        (server.scratch / "go").touch()
        connection.read_body(response)
    assert response.complete
    version, pid, end = response.text.split()
    assert (version, end) == ("old", "done")
    wait.until(lambda: not procs.alive(int(pid)) or procs.zombie(int(pid)), "its process to end")


def test_sigusr1_replaces_that_process_alone(run):
    server = run("processes=4")
    old = warm_up(server, 4)
    chosen = min(old)
    with load.on(server, "/app") as clients:
        os.kill(chosen, signal.SIGUSR1)
        wait.until(lambda: chosen not in server.daemons(), "it to end", 30)
        clients.goes_on()
    assert_whole(clients.total())
    now = set(server.daemons())
    assert old - now == {chosen}
    assert len(now) == 4
    assert fewest_ready(server, 4) == 4
    server.log.claim("PYW0064")


def test_a_successor_that_is_killed_while_it_starts(run):
    server = run(files={"app.py": HOLD + load.script("1")})
    [old] = warm_up(server, 1)
    with load.on(server, "/app") as clients:
        with held(server):
            put(server, "app.py", HOLD + load.script("2"))
            begins_to_load(server)
            [successor] = {*server.daemons()} - {old}
            os.kill(successor, signal.SIGKILL)
            server.log.claim("PYW0005")
            server.log.claim("PYW0023")
            clients.goes_on()
            assert clients.total().pids() == {old}
        becomes(server, "1", new="2")
    assert_whole(clients.total())


def test_one_that_is_killed_while_it_is_due(run):
    """Requests wait for the successor, which is on its way already."""
    server = run(files={"app.py": HOLD + load.script("1")})
    [old] = warm_up(server, 1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(server):
            put(server, "app.py", HOLD + load.script("2"))
            assert answer(server).pid == old
            begins_to_load(server)
            [successor] = {*server.daemons()} - {old}
            os.kill(old, signal.SIGKILL)
            server.log.claim("PYW0002")
            waiting = pool.submit(answer, server)
        assert waiting.result() == load.Answer("2", successor)
    assert [answer(server).pid for _ in range(5)] == [successor] * 5


def starts(server: HttpdInstance) -> int:
    return len([each for each in server.log.find("--spawn--> starting") if "(slot" in each.text])


def break_script(server: HttpdInstance) -> None:
    put(server, "app.py", "raise ValueError('broken')\n")
    server.log.allow("ValueError: broken")
    server.log.allow(LOADS)


def test_one_that_is_missing_does_not_start_with_what_fails_either(run):
    """While another serves: a process that answers 500, and does it quickly, would get most requests."""
    server = run("processes=2")
    old = warm_up(server, 2)
    break_script(server)
    assert answer(server).version == "1"
    server.log.claim("PYW0023", timeout=30)
    os.kill(min(old), signal.SIGKILL)
    server.log.claim("PYW0002")
    server.log.claim("did not start either", at_least=3, timeout=30)
    assert {answer(server) for _ in range(20)} == {load.Answer("1", max(old))}
    put(server, "app.py", load.script("2"))
    becomes(server, "1", new="2", processes=2)
    warm_up(server, 2)


def test_a_graceful_restart_with_a_script_that_fails(run):
    """The processes of before serve on, and new ones are tried less and less often."""
    server = run("processes=2")
    old = warm_up(server, 2)
    break_script(server)
    server.graceful()
    begun, before = time.monotonic(), starts(server)
    server.log.claim("PYW0023", timeout=30)

    def may_be() -> float:
        """Two processes after 0.1 s, 0.2 s, 0.4 s, ..."""
        return 2 * (2 + math.log2(1 + (time.monotonic() - begun) / 0.1))

    wait.holds(lambda: starts(server) - before <= may_be(), "no more tries", 3)
    assert {answer(server) for _ in range(20)} <= {load.Answer("1", pid) for pid in old}
    server.log.allow("PYW0023")  # of one that had begun before the script was mended
    put(server, "app.py", load.script("2"))
    becomes(server, "1", new="2", processes=2)
    wait.until(lambda: not old & {*server.daemons()}, "the old processes to end")


def test_a_script_that_no_process_can_read_replaces_none(run):
    """Apache sees its modification time; a process that starts anew would not read it either."""
    routes = "WSGIScriptAlias /app @ROOT@/app.py process-group=web application-group=%{GLOBAL}\n"
    server = run(routes=routes, prepare=lambda server: (server.root / "app.py").chmod(0))
    for _ in range(5):
        assert server.get("/app").status == 500
    server.log.claim("PYW0104")
    assert not any("has changed" in line.text for line in server.log.read())
    (server.root / "app.py").chmod(0o644)
    wait.until(lambda: server.get("/app").status == 200, "the script to be tried again")


@pytest.mark.parametrize("max_unavailable", [1, 4])
def test_recycling_under_load(run, max_unavailable):
    server = run(f"processes=4 maximum-requests=20 max-unavailable={max_unavailable}")
    warm_up(server, 4)
    with load.on(server, "/app?3000", clients=6) as clients:
        wait.until(lambda: len(clients.total().pids()) >= 20, "20 processes", 60)
    assert_whole(clients.total())
    assert fewest_ready(server, 4) == 4
    server.log.claim("PYW0065")
