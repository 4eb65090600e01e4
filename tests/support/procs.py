"""Processes as /proc shows them: children, descriptors, memory, identity.

Every function takes a pid and answers with nothing (empty, None, False) for one that is gone:
processes end while they are being looked at, and that is no error here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Make orphans of our descendants our children, so that none can slip out of sight."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def die_with_parent() -> None:
    """For preexec_fn: the server ends when the test run ends, however it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the command: state, ppid, pgrp, session, ..."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended: it is no zombie, nor on its way to be one.

    Once its memory is gone (vsize is 0) it runs no more of its code; a busy machine may take its time.
    """
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX" and fields[20] != "0"


def zombie(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] == "Z"


def parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def cpu_seconds(pid: int) -> float:
    """What the process has used so far, in user and system time."""
    fields = _stat(pid)
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def session(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[3]) if fields else None


def _parents() -> dict[int, int]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            ppid = parent(int(name))
            if ppid is not None:
                found[int(name)] = ppid
    return found


def children(pid: int) -> list[int]:
    return sorted(child for child, ppid in _parents().items() if ppid == pid)


def descendants(pid: int) -> list[int]:
    """Living descendants, zombies left out."""
    tree: dict[int, list[int]] = {}
    for child, ppid in _parents().items():
        tree.setdefault(ppid, []).append(child)
    found: list[int] = []
    queue = [pid]
    while queue:
        for child in tree.get(queue.pop(), ()):
            found.append(child)
            queue.append(child)
    return sorted(each for each in found if alive(each))


def reap() -> None:
    """Collect those of our adopted children that have ended; never one that Popen waits for."""
    for child in children(os.getpid()):
        if zombie(child) and child not in _own:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)


_own: set[int] = set()


def own(pid: int) -> None:
    """Say that `pid` is waited for by somebody else and must not be reaped here."""
    _own.add(pid)


def disown(pid: int) -> None:
    _own.discard(pid)


def orphans() -> list[int]:
    """Living children of this process that it did not start itself."""
    return [pid for pid in children(os.getpid()) if pid not in _own and alive(pid)]


def command(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode("utf-8", "replace") for part in raw.rstrip(b"\0").split(b"\0")]


def program(pid: int) -> str:
    """Base name of the executed file."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        return ""


def status(pid: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    rows = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in rows}


def rss(pid: int) -> int:
    """Resident bytes; 0 for a process that is gone."""
    return int(status(pid).get("VmRSS", "0 kB").split()[0]) * 1024


def fds(pid: int) -> dict[int, str]:
    """Open descriptors and what they lead to."""
    found = {}
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return {}
    for name in names:
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def fd_counts(pid: int) -> tuple[int, int]:
    """How many descriptors are sockets, and how many are anything else."""
    targets = fds(pid).values()
    sockets = sum(target.startswith("socket:") for target in targets)
    return sockets, len(targets) - sockets


def environ(pid: int) -> dict[str, str]:
    """The environment that the program was started with."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    rows = (part.decode("utf-8", "replace").partition("=") for part in raw.split(b"\0") if part)
    return {name: value for name, _, value in rows}


def stopped(pid: int) -> bool:
    """Whether each of its threads has been stopped by a signal."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in threads)
