"""Groups with threads=0 under Apache: programs that are run, watched, and never run twice."""

from __future__ import annotations

import os
import re
import signal

import pytest

from support import procs, wait
from support.programs import begun, ended, journal, most_at_once, program, wait_begun

SCRIPT = "WSGIImportScript @ROOT@/worker.py process-group=worker application-group=%{GLOBAL}\n"
FAILED = r'ZeroDivisionError|PYW0088|PYW0003|Traceback|File "|1 / 0|~~\^'


@pytest.fixture
def run(start):
    """A server with a group that runs `code`."""

    def run(code=None, options="", rest="", **settings):
        files = {"worker.py": program() if code is None else code}
        return start(
            f"WSGIDaemonProcess worker threads=0 {options}\n{SCRIPT}{rest}",
            files=files,
            **settings,
        )

    return run


def gone(pid):
    wait.until(lambda: not procs.alive(pid), f"process {pid} to end", 20)


def test_one_process_runs_the_program(run):
    server = run()
    [pid] = wait_begun(server, 1)
    assert server.daemons() == [pid]
    assert procs.command(pid)[0] == "(wsgi:worker)"
    server.log.claim(f"PYW0086: Process {pid} of group 'worker' runs '.*' in main interpreter")
    assert server.stop() == []
    assert ended(server) == [pid]


def test_processes_are_copies_of_it(run):
    server = run(options="processes=3")
    pids = wait_begun(server, 3)
    assert sorted(server.daemons()) == sorted(pids)
    assert server.stop() == []
    assert sorted(ended(server)) == sorted(pids)


def test_it_has_no_socket(run):
    server = run(rest="WSGIDaemonProcess web\n")
    wait_begun(server, 1)
    folder = next((server.root / "run").glob("wsgi.[0-9]*"))
    wait.until(lambda: len(server.daemons()) == 2, "both groups")
    assert sorted(path.name for path in folder.iterdir()) == ["1.0", "1.1"]


def test_one_that_ends_is_started_again_less_and_less_often(run):
    server = run(program("pass"))
    wait_begun(server, 5)
    times = [entry.at for entry in journal(server) if entry.what == "begin"]
    for number, least in enumerate([0.1, 0.2, 0.4, 0.8]):
        assert times[number + 1] - times[number] >= least
    assert most_at_once(server) == 1
    assert len(server.log.find("PYW0087")) >= 4
    assert server.stop() == []


def test_one_that_fails(run):
    server = run(program("1 / 0"))
    wait_begun(server, 2)
    server.stop()
    server.log.claim("PYW0088: ZeroDivisionError exception raised by '.*/worker.py'")
    server.log.claim_traceback("ZeroDivisionError: division by zero")
    server.log.allow(FAILED)


def test_one_that_is_killed(run):
    server = run()
    [pid] = wait_begun(server, 1)
    os.kill(pid, signal.SIGKILL)
    assert wait_begun(server, 2)[1] != pid
    server.log.claim(f"PYW0002: Process {pid} of group 'worker' ended by SIGKILL")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_one_that_is_told_to_end_makes_room_first(run, number):
    server = run(program(last="time.sleep(0.3)"))
    [pid] = wait_begun(server, 1)
    os.kill(pid, number)
    wait_begun(server, 2)
    assert [entry.what for entry in journal(server)[:3]] == ["begin", "end", "begin"]
    gone(pid)


def test_restart_interval(run):
    server = run(options="restart-interval=1")
    wait_begun(server, 2)
    assert most_at_once(server) == 1
    server.log.claim("PYW0067")


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_a_restart_never_runs_it_twice(run, how):
    server = run(program(last="time.sleep(0.5)"))
    [old] = wait_begun(server, 1)
    getattr(server, how)()
    new = wait_begun(server, 2)[1]
    assert new != old
    assert [entry.what for entry in journal(server)] == ["begin", "end", "begin"]
    gone(old)
    assert server.daemons() == [new]


def test_restarts_one_after_another(run):
    """A generation that never had its turn is no trouble to the next one."""
    server = run(program(last="time.sleep(1)"))
    wait_begun(server, 1)
    for _ in range(3):
        server.graceful()
    wait.until(lambda: len(begun(server)) > len(ended(server)) >= 1, "a program to run", 20)
    wait.until(lambda: len(server.daemons()) == 1, "the others to end", 20)
    assert most_at_once(server) == 1


def test_a_restart_waits_for_all_copies(run):
    server = run(program(last="time.sleep(0.5)"), "processes=2")
    wait_begun(server, 2)
    server.graceful()
    wait_begun(server, 4)
    assert most_at_once(server) == 2
    assert [entry.what for entry in journal(server)[2:4]] == ["end", "end"]


def test_other_groups_go_on_while_it_ends(run):
    """A graceful restart with a program that takes its time."""
    rest = "WSGIDaemonProcess web\nWSGIScriptAlias /hello @APPS@/hello/wsgi.py process-group=web\n"
    server = run(program(last="time.sleep(2)"), rest=rest)
    [old] = wait_begun(server, 1)
    assert server.get("/hello").status == 200
    server.graceful()
    wait.until(lambda: server.get("/hello").status == 200, "the next generation")
    assert procs.alive(old)
    wait_begun(server, 2)
    assert most_at_once(server) == 1


def test_a_group_that_is_taken_out_of_the_configuration(run):
    server = run()
    [pid] = wait_begun(server, 1)
    text = server.conf_file.read_text()
    kept = [line for line in text.splitlines() if "worker" not in line]
    server.conf_file.write_text("\n".join(kept) + "\n")
    server.graceful()
    gone(pid)
    assert ended(server) == [pid]


def test_a_supervisor_that_dies(run):
    """The next one waits for what is still there."""
    server = run(program(last="time.sleep(0.5)"))
    [old] = wait_begun(server, 1)
    parent = procs.parent(old)
    os.kill(parent, signal.SIGKILL)
    wait_begun(server, 2)
    assert most_at_once(server) == 1
    server.log.claim("PYW0009")


def test_one_that_does_not_end_holds_nobody_up_for_ever(run):
    server = run(
        program("import signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)"),
        "shutdown-timeout=1",
    )
    [old] = wait_begun(server, 1)
    server.graceful()
    wait_begun(server, 2)
    gone(old)
    server.log.claim("PYW0089")
    server.log.allow(r'PYW0089|File "|Thread |time.sleep|Process \d+ of group|of 0 threads')
    assert server.stop() == []


def test_a_group_without_a_program(start):
    """It is known, so that its name is no mistake elsewhere; nothing is started for it."""
    server = start("WSGIDaemonProcess worker threads=0\n")
    server.log.claim("PYW0090: Process group 'worker' has threads=0 and no program to run")
    assert server.daemons() == []
    server.graceful()
    server.log.claim("PYW0090", at_least=2)


# --- requests ---


def test_requests_are_refused(run):
    """Where the configuration could not be: the group's line comes below."""
    alias = "WSGIScriptAlias /hello @APPS@/hello/wsgi.py process-group=worker\n"
    server = run()
    wait_begun(server, 1)
    text = server.conf_file.read_text()
    server.conf_file.write_text(
        text.replace("WSGIDaemonProcess", server.fill(alias) + "WSGIDaemonProcess", 1)
    )
    server.graceful()
    wait.until(lambda: server.get("/hello").status == 500, "the alias")
    server.log.claim("PYW0091: Process group 'worker' has threads=0")
    wait_begun(server, 2)


GROUP = "WSGIDaemonProcess worker threads=0\n"
HERE = "process-group=worker application-group=%{GLOBAL}"


@pytest.mark.parametrize(
    "line",
    [
        "WSGIProcessGroup worker",
        "WSGIScriptAlias / @APPS@/hello/wsgi.py process-group=worker",
        f"WSGIScriptAlias / @APPS@/hello/wsgi.py {HERE}",
        "WSGIScriptAliasMatch ^/(.*) @APPS@/$1 process-group=worker",
        f"WSGIHandlerScript hello @APPS@/hello/wsgi.py {HERE}",
        f"<Location />\nWSGIAccessScript @APPS@/hello/wsgi.py {HERE}\n</Location>",
        f"WSGIDispatchScript @APPS@/hello/wsgi.py {HERE}",
    ],
)
def test_directives_that_send_requests_there(configtest, line):
    status, words = configtest(f"{GROUP}{line}\n")
    assert status != 0
    assert "WSGI process group 'worker' has threads=0" in words
    directive = re.search("WSGI[A-Z][A-Za-z]+", line)[0]
    assert f"Name another group in {directive}" in words
