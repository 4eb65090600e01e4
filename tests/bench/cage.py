"""What a server may have at most, and how many descriptors we may have ourselves."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.servers import Server
from support import wait

MIB = 1 << 20
# Of version 2 and of version 1: the folder, the limit, what has been used at most.
_KINDS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.peak"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
)


def allow_descriptors(count: int) -> str:
    """Raise our own limit, which servers inherit; why that cannot be, or nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else max(count, 65536)
    if most < count:
        return f"a process may have {hard} descriptors here, not {count} (ulimit -Hn)"
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return ""


@contextlib.contextmanager
def on_cores(count: int) -> Iterator[None]:
    """What is started meanwhile has so many cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Cage:
    """A control group of one server; without the right to make one, nothing is limited."""

    def __init__(self, server: Server, mib: int) -> None:
        self.problem = "memory is not limited: no control group can be made"
        self._folder = Path()
        for top, limit, peak in _KINDS:
            folder = top / f"mod_pywsgi-bench-{os.getpid()}-{server.name}"
            if not (top / "cgroup.procs").exists():
                continue
            with contextlib.suppress(OSError):
                folder.mkdir()
                self._folder, self._peak = folder, folder / peak
                (folder / limit).write_text(str(mib * MIB))
                self._put(server.processes())
                self.problem = ""
                return
            with contextlib.suppress(OSError):
                folder.rmdir()
            self._folder = Path()

    def _put(self, pids: Iterable[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (self._folder / "cgroup.procs").write_text(str(pid))

    def peak(self) -> int | None:
        """Bytes that were used at most, the kernel's own for its processes and sockets included."""
        try:
            return int(self._peak.read_text()) if not self.problem else None
        except OSError:
            return None

    def remove(self) -> None:
        """After its processes have ended."""
        if not self.problem:
            with contextlib.suppress(wait.Late):
                wait.until(self._is_removed, "the control group to be empty", 5)

    def _is_removed(self) -> bool:
        try:
            self._folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True
