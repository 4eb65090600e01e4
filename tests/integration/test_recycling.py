"""Limits that mod_wsgi does not have: jitter, and replacement by memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from support import inline, jail, procs, wait
from support.httpd import HttpdInstance

ROUTES = """
WSGIProcessGroup web
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /inline @APPS@/inline/wsgi.py
"""
PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'
# Resident, and the process's own.
GROW = "sys.modules.setdefault('kept', []).append(bytearray(b'x') * (200 << 20))\n" + PID


@pytest.fixture
def run(start: Callable[..., HttpdInstance]) -> Callable[[str], HttpdInstance]:
    def run(options: str) -> HttpdInstance:
        server = start(f"WSGIDaemonProcess web {options}\n{ROUTES}", log_level="info wsgi:debug")
        server.expect_new_processes()
        return server

    return run


def pid_of(server: HttpdInstance, code: str = PID) -> int:
    return int(inline.run(server, code).text)


def found(server: HttpdInstance, pattern: str, count: int = 1) -> list[re.Match[str]]:
    """Waits for as many in the log."""

    def find() -> list[re.Match[str]]:
        matches = [re.search(pattern, line.text) for line in server.log.find(pattern)]
        return [match for match in matches if match] if len(matches) >= count else []

    return wait.until(find, f"{pattern!r} in the log")


def test_each_process_has_requests_of_its_own(run):
    server = run("maximum-requests=2 maximum-requests-jitter=3")

    def drawn() -> list[int]:
        assert pid_of(server) > 0
        lines = server.log.find("has begun its ")
        return [int(re.search(r"its (\d+) requests", line.text)[1]) for line in lines]

    numbers = wait.until(
        lambda: found_ if len(set(found_ := drawn())) > 1 else None, "two numbers", 60
    )
    assert set(numbers) <= {2, 3, 4, 5}
    matches = found(server, r"is to be replaced after (\d+) requests", len(numbers))
    assert [int(match[1]) for match in matches][: len(numbers)] == numbers


def test_each_process_has_an_age_of_its_own(run):
    server = run("processes=4 restart-interval=1000 restart-interval-jitter=100000")
    matches = found(server, r"is to be replaced after 0 requests, (\d+\.\d+) s", 4)
    ages = {float(match[1]) for match in matches}
    assert len(ages) == 4, "the same for some"
    assert all(1000 <= age <= 101000 for age in ages)


def test_a_process_that_has_grown_is_replaced(run):
    server = run("reload-on-rss=150000000")
    first = pid_of(server)
    assert pid_of(server) == first
    assert pid_of(server, GROW) == first
    wait.until(lambda: pid_of(server) != first, "another process")
    wait.until(lambda: not procs.alive(first), "the large one to end")
    [match] = found(server, r"holds (\d+\.\d) MiB .* the (\d+\.\d) MiB of reload-on-rss")
    assert match[2] == "143.1"
    assert 143.1 < float(match[1]) < 400, "it may be looked at while it grows"
    server.log.claim("PYW0076")


def test_a_share_of_what_it_may_have(run):
    server = run("reload-on-rss=50%")
    [match] = found(server, r"or with (\d+) bytes of memory")
    assert 0 < int(match[1]) <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2


HELLO = """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


def make_jail(server: HttpdInstance) -> None:
    jail.build(server.root / "jail", server.around.artifacts)
    server.write("jail/app/wsgi.py", HELLO)


@pytest.mark.root
@pytest.mark.no_asan
def test_a_limit_of_memory_needs_proc_in_a_chroot(start: Callable[..., HttpdInstance]) -> None:
    """Without it there is no limit, and that is said once."""
    server = start(
        f"WSGIDaemonProcess web chroot=@ROOT@/jail/ daemon-program={jail.PROGRAM} "
        "reload-on-rss=16777216\nWSGIProcessGroup web\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /jailed @ROOT@/jail/app/wsgi.py\n",
        prepare=make_jail,
    )
    first = server.get("/jailed").text
    [line] = server.log.claim("PYW0077")
    assert "/proc/self/statm cannot be read: No such file" in line.text
    assert server.get("/jailed").text == first
    assert len(server.log.find("PYW0077")) == 1
