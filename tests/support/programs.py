"""Programs of groups with threads=0 that keep a journal of when they begin and end."""

from __future__ import annotations

from dataclasses import dataclass

from support import wait
from support.httpd import HttpdInstance

# `body` runs between the two entries, and again as often as the process is started.
PROGRAM = """
import os, sys, time
SCRATCH = {scratch!r}
def note(what):
    fd = os.open(SCRATCH + '/journal', os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(fd, f'{{what}} {{os.getpid()}} {{time.monotonic()}}\\n'.encode())
    os.close(fd)
try:
    note('begin')
    {body}
finally:
    {last}
    note('end')
"""
WORK = "time.sleep(600)"


def program(body: str = WORK, last: str = "pass") -> str:
    return PROGRAM.format(scratch="@SCRATCH@", body=body, last=last)


@dataclass(frozen=True)
class Entry:
    what: str
    pid: int
    at: float


def journal(server: HttpdInstance) -> list[Entry]:
    path = server.scratch / "journal"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Entry(what, int(pid), float(at)) for what, pid, at in (line.split() for line in lines)]


def begun(server: HttpdInstance) -> list[int]:
    """The processes that have run the program, in order."""
    return [entry.pid for entry in journal(server) if entry.what == "begin"]


def ended(server: HttpdInstance) -> list[int]:
    return [entry.pid for entry in journal(server) if entry.what == "end"]


def wait_begun(server: HttpdInstance, count: int, timeout: float = 15) -> list[int]:
    wait.until(lambda: len(begun(server)) >= count, f"{count} beginnings", timeout)
    return begun(server)


def most_at_once(server: HttpdInstance) -> int:
    """How many ran beside each other, by their own account."""
    most = running = 0
    for entry in journal(server):
        running += 1 if entry.what == "begin" else -1
        most = max(most, running)
    return most
