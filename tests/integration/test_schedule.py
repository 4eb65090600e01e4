"""schedule= under Apache: jobs at their times, what the log says of them, and their end."""

from __future__ import annotations

import os
import re
import signal

import pytest

from support import cron, procs
from support.programs import ended, journal, most_at_once, program, wait_begun

SCRIPT = "WSGIImportScript @ROOT@/job.py process-group=nightly application-group=%{GLOBAL}\n"
GROUP = "WSGIDaemonProcess nightly threads=0"


@pytest.fixture
def run(start):
    """A server whose job is `code`, every second."""

    def run(code, options="", schedule=cron.EVERY_SECOND):
        return start(
            f'{GROUP} schedule="{schedule}" python-path=@ROOT@/library {options}\n{SCRIPT}',
            files={"job.py": code},
            prepare=lambda server: cron.library(server.root),
        )

    return run


def test_runs_and_their_outcomes(run):
    server = run(program("pass"))
    wait_begun(server, 2)
    server.log.claim(
        r"PYW0092: Job 'nightly', run 2: ok after \d\.\d s; next at 2\d\d\d-\d\d-\d\d "
    )
    [scheduler] = server.daemons()
    pids = wait_begun(server, 2)
    assert scheduler not in pids
    assert len(set(pids)) == len(pids)
    assert server.stop() == []


def test_a_run_that_fails(run):
    server = run(program("1 / 0"))
    server.log.claim("PYW0093: Job 'nightly', run 1: ZeroDivisionError after")
    server.log.claim(
        "PYW0088: ZeroDivisionError exception raised by '.*/job.py' of group 'nightly'"
    )
    server.log.allow(r'PYW0088|PYW0093|Traceback|File "|1 / 0|~~\^|ZeroDivisionError')
    assert len(server.daemons()) >= 1
    assert server.stop() == []


def test_a_job_runs_as_the_user_of_its_group(run):
    code = """
import os
with open('@SCRATCH@/journal', 'a') as file:
    file.write(f'begin {os.getpid()} {os.geteuid()}\\n')
"""
    server = run(code)
    wait_begun(server, 1)
    [scheduler] = [pid for pid in server.daemons() if "(wsgi" in procs.command(pid)[0]][:1]
    assert str(int(journal(server)[0].at)) == procs.status(scheduler)["Uid"].split()[1]


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_a_restart_stops_the_run_that_is_at_work(run, how):
    server = run(program())
    [old] = wait_begun(server, 1)
    getattr(server, how)()
    new = wait_begun(server, 2)[1]
    assert most_at_once(server) == 1
    server.log.claim("PYW0092: Job 'nightly', run 1: stopped after")
    assert not procs.alive(old)
    server.log.allow("PYW0094")
    assert server.stop() == []
    assert ended(server) == [old, new]


def test_the_scheduler_is_started_again(run):
    server = run(program())
    [old] = wait_begun(server, 1)
    scheduler = procs.parent(old)
    os.kill(scheduler, signal.SIGKILL)
    wait_begun(server, 2)
    assert not procs.alive(old)
    server.log.claim(f"PYW0002: Process {scheduler} of group 'nightly' ended by SIGKILL")
    server.log.allow("PYW0094")


def test_an_expression_that_is_none(run):
    server = run("pass", schedule="99 * * * *")
    server.log.claim("PYW0095: Process group 'nightly' cannot run its job: .*Bad minute")
    server.log.claim("PYW0004")
    server.log.allow("PYW0095|PYW0004")
    assert server.get("/alive").status == 200


def test_the_library_is_not_there(start):
    server = start(f"{GROUP} schedule=@hourly\n{SCRIPT}", files={"job.py": "pass"})
    server.log.claim("PYW0095: .* -m pip install cronsim'")
    server.log.claim("PYW0004")
    server.log.allow("PYW0095|PYW0004")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ('threads=1 schedule="0 3 * * *"', "add threads=0"),
        ('threads=0 schedule="0 3 * * *" processes=2', "take processes= away"),
        ("threads=0 schedule=hourly", "five fields in quotes"),
        ('threads=0 schedule="0 3 * * *" schedule-overlap=both', "give skip, wait or replace"),
        ("threads=0 schedule-overlap=skip", "are for groups with schedule="),
        ("threads=0 schedule-timeout=5", "are for groups with schedule="),
        ("threads=0 schedule=@daily schedule-timeout=-5", "Invalid schedule-timeout '-5'"),
    ],
)
def test_options_that_are_wrong(configtest, options, says):
    status, words = configtest(f"WSGIDaemonProcess nightly {options}\n")
    assert status != 0
    assert re.search(r"WSGI daemon process( 'nightly')?:", words), words
    assert says in words


def test_a_job_of_another_interpreter_is_refused(configtest):
    status, words = configtest(
        f"{GROUP} schedule=@daily\n"
        "WSGIImportScript /srv/job.py process-group=nightly application-group=other\n"
    )
    assert status != 0
    assert "say application-group=%{GLOBAL}" in words


def test_all_is_well(configtest):
    status, words = configtest(
        f'{GROUP} schedule="*/5 * * * *" schedule-overlap=wait schedule-timeout=60\n'
        "WSGIImportScript /srv/job.py process-group=nightly application-group=%{GLOBAL}\n"
    )
    assert status == 0, words
