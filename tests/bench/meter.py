"""What servers cost: CPU time and memory of a set of processes, as /proc tells."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from support import procs

TICK = 1 / os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat counted after the command's name.
UTIME, STIME = 11, 12
# States of /proc/net/tcp.
TIME_WAIT, LISTENING = "06", "0A"


def family(tops: Iterable[int]) -> list[int]:
    """These processes and all that descend from them."""
    found: set[int] = set()
    for top in tops:
        if procs.alive(top):
            found.update([top, *procs.descendants(top)])
    return sorted(found)


def cpu_of_stat(text: str) -> float:
    """Seconds of user and system time that a line of /proc/PID/stat tells."""
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[UTIME]) + int(fields[STIME])) * TICK


def memory_of_smaps(text: str) -> int:
    """Bytes of proportional memory that /proc/PID/smaps_rollup tells; 0 if it does not."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.split()[0]) * 1024
    return 0


def cpu(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of each process that is still there."""
    found = {}
    for pid in pids:
        if text := _read(pid, "stat"):
            found[pid] = cpu_of_stat(text)
    return found


def cpu_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Seconds used between two looks; a process that came in between counts whole."""
    return sum(used - before.get(pid, 0.0) for pid, used in after.items())


def memory(pids: Iterable[int]) -> tuple[int, str]:
    """Bytes, and how they were counted: "PSS" (shared pages split) or "RSS" where the kernel
    or our rights do not allow that."""
    total, how = 0, "PSS"
    for pid in pids:
        share = memory_of_smaps(_read(pid, "smaps_rollup"))
        if not share:
            share = procs.rss(pid)
            how = "RSS" if share else how
        total += share
    return total, how


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="latin-1")
    except OSError:
        return ""


def connections(port: int, table: Path = Path("/proc/net/tcp")) -> int:
    """TCP connections (IPv4) at this local port: also half-open ones, not those only remembered."""
    ends = [line.split()[1:4] for line in table.read_text().splitlines()[1:]]
    states = [state for local, _, state in ends if int(local.partition(":")[2], 16) == port]
    return sum(state not in (LISTENING, TIME_WAIT) for state in states)
