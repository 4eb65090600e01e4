"""Section 2.15: what starting, restarting and stopping Apache does to daemon processes and their requests."""

from __future__ import annotations

import concurrent.futures
import os
import signal

import pytest

from support import inline, procs, wait
from support.waiting import PID, ROUTES, WAIT


@pytest.fixture
def busy(start):
    """A server and a request that runs until `go` is there."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def begin(options="shutdown-timeout=1", rest="", code=WAIT, **more):
            server = start(f"WSGIDaemonProcess web {options}\n{ROUTES}{rest}", **more)
            pid = pid_of(server)
            slow = pool.submit(inline.run, server, code + PID)
            wait.until((server.scratch / "running").exists, "the application to run")
            return server, pid, slow

        yield begin


def pid_of(server):
    return int(inline.run(server, PID).text)


def let_go(server):
    (server.scratch / "go").touch()


def gone(pid):
    wait.until(lambda: not procs.alive(pid), f"process {pid} to end", 20)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_graceful_restart_disturbs_nobody(busy, mpm):
    """The running request is finished by the process that has it, for as long as it takes, while new ones
    are served by the new generation: none waits for the old one to end (6.4 #15)."""
    server, old, slow = busy(mpm=mpm)
    server.graceful()
    wait.until(lambda: pid_of(server) != old, "the new generation")
    wait.holds(lambda: procs.alive(old) and pid_of(server) != old, "both live", 4)
    let_go(server)
    assert int(slow.result(20).text) == old
    gone(old)


def test_graceful_restarts_one_after_another(busy):
    """Each generation lasts as long as it has something to do."""
    server, old, slow = busy()
    seen = {old}
    for _ in range(3):
        server.graceful()
        wait.until(lambda: pid_of(server) not in seen, "the next generation")
        seen.add(pid_of(server))
        assert procs.alive(old)
    let_go(server)
    assert int(slow.result(20).text) == old
    wait.until(lambda: len(server.daemons()) == 1, "all but the last to end", 20)


def test_a_process_of_an_old_generation_that_dies_is_replaced(busy):
    """Its children may still have requests for it."""
    server, old, slow = busy()
    server.graceful()
    wait.until(lambda: pid_of(server) != old, "the new generation")
    os.kill(old, signal.SIGKILL)
    server.log.claim("PYW0002")
    server.log.claim("PYW0151")
    assert slow.result(20).status == 502
    wait.until(lambda: len(server.daemons()) == 1, "the old generation to end", 20)


def is_cut(slow):
    """An error page, or a connection that ends without an answer where the child is ended first."""
    try:
        return slow.result(30).status == 500
    except (EOFError, OSError):
        return True


def apache_did_not_wait(server):
    """It would say that children did not end, and kill them in the end."""
    server.log.allow("PYW0059|PYW0061")
    assert not server.log.find("AH0004[56]|sending a SIG")


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_restart_gives_running_requests_shutdown_timeout(busy, mpm):
    server, old, slow = busy(mpm=mpm)
    server.restart()
    assert is_cut(slow)
    assert pid_of(server) != old
    gone(old)
    apache_did_not_wait(server)


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_stop_gives_running_requests_shutdown_timeout(busy, mpm):
    server, _, slow = busy(mpm=mpm)
    family = server.descendants()
    assert server.stop() == []
    assert is_cut(slow)
    assert not [pid for pid in family if procs.alive(pid)]
    apache_did_not_wait(server)


# Goes on until its process is told to end: descriptor 6 (docs/protocol.md) is the pipe that says so.
TOLD = """
import select
open(environ["test.scratch"] + "/running", "w").close()
ends = select.poll()
ends.register(6, select.POLLIN)
ends.poll(60000)
time.sleep(0.5)
"""


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_applications_may_finish_what_they_do(busy, mpm, number):
    """Apache closes its connections at once; the application has shutdown-timeout= for the rest."""
    server, old, slow = busy(
        "shutdown-timeout=60",
        mpm=mpm,
        code=TOLD + 'write_result(environ, "finished", os.getpid())\n',
    )
    server.signal(number)
    server.expect_new_processes()
    assert inline.result(server, "finished") == old
    assert is_cut(slow)
    gone(old)
    if number == signal.SIGTERM:
        server.process.wait(20)
        assert server.stop() == []
    else:
        wait.until(lambda: server.log.find("resuming normal"), "the next generation")
        assert pid_of(server) != old
    apache_did_not_wait(server)


def test_a_generation_that_was_told_to_end_starts_nothing(busy):
    """Not even where its requests outlive Apache's own restart."""
    server, old, slow = busy("shutdown-timeout=60", mpm="prefork", log_level="info wsgi:debug")
    server.restart()
    assert is_cut(slow)
    wait.until(lambda: pid_of(server) != old, "the new generation")
    assert procs.alive(old)
    let_go(server)
    gone(old)
    wait.until(
        lambda: server.log.find(f"Process {old} .*--ended--> gone|{old} .* has ended"), "its end"
    )
    assert len(server.log.find("--spawn--> starting")) == 2, "one process for each generation"


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_graceful_stop_lets_requests_finish(busy, mpm):
    server, old, slow = busy(mpm=mpm)
    family = server.descendants()
    server.signal(signal.SIGWINCH)
    wait.until(lambda: server.log.find("AH0049[24]|shutting down gracefully"), "it to begin")
    wait.holds(lambda: procs.alive(old), "its process goes on", 3)
    let_go(server)
    assert int(slow.result(20).text) == old
    wait.until(lambda: not any(map(procs.alive, family)), "all to end", 20)
    assert server.stop() == []


def test_graceful_stop_has_apaches_own_limit(busy):
    server, old, slow = busy(rest="GracefulShutdownTimeout 1\n")
    server.signal(signal.SIGWINCH)
    assert is_cut(slow)
    gone(old)
    server.process.wait(20)
    assert server.stop() == []
    apache_did_not_wait(server)


def test_new_options_come_with_a_graceful_restart(start):
    """Groups appear, change and go; requests of groups that went are answered by the old generation."""
    server = start(f"WSGIDaemonProcess web display-name=before\n{ROUTES}")
    before = pid_of(server)
    assert procs.command(before)[0] == "before"
    text = server.conf_file.read_text(encoding="utf-8")
    server.conf_file.write_text(
        text.replace("display-name=before", "display-name=after threads=2"), encoding="utf-8"
    )
    server.graceful()
    wait.until(lambda: pid_of(server) != before, "the new generation")
    assert procs.command(pid_of(server))[0] == "after"
    gone(before)
    server.conf_file.write_text(
        text.replace("WSGIDaemonProcess web", "WSGIDaemonProcess another"), encoding="utf-8"
    )
    server.graceful()
    wait.until(lambda: inline.run(server, PID).status == 500, "the group to be unknown")
    server.log.claim("PYW0209")
